"""查询与退票: how often a channel is asked about an order, how long it may hesitate, what becomes of its fee. An adapter has
its own answers; people may set others for a channel, never less careful ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Protocol

from app.channels.contract import Adapter
from app.kernel import spans
from app.kernel.errors import Malformed, Text, gettext_noop

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
STEPS_MOST = 20
QUERY_LEAST, QUERY_MOST, LAST_LEAST = 2, DAY, 10
RETURN_LEAST, RETURN_MOST = MINUTE, 30 * DAY
WINDOW_MOST = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What holds for a channel; each as its adapter's contract has it."""

    query_waits_s: tuple[int, ...]
    return_waits_s: tuple[int, ...]
    resend_window_s: int
    return_refunds_fee: bool


def own(kind: type[Adapter]) -> Asking:
    """What its adapter says, when nobody has set anything."""
    return Asking(
        query_waits_s=kind.query_waits_s,
        return_waits_s=kind.return_waits_s,
        resend_window_s=kind.resend_window_s,
        return_refunds_fee=kind.return_refunds_fee,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What people have set for a channel; () and None: they leave it to its adapter."""

    query_waits_s: tuple[int, ...] = ()
    return_waits_s: tuple[int, ...] = ()
    resend_window_s: int | None = None
    return_refunds_fee: bool | None = None

    def over(self, its: Asking) -> Asking:
        """Both together. The window is never shorter than the adapter's: within it "not found" proves nothing (I-1), and an
        adapter that has learned to wait longer is believed whatever was set before."""
        fee = its.return_refunds_fee if self.return_refunds_fee is None else self.return_refunds_fee
        return Asking(
            query_waits_s=self.query_waits_s or its.query_waits_s,
            return_waits_s=self.return_waits_s or its.return_waits_s,
            resend_window_s=max(self.resend_window_s or 0, its.resend_window_s),
            return_refunds_fee=fee,
        )


class Stored(Protocol):
    """A row of a channel."""

    query_waits_s: str
    return_waits_s: str
    resend_window_s: int | None
    return_refunds_fee: bool | None


def chosen(row: Stored) -> Chosen:
    """As a row keeps it."""
    return Chosen(
        query_waits_s=_waits(row.query_waits_s),
        return_waits_s=_waits(row.return_waits_s),
        resend_window_s=row.resend_window_s,
        return_refunds_fee=row.return_refunds_fee,
    )


def stored(it: Chosen) -> dict[str, object]:
    """For a row: `10,30,60`."""
    return {
        "query_waits_s": ",".join(map(str, it.query_waits_s)),
        "return_waits_s": ",".join(map(str, it.return_waits_s)),
        "resend_window_s": it.resend_window_s,
        "return_refunds_fee": it.return_refunds_fee,
    }


def _waits(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def wait_after(schedule: tuple[int, ...], asked: int) -> int:
    """Seconds until the next query, when it was asked so many times already. The last wait repeats."""
    return schedule[min(asked, len(schedule) - 1)]


def flaws(it: Chosen, its: Asking) -> dict[str, Text]:
    """Why this cannot be set for a channel whose adapter says `its`, by what is wrong; nothing, when it can."""
    return dict(_flaws(it, its))


def _flaws(it: Chosen, its: Asking) -> Iterator[tuple[str, Text]]:
    for name, steps, least, most in (
        ("query_waits_s", it.query_waits_s, QUERY_LEAST, QUERY_MOST),
        ("return_waits_s", it.return_waits_s, RETURN_LEAST, RETURN_MOST),
    ):
        wrong = next((step for step in steps if not least <= step <= most), None)
        if len(steps) > STEPS_MOST:
            yield name, Text("最多 %(most)s 次，写了 %(count)s 次", most=STEPS_MOST, count=len(steps))
        elif wrong is not None:
            told = {"wrong": spoken(wrong), "least": spoken(least), "most": spoken(most)}
            yield name, Text("每一项应在 %(least)s到%(most)s之间，不能是 %(wrong)s", **told)
        elif name == "return_waits_s" and any(later <= step for step, later in pairwise(steps)):
            yield name, Text("都从付款成功算起，要一个比一个晚")
        elif name == "query_waits_s" and any(later < step for step, later in pairwise(steps)):
            yield name, Text("不能越问越密：每一项不短于前一项")
        elif name == "query_waits_s" and steps and steps[-1] < LAST_LEAST:
            yield name, Text("最后一项会一直重复，至少 %(least)s", least=spoken(LAST_LEAST))
    window = it.resend_window_s
    if window is not None and window < its.resend_window_s:
        text = Text("不能短于渠道协议自带的 %(own)s：还可能送达的请求会被当作没有送到", own=spoken(its.resend_window_s))
        yield "resend_window_s", text
    elif window is not None and window > WINDOW_MOST:
        yield "resend_window_s", Text("最长 %(most)s", most=spoken(WINDOW_MOST))


# -- in words -----------------------------------------------------------------------------------------------------------

_UNITS = (
    (DAY, gettext_noop("%(count)s 天")),
    (HOUR, gettext_noop("%(count)s 小时")),
    (MINUTE, gettext_noop("%(count)s 分钟")),
    (1, gettext_noop("%(count)s 秒")),
)


def spoken(seconds: int) -> Text:
    """In the largest unit that leaves no rest."""
    size, words = next((size, words) for size, words in _UNITS if seconds % size == 0 and (seconds or size == 1))
    return Text(words, count=seconds // size)


def listed(waits: Sequence[int]) -> Text:
    """10 秒、30 秒、1 分钟; a form reads it back."""
    said = [spoken(wait) for wait in waits] or [Text("")]
    return reduce(lambda one, other: Text("%(one)s、%(other)s", one=one, other=other), said)


@dataclass(frozen=True, slots=True)
class Line:
    """One answer as people read it. `is_own`: it is the adapter's."""

    name: str
    label: Text
    words: Text
    is_own: bool


def lines(it: Chosen, its: Asking) -> list[Line]:
    """What holds, in words."""
    holds = it.over(its)
    window, is_own = holds.resend_window_s, holds.resend_window_s == its.resend_window_s
    refunded, fee = holds.return_refunds_fee, gettext_noop("退票的手续费")
    return [
        Line("query_waits_s", gettext_noop("查询结果"), _queries(holds.query_waits_s), not it.query_waits_s),
        Line("resend_window_s", gettext_noop("查无此单"), _window(window), is_own),
        Line("return_waits_s", gettext_noop("查有没有退票"), _returns(holds.return_waits_s), not it.return_waits_s),
        Line("return_refunds_fee", fee, _fee(refunded=refunded), it.return_refunds_fee is None),
    ]


def _queries(waits: tuple[int, ...]) -> Text:
    *first, last = waits
    if not first:
        return Text("每隔 %(last)s查一次，直到有结果", last=spoken(last))
    told = {"first": listed(first), "last": spoken(last)}
    return Text("依次隔 %(first)s各查一次，之后每隔 %(last)s查一次，直到有结果", **told)


def _returns(waits: tuple[int, ...]) -> Text:
    if len(waits) > 1:
        return Text("付款成功后 %(waits)s各查一次", waits=listed(waits))
    return Text("付款成功后 %(waits)s查一次", waits=listed(waits)) if waits else Text("不查")


def _window(window_s: int) -> Text:
    if not window_s:
        return Text("渠道答“查无此单”就算数")
    return Text("发出后 %(window)s内，渠道答“查无此单”不算数：还可能送达", window=spoken(window_s))


def _fee(*, refunded: bool) -> Text:
    return Text("渠道随退票退还") if refunded else Text("渠道不退")


# -- as people type it --------------------------------------------------------------------------------------------------


def read(text: str) -> tuple[int, ...]:
    """`10 秒、30 秒、1 分钟`, as `listed` writes it in any language; nothing, where nothing is written. Malformed otherwise."""
    found = spans.read(text)
    if found is None:
        raise Malformed("请写成“10 秒、30 秒、1 分钟、1 小时”这样，每一项都写单位")
    return found

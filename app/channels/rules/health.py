"""How a channel does, as plain functions of what became of its calls: sense and nonsense, how long they took, when to stop
sending, when people must be told.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.channels.contract import Interface
from app.kernel.errors import Text, gettext_noop

SLOT_S = 300
"""Calls are counted by so many seconds."""
KEEP_DAYS = 9
OPEN_FOR_S = 120
"""A call that was not completed by then never will be: its process died, and nobody knows."""

SENDS = frozenset({Interface.SUBMIT, Interface.SETTLE})
ABOUT_ORDERS = SENDS | {Interface.QUERY}
HARMLESS = frozenset({Interface.TRY, Interface.PROBE})
"""Asked by people or by the pause itself: they say nothing about how the account does."""

SHORTEST_ROW = 5
"""How many calls in a row without sense stop the sending where nothing else is said of a channel."""
DIFFERENT = 3
"""They must be different questions: one order that a channel cannot talk about is not a channel that cannot talk."""
RECENT_S = 15 * 60
SENDS_LOOKED_AT = 20
"""And of so many sends half."""
FIRST_COOL_S, LONGEST_COOL_S = 15, 300
PROBE_WAITS_S = 150
"""A withdrawal that was sent to see whether it works says so within this time, or another one is taken."""

BOUNDS_MS: tuple[int, ...] = tuple(step * 10**power for power in range(7) for step in (10, 15, 20, 30, 50, 70))
"""Times are counted in these bands, from 10 ms to a day: what is read from them is right to a tenth or so."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One completed call, as the decision to stop sees it."""

    interface: str
    subject: str
    outcome: str
    seen: str

    @property
    def sense(self) -> "Sense":
        return sense(self.interface, self.outcome, self.seen)


class Sense(StrEnum):
    """What a call was good for."""

    ANSWERED = "answered"
    UNSENT = "unsent"
    UNKNOWN = "unknown"


def sense(interface: str, outcome: str, seen: str) -> Sense:
    """A signed word about an order is an answer, whatever it says; "too busy" is none."""
    if outcome == "ok" and (seen or interface not in ABOUT_ORDERS):
        return Sense.ANSWERED
    return Sense.UNSENT if outcome == "not_sent" else Sense.UNKNOWN


_WHY = {
    "not_sent": gettext_noop("连续 %(count)s 次连不上渠道，请求没有发出"),
    "unanswered": gettext_noop("连续 %(count)s 次调用没有得到有效应答，最近一次没有等到答复"),
    "bad_signature": gettext_noop("连续 %(count)s 次调用没有得到有效应答，最近一次答复的签名验不过"),
    "unreadable": gettext_noop("连续 %(count)s 次调用没有得到有效应答，最近一次的答复无法识别"),
    "ok": gettext_noop(
        "连续 %(count)s 次调用没有得到有效应答，最近一次渠道的答复不涉及订单（系统忙、不认我们的签名等）"
    ),
}


def row_of_nonsense(latest: Sequence[Ended], after: int) -> Text | None:
    """Why nothing more should be sent: the last `after` calls, newest first, were all without sense. None: they were not."""
    row = latest[:after]
    if not 0 < after <= len(row) or any(it.sense == Sense.ANSWERED for it in row):
        return None
    if len({(it.interface, it.subject) for it in row}) < min(DIFFERENT, after):
        return None
    return Text(_WHY[row[0].outcome], count=after)


def half_nonsense(sends: Sequence[Ended]) -> Text | None:
    """The same of a channel that answers now and then: half of its latest sends ended without sense."""
    bad = sum(it.sense != Sense.ANSWERED for it in sends)
    if len(sends) < SENDS_LOOKED_AT or bad * 2 < len(sends):
        return None
    return Text("最近 %(sends)s 次发送有 %(bad)s 次没有得到有效应答", sends=len(sends), bad=bad)


def cool_s(asked: int) -> int:
    """How long a channel is left alone when it was asked so many times already."""
    return min(FIRST_COOL_S << min(asked, 10), LONGEST_COOL_S)


@dataclass(slots=True)
class Took:
    """How long calls took, counted by bands; adding two of them up loses nothing."""

    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, milliseconds: Iterable[int]) -> "Took":
        took = cls()
        for it in milliseconds:
            took.add(bisect_left(BOUNDS_MS, it), 1)
        return took

    @classmethod
    def told(cls, kept: str) -> "Took":
        return cls({int(band): count for band, count in json.loads(kept or "{}").items()})

    def kept(self) -> str:
        return json.dumps(self.counts, separators=(",", ":"))

    def add(self, band: int, count: int) -> None:
        self.counts[band] = self.counts.get(band, 0) + count

    def plus(self, other: "Took") -> None:
        for band, count in other.counts.items():
            self.add(band, count)

    def ms(self, share: float) -> int | None:
        """So long at most took this share of them; None where there is nothing to go by."""
        left = share * sum(self.counts.values())
        for band in sorted(self.counts):
            count = self.counts[band]
            if left <= count:
                low = BOUNDS_MS[band - 1] if band else 0
                high = BOUNDS_MS[min(band, len(BOUNDS_MS) - 1)]
                return round(low + (high - low) * left / count)
            left -= count
        return None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of calls: one interface of one account, or any sum of such."""

    answered: int = 0
    refused: int = 0
    unsent: int = 0
    unknown: int = 0
    took: Took = field(default_factory=Took)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.answered, self.refused, self.unsent, self.unknown

    @property
    def calls(self) -> int:
        return self.answered + self.unsent + self.unknown

    def plus(self, other: "Tally") -> None:
        self.answered += other.answered
        self.refused += other.refused
        self.unsent += other.unsent
        self.unknown += other.unknown
        self.took.plus(other.took)

    def share(self, count: int) -> float | None:
        return count / self.calls if self.calls else None


def summed(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for it in tallies:
        total.plus(it)
    return total


class Grade(StrEnum):
    GOOD = "good"
    SHAKY = "shaky"
    BAD = "bad"
    PAUSED = "paused"
    NOTHING = "nothing"


GRADES = {
    Grade.GOOD: (gettext_noop("正常"), "good"),
    Grade.SHAKY: (gettext_noop("不稳"), "wait"),
    Grade.BAD: (gettext_noop("异常"), "bad"),
    Grade.PAUSED: (gettext_noop("已自动停发"), "bad"),
    Grade.NOTHING: (gettext_noop("无调用"), "neutral"),
}


def grade(tally: Tally) -> Grade:
    """Good from 95 in 100 answered on, bad below 80."""
    share = tally.share(tally.answered)
    if share is None:
        return Grade.NOTHING
    return Grade.GOOD if share >= 0.95 else Grade.SHAKY if share >= 0.8 else Grade.BAD


class Pause(StrEnum):
    """Where a pause stands: nothing leaves; or the channel answers again, and one withdrawal is sent to see."""

    STOPPED = "stopped"
    TRYING = "trying"


class Measure(StrEnum):
    """What a rule looks at."""

    ANSWERED = "answered"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    SLOW = "slow"
    LATE = "late"


MEASURES = {
    Measure.ANSWERED: (gettext_noop("有效应答率低于"), "%", gettext_noop("全部接口")),
    Measure.UNKNOWN: (gettext_noop("发送后结果未知的占比高于"), "%", gettext_noop("提交代付、提交结算")),
    Measure.REFUSED: (gettext_noop("渠道拒付的占比高于"), "%", gettext_noop("提交代付、提交结算、查询结果")),
    Measure.SLOW: (gettext_noop("应答时间（第 95 百分位）长于"), "ms", gettext_noop("提交代付、提交结算")),
    Measure.LATE: (gettext_noop("回调延迟（第 95 百分位）长于"), "ms", gettext_noop("回调")),
}
"""In words, its unit, and which interfaces it is about."""

_SAID = {
    Measure.ANSWERED: gettext_noop("%(title)s：近 %(minutes)s 分钟有效应答率 %(found)s%%，低于 %(bound)s%%"),
    Measure.UNKNOWN: gettext_noop("%(title)s：近 %(minutes)s 分钟发送后结果未知 %(found)s%%，高于 %(bound)s%%"),
    Measure.REFUSED: gettext_noop("%(title)s：近 %(minutes)s 分钟渠道拒付 %(found)s%%，高于 %(bound)s%%"),
    Measure.SLOW: gettext_noop(
        "%(title)s：近 %(minutes)s 分钟发送的应答时间 %(found)s 毫秒（第 95 百分位），长于 %(bound)s 毫秒"
    ),
    Measure.LATE: gettext_noop(
        "%(title)s：近 %(minutes)s 分钟回调延迟 %(found)s 毫秒（第 95 百分位），长于 %(bound)s 毫秒"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """告警规则, as a value. `bound`: per cent, or milliseconds."""

    measure: Measure
    bound: int
    minutes: int
    at_least: int
    severity: str


def broken(rule: Rule, by_interface: dict[str, Tally], title: str) -> Text | None:
    """What people must be told, or None: all is well, or there were too few calls to say anything."""
    of = {
        Measure.ANSWERED: set(by_interface) - {Interface.CALLBACK},
        Measure.UNKNOWN: SENDS,
        Measure.REFUSED: ABOUT_ORDERS,
        Measure.SLOW: SENDS,
        Measure.LATE: {Interface.CALLBACK},
    }[rule.measure]
    tally = summed(it for interface, it in by_interface.items() if interface in of)
    if tally.calls < rule.at_least:
        return None
    if rule.measure in (Measure.SLOW, Measure.LATE):
        found = tally.took.ms(0.95)
        is_broken = found is not None and found > rule.bound
    else:
        count = {Measure.ANSWERED: tally.answered, Measure.UNKNOWN: tally.unknown, Measure.REFUSED: tally.refused}
        found = round(100 * count[rule.measure] / tally.calls)
        is_broken = found < rule.bound if rule.measure is Measure.ANSWERED else found > rule.bound
    if not is_broken:
        return None
    return Text(_SAID[rule.measure], title=title, minutes=rule.minutes, found=found, bound=rule.bound)

"""What follows from what was seen, as plain functions of plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from app.channels.contract import Observation, Seen
from app.kernel.errors import Text, gettext_noop
from app.kernel.money import Money
from app.withdrawals.states import State

SEND_WITHIN_S = 60
"""A send that could not start within this time after its intention was written is not started at all."""
HTTP_TOTAL_S = 30
BETWEEN_NOT_FOUND_S = 60
HOLDS = {
    "amount_differs": gettext_noop("渠道所说的金额与我方不一致"),
    "number_differs": gettext_noop("渠道的答复说的是另一笔订单"),
    "contradiction": gettext_noop("渠道的说法与我方记录矛盾"),
    "never_sent": gettext_noop("我方从未发送，渠道却有结果"),
    "no_resend": gettext_noop("渠道两次回复无此订单，但它不按单号去重，不能自动重发"),
    "aged": gettext_noop("发出很久仍没有结果"),
    "returned": gettext_noop("银行已退票，请核对收款人后决定是否再付"),
    "lost": gettext_noop("从备份恢复后按发送日志补录，请核对创建人与审批"),
    "approval_broken": gettext_noop("审批时的内容与现在不一致，已停止发送"),
    "objection": gettext_noop("收款人已列入黑名单，或它代替的那一笔不再能确定未付；不再重发，请人工认定"),
}
WORK = {
    "amount_differs": gettext_noop("金额不一致"),
    "number_differs": gettext_noop("答复串单"),
    "contradiction": gettext_noop("说法矛盾"),
    "never_sent": gettext_noop("未发有果"),
    "no_resend": gettext_noop("不能自动重发"),
    "aged": gettext_noop("久无结果"),
    "returned": gettext_noop("退票"),
    "lost": gettext_noop("恢复补录"),
    "approval_broken": gettext_noop("审批失效"),
    "objection": gettext_noop("停止重发"),
}
"""The same in a word or two, for tabs and lists."""

HOLD_TONES = {
    "amount_differs": "bad",
    "contradiction": "bad",
    "never_sent": "bad",
    "approval_broken": "bad",
    "returned": "odd",
}
"""What stands out among them: our book and the channel's may differ; money came back. All others wait."""

STAND_STILL = frozenset({"approval_broken", "objection"})
"""Nothing is done about it until somebody has decided."""

_FINAL = {
    Seen.PAID: ("succeed",),
    Seen.FAILED: ("fail",),
    Seen.RETURNED: ("succeed", "return"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we know of a withdrawal when something is seen about it."""

    number: str
    state: State
    amount: Money
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Moves to make in this order, or a hold for a person. Neither: the observation teaches nothing new."""

    verbs: tuple[str, ...] = ()
    hold: str = ""


def verdict(known: Known, seen: Observation) -> Verdict:
    """Turn what was seen into moves, into work for a person, or into nothing at all."""
    if seen.number and seen.number != known.number:
        return Verdict(hold="number_differs")
    if seen.seen is Seen.NOT_SENT:
        return Verdict(verbs=("unsent",)) if known.state == State.SENDING else Verdict()
    if seen.signed and seen.amount is not None and seen.amount != known.amount:
        return Verdict(hold="amount_differs")
    if not seen.signed or seen.seen in (Seen.PENDING, Seen.NOT_FOUND):
        return Verdict(verbs=("wait",)) if known.state == State.SENDING else Verdict()
    if known.state in (State.SENDING, State.PENDING) or (known.state == State.QUEUED and known.attempts):
        return Verdict(verbs=_FINAL[seen.seen])
    if known.state in (State.REVIEW, State.QUEUED, State.REJECTED, State.CANCELLED):
        return Verdict(hold="never_sent")
    if known.state == State.PAID:
        return {Seen.PAID: Verdict(), Seen.RETURNED: Verdict(verbs=("return",))}.get(
            seen.seen, Verdict(hold="contradiction")
        )
    agreed = (known.state, seen.seen) in {
        (State.FAILED, Seen.FAILED),
        (State.RETURNED, Seen.RETURNED),
        (State.RETURNED, Seen.PAID),
    }
    return Verdict() if agreed else Verdict(hold="contradiction")


WORK_LATE_S = 1800
"""What waits for people and nobody has taken for so long is red in the header of every page."""
WORK_LEFT_S = 3600
"""And for so long, it rings; so does whatever is open for longer than `WORK_LEFT_BADLY_S`, whoever has taken it."""
WORK_LEFT_BADLY_S = 24 * 3600
"""What nobody has taken for so long is severe."""
AGED_AFTER_S = 3600
"""What has no outcome for so long after it was sent is put before people. It is never failed by its age."""
AGED_BADLY_S = 24 * 3600
"""And is severe by then."""
HANGS_AFTER_S = 24 * 3600
"""What the channel has taken and has no outcome for so long after it was sent: somebody should ask the channel's people."""


class Pressing(StrEnum):
    """Of the work for people, what rings."""

    BROKEN = "broken"
    DIFFERS = "differs"
    RETURNED = "returned"
    LEFT = "left"


PRESSES: Mapping[Pressing, tuple[str, ...]] = {
    Pressing.BROKEN: ("approval_broken",),
    Pressing.DIFFERS: ("amount_differs", "number_differs", "contradiction", "never_sent"),
    Pressing.RETURNED: ("returned",),
}
AT_ONCE = frozenset(chain.from_iterable(PRESSES.values()))
"""People hear of it as soon as it is known, of all others when nobody has taken them for a while."""

PRESSING: dict[Pressing, Text] = {
    Pressing.BROKEN: gettext_noop("批准之后内容有变"),
    Pressing.DIFFERS: gettext_noop("渠道说法与我方不一致"),
    Pressing.RETURNED: gettext_noop("退票待处理"),
    Pressing.LEFT: gettext_noop("久未办理"),
}


def ask_again_s(wait_s: float, *, sent_at: datetime | None, now: datetime) -> float:
    """Seconds until the next question. However patient its channel's waits are: what comes of age is asked about then."""
    left = 0.0 if sent_at is None else AGED_AFTER_S - (now - sent_at).total_seconds()
    return min(wait_s, left) if left > 0 else wait_s


def entries(state: State, *, amount: Money, fee: Money) -> dict[str, Money]:
    """The ledger's entries that belong to a withdrawal in this state, by kind."""
    found = {"hold": amount + fee}
    if state in (State.PAID, State.RETURNED):
        found |= {"settle": amount} | ({"fee": fee} if fee else {})
    if state == State.RETURNED:
        found["return"] = amount
    if state in (State.FAILED, State.REJECTED, State.CANCELLED):
        found["void"] = amount + fee
    return found


def could_still_arrive(*, sent_at: datetime, window_s: int, now: datetime) -> bool:
    """Before this moment a "not found" is no news: the request may still be on its way, or the channel still hesitate."""
    return now < sent_at + timedelta(seconds=SEND_WITHIN_S + HTTP_TOTAL_S + window_s)


def is_proof_of_absence(*, not_found: int, first_not_found_at: datetime | None, now: datetime) -> bool:
    """RELIABILITY I-1: validly signed NOT_FOUND twice, a minute apart, both after the last moment it could arrive."""
    if not_found < 2 or first_not_found_at is None:
        return False
    return now >= first_not_found_at + timedelta(seconds=BETWEEN_NOT_FOUND_S)

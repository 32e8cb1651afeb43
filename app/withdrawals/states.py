"""The life of a withdrawal, in one table: what may happen, what it does to the ledger, what must be done next."""

from dataclasses import dataclass
from enum import StrEnum

from app.kernel.bank_card import AccountType
from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    REVIEW = "review"
    QUEUED = "queued"
    SENDING = "sending"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    RETURNED = "returned"


OPEN = (State.REVIEW, State.QUEUED, State.SENDING, State.PENDING)
"""Not at its end: the card it goes to must stay."""


class Kind(StrEnum):
    """A settlement (确认结算) is money of the account to a card of its own, with every rule of a withdrawal."""

    PAYOUT = "payout"
    SETTLEMENT = "settlement"


class Outcome(StrEnum):
    """What became of one row of a selection."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


OUTCOMES = {
    Outcome.WAITING: (gettext_noop("等待办理"), "wait"),
    Outcome.DONE: (gettext_noop("已办理"), "good"),
    Outcome.REFUSED: (gettext_noop("没有办理"), "bad"),
}

KINDS = {Kind.PAYOUT: gettext_noop("提现"), Kind.SETTLEMENT: gettext_noop("结算")}
ACCOUNT_TYPES = {AccountType.PRIVATE: gettext_noop("对私"), AccountType.CORPORATE: gettext_noop("对公")}
LABELS = {
    State.REVIEW: (gettext_noop("待审批"), "info"),
    State.QUEUED: (gettext_noop("待发送"), "wait"),
    State.SENDING: (gettext_noop("发送中"), "wait"),
    State.PENDING: (gettext_noop("处理中"), "wait"),
    State.PAID: (gettext_noop("成功"), "good"),
    State.FAILED: (gettext_noop("失败"), "bad"),
    State.REJECTED: (gettext_noop("已驳回"), "neutral"),
    State.CANCELLED: (gettext_noop("已撤销"), "neutral"),
    State.RETURNED: (gettext_noop("已退票"), "odd"),
}
UNKNOWN = (gettext_noop("结果未知"), "odd")
"""A fact about a call, never a failure: it may have left, and the channel has not said anything signed about it."""
HANGING = "hanging"
HANGS = (gettext_noop("办理超过一天"), "wait")
"""A part of those that are out, no state: what the channel has taken, and for a day has had no outcome."""

VERBS = {
    "create": gettext_noop("创建"),
    "approve_first": gettext_noop("审批通过（还需一人）"),
    "approve": gettext_noop("审批通过"),
    "reject": gettext_noop("审批驳回"),
    "cancel": gettext_noop("创建人撤销"),
    "give_way": gettext_noop("让位给补录的同一笔"),
    "lapse": gettext_noop("退回审批"),
    "send": gettext_noop("开始发送"),
    "unsent": gettext_noop("未发出，退回待发送"),
    "wait": gettext_noop("等待渠道结果"),
    "succeed": gettext_noop("渠道确认成功"),
    "fail": gettext_noop("渠道确认失败"),
    "return": gettext_noop("渠道退票"),
    "resend": gettext_noop("证据齐全，按原单号重发"),
    "recover": gettext_noop("按发送日志补录"),
    "hold": gettext_noop("需要人工处理"),
    "resolve": gettext_noop("人工待办已处理"),
    "not_found": gettext_noop("渠道回复无此订单"),
    "heard": gettext_noop("渠道又承认有此订单"),
    "propose": gettext_noop("提出人工认定"),
    "withdraw": gettext_noop("收回人工认定"),
    "refuse": gettext_noop("人工认定未通过"),
    "declare_paid": gettext_noop("人工认定已付"),
    "declare_failed": gettext_noop("人工认定未付"),
    "declare_late": gettext_noop("人工认定已付（原记未付）"),
    "declare_returned": gettext_noop("人工认定已退票"),
    "declare_as_is": gettext_noop("人工认定无需改动"),
    "replaced": gettext_noop("已用新单号重新提现"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalMove(Move):
    """`book`: the ledger's word for it. `wakes`: the job that the new state needs, promised in the same transaction."""

    book: str = ""
    wakes: str = ""


SUBMIT = "app.withdrawals.jobs.submit"
ASK = "app.withdrawals.jobs.ask"
WATCH = "app.withdrawals.jobs.watch"
ENTER = "app.withdrawals.jobs.enter"
EXAMINE = "app.withdrawals.jobs.examine"
LOOK_AT_WORK = "app.withdrawals.jobs.look_at_work"

# Queued is among them because a re-send may be queued while the first send turns out to have arrived after all.
_OUT = (State.QUEUED, State.SENDING, State.PENDING)

WITHDRAWAL = Machine(
    name=gettext_noop("这笔提现"),
    initial=State.REVIEW,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        WithdrawalMove(verb="approve", sources=(State.REVIEW,), target=State.QUEUED, wakes=SUBMIT),
        WithdrawalMove(verb="reject", sources=(State.REVIEW,), target=State.REJECTED, book="release"),
        # Queued only before the first send (`rules.require_never_sent`), as is every way back from there.
        WithdrawalMove(verb="cancel", sources=(State.REVIEW, State.QUEUED), target=State.CANCELLED, book="release"),
        # After a restore: the same form, or the same row of a sheet, had left already (`service/restoring.py`).
        WithdrawalMove(verb="give_way", sources=(State.REVIEW, State.QUEUED), target=State.CANCELLED, book="release"),
        WithdrawalMove(verb="lapse", sources=(State.QUEUED,), target=State.REVIEW),
        WithdrawalMove(verb="send", sources=(State.QUEUED,), target=State.SENDING, wakes=ASK),
        WithdrawalMove(verb="unsent", sources=(State.SENDING,), target=State.QUEUED, wakes=SUBMIT),
        WithdrawalMove(verb="wait", sources=(State.SENDING,), target=State.PENDING, wakes=ASK),
        WithdrawalMove(verb="resend", sources=(State.SENDING, State.PENDING), target=State.QUEUED, wakes=SUBMIT),
        WithdrawalMove(verb="succeed", sources=_OUT, target=State.PAID, book="settle", wakes=WATCH),
        WithdrawalMove(verb="fail", sources=_OUT, target=State.FAILED, book="release"),
        WithdrawalMove(verb="return", sources=(State.PAID,), target=State.RETURNED, book="reverse"),
        WithdrawalMove(verb="recover", sources=(State.REVIEW, State.QUEUED), target=State.SENDING, wakes=ASK),
        WithdrawalMove(verb="declare_paid", sources=_OUT, target=State.PAID, book="settle", wakes=WATCH),
        WithdrawalMove(verb="declare_failed", sources=_OUT, target=State.FAILED, book="release", wakes=WATCH),
        WithdrawalMove(
            verb="declare_late",
            sources=(State.FAILED, State.REJECTED, State.CANCELLED),
            target=State.PAID,
            book="pay_late",
            wakes=WATCH,
        ),
        WithdrawalMove(verb="declare_returned", sources=(State.PAID,), target=State.RETURNED, book="reverse"),
    ),
)


class SheetState(StrEnum):
    MAKING = "making"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


SHEET_LABELS = {
    SheetState.MAKING: (gettext_noop("生成中"), "wait"),
    SheetState.PAUSED: (gettext_noop("已暂停"), "neutral"),
    SheetState.STOPPED: (gettext_noop("已停止"), "bad"),
    SheetState.FINISHED: (gettext_noop("已生成"), "good"),
}
SHEET_VERBS = {
    "pause": gettext_noop("暂停"),
    "resume": gettext_noop("继续"),
    "stop": gettext_noop("停止"),
    "finish": gettext_noop("完成"),
}

SHEET = Machine(
    name=gettext_noop("这批提现"),
    initial=SheetState.MAKING,
    words={**{str(state): label for state, (label, _tone) in SHEET_LABELS.items()}, **SHEET_VERBS},
    moves=(
        Move(verb="pause", sources=(SheetState.MAKING,), target=SheetState.PAUSED),
        Move(verb="resume", sources=(SheetState.PAUSED,), target=SheetState.MAKING),
        Move(verb="stop", sources=(SheetState.MAKING, SheetState.PAUSED), target=SheetState.STOPPED),
        Move(verb="finish", sources=(SheetState.MAKING,), target=SheetState.FINISHED),
    ),
)


class Answer(StrEnum):
    """What became of a row of a sheet in the latest order about the whole of it; "" when it was in none."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


ORDERS = {
    "approve": gettext_noop("整批审批通过"),
    "reject": gettext_noop("整批驳回"),
    "cancel": gettext_noop("整批撤回"),
}
"""What is done to all of a sheet's withdrawals that wait for review: each by the withdrawal's own verb."""

"""The life of a top-up that people enter, in one table."""

from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    WAITING = "waiting"
    BOOKED = "booked"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVERSED = "reversed"


class Kind(StrEnum):
    """What the account held when it was first worked with, or what came later."""

    OPENING = "opening"
    TOP_UP = "top_up"


LABELS = {
    State.WAITING: (gettext_noop("待审批"), "wait"),
    State.BOOKED: (gettext_noop("已入账"), "good"),
    State.REJECTED: (gettext_noop("已驳回"), "bad"),
    State.WITHDRAWN: (gettext_noop("已撤回"), "neutral"),
    State.REVERSED: (gettext_noop("已冲正"), "odd"),
}
KINDS = {Kind.OPENING: gettext_noop("期初余额"), Kind.TOP_UP: gettext_noop("充值到账")}
VERBS = {
    "approve": gettext_noop("审批入账"),
    "reject": gettext_noop("驳回"),
    "withdraw": gettext_noop("撤回"),
    "reverse": gettext_noop("冲正"),
}

TOP_UP = Machine(
    name=gettext_noop("这笔入账"),
    initial=State.WAITING,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="approve", sources=(State.WAITING,), target=State.BOOKED),
        Move(verb="reject", sources=(State.WAITING,), target=State.REJECTED),
        Move(verb="withdraw", sources=(State.WAITING,), target=State.WITHDRAWN),
        Move(verb="reverse", sources=(State.BOOKED,), target=State.REVERSED),
    ),
)


class ReversalState(StrEnum):
    """Of the wish to take a booked top-up back. While it waits, its money is set aside."""

    WAITING = "waiting"
    DONE = "done"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


REVERSAL_LABELS = {
    ReversalState.WAITING: (gettext_noop("冲正待审批"), "wait"),
    ReversalState.DONE: (gettext_noop("已冲正"), "odd"),
    ReversalState.REJECTED: (gettext_noop("已驳回"), "bad"),
    ReversalState.WITHDRAWN: (gettext_noop("已撤回"), "neutral"),
}
REVERSAL = Machine(
    name=gettext_noop("这笔冲正"),
    initial=ReversalState.WAITING,
    words={
        **{str(state): label for state, (label, _tone) in REVERSAL_LABELS.items()},
        "approve": gettext_noop("审批冲正"),
        "reject": gettext_noop("驳回"),
        "withdraw": gettext_noop("撤回"),
    },
    moves=(
        Move(verb="approve", sources=(ReversalState.WAITING,), target=ReversalState.DONE),
        Move(verb="reject", sources=(ReversalState.WAITING,), target=ReversalState.REJECTED),
        Move(verb="withdraw", sources=(ReversalState.WAITING,), target=ReversalState.WITHDRAWN),
    ),
)

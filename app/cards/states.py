"""The life of a bound card, in one table."""

from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    BINDING = "binding"
    BOUND = "bound"
    REFUSED = "refused"
    DELETED = "deleted"


LABELS = {
    State.BINDING: (gettext_noop("绑定中"), "wait"),
    State.BOUND: (gettext_noop("已绑定"), "good"),
    State.REFUSED: (gettext_noop("绑定被拒"), "bad"),
    State.DELETED: (gettext_noop("已删除"), "neutral"),
}
VERBS = {"forget": gettext_noop("删除收款人资料")}

CARD = Machine(
    name=gettext_noop("这张卡"),
    initial=State.BINDING,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="bind", sources=(State.BINDING,), target=State.BOUND),
        Move(verb="refuse", sources=(State.BINDING,), target=State.REFUSED),
        Move(verb="retry", sources=(State.REFUSED,), target=State.BINDING),
        Move(verb="forget", sources=(State.BOUND, State.REFUSED), target=State.DELETED),
    ),
)

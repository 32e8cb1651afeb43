"""The life of one version of an account's parameters, in one table."""

from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"
    DISCARDED = "discarded"


LABELS = {
    State.DRAFT: (gettext_noop("草稿"), "wait"),
    State.ACTIVE: (gettext_noop("现用"), "good"),
    State.RETIRED: (gettext_noop("已退役"), "neutral"),
    State.DISCARDED: (gettext_noop("已放弃"), "neutral"),
}
VERBS = {
    "activate": gettext_noop("启用"),
    "retire": gettext_noop("退役"),
    "discard": gettext_noop("放弃"),
}

SETTING = Machine(
    name=gettext_noop("这一版参数"),
    initial=State.DRAFT,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="activate", sources=(State.DRAFT,), target=State.ACTIVE),
        Move(verb="retire", sources=(State.ACTIVE,), target=State.RETIRED),
        Move(verb="discard", sources=(State.DRAFT,), target=State.DISCARDED),
    ),
)

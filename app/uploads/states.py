"""The life of an uploaded sheet, in one table."""

from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    CHECKING = "checking"
    UNFIT = "unfit"
    UNSURE = "unsure"
    CHECKED = "checked"
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"
    ERASED = "erased"


LABELS = {
    State.CHECKING: (gettext_noop("核对中"), "wait"),
    State.UNFIT: (gettext_noop("无法读取"), "bad"),
    State.UNSURE: (gettext_noop("待对应列"), "wait"),
    State.CHECKED: (gettext_noop("待确认"), "wait"),
    State.CONFIRMED: (gettext_noop("已提交"), "good"),
    State.DISCARDED: (gettext_noop("已放弃"), "neutral"),
    State.ERASED: (gettext_noop("已清除"), "neutral"),
}
VERBS = {
    "refuse": gettext_noop("无法读取"),
    "doubt": gettext_noop("待对应列"),
    "pass": gettext_noop("核对完成"),
    "again": gettext_noop("重新核对"),
    "confirm": gettext_noop("提交"),
    "discard": gettext_noop("放弃"),
    "erase": gettext_noop("清除"),
}
OPEN = (State.CHECKING, State.UNSURE, State.CHECKED)

UPLOAD = Machine(
    name=gettext_noop("这次上传"),
    initial=State.CHECKING,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="refuse", sources=(State.CHECKING,), target=State.UNFIT),
        Move(verb="doubt", sources=(State.CHECKING,), target=State.UNSURE),
        Move(verb="pass", sources=(State.CHECKING,), target=State.CHECKED),
        Move(verb="again", sources=(State.UNSURE, State.CHECKED), target=State.CHECKING),
        Move(verb="confirm", sources=(State.CHECKED,), target=State.CONFIRMED),
        Move(verb="discard", sources=OPEN, target=State.DISCARDED),
        Move(
            verb="erase",
            sources=(*OPEN, State.UNFIT, State.CONFIRMED, State.DISCARDED),
            target=State.ERASED,
        ),
    ),
)

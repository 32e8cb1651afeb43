"""The life of an export, in one table."""

from enum import StrEnum

from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    WAITING = "waiting"
    WRITING = "writing"
    READY = "ready"
    FAILED = "failed"
    ERASED = "erased"


class Format(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"


LABELS = {
    State.WAITING: (gettext_noop("排队中"), "wait"),
    State.WRITING: (gettext_noop("生成中"), "wait"),
    State.READY: (gettext_noop("可下载"), "good"),
    State.FAILED: (gettext_noop("没有生成"), "bad"),
    State.ERASED: (gettext_noop("已清除"), "neutral"),
}
VERBS = {
    "begin": gettext_noop("开始生成"),
    "finish": gettext_noop("生成完成"),
    "refuse": gettext_noop("没有生成"),
    "erase": gettext_noop("清除"),
}
UNDER_WAY = (State.WAITING, State.WRITING)

EXPORT = Machine(
    name=gettext_noop("这份导出"),
    initial=State.WAITING,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="begin", sources=(State.WAITING,), target=State.WRITING),
        Move(verb="finish", sources=(State.WRITING,), target=State.READY),
        Move(verb="refuse", sources=UNDER_WAY, target=State.FAILED),
        Move(verb="erase", sources=(*UNDER_WAY, State.READY, State.FAILED), target=State.ERASED),
    ),
)

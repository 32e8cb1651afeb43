"""The life of a message to a robot, one table."""

from enum import StrEnum

from app.kernel.errors import Text, gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"
    SUMMED = "summed"
    DROPPED = "dropped"


MESSAGE = Machine(
    name=gettext_noop("推送消息"),
    initial=State.WAITING,
    moves=(
        Move(verb="arrive", sources=(State.WAITING,), target=State.SENT),
        Move(verb="give_up", sources=(State.WAITING,), target=State.GIVEN_UP),
        # Too many in one minute: one message says how many there were.
        Move(verb="sum", sources=(State.WAITING,), target=State.SUMMED),
        # Nobody is to be told any more: the hook was switched off or removed.
        Move(verb="drop", sources=(State.WAITING,), target=State.DROPPED),
    ),
)
LABELS: dict[str, tuple[Text, str]] = {
    State.WAITING: (gettext_noop("待发送"), "wait"),
    State.SENT: (gettext_noop("已送达"), "good"),
    State.GIVEN_UP: (gettext_noop("放弃发送"), "bad"),
    State.SUMMED: (gettext_noop("合并发送"), "neutral"),
    State.DROPPED: (gettext_noop("不再发送"), "neutral"),
}

"""The life of a bound card, and that of a run which binds many, each in one table."""

from enum import StrEnum

from app.channels.contract import BindSeen
from app.kernel.errors import gettext_noop
from app.kernel.machine import Machine, Move


class State(StrEnum):
    BINDING = "binding"
    BOUND = "bound"
    REFUSED = "refused"
    UNBINDING = "unbinding"
    DELETED = "deleted"


LABELS = {
    State.BINDING: (gettext_noop("绑定中"), "wait"),
    State.BOUND: (gettext_noop("已绑定"), "good"),
    State.REFUSED: (gettext_noop("绑定被拒"), "bad"),
    State.UNBINDING: (gettext_noop("解绑中"), "wait"),
    State.DELETED: (gettext_noop("已删除"), "neutral"),
}
VERBS = {
    "bind": gettext_noop("绑定成功"),
    "refuse": gettext_noop("渠道拒绝"),
    "retry": gettext_noop("重新绑定"),
    "register": gettext_noop("登记"),
    "remove": gettext_noop("移除登记"),
    "unbind": gettext_noop("解绑"),
    "keep": gettext_noop("解绑未成，仍绑定"),
    "part": gettext_noop("已解绑"),
    "forget": gettext_noop("删除收款人资料"),
}

CARD = Machine(
    name=gettext_noop("这张卡"),
    initial=State.BINDING,
    words={**{str(state): label for state, (label, _tone) in LABELS.items()}, **VERBS},
    moves=(
        Move(verb="bind", sources=(State.BINDING,), target=State.BOUND),
        Move(verb="refuse", sources=(State.BINDING,), target=State.REFUSED),
        # Where the channel binds none: it is registered here, and nobody else is asked.
        Move(verb="register", sources=(State.BINDING,), target=State.BOUND),
        Move(verb="remove", sources=(State.BOUND,), target=State.DELETED),
        Move(verb="retry", sources=(State.REFUSED,), target=State.BINDING),
        Move(verb="unbind", sources=(State.BOUND,), target=State.UNBINDING),
        Move(verb="keep", sources=(State.UNBINDING,), target=State.BOUND),
        Move(verb="part", sources=(State.UNBINDING, State.BOUND), target=State.DELETED),
        Move(verb="forget", sources=(State.BOUND, State.REFUSED, State.DELETED), target=State.DELETED),
    ),
)


class RunState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


RUN_LABELS = {
    RunState.RUNNING: (gettext_noop("进行中"), "wait"),
    RunState.PAUSED: (gettext_noop("已暂停"), "neutral"),
    RunState.STOPPED: (gettext_noop("已停止"), "bad"),
    RunState.FINISHED: (gettext_noop("已完成"), "good"),
}
RUN_VERBS = {
    "pause": gettext_noop("暂停"),
    "resume": gettext_noop("继续"),
    "stop": gettext_noop("停止"),
    "finish": gettext_noop("完成"),
    "reopen": gettext_noop("重新处理"),
}

RUN = Machine(
    name=gettext_noop("这次批量绑卡"),
    initial=RunState.RUNNING,
    words={**{str(state): label for state, (label, _tone) in RUN_LABELS.items()}, **RUN_VERBS},
    moves=(
        Move(verb="pause", sources=(RunState.RUNNING,), target=RunState.PAUSED),
        Move(verb="resume", sources=(RunState.PAUSED,), target=RunState.RUNNING),
        Move(verb="stop", sources=(RunState.RUNNING, RunState.PAUSED), target=RunState.STOPPED),
        Move(verb="finish", sources=(RunState.RUNNING,), target=RunState.FINISHED),
        Move(verb="reopen", sources=(RunState.FINISHED,), target=RunState.RUNNING),
    ),
)


class RowState(StrEnum):
    """What became of a row: `known` was bound before, so nothing was asked."""

    ASKING = "asking"
    PENDING = "pending"
    BOUND = "bound"
    REFUSED = "refused"
    KNOWN = "known"


ROW_LABELS = {
    RowState.ASKING: (gettext_noop("提交中"), "wait"),
    RowState.PENDING: (gettext_noop("渠道审核中"), "wait"),
    RowState.BOUND: (gettext_noop("已绑定"), "good"),
    RowState.REFUSED: (gettext_noop("被拒绝"), "bad"),
    RowState.KNOWN: (gettext_noop("此前已绑定"), "neutral"),
}

OUTCOME_OF = {BindSeen.BOUND: State.BOUND, BindSeen.REFUSED: State.REFUSED}
"""What a channel's answer makes of a card that is being bound, and of its row."""

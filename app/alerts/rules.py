"""How grave an alert is, what kinds there are, and what is done about it: words and plain functions of plain values."""

from collections.abc import Sequence
from enum import StrEnum

from app.kernel.errors import Refused, Text, gettext_noop

TOPIC, HOOKS_TOPIC = "alerts", "alert-hooks"
"""Under which pages hear that an alert was rung, seen to or is over; and of what robots were told."""
LONGEST = 1000
"""So much of a sentence is kept, with its values."""


class Severity(StrEnum):
    """How soon somebody must look: when there is time, today, now."""

    NOTICE = "notice"
    WARNING = "warning"
    SEVERE = "severe"


SEVERITIES: dict[Severity, tuple[Text, str]] = {
    Severity.SEVERE: (gettext_noop("严重"), "bad"),
    Severity.WARNING: (gettext_noop("警告"), "wait"),
    Severity.NOTICE: (gettext_noop("提醒"), "info"),
}
"""In words, the gravest first, with the tone of the badge."""

KINDS: dict[str, Text] = {
    "books": gettext_noop("账目不符"),
    "restored": gettext_noop("从备份恢复"),
    "unknown-money": gettext_noop("资金去向未明"),
    "hanging": gettext_noop("渠道久未办完"),
    "work-broken": gettext_noop("批准后被改动"),
    "work-differs": gettext_noop("渠道说法不一致"),
    "work-returned": gettext_noop("退票"),
    "work-left": gettext_noop("待办久未办理"),
    "figures": gettext_noop("渠道数据"),
    "statement": gettext_noop("渠道流水"),
    "pause": gettext_noop("自动停发"),
    "health": gettext_noop("渠道健康"),
    "job": gettext_noop("后台任务"),
    "hook": gettext_noop("告警推送"),
}
"""What alerts are about. A house test finds a kind that is rung without words."""


class Standing(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


STANDINGS: dict[Standing, Text] = {
    Standing.OPEN: gettext_noop("未处理"),
    Standing.ACKNOWLEDGED: gettext_noop("已知悉"),
    Standing.CLOSED: gettext_noop("已结束"),
}


def is_graver(one: str, other: str) -> bool:
    return _RANK[one] > _RANK[other]


def up_to(severity: str) -> Sequence[str]:
    """This one and the milder ones."""
    return [it for it in Severity if _RANK[it] <= _RANK[severity]]


def require_as_seen(seen: str, severity: str) -> None:
    """Nobody waves away what became graver while they looked."""
    if seen != severity:
        raise Refused("这条告警刚刚升级了，请重新看过", advice="页面已更新；看过后再点“知道了”")


LADDER_S = (60, 300, 1800, 7200)
"""How long after each failed try the next one is made; then it is given up."""
A_MINUTE, MOST_A_MINUTE = 60, 20
"""So many messages a minute each of the robots takes at most; the rest is told in one."""
SENDS_WITHIN_S = 120
"""A try that says nothing for so long was killed: another one is made."""


class Event(StrEnum):
    """Why a message is sent."""

    OPENED = "opened"
    GRAVER = "graver"
    CLOSED = "closed"
    TEST = "test"
    SUM = "sum"


EVENTS: dict[Event, Text] = {
    Event.OPENED: gettext_noop("告警"),
    Event.GRAVER: gettext_noop("告警升级"),
    Event.CLOSED: gettext_noop("告警结束"),
    Event.TEST: gettext_noop("试发"),
    Event.SUM: gettext_noop("合并"),
}
OUTCOMES: dict[str, tuple[Text, str]] = {
    "open": (gettext_noop("尚无答复"), "wait"),
    "ok": (gettext_noop("已送达"), "good"),
    "refused": (gettext_noop("对方没有收下"), "bad"),
    "not_sent": (gettext_noop("未发出"), "bad"),
    "unanswered": (gettext_noop("无答复"), "bad"),
}
"""How a try went."""


def wait_after(tries: int) -> int | None:
    """Seconds until the next try, when so many have failed; None: there is none."""
    return LADDER_S[tries - 1] if tries <= len(LADDER_S) else None


def gravest(severities: Sequence[str]) -> str:
    return max(severities, key=_RANK.__getitem__)


_RANK: dict[str, int] = {severity: rank for rank, severity in enumerate(Severity)}

"""How grave an alert is, what kinds there are, and what is done about it: words and plain functions of plain values."""

from collections.abc import Sequence
from enum import StrEnum

from app.kernel.errors import Refused, Text, gettext_noop

TOPIC = "alerts"
"""Under which pages hear that an alert was rung, seen to or is over."""
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
    "unknown-money": gettext_noop("资金去向未明"),
    "figures": gettext_noop("渠道数据"),
    "pause": gettext_noop("自动停发"),
    "health": gettext_noop("渠道健康"),
    "job": gettext_noop("后台任务"),
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


_RANK: dict[str, int] = {severity: rank for rank, severity in enumerate(Severity)}

"""What is allowed and how long things last, as plain functions of plain values."""

from collections.abc import Sequence
from datetime import date, timedelta

from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.money import Money

LEASE_S = 600
"""A claim lives ten minutes from the last sign of its holder's page."""
STALE_AFTER_S = 300
"""Figures older than this are shown as stale."""

LOOK_BACK_DAYS = 30
"""How far back days are fetched on which nobody asked for figures."""

KEEP_SESSIONS_DAYS = 365
"""How long it is known of a session that it was, and from which browser."""
DROPPED = gettext_noop("（已按保存期限或个人信息要求删除）")
"""What stands where the words of a call were."""

ENDINGS = {
    "released": gettext_noop("主动释放"),
    "finished": gettext_noop("完成"),
    "forced": gettext_noop("强制释放"),
    "expired": gettext_noop("超时失效"),
    "signed_out": gettext_noop("退出登录"),
}

OUTCOMES = {
    "open": (gettext_noop("未完成"), "wait"),
    "ok": (gettext_noop("已答复"), "good"),
    "not_sent": (gettext_noop("未发出"), "neutral"),
    "unanswered": (gettext_noop("无答复"), "odd"),
    "bad_signature": (gettext_noop("签名不符"), "bad"),
    "unreadable": (gettext_noop("无法识别"), "odd"),
    "taken": (gettext_noop("已受理"), "good"),
    "refused": (gettext_noop("已拒收"), "bad"),
}

INTERFACES = {
    "submit": gettext_noop("提交代付"),
    "query": gettext_noop("查询结果"),
    "figures": gettext_noop("余额与汇总"),
    "bind_card": gettext_noop("绑定银行卡"),
    "callback": gettext_noop("回调"),
}


def told(outcome: str, message: str) -> str:
    """The message of a call or callback: the channel's own words, or why there are none, which is a sentence of ours."""
    return message if outcome in ("ok", "taken") else reason(message)


def kept(text: str) -> str:
    """The words of a call, or in the reader's language that they are gone."""
    return DROPPED if text == DROPPED else text


def reason(text: str) -> str:
    """A sentence of ours as it was written down (see Unreadable), for the reader's language."""
    what, colon, detail = text.partition("：")
    return Text("%(what)s：%(detail)s", what=Text(what), detail=detail) if colon else Text(what)


def fee(amount: Money, *, fixed: Money, rate_ppm: int) -> Money:
    """What the channel takes for one payout: fixed + rate, half up to the fen."""
    return fixed + amount.share(rate_ppm)


def missed(known: Sequence[date], *, today: date) -> list[date]:
    """The days before today without figures, from the first known one on."""
    days = (today - min(known, default=today)).days
    return [day for back in reversed(range(1, days)) if (day := today - timedelta(days=back)) not in known]


def waits(text: str) -> tuple[int, ...]:
    """The query schedule as stored: `10,30,60`."""
    return tuple(int(part) for part in text.split(","))


def wait_after(schedule: tuple[int, ...], asked: int) -> int:
    """Seconds until the next query, when it was asked so many times already. The last wait repeats."""
    return schedule[min(asked, len(schedule) - 1)]


def require_enabled(*, channel: bool, account: bool, name: str) -> None:
    if not (channel and account):
        raise Refused("渠道账号“%(name)s”已停用，不能办理业务", name=name, advice="请联系管理员启用，或换一个渠道账号")

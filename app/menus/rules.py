"""The menu a house begins with, what an entry may look like, and who sees which: pure functions of values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.auth.permissions import LABELS, SIGNED_IN, Shut, shut_for
from app.kernel.errors import Refused, Text, gettext_noop

TITLE_LONGEST = 40
EDITOR = "menus.index"


class Way(StrEnum):
    UP = "up"
    DOWN = "down"


STEPS = {Way.UP: -1, Way.DOWN: 1}


@dataclass(frozen=True, slots=True)
class Default:
    """An entry as it is before anybody changes it. A group has no page, and what stands in it."""

    page: str | None
    title_zh: Text
    title_en: str
    icon: str
    key: str = ""
    inside: tuple["Default", ...] = ()


DEFAULTS = (
    # The migrations wrote the same; a room that brings a page adds it here and in a migration of its own.
    Default("live.dashboard", gettext_noop("渠道看板"), "Channel board", "layout-dashboard", "d"),
    Default("tasks.index", gettext_noop("我的任务"), "My tasks", "clipboard-list", "i"),
    Default("withdrawals.index", gettext_noop("提现"), "Withdrawals", "send", "w"),
    Default("withdrawal_sheets.index", gettext_noop("批量提现"), "Bulk withdrawals", "report-money", "s"),
    Default("work.index", gettext_noop("人工待办"), "Work items", "checklist", "o"),
    Default("alerts.index", gettext_noop("告警"), "Alerts", "bell", "h"),
    Default("sending.index", gettext_noop("发送控制"), "Sending", "player-pause", "n"),
    Default("jobs.index", gettext_noop("代付任务"), "Payout jobs", "list-check", "j"),
    Default("exports.index", gettext_noop("下载中心"), "Downloads", "download", "e"),
    Default("withdrawal_rules.index", gettext_noop("提现规则"), "Withdrawal rules", "scale", "x"),
    Default("cards.index", gettext_noop("银行卡"), "Bank cards", "credit-card", "c"),
    Default("card_uploads.index", gettext_noop("批量绑卡"), "Bulk binding", "upload", "b"),
    Default("card_templates.index", gettext_noop("绑定模版"), "Binding templates", "file-spreadsheet", "t"),
    Default("channels.index", gettext_noop("渠道管理"), "Channels", "plug-connected", "p"),
    Default("channel_health.index", gettext_noop("渠道健康"), "Channel health", "heartbeat", "v"),
    Default("channel_templates.index", gettext_noop("渠道模板"), "Channel templates", "template"),
    Default("platforms.index", gettext_noop("第三方平台账号"), "Platform accounts", "key", "f"),
    Default("channel_calls.index", gettext_noop("渠道日志"), "Channel log", "webhook", "q"),
    Default("ledger.index", gettext_noop("资金账本"), "Ledger", "books", "l"),
    Default("collections.index", gettext_noop("充值入账"), "Top-ups", "cash-banknote", "y"),
    Default("statements.index", gettext_noop("渠道流水"), "Statements", "receipt", "z"),
    Default(
        *(None, gettext_noop("系统管理"), "Administration", "settings"),
        inside=(
            Default("operators.index", gettext_noop("用户管理"), "Operators", "users", "u"),
            Default("roles.index", gettext_noop("角色与授权"), "Roles and grants", "shield-lock", "r"),
            Default("menus.index", gettext_noop("菜单管理"), "Menus", "list-tree", "m"),
            Default("cache.index", gettext_noop("缓存管理"), "Cache", "database", "k"),
            Default("audit.index", gettext_noop("审计日志"), "Audit log", "history", "a"),
        ),
    ),
)

FRONT_PAGES = frozenset({"live.dashboard"})

BEHIND = {
    "alert_hooks": "alerts",
    "binding_runs": "card_uploads",
    "channel_admin": "channels",
    "channel_callbacks": "channel_calls",
    "channel_settings": "channels",
    "claims": "channels",
    "handovers": "tasks",
    "platform_removal": "platforms",
    "template_parts": "channel_templates",
    "withdrawal_outcomes": "withdrawals",
    "withdrawal_uploads": "withdrawal_sheets",
}
"""Rooms that one enters through another: its entry is lit while one is there."""
"""Pages that a menu may lead to, beside every room's `index`."""

NEW_ICON, GROUP_ICON = "file-text", "stack-2"
ICONS: dict[str, Text] = {
    "layout-dashboard": gettext_noop("看板"),
    "send": gettext_noop("纸飞机"),
    "player-pause": gettext_noop("暂停"),
    "credit-card": gettext_noop("卡片"),
    "plug-connected": gettext_noop("插头"),
    "books": gettext_noop("账册"),
    "settings": gettext_noop("齿轮"),
    "user": gettext_noop("一个人"),
    "users": gettext_noop("几个人"),
    "users-group": gettext_noop("团队"),
    "id-badge": gettext_noop("工牌"),
    "shield-lock": gettext_noop("盾牌"),
    "lock": gettext_noop("锁"),
    "key": gettext_noop("钥匙"),
    "fingerprint": gettext_noop("指纹图案"),
    "list-tree": gettext_noop("树"),
    "list-check": gettext_noop("核对单"),
    "checklist": gettext_noop("清单"),
    "clipboard-list": gettext_noop("写字板"),
    "database": gettext_noop("数据库"),
    "server": gettext_noop("服务器"),
    "stack-2": gettext_noop("叠层"),
    "history": gettext_noop("回看"),
    "clock": gettext_noop("钟"),
    "calendar": gettext_noop("日历"),
    "building-bank": gettext_noop("银行大楼"),
    "building-store": gettext_noop("店铺"),
    "coin-yuan": gettext_noop("人民币"),
    "coins": gettext_noop("硬币"),
    "cash-banknote": gettext_noop("钞票"),
    "wallet": gettext_noop("钱包"),
    "receipt": gettext_noop("小票"),
    "report-money": gettext_noop("资金报表"),
    "calculator": gettext_noop("计算器"),
    "scale": gettext_noop("天平"),
    "transfer": gettext_noop("转移"),
    "arrows-exchange": gettext_noop("往来"),
    "refresh": gettext_noop("循环"),
    "route": gettext_noop("路线"),
    "webhook": gettext_noop("回调"),
    "link": gettext_noop("链环"),
    "file-text": gettext_noop("文档"),
    "file-spreadsheet": gettext_noop("表格"),
    "template": gettext_noop("模板"),
    "printer": gettext_noop("打印机"),
    "upload": gettext_noop("上传"),
    "download": gettext_noop("下载"),
    "inbox": gettext_noop("收件箱"),
    "message": gettext_noop("气泡"),
    "bell": gettext_noop("铃"),
    "flag": gettext_noop("旗"),
    "bolt": gettext_noop("闪电"),
    "activity": gettext_noop("脉搏"),
    "heartbeat": gettext_noop("心跳"),
    "chart-bar": gettext_noop("柱状图"),
    "alert-triangle": gettext_noop("警示"),
    "search": gettext_noop("放大镜"),
}
"""Drawings of the vendored sprite that say something in a menu, each in a word."""


class Unseen(StrEnum):
    """Why an entry is not in somebody's menu."""

    HIDDEN = "hidden"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    PARTIAL = "partial"
    EMPTY = "empty"


WHY: dict[Unseen, Text] = {
    Unseen.HIDDEN: gettext_noop("设为不显示"),
    Unseen.GONE: gettext_noop("没有这个页面"),
    Unseen.FORBIDDEN: gettext_noop("没有所需权限"),
    Unseen.PARTIAL: gettext_noop("只限部分渠道"),
    Unseen.EMPTY: gettext_noop("里面没有可见的页面"),
}
ANYBODY = gettext_noop("登录即可")


class Reader(Protocol):
    """An `identity.Actor`, or the `Rights` of a role."""

    @property
    def permissions(self) -> frozenset[str]: ...
    @property
    def channels(self) -> frozenset[str] | None: ...


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a menu can lead to, with what its view declares."""

    endpoint: str
    url: str
    permission: str
    whole: bool = False

    @property
    def label(self) -> Text:
        """The permission in words."""
        return ANYBODY if self.permission == SIGNED_IN else _IN_WORDS[self.permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the menu as it is kept."""

    id: int
    parent_id: int | None
    page: str | None
    title_zh: str
    title_en: str
    icon: str
    key: str
    visible: bool

    @property
    def is_group(self) -> bool:
        return self.page is None

    def title(self, language: str) -> str:
        return {"zh": self.title_zh, "en": self.title_en}[language]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the menu as somebody sees it, under the heading of its group."""

    title: str
    url: str
    icon: str
    key: str
    group: str | None
    current: bool


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Each group followed by what stands in it; the entries come in the order of their places."""
    known = list(entries)
    return [
        entry
        for top in known
        if top.parent_id is None
        for entry in (top, *(one for one in known if one.parent_id == top.id))
    ]


def unseen_by(reader: Reader, entries: Sequence[Entry], pages: Mapping[str, Page]) -> dict[int, Unseen | None]:
    """For every entry, why this reader does not see it; None: they do. What is in a hidden group is hidden with it."""
    groups = {entry.id: entry for entry in entries if entry.is_group}
    found: dict[int, Unseen | None] = {}
    for entry in entries:
        if entry.page is not None:
            above = groups.get(entry.parent_id or 0)
            found[entry.id] = _why_not(reader, pages.get(entry.page), entry.visible and (not above or above.visible))
    for group in groups.values():
        inside = [entry.id for entry in entries if entry.parent_id == group.id]
        shown = any(found[entry_id] is None for entry_id in inside)
        found[group.id] = Unseen.HIDDEN if not group.visible else None if shown else Unseen.EMPTY
    return found


def menu(
    reader: Reader, entries: Sequence[Entry], pages: Mapping[str, Page], *, language: str, here: str | None = None
) -> list[Line]:
    """What this reader sees, in their language; `here` is the room they are in, or behind which they are."""
    lit = BEHIND.get(here, here) if here else None
    unseen = unseen_by(reader, entries, pages)
    titles = {entry.id: entry.title(language) for entry in entries}
    return [
        Line(
            title=titles[entry.id],
            url=pages[entry.page].url,
            icon=entry.icon,
            key=entry.key,
            group=titles[entry.parent_id] if entry.parent_id else None,
            current=entry.page.rpartition(".")[0] == lit,
        )
        for entry in in_order(entries)
        if entry.page is not None and unseen[entry.id] is None
    ]


def is_front(endpoint: str) -> bool:
    """Does a menu lead there? To a room, not to what one does in it."""
    return endpoint.endswith(".index") or endpoint in FRONT_PAGES


def require_title(text: str) -> str:
    title = " ".join(text.split())
    if not 0 < len(title) <= TITLE_LONGEST:
        raise Refused("菜单名称须为 1 到 40 个字")
    return title


def require_icon(name: str) -> str:
    if name not in ICONS:
        raise Refused("没有这个图标，请从列表中选择")
    return name


def require_way_back(entries: Sequence[Entry]) -> None:
    """Whoever edits menus finds the way here again."""
    shown = {entry.id: entry.visible for entry in entries}
    for entry in entries:
        if entry.page == EDITOR and not (entry.visible and shown.get(entry.parent_id or 0, True)):
            raise Refused(
                "“菜单管理”不能隐藏，否则没有人找得到回来的路",
                advice="不让某个角色看到，请收回其“管理菜单”权限。",
            )


def _why_not(reader: Reader, page: Page | None, visible: bool) -> Unseen | None:
    if page is None:
        return Unseen.GONE
    if not visible:
        return Unseen.HIDDEN
    shut = shut_for(page, reader.permissions, reader.channels)
    return None if shut is None else _SHUT[shut]


_SHUT = {Shut.FORBIDDEN: Unseen.FORBIDDEN, Shut.PARTIAL: Unseen.PARTIAL}
_IN_WORDS: dict[str, Text] = {permission: label for group in LABELS.values() for permission, label in group.items()}

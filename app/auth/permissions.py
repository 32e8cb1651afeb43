"""Every permission there is, who has it, and the only ways a route can declare itself.

Deny by default: a route without one of `needs`, `signed_in` or `public` stops the application from starting.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TypeVar

from app.kernel.errors import Text, gettext_noop

View = TypeVar("View", bound=Callable[..., object])


class Permission(StrEnum):
    """`<thing>:<verb>`; the verb is the one of the route, the command and the audit record."""

    DASHBOARD_READ = "dashboard:read"
    CHANNEL_READ = "channel:read"
    CHANNEL_EDIT = "channel:edit"
    CHANNEL_CONFIGURE = "channel:configure"
    CHANNEL_ACTIVATE = "channel:activate"
    CHANNEL_TEMPLATE = "channel:template"
    CHANNEL_REFRESH = "channel:refresh"
    CLAIM_TAKE = "claim:take"
    CLAIM_FORCE_RELEASE = "claim:force-release"
    PLATFORM_READ = "platform:read"
    PLATFORM_MANAGE = "platform:manage"
    PLATFORM_REVEAL = "platform:reveal"
    CARD_READ = "card:read"
    CARD_BIND = "card:bind"
    CARD_REVEAL = "card:reveal"
    CARD_UNBIND = "card:unbind"
    CARD_TEMPLATE = "card:template"
    WITHDRAWAL_READ = "withdrawal:read"
    WITHDRAWAL_CREATE = "withdrawal:create"
    WITHDRAWAL_APPROVE = "withdrawal:approve"
    WITHDRAWAL_CANCEL = "withdrawal:cancel"
    WITHDRAWAL_DECLARE = "withdrawal:declare"
    WORK_TAKE = "work:take"
    SENDING_STOP = "sending:stop"
    WITHDRAWAL_RULES = "withdrawal:rules"
    WITHDRAWAL_EXPORT = "withdrawal:export"
    ALERT_READ = "alert:read"
    ALERT_ACKNOWLEDGE = "alert:acknowledge"
    ALERT_CLOSE = "alert:close"
    ALERT_HOOKS = "alert:hooks"
    LEDGER_READ = "ledger:read"
    COLLECTION_ENTER = "collection:enter"
    COLLECTION_APPROVE = "collection:approve"
    OPERATOR_READ = "operator:read"
    OPERATOR_EDIT = "operator:edit"
    ROLE_READ = "role:read"
    ROLE_EDIT = "role:edit"
    MENU_EDIT = "menu:edit"
    CACHE_READ = "cache:read"
    CACHE_CLEAR = "cache:clear"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    JOB_READ = "job:read"
    JOB_RETRY = "job:retry"
    SYSTEM_READ = "system:read"


class Role(StrEnum):
    """The built-in roles, by their codes. A house may add roles of its own."""

    ADMINISTRATOR = "administrator"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    FINANCE = "finance"


_P = Permission
_LOOKS = {_P.DASHBOARD_READ, _P.CHANNEL_READ, _P.CARD_READ, _P.WITHDRAWAL_READ}
_WORKS = (
    _LOOKS
    | {_P.CHANNEL_REFRESH, _P.CLAIM_TAKE, _P.CARD_BIND, _P.CARD_UNBIND}
    | {_P.WITHDRAWAL_CREATE, _P.WITHDRAWAL_CANCEL, _P.WORK_TAKE}
    | {_P.PLATFORM_READ, _P.PLATFORM_REVEAL}
)
_SEES_TO_IT = {_P.ALERT_READ, _P.ALERT_ACKNOWLEDGE, _P.ALERT_CLOSE}
_DECIDES = {
    *(_P.WITHDRAWAL_APPROVE, _P.WITHDRAWAL_DECLARE, _P.SENDING_STOP, _P.WITHDRAWAL_RULES),
    *(_P.COLLECTION_ENTER, _P.COLLECTION_APPROVE),
}

GRANTS: dict[Role, frozenset[Permission]] = {
    # What a new house begins with; from then on the database knows (a migration writes it there).
    Role.OPERATOR: frozenset(_WORKS | {_P.LEDGER_READ, _P.WITHDRAWAL_EXPORT, _P.JOB_READ, _P.ALERT_READ}),
    Role.SUPERVISOR: frozenset(
        _WORKS
        | _DECIDES
        | _SEES_TO_IT
        | {_P.LEDGER_READ, _P.CLAIM_FORCE_RELEASE, _P.CARD_REVEAL, _P.CARD_TEMPLATE, _P.PLATFORM_MANAGE}
        | {_P.WITHDRAWAL_EXPORT, _P.JOB_READ, _P.JOB_RETRY}
    ),
    Role.FINANCE: frozenset(
        _LOOKS | _DECIDES | _SEES_TO_IT | {_P.LEDGER_READ, _P.WORK_TAKE, _P.CHANNEL_REFRESH, _P.WITHDRAWAL_EXPORT}
    ),
    # People, roles, menus, channels' settings; no money: neither making nor approving it.
    Role.ADMINISTRATOR: frozenset(
        {_P.DASHBOARD_READ, _P.CHANNEL_READ, _P.CHANNEL_EDIT, _P.SYSTEM_READ, _P.PLATFORM_READ}
        | {_P.CHANNEL_TEMPLATE, _P.CHANNEL_CONFIGURE, _P.CHANNEL_ACTIVATE}
        | {_P.OPERATOR_READ, _P.OPERATOR_EDIT, _P.ROLE_READ, _P.ROLE_EDIT, _P.MENU_EDIT}
        | {_P.CACHE_READ, _P.CACHE_CLEAR, _P.AUDIT_READ, _P.AUDIT_EXPORT}
        | {_P.JOB_READ, _P.JOB_RETRY, _P.ALERT_HOOKS}
        | _SEES_TO_IT
    ),
}

MONEY = frozenset(
    {_P.CLAIM_TAKE, _P.CLAIM_FORCE_RELEASE, _P.CARD_BIND, _P.CARD_REVEAL, _P.CARD_UNBIND, _P.CARD_TEMPLATE}
    | {_P.PLATFORM_MANAGE, _P.PLATFORM_REVEAL}
    | {_P.WITHDRAWAL_CREATE, _P.WITHDRAWAL_CANCEL, _P.WORK_TAKE}
    | _DECIDES
)
PEOPLE = frozenset({_P.OPERATOR_EDIT, _P.ROLE_EDIT})
"""Nobody has both: who decides who may do what does not move money."""

LABELS: dict[Text, dict[Permission, Text]] = {
    gettext_noop("渠道"): {
        _P.DASHBOARD_READ: gettext_noop("看渠道看板"),
        _P.CHANNEL_READ: gettext_noop("看渠道账号与调用"),
        _P.CHANNEL_REFRESH: gettext_noop("向渠道刷新数据"),
        _P.CHANNEL_EDIT: gettext_noop("管理渠道与渠道账号"),
        _P.CHANNEL_CONFIGURE: gettext_noop("起草并试用渠道参数"),
        _P.CHANNEL_ACTIVATE: gettext_noop("启用渠道参数"),
        _P.CHANNEL_TEMPLATE: gettext_noop("设计渠道模板"),
        _P.CLAIM_TAKE: gettext_noop("领取渠道账号"),
        _P.CLAIM_FORCE_RELEASE: gettext_noop("强制释放他人的领取"),
        _P.PLATFORM_READ: gettext_noop("看第三方平台账号"),
        _P.PLATFORM_MANAGE: gettext_noop("管理第三方平台账号"),
        _P.PLATFORM_REVEAL: gettext_noop("查看第三方平台账号的密码"),
    },
    gettext_noop("银行卡"): {
        _P.CARD_READ: gettext_noop("看银行卡"),
        _P.CARD_BIND: gettext_noop("绑定银行卡"),
        _P.CARD_REVEAL: gettext_noop("查看完整卡号"),
        _P.CARD_UNBIND: gettext_noop("删除已绑定的卡"),
        _P.CARD_TEMPLATE: gettext_noop("设计绑定模版"),
    },
    gettext_noop("提现"): {
        _P.WITHDRAWAL_READ: gettext_noop("看提现"),
        _P.WITHDRAWAL_CREATE: gettext_noop("创建提现"),
        _P.WITHDRAWAL_CANCEL: gettext_noop("撤销自己的提现"),
        _P.WITHDRAWAL_APPROVE: gettext_noop("审批他人的提现"),
        _P.WITHDRAWAL_DECLARE: gettext_noop("人工认定提现的结果"),
        _P.WORK_TAKE: gettext_noop("办理人工待办"),
        _P.SENDING_STOP: gettext_noop("停发与恢复发送"),
        _P.WITHDRAWAL_RULES: gettext_noop("改提现规则与名单"),
        _P.WITHDRAWAL_EXPORT: gettext_noop("导出提现"),
    },
    gettext_noop("告警"): {
        _P.ALERT_READ: gettext_noop("看告警"),
        _P.ALERT_ACKNOWLEDGE: gettext_noop("确认已知悉告警"),
        _P.ALERT_CLOSE: gettext_noop("结束告警"),
        _P.ALERT_HOOKS: gettext_noop("管理告警推送"),
    },
    gettext_noop("资金"): {
        _P.LEDGER_READ: gettext_noop("看资金账本"),
        _P.COLLECTION_ENTER: gettext_noop("记入期初与充值到账"),
        _P.COLLECTION_APPROVE: gettext_noop("审批他人记的入账"),
    },
    gettext_noop("人员与系统"): {
        _P.OPERATOR_READ: gettext_noop("看用户"),
        _P.OPERATOR_EDIT: gettext_noop("管理用户"),
        _P.ROLE_READ: gettext_noop("看角色与授权"),
        _P.ROLE_EDIT: gettext_noop("管理角色与授权"),
        _P.MENU_EDIT: gettext_noop("管理菜单"),
        _P.CACHE_READ: gettext_noop("看缓存"),
        _P.CACHE_CLEAR: gettext_noop("清除缓存"),
        _P.AUDIT_READ: gettext_noop("看审计日志"),
        _P.AUDIT_EXPORT: gettext_noop("导出审计日志"),
        _P.JOB_READ: gettext_noop("看代付任务"),
        _P.JOB_RETRY: gettext_noop("立即重试代付任务"),
        _P.SYSTEM_READ: gettext_noop("看系统状况"),
    },
}
"""Every permission in words, in the groups of the matrix."""


def label(permission: Permission) -> Text:
    """A permission in words."""
    return next(group[permission] for group in LABELS.values() if permission in group)


SIGNED_IN = "signed in"
PUBLIC = "public"


def needs(permission: Permission, *, proof: bool = False, whole: bool = False) -> Callable[[View], View]:
    """Only for those who have this permission. The guard itself is one `before_request` of the house (auth.views).

    `proof`: and only shortly after they proved who they are; the guard asks for the password or the code in between.
    `whole`: and only for those who see all channels; the page does not know what belongs to which.
    """

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        view.proof = proof  # type: ignore[attr-defined]
        view.whole = whole  # type: ignore[attr-defined]
        return view

    return declare


class Shut(StrEnum):
    """Why a door does not open."""

    FORBIDDEN = "forbidden"
    PARTIAL = "partial"


def shut_for(view: object, permissions: Collection[str], channels: Collection[str] | None) -> Shut | None:
    """Why whoever has these permissions and channels does not get in; None: they do. The guard asks, and so does the menu."""
    declared = getattr(view, "permission", None)
    if declared not in (PUBLIC, SIGNED_IN) and declared not in permissions:
        return Shut.FORBIDDEN
    return Shut.PARTIAL if getattr(view, "whole", False) and channels is not None else None


def signed_in(view: View) -> View:
    """For everybody who is signed in, whatever their role."""
    view.permission = SIGNED_IN  # type: ignore[attr-defined]
    return view


def proved(view: View) -> View:
    """Beside `signed_in`: and only shortly after they proved who they are. `needs` has a word of its own for it."""
    view.proof = True  # type: ignore[attr-defined]
    return view


def attached(page: str) -> Callable[[View], View]:
    """Beside a proof: the answer is a file, which leaves the browser where it is. Who had to prove who they are is led to
    this page (an endpoint, with the arguments of the view that it wants), where the file's link stands."""

    def declare(view: View) -> View:
        view.page_of_file = page  # type: ignore[attr-defined]
        return view

    return declare


def public(view: View) -> View:
    """For everybody: the sign-in page, health, static files, callbacks (which prove themselves by signature)."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def csrf_exempt(view: View) -> View:
    """Called by machines that prove themselves by signature, not by a page of ours. Never together with a session."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def longest_body(count: int) -> Callable[[View], View]:
    """This door takes bodies of so many bytes (SECURITY 33); every other takes what the house takes, a megabyte."""

    def declare(view: View) -> View:
        view.longest_body = count  # type: ignore[attr-defined]
        return view

    return declare


def passive(view: View) -> View:
    """Asked by the page itself (stream, heartbeat, polling): whoever only leaves it open is not active."""
    view.passive = True  # type: ignore[attr-defined]
    return view

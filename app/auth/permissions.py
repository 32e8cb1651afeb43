"""Every permission there is, who has it, and the only ways a route can declare itself.

Deny by default: a route without one of `needs`, `signed_in` or `public` stops the application from starting.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from app.kernel.errors import gettext_noop

View = TypeVar("View", bound=Callable[..., object])


class Permission(StrEnum):
    """`<thing>:<verb>`; the verb is the one of the route, the command and the audit record."""

    DASHBOARD_READ = "dashboard:read"
    CHANNEL_READ = "channel:read"
    CHANNEL_EDIT = "channel:edit"
    CHANNEL_REFRESH = "channel:refresh"
    CLAIM_TAKE = "claim:take"
    CLAIM_FORCE_RELEASE = "claim:force-release"
    CARD_READ = "card:read"
    CARD_BIND = "card:bind"
    CARD_REVEAL = "card:reveal"
    WITHDRAWAL_READ = "withdrawal:read"
    WITHDRAWAL_CREATE = "withdrawal:create"
    WITHDRAWAL_APPROVE = "withdrawal:approve"
    WITHDRAWAL_CANCEL = "withdrawal:cancel"
    LEDGER_READ = "ledger:read"
    OPERATOR_READ = "operator:read"
    OPERATOR_EDIT = "operator:edit"
    ROLE_READ = "role:read"
    ROLE_EDIT = "role:edit"
    MENU_EDIT = "menu:edit"
    CACHE_READ = "cache:read"
    CACHE_CLEAR = "cache:clear"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    SYSTEM_READ = "system:read"


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    FINANCE = "finance"


ROLE_LABELS = {
    Role.ADMINISTRATOR: gettext_noop("管理员"),
    Role.SUPERVISOR: gettext_noop("主管"),
    Role.OPERATOR: gettext_noop("操作员"),
    Role.FINANCE: gettext_noop("财务"),
}

_P = Permission
_LOOKS = {_P.DASHBOARD_READ, _P.CHANNEL_READ, _P.CARD_READ, _P.WITHDRAWAL_READ}
_WORKS = _LOOKS | {_P.CHANNEL_REFRESH, _P.CLAIM_TAKE, _P.CARD_BIND, _P.WITHDRAWAL_CREATE, _P.WITHDRAWAL_CANCEL}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OPERATOR: frozenset(_WORKS | {_P.LEDGER_READ}),
    Role.SUPERVISOR: frozenset(
        _WORKS | {_P.LEDGER_READ, _P.WITHDRAWAL_APPROVE, _P.CLAIM_FORCE_RELEASE, _P.CARD_REVEAL}
    ),
    Role.FINANCE: frozenset(_LOOKS | {_P.LEDGER_READ, _P.WITHDRAWAL_APPROVE, _P.CHANNEL_REFRESH}),
    # People, roles, menus, channels' settings; no money: neither making nor approving it.
    Role.ADMINISTRATOR: frozenset(
        {_P.DASHBOARD_READ, _P.CHANNEL_READ, _P.CHANNEL_EDIT, _P.SYSTEM_READ}
        | {_P.OPERATOR_READ, _P.OPERATOR_EDIT, _P.ROLE_READ, _P.ROLE_EDIT, _P.MENU_EDIT}
        | {_P.CACHE_READ, _P.CACHE_CLEAR, _P.AUDIT_READ, _P.AUDIT_EXPORT}
    ),
}

SIGNED_IN = "signed in"
PUBLIC = "public"


def needs(permission: Permission) -> Callable[[View], View]:
    """Only for those who have this permission. The guard itself is one `before_request` of the house (auth.views)."""

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return declare


def signed_in(view: View) -> View:
    """For everybody who is signed in, whatever their role."""
    view.permission = SIGNED_IN  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """For everybody: the sign-in page, health, static files, callbacks (which prove themselves by signature)."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def csrf_exempt(view: View) -> View:
    """Called by machines that prove themselves by signature, not by a page of ours. Never together with a session."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def passive(view: View) -> View:
    """Asked by the page itself (stream, heartbeat, polling): whoever only leaves it open is not active."""
    view.passive = True  # type: ignore[attr-defined]
    return view

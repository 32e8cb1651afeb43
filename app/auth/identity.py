"""The person acting, as a plain value: safe to carry through transactions, never a row."""

from dataclasses import dataclass

from flask import g, has_request_context, session
from flask_babel import gettext

from app.auth.permissions import GRANTS, ROLE_LABELS, Permission, Role
from app.auth.rules import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who is at the screen, in which session. Commands take it as an argument; nothing below a view asks for it."""

    operator_id: int
    username: str
    display_name: str
    role: Role
    session_id: int
    language: str = "zh"

    # Flask-Login's four questions.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return str(self.session_id)

    def can(self, permission: Permission) -> bool:
        return permission in GRANTS[self.role]

    @property
    def role_label(self) -> str:
        """In the reader's language."""
        return str(gettext(ROLE_LABELS[self.role]))


def me() -> Actor:
    """The person at the screen. For views; behind the guard there always is one, unless the view is `@public`."""
    found = me_or_nobody()
    assert found is not None, "a public page asked who is signed in"
    return found


def me_or_nobody() -> Actor | None:
    """As the guard found it at the beginning of this request."""
    return g.get("me") if has_request_context() else None


def language() -> str:
    """`zh` or `en`: what this person chose, on the sign-in page what this browser chose. For the locale selector."""
    if not has_request_context():
        return LANGUAGES[0]
    person = me_or_nobody()
    chosen = person.language if person else session.get("language")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]

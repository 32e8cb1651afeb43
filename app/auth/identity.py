"""The person acting, as a plain value: safe to carry through transactions, never a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import g, has_request_context, session

from app.auth.permissions import Permission
from app.auth.rules import LANGUAGES, PROOF_S
from app.kernel import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who is at the screen, in which session. Commands take it as an argument; nothing below a view asks for it."""

    operator_id: int
    username: str
    display_name: str
    role: str
    session_id: int
    language: str = "zh"
    role_titles: tuple[str, str] = ("", "")
    permissions: frozenset[str] = frozenset()
    channels: frozenset[str] | None = None
    """The codes of the channels this person is limited to; None: all."""
    verified_at: datetime | None = None
    must_renew: bool = False

    # Flask-Login's four questions.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return str(self.session_id)

    def can(self, permission: Permission) -> bool:
        return permission in self.permissions

    def reaches(self, channel: str) -> bool:
        """Is the channel with this code among theirs?"""
        return self.channels is None or channel in self.channels

    def is_proved(self) -> bool:
        """Did they prove who they are a short while ago?"""
        return self.verified_at is not None and clock.now() - self.verified_at < timedelta(seconds=PROOF_S)

    @property
    def role_label(self) -> str:
        """In their own language."""
        return self.role_titles[LANGUAGES.index(self.language)]


def me() -> Actor:
    """The person at the screen. For views; behind the guard there always is one, unless the view is `@public`."""
    found = me_or_nobody()
    assert found is not None, "a public page asked who is signed in"
    return found


def me_or_nobody() -> Actor | None:
    """As the guard found it at the beginning of this request."""
    return g.get("me") if has_request_context() else None


_acting_for: ContextVar[Actor | None] = ContextVar("acting for", default=None)


@contextmanager
def acting_for(actor: Actor) -> Iterator[None]:
    """A worker does what this person has ordered: it reaches no further than they do."""
    token = _acting_for.set(actor)
    try:
        yield
    finally:
        _acting_for.reset(token)


def channels() -> frozenset[str] | None:
    """The codes of the channels that whoever is at the screen, or has ordered what is done here, is limited to; None: all,
    and for the machine itself."""
    person = me_or_nobody() or _acting_for.get()
    return person.channels if person else None


def language() -> str:
    """`zh` or `en`: what this person chose, on the sign-in page what this browser chose. For the locale selector."""
    if not has_request_context():
        return LANGUAGES[0]
    person = me_or_nobody()
    chosen = person.language if person else session.get("language")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]

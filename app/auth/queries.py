"""Reading people, sessions and links. Nothing here writes."""

from datetime import datetime

from sqlalchemy import select

from app.auth import rules
from app.auth.models import ActivationLink, Operator, OperatorSession
from app.auth.permissions import Role
from app.kernel import clock
from app.runtime.db import db


def operator_named(username: str) -> Operator | None:
    return db.session.scalar(select(Operator).where(Operator.username == username))


def held(operator_id: int) -> Operator:
    """This person, read again under a lock: what two requests want to change at once, they change one after the other."""
    found = db.session.execute(select(Operator).where(Operator.id == operator_id).with_for_update()).scalar_one()
    assert isinstance(found, Operator)
    return found


def session_of(token_sha256: str) -> tuple[OperatorSession, Operator] | None:
    """The session that this token opened, live or over, and whose it is."""
    row = db.session.execute(
        select(OperatorSession, Operator)
        .join(Operator, Operator.id == OperatorSession.operator_id)
        .where(OperatorSession.token_sha256 == token_sha256)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def has_administrator() -> bool:
    usable = (Operator.role == Role.ADMINISTRATOR, Operator.disabled_at.is_(None), Operator.password_hash.is_not(None))
    return db.session.scalar(select(Operator.id).where(*usable).limit(1)) is not None


def open_link(token_sha256: str, now: datetime) -> ActivationLink | None:
    return db.session.scalar(
        select(ActivationLink).where(
            ActivationLink.token_sha256 == token_sha256,
            ActivationLink.used_at.is_(None),
            ActivationLink.expires_at > now,
        )
    )


def is_over(session_id: int) -> bool:
    """Has this session ended, or would the next request find that it has?"""
    found = db.session.execute(
        select(OperatorSession, Operator.disabled_at)
        .join(Operator, Operator.id == OperatorSession.operator_id)
        .where(OperatorSession.id == session_id)
    ).one_or_none()
    if found is None or found[0].ended_at is not None:
        return True
    session, disabled_at = found
    return bool(
        rules.why_over(
            created_at=session.created_at,
            last_active_at=session.last_active_at,
            disabled=disabled_at is not None,
            now=clock.now(),
        )
    )

"""Reading people, sessions and links. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, literal, or_, select, union_all

from app.auth import rules
from app.auth.models import (
    ActivationLink,
    Operator,
    OperatorChannel,
    OperatorSession,
    RoleChannel,
    RoleGrant,
    RoleRecord,
)
from app.auth.permissions import Permission, Role
from app.kernel import clock
from app.runtime.db import db


def operator_named(username: str) -> Operator | None:
    return db.session.scalar(select(Operator).where(Operator.username == username))


def operator(operator_id: int) -> Operator:
    return db.session.get_one(Operator, operator_id)


def role(code: str) -> RoleRecord | None:
    return db.session.get(RoleRecord, code)


def roles() -> Sequence[RoleRecord]:
    """All roles, in their order."""
    return db.session.scalars(select(RoleRecord).order_by(RoleRecord.position, RoleRecord.code)).all()


def channels_of(operator_id: int) -> set[str]:
    """The codes of the channels this person is limited to; empty: not limited."""
    return set(db.session.scalars(select(OperatorChannel.channel).where(OperatorChannel.operator_id == operator_id)))


def channels_of_role(code: str) -> set[str]:
    return set(db.session.scalars(select(RoleChannel.channel).where(RoleChannel.role == code)))


def held(operator_id: int) -> Operator:
    """This person, read again under a lock: what two requests want to change at once, they change one after the other."""
    statement = select(Operator).where(Operator.id == operator_id).with_for_update()
    found = db.session.execute(statement, execution_options={"populate_existing": True}).scalar_one()
    assert isinstance(found, Operator)
    return found


@dataclass(frozen=True, slots=True)
class Rights:
    """What a person may do, and where."""

    titles: tuple[str, str]
    permissions: frozenset[str]
    channels: frozenset[str] | None


def rights_of(operator_id: int, role: str) -> Rights:
    """Read anew for every request: what is granted or taken away acts at once."""
    rows = db.session.execute(
        union_all(
            select(literal("title"), RoleRecord.title_zh, RoleRecord.title_en).where(RoleRecord.code == role),
            select(literal("may"), RoleGrant.permission, literal("")).where(RoleGrant.role == role),
            select(literal("role"), RoleChannel.channel, literal("")).where(RoleChannel.role == role),
            select(literal("own"), OperatorChannel.channel, literal("")).where(
                OperatorChannel.operator_id == operator_id
            ),
        )
    ).all()
    titles = next(((str(zh), str(en)) for kind, zh, en in rows if kind == "title"), (role, role))
    limits = [{str(word) for kind, word, _ in rows if kind == limit} for limit in ("role", "own")]
    limited = [limit for limit in limits if limit]
    return Rights(
        titles=titles,
        permissions=frozenset(str(word) for kind, word, _ in rows if kind == "may"),
        channels=frozenset(set.intersection(*limited)) if limited else None,
    )


def session_of(token_sha256: str, *, now: datetime) -> tuple[OperatorSession, Operator] | None:
    """The session that this token opens, live or over, and whose it is. The token before counts a moment longer."""
    s = OperatorSession
    former = and_(s.former_sha256 == token_sha256, s.renewed_at > now - timedelta(seconds=rules.GRACE_S))
    row = db.session.execute(
        select(s, Operator)
        .join(Operator, Operator.id == s.operator_id)
        .where(or_(s.token_sha256 == token_sha256, former))
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def session_after(session: OperatorSession) -> OperatorSession | None:
    """The same person's next session: the one that displaced it."""
    later = (OperatorSession.operator_id == session.operator_id, OperatorSession.id > session.id)
    return db.session.scalar(select(OperatorSession).where(*later).order_by(OperatorSession.id).limit(1))


def administrators(*, but: int = 0) -> list[int]:
    """Those who can let others in: enabled, with a password, and with a role that manages people."""
    usable = (Operator.disabled_at.is_(None), Operator.password_hash.is_not(None), Operator.id != but)
    managers = select(RoleGrant.role).where(RoleGrant.permission == Permission.OPERATOR_EDIT)
    return list(db.session.scalars(select(Operator.id).where(*usable, Operator.role.in_(managers))))


def hold_roles() -> None:
    """Whoever changes people or roles waits here for whoever else does: the last administrator is counted by one at a time."""
    db.session.execute(select(RoleRecord.code).where(RoleRecord.code == Role.ADMINISTRATOR).with_for_update())


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
        select(OperatorSession, Operator.disabled_at, Operator.time_out_s)
        .join(Operator, Operator.id == OperatorSession.operator_id)
        .where(OperatorSession.id == session_id)
    ).one_or_none()
    if found is None or found[0].ended_at is not None:
        return True
    session, disabled_at, time_out_s = found
    return bool(
        rules.why_over(
            created_at=session.created_at,
            last_active_at=session.last_active_at,
            disabled=disabled_at is not None,
            now=clock.now(),
            time_out_s=time_out_s,
        )
    )

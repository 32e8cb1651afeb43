"""Everything that can be done to people and their sessions. Each command is one transaction."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.auth import audit, queries, rules, signals
from app.auth.identity import Actor
from app.auth.models import ActivationLink, Operator, OperatorSession
from app.auth.permissions import Role
from app.auth.rules import Ended
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime import vault
from app.runtime.db import db, in_transaction, let_go, transaction
from app.runtime.live_events import announce

_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TWO_AT_A_TIME = threading.BoundedSemaphore(2)  # 19 MiB each: a crowd at the door must not exhaust the machine
_PATIENCE_S = 20
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_WRONG = "用户名或密码不正确"
_DEAD_LINK = "这个链接已失效：它只能使用一次，并在 15 分钟后过期"


@dataclass(frozen=True, slots=True)
class LastWords:
    """Why a session that is over is over, for the person who comes back with its cookie."""

    reason: Ended
    at: datetime


def sign_in(username: str, password: str, *, address: str, user_agent: str) -> tuple[str, Actor]:
    """Open the one live session of this person; every other of theirs ends. The token is told once and stored nowhere.

    Refused in the same words, after the same work, for a wrong password, an unknown name and a disabled person.
    """
    name = rules.tidy_username(username)
    known = queries.operator_named(name) if name else None
    who = known.id if known else 0
    stored = known.password_hash if known and not known.disabled_at else None
    let_go()
    if not _matches(stored, password):
        _write_refusal(name if who else None, username)
        raise Refused(_WRONG)
    token = secrets.token_urlsafe(32)
    with transaction():
        operator = queries.held(who)
        if operator.disabled_at or operator.password_hash != stored:
            raise Refused(_WRONG)
        displaced = _end_sessions(operator.id, Ended.DISPLACED)
        now = clock.now()
        session = OperatorSession(
            operator_id=operator.id,
            token_sha256=_fingerprint(token),
            created_at=now,
            last_active_at=now,
            address=address[:45],
            user_agent=user_agent[:200],
        )
        db.session.add(session)
        db.session.flush()
        actor = _actor(operator, session)
        signals.session_started.send(None, operator_id=operator.id, session_id=session.id)
        audit.record(actor, "session.sign_in", operator.username, after={"session": session.id, "displaced": displaced})
    return token, actor


def sign_out(actor: Actor) -> None:
    with transaction():
        if _end_session(actor.operator_id, actor.session_id, Ended.SIGNED_OUT):
            audit.record(actor, "session.sign_out", actor.username)


def who(token: str, *, active: bool) -> Actor | None:
    """The person whose live session this is. A session found idle or too old ends here, for good.

    `active`: a person did something, so the idle limit starts again.
    """
    found = queries.session_of(_fingerprint(token))
    if found is None or found[0].ended_at is not None:
        return None
    session, operator = found
    now = clock.now()
    over = rules.why_over(
        created_at=session.created_at,
        last_active_at=session.last_active_at,
        disabled=operator.disabled_at is not None,
        now=now,
    )
    actor = _actor(operator, session)
    if over is not None:
        _expire(actor, over)
        return None
    if active and now - session.last_active_at >= timedelta(seconds=rules.TOUCH_EVERY_S):
        touch(actor.session_id)
    return actor


def touch(session_id: int) -> None:
    """The person at this session did something just now."""
    with transaction():
        live = (OperatorSession.id == session_id, OperatorSession.ended_at.is_(None))
        db.session.execute(update(OperatorSession).where(*live).values(last_active_at=clock.now()))


def last_words(token: str) -> LastWords | None:
    """For a session that is over: why and when."""
    found = queries.session_of(_fingerprint(token))
    if found is None or found[0].ended_at is None:
        return None
    return LastWords(Ended(str(found[0].ended_reason)), found[0].ended_at)


def set_language(actor: Actor, language: str) -> None:
    assert language in rules.LANGUAGES, f"{language!r} is not spoken here"
    with transaction():
        db.session.execute(update(Operator).where(Operator.id == actor.operator_id).values(language=language))


def create_operator(
    *, username: str, display_name: str, role: Role, password: str | None = None, actor: Actor | str
) -> int:
    """A new person's id. Without a password they exist, but cannot sign in."""
    with _a_free_name(username):
        name, password_hash = _prepare(username, password)
        with transaction():
            operator = _add_operator(name, display_name, role, password_hash)
            audit.record(actor, "operator.create", name, after={"role": str(role), "display_name": display_name})
            return operator.id


def new_password() -> str:
    """A random one that a person can type: 79 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))


def first_administrator_link() -> str:
    """The token of `/activate/<token>`: once, within 15 minutes, for a house without an administrator.

    Asking again voids the link before.
    """
    token = secrets.token_urlsafe(32)
    with transaction():
        if queries.has_administrator():
            raise Refused("已经有管理员了，不能再生成首个管理员的激活链接")
        now = clock.now()
        still_open = (ActivationLink.role == Role.ADMINISTRATOR, ActivationLink.used_at.is_(None))
        db.session.execute(update(ActivationLink).where(*still_open).values(used_at=now))
        db.session.add(
            ActivationLink(
                token_sha256=_fingerprint(token),
                role=Role.ADMINISTRATOR,
                created_at=now,
                expires_at=now + timedelta(seconds=rules.LINK_S),
            )
        )
        audit.record("command line", "activation_link.create", Role.ADMINISTRATOR)
    return token


def require_open_link(token: str) -> None:
    """Refused unless `activate` would take this token now."""
    if queries.open_link(_fingerprint(token), clock.now()) is None:
        raise Refused(_DEAD_LINK, advice="请在服务器上重新生成一个。")


def activate(token: str, *, username: str, display_name: str, password: str) -> int:
    """Turn a link into the person it was made for."""
    require_open_link(token)
    with _a_free_name(username):
        name, password_hash = _prepare(username, password)
        with transaction():
            now = clock.now()
            link = queries.open_link(_fingerprint(token), now)
            spent = (
                link
                and db.session.execute(
                    update(ActivationLink)
                    .where(ActivationLink.id == link.id, ActivationLink.used_at.is_(None))
                    .values(used_at=now)
                    .returning(ActivationLink.id)
                ).one_or_none()
            )
            if not link or not spent:
                raise Refused(_DEAD_LINK, advice="请在服务器上重新生成一个。")
            operator = _add_operator(name, display_name, Role(link.role), password_hash)
            db.session.execute(
                update(ActivationLink).where(ActivationLink.id == link.id).values(operator_id=operator.id)
            )
            audit.record(name, "operator.activate", name, after={"role": link.role, "display_name": display_name})
            return operator.id


def _end_sessions(operator_id: int, reason: Ended) -> list[int]:
    """End whatever is live of this person; rooms above hear it inside the transaction, open pages after it."""
    live = (OperatorSession.operator_id == operator_id, OperatorSession.ended_at.is_(None))
    ended = db.session.scalars(
        update(OperatorSession)
        .where(*live)
        .values(ended_at=clock.now(), ended_reason=reason)
        .returning(OperatorSession.id)
        .execution_options(synchronize_session=False)
    ).all()
    for session_id in ended:
        signals.session_ended.send(None, operator_id=operator_id, session_id=session_id, reason=str(reason))
        announce("session-ended", str(session_id))
    return list(ended)


def _end_session(operator_id: int, session_id: int, reason: Ended) -> bool:
    """End this one, unless it is over already: whoever displaced it is not touched."""
    queries.held(operator_id)
    session = db.session.get(OperatorSession, session_id, populate_existing=True)
    return session is not None and session.ended_at is None and bool(_end_sessions(operator_id, reason))


def _expire(actor: Actor, reason: Ended) -> None:
    with transaction():
        if _end_session(actor.operator_id, actor.session_id, reason):
            audit.record("clock", "session.expire", actor.username, why=str(reason))


def _write_refusal(username: str | None, typed: str) -> None:
    """What was typed may be a password in the wrong box: an unknown name is kept as a fingerprint only."""
    with transaction():
        audit.record("nobody", "session.refuse", username or f"unknown:{vault.fingerprint(typed)}")


def _actor(operator: Operator, session: OperatorSession) -> Actor:
    return Actor(
        operator_id=operator.id,
        username=operator.username,
        display_name=operator.display_name,
        role=Role(operator.role),
        session_id=session.id,
        language=operator.language,
    )


def _prepare(username: str, password: str | None) -> tuple[str, str | None]:
    """Check both, and do the slow part before the transaction."""
    name = rules.require_username(username)
    if password is None:
        return name, None
    rules.require_password(password, username=name)
    let_go()
    with _at_the_scales():
        return name, _ARGON2.hash(password)


def _add_operator(name: str, display_name: str, role: Role, password_hash: str | None) -> Operator:
    operator = Operator(username=name, display_name=display_name.strip(), role=role, password_hash=password_hash)
    db.session.add(operator)
    db.session.flush()
    return operator


@contextmanager
def _a_free_name(username: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as problem:
        if "username" not in str(problem.orig):
            raise
        raise Refused("用户名“%(username)s”已经有人用了", username=username) from None


def _matches(stored: str | None, password: str) -> bool:
    """Takes as long for somebody who does not exist."""
    assert not in_transaction(), "hashing is slow: never while a transaction is open"
    with _at_the_scales():
        nobodys = _nobodys_hash()
        try:
            return _ARGON2.verify(stored or nobodys, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobodys_hash() -> str:
    return _ARGON2.hash(secrets.token_urlsafe(32))


@contextmanager
def _at_the_scales() -> Iterator[None]:
    if not _TWO_AT_A_TIME.acquire(timeout=_PATIENCE_S):
        raise Refused("现在登录的人太多，请稍后再试")
    try:
        yield
    finally:
        _TWO_AT_A_TIME.release()


def _fingerprint(token: str) -> str:
    return sha256(token.encode()).hexdigest()

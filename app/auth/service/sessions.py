"""Signing in and out, and proving again who one is. Each command is one transaction."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update

from app.auth import audit, queries, rules, signals
from app.auth.identity import Actor
from app.auth.models import Operator, OperatorSession
from app.auth.rules import Ended
from app.auth.service import passwords, second_factor
from app.auth.service.passwords import fingerprint
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.limit import Limit
from app.runtime import throttle, vault
from app.runtime.db import changed, db, let_go, transaction
from app.runtime.live_events import announce

_WRONG = "用户名或密码不正确"
_TOO_OFTEN = "尝试的次数太多，请于 %(until)s 后再试"


@dataclass(frozen=True, slots=True)
class LastWords:
    """Why a session that is over is over, for the person who comes back with its cookie."""

    reason: Ended
    at: datetime
    elsewhere: str = ""
    """From where it was displaced."""


class SecondFactorNeeded(Exception):
    """The password was right. `ticket` proves that for five minutes; the code is still wanted."""

    def __init__(self, ticket: str) -> None:
        self.ticket = ticket
        super().__init__("the second factor is wanted")


def sign_in(username: str, password: str, *, address: str, user_agent: str) -> tuple[str, Actor]:
    """Open the one live session of this person; every other of theirs ends. The token is told once and stored nowhere.

    Refused in the same words, after the same work, for a wrong password, an unknown name and a disabled person.
    Raises SecondFactorNeeded where a code is wanted too.
    """
    name = rules.tidy_username(username)
    known = queries.operator_named(name) if name else None
    who = known.id if known else 0
    stored = known.password_hash if known and not known.disabled_at else None
    wants_code = known is not None and known.totp_since is not None
    last_key = bool(who) and queries.administrators() == [who]
    let_go()
    tries = _count_try(username, address, spare_name=last_key)
    if not passwords.matches(stored, password):
        _write_refusal(name if who else None, username, locked=tries.locks)
        raise Refused(_WRONG)
    if wants_code:
        raise SecondFactorNeeded(_ticket(who, str(stored)))
    return _open(who, str(stored), tries, address=address, user_agent=user_agent)


def finish_sign_in(ticket: str, code: str, *, address: str, user_agent: str) -> tuple[str, Actor]:
    """The second step: a code of the authenticator, or a recovery code. Each is good once."""
    who, stored = _read_ticket(ticket)
    operator = queries.operator(who)
    name = operator.username
    last_key = queries.administrators() == [who]
    let_go()
    tries = _count_try(name, address, spare_name=last_key)
    if not second_factor.takes(who, code):
        _write_refusal(name, name, locked=tries.locks)
        raise Refused("验证码不正确或已用过", advice="请等应用换出下一个验证码再试。")
    return _open(who, stored, tries, address=address, user_agent=user_agent)


def prove(actor: Actor, secret: str, *, by_password: bool = False) -> str:
    """The person at the screen says again who they are: by password or, where they have one, by code. The new token."""
    _count(queries.proof_lock_name(actor.operator_id), rules.PROOFS)
    operator = queries.operator(actor.operator_id)
    stored, has_code = operator.password_hash, operator.totp_since is not None
    let_go()
    by_code = has_code and not by_password and second_factor.takes(actor.operator_id, secret)
    right = by_code or passwords.matches(stored, secret)
    if not right:
        with transaction():
            audit.record(actor, "session.refuse-proof", actor.username)
        raise Refused("密码或验证码不正确")
    with transaction():
        throttle.forget(queries.proof_lock_name(actor.operator_id))
        token = _new_token(actor.session_id, verified_at=clock.now())
        audit.record(actor, "session.prove", actor.username)
    return token


def renew(actor: Actor) -> str | None:
    """A new token for the same session: what it may do has changed. One of the requests at that moment gets it."""
    with transaction():
        wanted = update(OperatorSession).where(OperatorSession.id == actor.session_id, OperatorSession.renew.is_(True))
        return _new_token(actor.session_id) if changed(wanted.values(renew=False)) else None


def forget_old_tries() -> None:
    """Tries of yesterday no longer count."""
    throttle.sweep()


def note_refusal(actor: Actor, permission: str) -> None:
    """Somebody asked for what their role may not."""
    with transaction():
        audit.record(actor, "access.refuse", permission)


def sign_out(actor: Actor) -> None:
    with transaction():
        if _end_session(actor.operator_id, actor.session_id, Ended.SIGNED_OUT):
            audit.record(actor, "session.sign_out", actor.username)


def who(token: str, *, active: bool) -> Actor | None:
    """The person whose live session this is. A session found idle or too old ends here, for good.

    `active`: a person did something, so the idle limit starts again.
    """
    now = clock.now()
    found = queries.session_of(fingerprint(token), now=now)
    if found is None or found[0].ended_at is not None:
        return None
    session, operator = found
    over = rules.why_over(
        created_at=session.created_at,
        last_active_at=session.last_active_at,
        disabled=operator.disabled_at is not None,
        now=now,
        time_out_s=operator.time_out_s,
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
    found = queries.session_of(fingerprint(token), now=clock.now())
    if found is None or found[0].ended_at is None:
        return None
    return words_of(found[0])


def words_of(session: OperatorSession) -> LastWords:
    """Why this session is over, when, and from where it was displaced."""
    assert session.ended_at is not None
    reason = Ended(str(session.ended_reason))
    after = queries.session_after(session) if reason is Ended.DISPLACED else None
    return LastWords(reason, session.ended_at, after.address if after else "")


def _open(who: int, stored: str, tries: "_Tries", *, address: str, user_agent: str) -> tuple[str, Actor]:
    token = secrets.token_urlsafe(32)
    with transaction():
        operator = queries.held(who)
        if operator.disabled_at or operator.password_hash != stored:
            raise Refused(_WRONG)
        displaced = end_sessions(operator.id, Ended.DISPLACED)
        now = clock.now()
        session = OperatorSession(
            operator_id=operator.id,
            token_sha256=fingerprint(token),
            created_at=now,
            last_active_at=now,
            verified_at=now,
            address=address[:45],
            user_agent=user_agent[:200],
        )
        db.session.add(session)
        db.session.flush()
        actor = _actor(operator, session)
        throttle.forget(tries.name)
        throttle.give_back(tries.address)
        signals.session_started.send(None, operator_id=operator.id, session_id=session.id)
        audit.record(actor, "session.sign_in", operator.username, after={"session": session.id, "displaced": displaced})
    return token, actor


@dataclass(frozen=True, slots=True)
class _Tries:
    name: str
    address: str
    locks: bool
    """This try is the last one: if it fails, the name is locked."""


def _count_try(username: str, address: str, *, spare_name: bool) -> _Tries:
    """Before the slow part. The last administrator's name is never locked, or a stranger could lock the house."""
    tries = _Tries(queries.lock_name(username), f"sign-in:address:{address[:45]}", locks=False)
    locks = False if spare_name else _count(tries.name, rules.SIGN_IN_BY_NAME)
    _count(tries.address, rules.SIGN_IN_BY_ADDRESS)
    return _Tries(tries.name, tries.address, locks)


def _count(name: str, limit: Limit) -> bool:
    try:
        return throttle.take(name, limit)
    except throttle.Shut as shut:
        raise Refused(_TOO_OFTEN, until=shut.until, advice="忘了密码或被锁住时，管理员可以解锁。") from None


def _ticket(operator_id: int, stored: str) -> str:
    """Proof that the password was right. It dies with the password."""
    until = int((clock.now() + timedelta(seconds=rules.HALF_WAY_S)).timestamp())
    return f"{operator_id}.{until}.{_ticket_mac(operator_id, until, stored)}"


def _read_ticket(ticket: str) -> tuple[int, str]:
    who, until, mac = ([*ticket.split("."), "", ""])[:3]
    if who.isdecimal() and until.isdecimal() and int(until) > clock.now().timestamp():
        known = db.session.get(Operator, int(who))
        stored = (known and known.password_hash) or ""
        if known and not known.disabled_at and secrets.compare_digest(mac, _ticket_mac(int(who), int(until), stored)):
            return int(who), stored
    raise Refused("请重新输入用户名与密码", advice="密码与验证码之间最多隔五分钟。")


def _ticket_mac(operator_id: int, until: int, stored: str) -> str:
    return vault.mac(f"{operator_id}|{until}|{stored}".encode(), purpose="half a sign-in")


def _new_token(session_id: int, **more: object) -> str:
    token = secrets.token_urlsafe(32)
    new = {"token_sha256": fingerprint(token), "renewed_at": clock.now(), "renew": False, **more}
    live = (OperatorSession.id == session_id, OperatorSession.ended_at.is_(None))
    if not changed(update(OperatorSession).where(*live).values(former_sha256=OperatorSession.token_sha256, **new)):
        raise Refused("登录已结束，请重新登录")
    return token


def end_sessions(operator_id: int, reason: Ended) -> list[int]:
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
    return session is not None and session.ended_at is None and bool(end_sessions(operator_id, reason))


def _expire(actor: Actor, reason: Ended) -> None:
    with transaction():
        if _end_session(actor.operator_id, actor.session_id, reason):
            audit.record("clock", "session.expire", actor.username, why=str(reason))


def _write_refusal(username: str | None, typed: str, *, locked: bool) -> None:
    """What was typed may be a password in the wrong box: an unknown name is kept as a fingerprint only."""
    subject = username or f"unknown:{vault.fingerprint(typed)}"
    with transaction():
        audit.record("nobody", "session.refuse", subject)
        if locked:
            audit.record("nobody", "operator.lock", subject)
            announce("operators", subject)


def _actor(operator: Operator, session: OperatorSession) -> Actor:
    rights = queries.rights_of(operator.id, operator.role)
    return Actor(
        operator_id=operator.id,
        username=operator.username,
        display_name=operator.display_name,
        role=operator.role,
        session_id=session.id,
        language=operator.language,
        role_titles=rights.titles,
        permissions=rights.permissions,
        channels=rights.channels,
        verified_at=session.verified_at,
        must_renew=session.renew,
    )

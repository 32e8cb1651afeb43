"""Reading people, sessions and links. Nothing here writes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, union_all

from app.auth import rules
from app.auth.models import (
    ActivationLink,
    Operator,
    OperatorChannel,
    OperatorSession,
    RecoveryCode,
    RoleChannel,
    RoleGrant,
    RoleRecord,
)
from app.auth.permissions import Permission, Role
from app.kernel import clock
from app.kernel.errors import NotThere
from app.runtime import throttle, vault
from app.runtime.db import db
from app.runtime.listing import Listing, listing

FILTERS = ("q", "role", "standing")
_SIGN_IN, _PROOF = "sign-in:name:", "proof:"


def operator_named(username: str) -> Operator | None:
    return db.session.scalar(select(Operator).where(Operator.username == username))


def display_names(usernames: Collection[str]) -> dict[str, str]:
    """What people are called, of those of these names that there are."""
    found = select(Operator.username, Operator.display_name).where(Operator.username.in_(usernames))
    return {username: name for username, name in db.session.execute(found)}  # noqa: C416


def operator(operator_id: int) -> Operator:
    return db.session.get_one(Operator, operator_id)


def person(username: str) -> Operator:
    """By their username; NotThere otherwise."""
    found = operator_named(username)
    if found is None:
        raise NotThere(username)
    return found


def people(asked: Mapping[str, str], *, locked: Collection[int]) -> Listing:
    """The list: one page of rows, newest first. `locked`: whose names are shut (see `locks`)."""
    o = Operator
    statement = select(
        *(o.id, o.username, o.display_name, o.role, o.disabled_at, o.password_changed_at, o.totp_since, o.time_out_s),
        o.password_hash.is_not(None).label("activated"),
    )
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(_filtered(statement, asked, locked), key=o.id.expression, asked=asked, kept=kept)


def how_many(asked: Mapping[str, str], *, locked: Collection[int]) -> dict[str, int]:
    """How many of each standing the other filters find; "" is all of them."""
    others = {name: asked[name] for name in ("q", "role") if asked.get(name)}
    counts = [func.count().filter(_stands(standing, locked)).label(standing) for standing in rules.STANDINGS]
    row = db.session.execute(_filtered(select(func.count().label("all"), *counts), others, locked)).one()
    return {"": row.all, **{standing: getattr(row, standing) for standing in rules.STANDINGS}}


def last_sessions(operator_ids: Collection[int]) -> dict[int, "SignIn"]:
    """The latest sign-in of each of these people, of those who ever came."""
    newest = select(func.max(OperatorSession.id)).where(OperatorSession.operator_id.in_(operator_ids))
    found = _sign_ins().where(OperatorSession.id.in_(newest.group_by(OperatorSession.operator_id)))
    return {session.operator_id: _sign_in(session, time_out_s) for session, time_out_s in db.session.execute(found)}


def sessions_of(operator_id: int, *, most: int = 20) -> list["SignIn"]:
    """The latest sign-ins of this person, newest first."""
    found = _sign_ins().where(OperatorSession.operator_id == operator_id).order_by(OperatorSession.id.desc())
    return [_sign_in(session, time_out_s) for session, time_out_s in db.session.execute(found.limit(most))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One session as people see it. `ending` says why it is over; one that nobody ended yet may be over all the same."""

    id: int
    at: datetime
    last_active_at: datetime
    ended_at: datetime | None
    ending: str | None
    address: str
    browser: str


def channels_of_people(operator_ids: Collection[int]) -> dict[int, list[str]]:
    """The codes of the channels that each of these is limited to, of those who are."""
    o = OperatorChannel
    found: dict[int, list[str]] = defaultdict(list)
    for operator_id, code in db.session.execute(
        select(o.operator_id, o.channel).where(o.operator_id.in_(operator_ids)).order_by(o.channel)
    ):
        found[operator_id].append(code)
    return dict(found)


def locks() -> dict[int, datetime]:
    """Whose tries are used up, and until when: names are counted under fingerprints, so people are looked for one by one."""
    shut = throttle.all_shut()
    if not any(name.startswith((_SIGN_IN, _PROOF)) for name in shut):
        return {}
    everybody = db.session.execute(select(Operator.id, Operator.username)).all()
    until = {row.id: _longest(shut, _locks_of(row.id, row.username)) for row in everybody}
    return {operator_id: moment for operator_id, moment in until.items() if moment is not None}


def locked_until(operator: Operator) -> datetime | None:
    """Until when this person cannot sign in or prove who they are, because of too many wrong passwords."""
    names = _locks_of(operator.id, operator.username)
    return _longest({name: until for name in names if (until := throttle.shut_until(name))}, names)


def lock_name(username: str) -> str:
    """Under which name tries to sign in as somebody are counted, whether they exist or not."""
    return f"{_SIGN_IN}{vault.blind_index(username.strip().lower(), purpose='sign-in name')[:32]}"


def proof_lock_name(operator_id: int) -> str:
    """Under which name somebody's tries to prove who they are, are counted."""
    return f"{_PROOF}{operator_id}"


def recovery_codes_left(operator_id: int) -> int:
    unused = (RecoveryCode.operator_id == operator_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def link_until(operator_id: int) -> datetime | None:
    """Until when this person's one-time link is good, if they have one."""
    link = ActivationLink
    mine = (link.operator_id == operator_id, link.used_at.is_(None), link.expires_at > clock.now())
    return db.session.scalar(select(link.expires_at).where(*mine))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCard:
    """A role with everything it is made of, for the matrix."""

    code: str
    titles: tuple[str, str]
    note: str
    built_in: bool
    permissions: frozenset[str]
    channels: tuple[str, ...]
    people: int


def role_cards() -> list[RoleCard]:
    """All roles, in their order."""
    may, limits = defaultdict(set), defaultdict(list)
    for code, permission in db.session.execute(select(RoleGrant.role, RoleGrant.permission)):
        may[code].add(permission)
    for code, channel in db.session.execute(
        select(RoleChannel.role, RoleChannel.channel).order_by(RoleChannel.channel)
    ):
        limits[code].append(channel)
    counted = db.session.execute(select(Operator.role, func.count()).group_by(Operator.role)).all()
    people = {row[0]: row[1] for row in counted}
    return [
        RoleCard(
            code=role.code,
            titles=(role.title_zh, role.title_en),
            note=role.note,
            built_in=role.built_in,
            permissions=frozenset(may[role.code]),
            channels=tuple(limits[role.code]),
            people=people.get(role.code, 0),
        )
        for role in roles()
    ]


def role_card(code: str) -> RoleCard:
    """By its code; NotThere otherwise."""
    found = next((card for card in role_cards() if card.code == code), None)
    if found is None:
        raise NotThere(code)
    return found


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


def colleagues(permission: Permission, channel: str) -> list[Operator]:
    """Everybody who may do this with this channel and can sign in, by name."""
    roles = select(RoleGrant.role).where(RoleGrant.permission == permission)
    usable = (Operator.disabled_at.is_(None), Operator.password_hash.is_not(None), Operator.role.in_(roles))
    found = db.session.scalars(select(Operator).where(*usable).order_by(Operator.display_name, Operator.id))
    limits = [(one, rights_of(one.id, one.role).channels) for one in found]
    return [one for one, limit in limits if limit is None or channel in limit]


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


def _filtered(
    statement: Select[*tuple[Any, ...]], asked: Mapping[str, str], locked: Collection[int]
) -> Select[*tuple[Any, ...]]:
    if text := asked.get("q", "").strip():
        named = or_(
            Operator.username.icontains(text, autoescape=True), Operator.display_name.icontains(text, autoescape=True)
        )
        statement = statement.where(false() if "\0" in text else named)  # PostgreSQL would not even look
    if asked.get("role"):
        statement = statement.where(Operator.role == asked["role"])
    if asked.get("standing") in rules.STANDINGS:
        statement = statement.where(_stands(asked["standing"], locked))
    return statement


def _stands(standing: str, locked: Collection[int]) -> ColumnElement[bool]:
    """The same as `rules.standing`, for the database."""
    enabled, activated = Operator.disabled_at.is_(None), Operator.password_hash.is_not(None)
    return {
        "disabled": ~enabled,
        "waiting": and_(enabled, ~activated),
        "locked": and_(enabled, activated, Operator.id.in_(locked)),
        "active": and_(enabled, activated, Operator.id.not_in(locked)),
    }[standing]


def _locks_of(operator_id: int, username: str) -> tuple[str, str]:
    return lock_name(username), proof_lock_name(operator_id)


def _longest(shut: Mapping[str, datetime], names: Iterable[str]) -> datetime | None:
    return max((shut[name] for name in names if name in shut), default=None)


def _sign_ins() -> Select[OperatorSession, int]:
    return select(OperatorSession, Operator.time_out_s).join(Operator, Operator.id == OperatorSession.operator_id)


def _sign_in(session: OperatorSession, time_out_s: int) -> SignIn:
    over = rules.why_over(
        created_at=session.created_at,
        last_active_at=session.last_active_at,
        disabled=False,
        now=clock.now(),
        time_out_s=time_out_s,
    )
    return SignIn(
        id=session.id,
        at=session.created_at,
        last_active_at=session.last_active_at,
        ended_at=session.ended_at,
        ending=session.ended_reason or over,
        address=session.address,
        browser=rules.browser(session.user_agent),
    )

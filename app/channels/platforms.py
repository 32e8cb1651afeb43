"""第三方平台账号: who signs in at the third party with what, and who sits there now. Nothing here writes.

The seat is no row of its own: it is taken by whoever holds the claim of an account that is looked after there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from app.auth import identity
from app.auth.audit import reading, words
from app.channels import queries
from app.channels.models import Channel, ChannelAccount, Claim, PlatformAccount, PlatformLink
from app.channels.queries import Account, Held
from app.kernel.errors import NotThere
from app.runtime.db import db, lease_now
from app.runtime.listing import Listing, listing


def platform(reference: str) -> PlatformAccount:
    """By its reference, also one that was removed; NotThere otherwise, and for whom its channel is foreign."""
    wanted = _within_reach(select(PlatformAccount)).where(PlatformAccount.reference == reference)
    found: PlatformAccount | None = db.session.scalars(wanted).one_or_none() if "\0" not in reference else None
    if found is None:
        raise NotThere(reference)
    return found


def held(reference: str) -> PlatformAccount:
    """The same, locked until the transaction ends."""
    found = select(PlatformAccount).where(PlatformAccount.id == platform(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def page(asked: Mapping[str, str]) -> Listing:
    """All that are in use, the latest first."""
    p = PlatformAccount
    columns = (p.id, p.reference, p.login_name, p.address, p.note, p.password_at, Channel.name.label("channel_name"))
    found = _within_reach(select(*columns)).where(p.removed_at.is_(None))
    return listing(found, key=p.id.expression, asked=asked, kept={})


def of_account(account_id: int) -> PlatformAccount | None:
    """Where this channel account is looked after."""
    linked = select(PlatformAccount).join(PlatformLink, PlatformLink.platform_id == PlatformAccount.id)
    return db.session.scalars(linked.where(PlatformLink.account_id == account_id)).one_or_none()


def accounts_of(platform_ids: Sequence[int]) -> dict[int, list[Account]]:
    """The channel accounts that are looked after at each of these."""
    found: dict[int, list[Account]] = {platform_id: [] for platform_id in platform_ids}
    known = {account.id: account for account in queries.accounts()}
    links = select(PlatformLink.platform_id, PlatformLink.account_id).where(PlatformLink.platform_id.in_(platform_ids))
    for platform_id, account_id in db.session.execute(links.order_by(PlatformLink.account_id)):
        if account_id in known:
            found[platform_id].append(known[account_id])
    return found


def linked_elsewhere(account_ids: Sequence[int], *, but: int) -> list[tuple[int, str]]:
    """Which of these channel accounts are looked after at another one than `but`: their ids, with its login name."""
    found = select(PlatformLink.account_id, PlatformAccount.login_name).join(
        PlatformAccount, PlatformAccount.id == PlatformLink.platform_id
    )
    mine = (PlatformLink.account_id.in_(account_ids), PlatformLink.platform_id != but)
    return [(account_id, login) for account_id, login in db.session.execute(found.where(*mine))]


def seats(platform_ids: Sequence[int]) -> dict[int, list[Held]]:
    """Who sits at each of these now: the claims of its accounts, all of one person."""
    links = select(PlatformLink.account_id, PlatformLink.platform_id).where(PlatformLink.platform_id.in_(platform_ids))
    accounts = {row.account_id: row.platform_id for row in db.session.execute(links)}
    found: dict[int, list[Held]] = {platform_id: [] for platform_id in platform_ids}
    for account_id, claim in queries.holders(list(accounts)).items():
        found[accounts[account_id]].append(claim)
    return found


def beside(account_id: int) -> Select[int]:
    """The ids of all accounts that share one seat with this one."""
    place = select(PlatformLink.platform_id).where(PlatformLink.account_id == account_id).scalar_subquery()
    return select(PlatformLink.account_id).where(PlatformLink.platform_id == place)


def newest_claim(account_id: int, *, since: datetime) -> int | None:
    """The latest of the claims by which somebody holds this account, or sits where it is looked after, and has sat there at
    this moment. Whoever took the seat since then has signed in anew; who sat there and took more stays who they were."""
    seat = or_(Claim.account_id == account_id, Claim.account_id.in_(beside(account_id)))
    found = select(Claim.id, Claim.session_id, Claim.taken_at).where(seat, Claim.released_at.is_(None))
    claims = db.session.execute(found).all()
    sat = {claim.session_id for claim in claims if claim.taken_at <= since}
    return max((claim.id for claim in claims if claim.session_id in sat), default=None)


def numbers_beside(account_id: int) -> list[str]:
    """The numbers of the other accounts that share its seat: what happens to their claims is felt here."""
    others = select(ChannelAccount.number).where(ChannelAccount.id.in_(beside(account_id)))
    return list(db.session.scalars(others.where(ChannelAccount.id != account_id).order_by(ChannelAccount.id)))


def held_seat(account_id: int) -> PlatformAccount | None:
    """The place where this account is looked after, locked until the transaction ends: of two who come at once to two of
    its accounts, the second sees the first."""
    place = of_account(account_id)
    if place is not None:
        db.session.execute(select(PlatformAccount.id).where(PlatformAccount.id == place.id).with_for_update())
    return place


def taken_by_another(account_id: int, operator_id: int) -> tuple[str, str] | None:
    """The name of somebody else who sits where this account is looked after, and the account that they hold there."""
    found = (
        select(Claim.holder, ChannelAccount.name)
        .join(ChannelAccount, ChannelAccount.id == Claim.account_id)
        .where(Claim.account_id.in_(beside(account_id)), Claim.account_id != account_id)
        .where(Claim.operator_id != operator_id, Claim.released_at.is_(None), Claim.lease_until > lease_now())
    )
    row = db.session.execute(found.order_by(Claim.id).limit(1)).one_or_none()
    return None if row is None else (row[0], row[1])


class Seat(NamedTuple):
    """Somebody sits there: who, by which account, and as whom they signed in."""

    holder: str
    account: str
    login: str


def taken_by_others(account_ids: Sequence[int], operator_id: int) -> dict[int, Seat]:
    """The same for many accounts, by the ids of those where it is so."""
    mine, theirs = aliased(PlatformLink), aliased(PlatformLink)
    found = (
        select(mine.account_id, Claim.holder, ChannelAccount.name, PlatformAccount.login_name)
        .join(PlatformAccount, PlatformAccount.id == mine.platform_id)
        .join(theirs, (theirs.platform_id == mine.platform_id) & (theirs.account_id != mine.account_id))
        .join(Claim, Claim.account_id == theirs.account_id)
        .join(ChannelAccount, ChannelAccount.id == Claim.account_id)
        .where(mine.account_id.in_(account_ids), Claim.operator_id != operator_id)
        .where(Claim.released_at.is_(None), Claim.lease_until > lease_now())
        .order_by(Claim.id.desc())
    )
    return {account_id: Seat(*seat) for account_id, *seat in db.session.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the history of a platform account."""

    at: datetime
    what: str
    who: str
    why: str


def history(reference: str) -> list[Line]:
    """Who added, changed, reset and looked at it, the latest first."""
    records = reading.about(reference, limit=200)
    names = reading.names({record.actor for record in records})
    return [
        Line(
            at=record.at,
            what=words.deed(record.action),
            who=words.who(record.actor, record.session_id, names),
            why=record.why,
        )
        for record in records
    ]


def _within_reach(found: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    found = found.join(Channel, Channel.id == PlatformAccount.channel_id)
    codes = identity.channels()
    return found if codes is None else found.where(Channel.code.in_(codes))

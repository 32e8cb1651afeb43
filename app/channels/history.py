"""Every claim there was: who held an account, from when to when, and how it ended. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from app.auth import queries as people
from app.channels.models import ChannelAccount, Claim
from app.kernel import clock
from app.runtime.db import db, lease_now
from app.runtime.listing import Listing, listing


def page(account_id: int, asked: Mapping[str, str]) -> Listing:
    """Every claim of an account, newest first. `who`: a part of the holder's name; `day`: held at any time of that day."""
    found = select(*Claim.__table__.columns).where(Claim.account_id == account_id)
    kept = {name: asked[name].strip() for name in ("who", "day") if asked.get(name)}
    if kept.get("who"):
        found = found.where(Claim.holder.contains(kept["who"], autoescape=True))
    if kept.get("day"):
        start, end = clock.day_bounds(clock.parse_day(kept["day"]))
        found = found.where(Claim.taken_at < end, or_(Claim.released_at.is_(None), Claim.released_at >= start))
    return listing(found, key=Claim.id.expression, asked=asked, kept=kept)


def claim(claim_id: int) -> Claim:
    found = db.session.get(Claim, claim_id)
    assert found is not None, "what speaks of a claim has its id from it"
    return found


def last(account_id: int, operator_id: int) -> Claim | None:
    """The latest claim of this person on this account, over or not."""
    mine = select(Claim).where(Claim.account_id == account_id, Claim.operator_id == operator_id)
    return db.session.scalars(mine.order_by(Claim.id.desc()).limit(1)).one_or_none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """A claim, over or not. `by`: what whoever ended it is called, "" where no person did."""

    claim: Claim
    by: str


def latest(account_id: int, operator_id: int) -> Latest | None:
    """The same as `last`, with the name of whoever ended it."""
    found = last(account_id, operator_id)
    if found is None:
        return None
    return Latest(claim=found, by=next(iter(people.display_names([found.ended_by]).values()), ""))


def ended(operator_id: int, since: datetime) -> Sequence[Claim]:
    """What this person held and does not hold any more, the latest first."""
    mine = select(Claim).where(Claim.operator_id == operator_id, Claim.released_at >= since)
    return db.session.scalars(mine.order_by(Claim.released_at.desc(), Claim.id.desc()).limit(50)).all()


def lapsed() -> list[str]:
    """The numbers of accounts whose holders gave no sign of life for too long."""
    over = (Claim.released_at.is_(None), Claim.lease_until <= lease_now())
    found = select(ChannelAccount.number).join(Claim, Claim.account_id == ChannelAccount.id).where(*over)
    return list(db.session.scalars(found.order_by(ChannelAccount.id)))

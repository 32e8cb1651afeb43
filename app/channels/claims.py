"""领取并锁定: one person holds one channel account, with a fence that only grows (RELIABILITY I-11).

Joins the caller's transaction. `require` stands in every change that only the holder may make, in the same transaction
as the change: a page that was displaced, taken over or left open too long changes nothing.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, select, update

from app.auth.identity import Actor
from app.channels import queries, rules
from app.channels.models import ChannelAccount, Claim, DailyFigures
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.runtime.db import changed, db, in_transaction, insert, lease_now


def take(account_id: int, actor: Actor) -> int:
    """Hold this account from now on and return the fence. Refused with the holder's name when somebody else has it."""
    assert in_transaction()
    now = lease_now()
    held = queries.holder(account_id)
    if held is not None and held.operator_id == actor.operator_id and held.session_id == actor.session_id:
        return held.fence
    if held is not None:
        raise _taken(held)
    # Only what ran out: somebody else may have taken it since we looked.
    _end(account_id, Claim.lease_until <= now, ending="expired", by=actor.username)
    fence = _next_fence(account_id)
    statement = insert(Claim).values(
        account_id=account_id,
        operator_id=actor.operator_id,
        holder=actor.display_name,
        session_id=actor.session_id,
        fence=fence,
        taken_at=now,
        lease_until=now + timedelta(seconds=rules.LEASE_S),
        settleable_at_start=_settleable(account_id),
        ended_by="",
        ending="",
        note="",
    )
    if not changed(statement.on_conflict_do_nothing()):
        other = queries.holder(account_id)
        raise _taken(other) if other else Refused("该渠道账号刚刚被他人领取，请刷新后再试")
    return fence


def require(account_id: int, *, fence: int, actor: Actor) -> None:
    """Only the holder, in this session, with this fence, within the lease. Extends the lease. Refused otherwise."""
    assert in_transaction()
    if not _renew(account_id, fence=fence, actor=actor):
        held = queries.holder(account_id)
        if held is None:
            raise Refused("您没有领取该渠道账号，或领取已超时失效", advice="请先在渠道看板重新领取，再办理")
        if held.operator_id == actor.operator_id:
            raise Refused("该渠道账号由您重新领取过，此页面已过期", advice="请刷新页面后再试")
        raise _taken(held)


def renew(account_id: int, *, fence: int, actor: Actor) -> bool:
    """A sign of life from the holder's open page. False when the claim is no longer theirs."""
    assert in_transaction()
    return _renew(account_id, fence=fence, actor=actor)


def give_back(account_id: int, *, actor: Actor, ending: str, note: str = "") -> bool:
    """End the holder's own claim. False when there was none."""
    assert in_transaction()
    mine = Claim.operator_id == actor.operator_id
    return bool(_end(account_id, mine, ending=ending, by=actor.username, note=note))


def take_away(account_id: int, *, actor: Actor, reason: str) -> str | None:
    """A supervisor ends somebody's claim: the fence grows, so pages of the former holder are void. The holder's name."""
    assert in_transaction()
    held = queries.holder(account_id)
    if held is None or not _end(account_id, Claim.fence == held.fence, ending="forced", by=actor.username, note=reason):
        return None
    _next_fence(account_id)
    return held.holder


def adopt(*, operator_id: int, session_id: int) -> None:
    """The same person signed in anew: claims move to the new session with a higher fence; the old pages are void."""
    for account_id in _open_of(operator_id):
        mine = update(Claim).where(
            Claim.account_id == account_id, Claim.operator_id == operator_id, Claim.released_at.is_(None)
        )
        # First the claim, then its account, like everybody: two who lock in different orders wait for each other.
        if changed(mine.values(session_id=session_id)):
            db.session.execute(mine.values(fence=_next_fence(account_id)))


def drop_all(*, operator_id: int, by: str) -> list[int]:
    """The person left: whatever they held is free again. The accounts' ids."""
    freed = _open_of(operator_id)
    for account_id in freed:
        if _end(account_id, Claim.operator_id == operator_id, ending="signed_out", by=by):
            _next_fence(account_id)
    return freed


def _renew(account_id: int, *, fence: int, actor: Actor) -> bool:
    now = lease_now()
    return bool(
        changed(
            update(Claim)
            .where(Claim.account_id == account_id, Claim.operator_id == actor.operator_id, Claim.fence == fence)
            .where(Claim.session_id == actor.session_id, Claim.released_at.is_(None), Claim.lease_until > now)
            .values(lease_until=now + timedelta(seconds=rules.LEASE_S))
        )
    )


def _end(account_id: int, condition: ColumnElement[bool], *, ending: str, by: str, note: str = "") -> int:
    return changed(
        update(Claim)
        .where(Claim.account_id == account_id, Claim.released_at.is_(None), condition)
        .values(
            released_at=lease_now(), ending=ending, ended_by=by, note=note, settleable_at_end=_settleable(account_id)
        )
    )


def _next_fence(account_id: int) -> int:
    grown = (
        update(ChannelAccount)
        .where(ChannelAccount.id == account_id)
        .values(fence=ChannelAccount.fence + 1)
        .returning(ChannelAccount.fence)
    )
    fence = db.session.scalar(grown)
    assert fence is not None, "a claim is on an account that exists"
    return fence


def _open_of(operator_id: int) -> list[int]:
    found = select(Claim.account_id).where(Claim.operator_id == operator_id, Claim.released_at.is_(None))
    return list(db.session.scalars(found))


def _settleable(account_id: int) -> Money | None:
    newest = select(DailyFigures.settleable).where(DailyFigures.account_id == account_id)
    return db.session.scalar(newest.order_by(DailyFigures.business_day.desc()).limit(1))


def _taken(held: queries.Held) -> Refused:
    from_here = "该渠道账号已被 %(holder)s 于 %(at)s 领取"
    return Refused(from_here, holder=held.holder, at=held.taken_at, advice="请等对方释放，或请主管强制释放")

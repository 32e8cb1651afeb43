"""领取并锁定: one person holds one channel account, with a fence that only grows (RELIABILITY I-11).

Joins the caller's transaction. `require` stands in every change that only the holder may make, in the same transaction
as the change: a page that was displaced, taken over or left open too long changes nothing.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from app.auth.identity import Actor
from app.channels import platforms, queries, rules
from app.channels.models import ChannelAccount, Claim, DailyFigures, UnsignedHandover
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.runtime.db import changed, db, in_transaction, insert, lease_now


def take(account_id: int, actor: Actor) -> int:
    """Hold this account from now on and return the fence. Refused with the holder's name when somebody else has it, or
    sits where it is looked after: the third party lets only one person in (只允许一个人登录)."""
    assert in_transaction()
    now = lease_now()
    held = queries.holder(account_id)
    if held is not None and held.operator_id == actor.operator_id and held.session_id == actor.session_id:
        return held.fence
    if held is not None:
        raise _taken(held)
    _hold_claims(account_id)
    # Only what ran out: somebody else may have taken it since we looked.
    _end(account_id, Claim.lease_until <= now, ending="expired", by=actor.username)
    fence = _next_fence(account_id)
    _require_successor(account_id, actor)
    _require_seat(account_id, actor)
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
    """Only the holder, in this session, with this fence, within the lease, who has signed what was handed over to them.
    Extends the lease. Refused otherwise."""
    _require_claim(account_id, fence=fence, actor=actor)
    if waits := queries.unsigned_handover(account_id):
        raise Refused(
            "%(giver)s 交接的“%(reference)s”还没有接收确认，接收之前不能办理",
            giver=waits.giver,
            reference=waits.reference,
            advice="请打开“我的任务”，看过交接单后签收",
        )


def _require_claim(account_id: int, *, fence: int, actor: Actor) -> None:
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


def hand_over(
    account_id: int, *, fence: int, actor: Actor, reference: str, note: str, successor_id: int | None, successor: str
) -> int:
    """交接: the holder's claim ends with a hand-over, and nothing is changed on the account until it is signed.

    Returns the claim's id. Refused as by `require`: whoever has not signed what they took over hands nothing on.
    """
    require(account_id, fence=fence, actor=actor)
    mine = (Claim.account_id == account_id, Claim.fence == fence, Claim.released_at.is_(None))
    claim_id: int | None = db.session.scalar(update(Claim).where(*mine).values(handover=reference).returning(Claim.id))
    assert claim_id is not None, "the claim was required a moment ago, and is locked"
    _end(account_id, Claim.fence == fence, ending="handed_over", by=actor.username, note=note)
    _next_fence(account_id)
    db.session.add(
        UnsignedHandover(
            account_id=account_id,
            reference=reference,
            giver_id=actor.operator_id,
            giver=actor.display_name,
            successor_id=successor_id,
            successor=successor,
        )
    )
    return claim_id


def signed(account_id: int, *, reference: str) -> bool:
    """What was handed over is signed: the holder may act from now on. False when it was signed already."""
    assert in_transaction()
    waits = (UnsignedHandover.account_id == account_id, UnsignedHandover.reference == reference)
    return bool(changed(delete(UnsignedHandover).where(*waits)))


def kicked_out(account_id: int, *, by: str, operator_id: int, note: str = "") -> list[int]:
    """被踢下线: somebody else signed in at the third party, so this person's seat there is free, and with it every account
    that they hold by it. The accounts' ids."""
    assert in_transaction()
    seat = or_(Claim.account_id == account_id, Claim.account_id.in_(platforms.beside(account_id)))
    freed = _open_of(operator_id, seat)
    for one in freed:
        _end(one, Claim.operator_id == operator_id, ending="kicked", by=by, note=note)
        _next_fence(one)
    return freed


def seat_lost(account_id: int, *, newest: int) -> list[tuple[int, str]]:
    """被踢下线, as the third party itself said: whoever sat there then sits there no more. Later claims than `newest` stay.
    Each account that is free, with who held it."""
    assert in_transaction()
    seat = or_(Claim.account_id == account_id, Claim.account_id.in_(platforms.beside(account_id)))
    mine = (Claim.released_at.is_(None), Claim.id <= newest)
    found = db.session.execute(select(Claim.account_id, Claim.holder).where(seat, *mine).order_by(Claim.account_id))
    lost = [(one, holder) for one, holder in found if _end(one, Claim.id <= newest, ending="kicked", by="worker")]
    for one, _holder in lost:
        _next_fence(one)
    return lost


def end_lapsed(account_id: int) -> str | None:
    """Whoever held it and gave no sign of life for too long, holds it no more. The holder's name."""
    assert in_transaction()
    lapsed = select(Claim).where(Claim.account_id == account_id, Claim.released_at.is_(None))
    claim = db.session.scalars(lapsed.with_for_update()).one_or_none()
    if claim is None or not _end(account_id, Claim.lease_until <= lease_now(), ending="expired", by="worker"):
        return None
    return claim.holder


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


def _open_of(operator_id: int, *more: ColumnElement[bool]) -> list[int]:
    """In one order for everybody: two who lock them in different orders wait for each other."""
    found = select(Claim.account_id).where(Claim.operator_id == operator_id, Claim.released_at.is_(None), *more)
    return list(db.session.scalars(found.order_by(Claim.account_id)))


def _hold_claims(account_id: int) -> None:
    """Lock the open claims of the account and of those that share its seat: a renewal that is under way comes before us."""
    together = or_(Claim.account_id == account_id, Claim.account_id.in_(platforms.beside(account_id)))
    found = select(Claim.id).where(together, Claim.released_at.is_(None)).order_by(Claim.account_id)
    db.session.execute(found.with_for_update()).all()


def _require_successor(account_id: int, actor: Actor) -> None:
    """What was handed over to somebody by name is theirs to take, or its giver's to take back."""
    waits = queries.unsigned_handover(account_id)
    if waits and waits.successor_id and actor.operator_id not in (waits.successor_id, waits.giver_id):
        raise Refused(
            "%(giver)s 已把该渠道账号交接给 %(successor)s，等待其接收",
            giver=waits.giver,
            successor=waits.successor,
            advice="请等对方接收，或请主管代为接收",
        )


def _require_seat(account_id: int, actor: Actor) -> None:
    place = platforms.held_seat(account_id)
    taken = platforms.taken_by_another(account_id, actor.operator_id) if place else None
    if place and taken:
        raise Refused(
            "%(holder)s 领取了“%(account)s”，正在使用同一个第三方平台账号“%(login)s”，一次只能一人登录",
            holder=taken[0],
            account=taken[1],
            login=place.login_name,
            advice="请等对方释放，或请主管强制释放",
        )


def _settleable(account_id: int) -> Money | None:
    newest = select(DailyFigures.settleable).where(DailyFigures.account_id == account_id)
    return db.session.scalar(newest.order_by(DailyFigures.business_day.desc()).limit(1))


def _taken(held: queries.Held) -> Refused:
    from_here = "该渠道账号已被 %(holder)s 于 %(at)s 领取"
    return Refused(from_here, holder=held.holder, at=held.taken_at, advice="请等对方释放，或请主管强制释放")

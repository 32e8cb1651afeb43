"""What keeps money from leaving, and how much waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select, type_coerce

from app.channels import queries as channels
from app.kernel.errors import Text
from app.kernel.money import Money
from app.runtime.db import Key, db, total
from app.withdrawals.models import LostSend, SendingStop, Withdrawal
from app.withdrawals.states import State

ALL = "all"
_ACCOUNT = type_coerce(SendingStop.account_id, Key)
"""For those that name one."""
_STOP = (
    select(SendingStop)
    .where(SendingStop.closed_at.is_(None))
    .where(or_(SendingStop.scope == ALL, SendingStop.account_id == bindparam("its_account")))
    .order_by(SendingStop.scope != ALL)
    .limit(1)
)


def stop_of(account_id: int) -> SendingStop | None:
    """What keeps this account from sending, if anything does."""
    return db.session.scalars(_STOP, {"its_account": account_id}).one_or_none()


def is_house_stopped() -> bool:
    """Does nothing leave at all, whatever the account?"""
    found = select(SendingStop.id).where(SendingStop.closed_at.is_(None), SendingStop.scope == ALL).limit(1)
    return db.session.scalar(found) is not None


def stops() -> Sequence[SendingStop]:
    """What stands now: of the house and of the accounts that the person at the screen may see."""
    mine = or_(SendingStop.account_id.is_(None), channels.within_reach(_ACCOUNT))
    found = select(SendingStop).where(SendingStop.closed_at.is_(None), mine)
    return db.session.scalars(found.order_by(SendingStop.id)).all()


def past_stops(limit: int = 20) -> Sequence[SendingStop]:
    """What stood before, the latest first."""
    mine = or_(SendingStop.account_id.is_(None), channels.within_reach(_ACCOUNT))
    found = select(SendingStop).where(SendingStop.closed_at.is_not(None), mine)
    return db.session.scalars(found.order_by(SendingStop.id.desc()).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is approved and has not left yet."""

    count: int
    amount: Money


def waiting_to_leave() -> dict[int, Waiting]:
    """By account."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount))
        .where(Withdrawal.state == State.QUEUED, channels.within_reach(Withdrawal.account_id))
        .group_by(Withdrawal.account_id)
    )
    return {account_id: Waiting(count, amount) for account_id, count, amount in db.session.execute(found)}


LOST_SHOWN = 200


def lost_sends(limit: int | None = LOST_SHOWN) -> Sequence[LostSend]:
    """What the journal knows, the restored database did not, and the channel has not answered for; the oldest first."""
    found = select(LostSend).where(LostSend.cleared_at.is_(None)).order_by(LostSend.sent_at, LostSend.number)
    return db.session.scalars(found.limit(limit)).all()


def trouble_of(lost: LostSend) -> Text | None:
    """Why it cannot be entered yet."""
    return Text.told(lost.trouble) if lost.trouble else None


def is_lost(number: str) -> bool:
    """Was it found in the journal after a restore, and has its channel not answered for it yet?"""
    mine = select(LostSend.number).where(LostSend.number == number, LostSend.cleared_at.is_(None))
    return db.session.scalar(mine) is not None


def uncleared() -> int:
    """How many of these there are."""
    return db.session.scalar(select(func.count()).where(LostSend.cleared_at.is_(None))) or 0

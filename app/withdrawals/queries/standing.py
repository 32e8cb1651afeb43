"""How accounts stand: what is open on them, what came of what, for whoever holds them and whoever comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from app.kernel import clock
from app.kernel.money import Money
from app.runtime.db import db, total
from app.withdrawals.models import Withdrawal, WithdrawalHold, WithdrawalSheet
from app.withdrawals.queries.money import Unknown
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import OPEN, SheetState, State

LOOK_BACK_DAYS = 7
"""What found its end was made at most so many days before: older ones are followed by the statements, not by a holder."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How many are in a state, and what they come to."""

    state: str
    count: int
    amount: Money


def open_by_state(account_ids: Sequence[int]) -> dict[int, list[Sum]]:
    """What has no end yet, by account."""
    found = (
        select(Withdrawal.account_id, Withdrawal.state, func.count(), total(Withdrawal.amount))
        .where(Withdrawal.account_id.in_(account_ids), Withdrawal.state.in_(OPEN))
        .group_by(Withdrawal.account_id, Withdrawal.state)
    )
    sums: dict[int, list[Sum]] = {account_id: [] for account_id in account_ids}
    for account_id, state, count, amount in db.session.execute(found):
        sums[account_id].append(Sum(state, count, amount))
    return {account_id: _in_order(its) for account_id, its in sums.items()}


def made_by(maker_id: int, since: datetime, *, account_id: int | None = None) -> list[Sum]:
    """What one person has made since then, by what became of it; on one account, or on all."""
    mine = [Withdrawal.maker_id == maker_id, Withdrawal.made_at >= since, _not_before(clock.business_day(since))]
    if account_id is not None:
        mine.append(Withdrawal.account_id == account_id)
    return _sums(*mine)


def ended(account_id: int, since: datetime) -> list[Sum]:
    """What has found its end on an account since then, whoever made it."""
    return _sums(
        Withdrawal.account_id == account_id,
        Withdrawal.finished_at >= since,
        Withdrawal.state.not_in(OPEN),
        _not_before(clock.business_day(since) - timedelta(days=LOOK_BACK_DAYS)),
    )


def unknown_of(account_ids: Sequence[int]) -> dict[int, Unknown]:
    """Money whose fate nobody knows, of the accounts that have some."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount), func.min(Withdrawal.sent_at))
        .where(Withdrawal.account_id.in_(account_ids), Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None))
        .group_by(Withdrawal.account_id)
    )
    return {row[0]: Unknown(*row[1:]) for row in db.session.execute(found)}


def work_of(account_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """What waits for people, by reason, of the accounts that have some."""
    found = (
        select(Withdrawal.account_id, WithdrawalHold.reason, func.count())
        .join(Withdrawal, Withdrawal.id == WithdrawalHold.withdrawal_id)
        .where(WithdrawalHold.closed_at.is_(None), Withdrawal.account_id.in_(account_ids))
        .group_by(Withdrawal.account_id, WithdrawalHold.reason)
    )
    work: dict[int, dict[str, int]] = {}
    for account_id, reason, count in db.session.execute(found):
        work.setdefault(account_id, {})[reason] = count
    return work


def sheets_under_way(account_ids: Sequence[int]) -> dict[int, list[str]]:
    """The references of sheets whose withdrawals are still being made, of the accounts that have some."""
    found = select(WithdrawalSheet.account_id, WithdrawalSheet.reference).where(
        WithdrawalSheet.account_id.in_(account_ids),
        WithdrawalSheet.state.in_((SheetState.MAKING, SheetState.PAUSED)),
    )
    sheets: dict[int, list[str]] = {}
    for account_id, reference in db.session.execute(found.order_by(WithdrawalSheet.id)):
        sheets.setdefault(account_id, []).append(reference)
    return sheets


def _sums(*conditions: ColumnElement[bool]) -> list[Sum]:
    found = select(Withdrawal.state, func.count(), total(Withdrawal.amount)).where(*conditions)
    return _in_order([Sum(*row) for row in db.session.execute(found.group_by(Withdrawal.state))])


def _in_order(sums: list[Sum]) -> list[Sum]:
    return sorted(sums, key=lambda it: _ORDER.index(it.state))


def _not_before(day: date) -> ColumnElement[bool]:
    """By the day, which has an index; the moment alone has none."""
    return Withdrawal.business_day >= day


_ORDER = [str(state) for state in State]

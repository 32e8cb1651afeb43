"""What people said became of a withdrawal, what is known, and what waits for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select

from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Text
from app.kernel.money import Money
from app.runtime.db import db, total
from app.withdrawals import rules
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold, WithdrawalOutcome
from app.withdrawals.queries.rows import OUT
from app.withdrawals.rules import Pressing
from app.withdrawals.states import State

_OWNERLESS_SINCE = func.min(case((WithdrawalHold.owner_id.is_(None), WithdrawalHold.opened_at)))


def proposal(withdrawal_id: int) -> WithdrawalOutcome | None:
    """The one that waits for a second person."""
    mine = (WithdrawalOutcome.withdrawal_id == withdrawal_id, WithdrawalOutcome.state == "proposed")
    return db.session.scalars(select(WithdrawalOutcome).where(*mine)).one_or_none()


def outcome(withdrawal_id: int, outcome_id: int) -> WithdrawalOutcome | None:
    mine = (WithdrawalOutcome.withdrawal_id == withdrawal_id, WithdrawalOutcome.id == outcome_id)
    return db.session.scalars(select(WithdrawalOutcome).where(*mine)).one_or_none()


def outcomes(withdrawal_id: int) -> Sequence[WithdrawalOutcome]:
    """All of them, the latest first."""
    mine = WithdrawalOutcome.withdrawal_id == withdrawal_id
    return db.session.scalars(select(WithdrawalOutcome).where(mine).order_by(WithdrawalOutcome.id.desc())).all()


def place_of_evidence(outcome_id: int) -> str:
    """What its file is sealed to."""
    return f"withdrawal_outcome|body|{outcome_id}"


def evidence(withdrawal: Withdrawal) -> list[rules.Evidence]:
    """What is known of whether it was paid; nothing, where it has an end or was never sent. One that waits to be sent
    again has been."""
    if withdrawal.state not in (State.QUEUED, *OUT) or withdrawal.sent_at is None:
        return []
    account = channels.account_by_id(withdrawal.account_id)
    return rules.proof_of_non_payment(
        rules.Traces(
            sent_at=withdrawal.sent_at,
            window_s=account.asking.resend_window_s,
            not_found=withdrawal.not_found,
            first_not_found_at=withdrawal.first_not_found_at,
            signed_at=withdrawal.signed_at,
            now=clock.now(),
        )
    )


def is_only_declared(withdrawal: Withdrawal) -> bool:
    """Is it paid because people said so, and the channel has acknowledged nothing since?"""
    if withdrawal.state != State.PAID or withdrawal.finished_at is None:
        return False
    if withdrawal.signed_at is not None and withdrawal.signed_at > withdrawal.finished_at:
        return False
    e = WithdrawalEvent
    said = select(e.verb).where(e.withdrawal_id == withdrawal.id, e.verb.startswith("declare_", autoescape=True))
    return db.session.scalar(said.order_by(e.seq.desc()).limit(1)) in ("declare_paid", "declare_late")


def open_hold(hold_id: int) -> tuple[WithdrawalHold, str] | None:
    """What waits for a person, and the number it is about; nothing of what is foreign."""
    found = (
        select(WithdrawalHold, Withdrawal.number)
        .join(Withdrawal, Withdrawal.id == WithdrawalHold.withdrawal_id)
        .where(WithdrawalHold.id == hold_id, WithdrawalHold.closed_at.is_(None))
        .where(channels.within_reach(Withdrawal.account_id))
    )
    row = db.session.execute(found).one_or_none()
    return None if row is None else (row[0], row[1])


def work(
    *,
    owner_id: int | None = None,
    reason: str = "",
    pressing: Pressing | None = None,
    account_id: int | None = None,
    limit: int = 200,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """What waits for people, the oldest first. `pressing`: only of what rings so."""
    w, hold = Withdrawal, WithdrawalHold
    found = (
        select(hold.id, hold.reason, hold.detail, hold.owner_id, hold.owner, hold.opened_at, w.number, w.amount, w.holder,
               w.card_masked, w.state, w.signed_at, w.account_id, w.maker)
        .join(w, w.id == hold.withdrawal_id)
        .where(hold.closed_at.is_(None), channels.within_reach(w.account_id))
        .order_by(hold.opened_at, hold.id)
        .limit(limit)
    )  # fmt: skip
    if owner_id is not None:
        found = found.where(hold.owner_id == owner_id)
    if reason:
        found = found.where(hold.reason == reason)
    if pressing:
        found = found.where(_presses(pressing))
    if account_id is not None:
        found = found.where(w.account_id == account_id)
    return db.session.execute(found).all()


@dataclass(frozen=True, slots=True)
class Pressed:
    """Work for people that rings, of one account."""

    items: int
    amount: Money
    """Of the withdrawals that it is about, each counted once."""
    ownerless_since: datetime | None


def pressing_work(pressing: Pressing) -> dict[int, Pressed]:
    """By account, whoever looks."""
    w, hold = Withdrawal, WithdrawalHold
    each = (
        select(w.account_id, w.amount.label("amount"), func.count().label("holds"), _OWNERLESS_SINCE.label("since"))
        .join(w, w.id == hold.withdrawal_id)
        .where(hold.closed_at.is_(None), _presses(pressing))
        .group_by(w.id)
        .subquery()
    )
    sums = (each.c.account_id, func.sum(each.c.holds), total(each.c.amount), func.min(each.c.since))
    found = db.session.execute(select(*sums).group_by(each.c.account_id))
    return {row[0]: Pressed(int(row[1]), *row[2:]) for row in found}


def _presses(pressing: Pressing) -> ColumnElement[bool]:
    hold = WithdrawalHold
    if pressing is Pressing.LEFT:
        ownerless = hold.owner_id.is_(None) & (hold.opened_at < clock.later(-rules.WORK_LEFT_S))
        return ownerless | (hold.opened_at < clock.later(-rules.WORK_LEFT_BADLY_S))
    return hold.reason.in_(rules.PRESSES[pressing])


def heard(hold: Any) -> Text | None:
    """What the channel said that made it work for people, where that was written down."""
    if hold.reason == "returned":
        return None  # the channel's own words, which may look like anything
    # Before it was kept for readers of any language this was a line for technicians.
    return Text.told(hold.detail) if hold.detail.startswith("[") else None


def work_counts(*, account_id: int | None = None) -> dict[str, int]:
    """How many of each reason wait."""
    found = (
        select(WithdrawalHold.reason, func.count())
        .join(Withdrawal, Withdrawal.id == WithdrawalHold.withdrawal_id)
        .where(WithdrawalHold.closed_at.is_(None), channels.within_reach(Withdrawal.account_id))
        .group_by(WithdrawalHold.reason)
    )
    if account_id is not None:
        found = found.where(Withdrawal.account_id == account_id)
    return {str(reason): int(count) for reason, count in db.session.execute(found)}


@dataclass(frozen=True, slots=True)
class WorkWaiting:
    """What waits for people; `since`: the longest of those that nobody cares for."""

    count: int
    since: datetime | None

    @property
    def is_late(self) -> bool:
        return self.since is not None and clock.now() - self.since >= timedelta(seconds=rules.WORK_LATE_S)


def work_waiting() -> WorkWaiting:
    hold = WithdrawalHold
    found = select(func.count(), _OWNERLESS_SINCE).join(Withdrawal, Withdrawal.id == hold.withdrawal_id)
    mine = found.where(hold.closed_at.is_(None), channels.within_reach(Withdrawal.account_id))
    count, since = db.session.execute(mine).one()
    return WorkWaiting(count, since)


def oldest_work(*, account_id: int | None = None) -> datetime | None:
    """Since when the longest-waiting of them waits."""
    found = select(func.min(WithdrawalHold.opened_at)).join(Withdrawal, Withdrawal.id == WithdrawalHold.withdrawal_id)
    if account_id is not None:
        found = found.where(Withdrawal.account_id == account_id)
    return db.session.scalar(
        found.where(WithdrawalHold.closed_at.is_(None), channels.within_reach(Withdrawal.account_id))
    )

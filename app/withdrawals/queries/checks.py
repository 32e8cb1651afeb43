"""Broken promises of this room, for `paydesk check`."""

from collections.abc import Mapping

from sqlalchemy import and_, exists, func, or_, select

from app.kernel.funds import Funds
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db
from app.runtime.jobs import Job
from app.withdrawals import rules
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold
from app.withdrawals.queries.limits import counter_problems
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import ASK, SUBMIT, State


def problems() -> list[str]:
    """Broken promises of this room, for `paydesk check`: traces with gaps, open work that nobody will look at,
    limits that were counted wrong."""
    found: list[str] = []
    last = (
        select(
            WithdrawalEvent.withdrawal_id,
            func.count().label("lines"),
            func.max(WithdrawalEvent.seq).label("last"),
        )
        .group_by(WithdrawalEvent.withdrawal_id)
        .subquery()
    )
    gaps = select(Withdrawal.number).outerjoin(last, last.c.withdrawal_id == Withdrawal.id)
    gaps = gaps.where(or_(last.c.lines.is_(None), last.c.lines != Withdrawal.seq, last.c.last != Withdrawal.seq))
    found += [f"{number}: its trace has a gap" for number in db.session.scalars(gaps)]
    told = select(Withdrawal.number, Withdrawal.state, WithdrawalEvent.state.label("told")).join(
        WithdrawalEvent, and_(WithdrawalEvent.withdrawal_id == Withdrawal.id, WithdrawalEvent.seq == Withdrawal.seq)
    )
    differs = db.session.execute(told.where(WithdrawalEvent.state != Withdrawal.state))
    found += [f"{row.number}: is {row.state}, its last event says {row.told}" for row in differs]
    for states, kind in (((State.QUEUED,), SUBMIT), (OUT, ASK)):
        cared_for = exists().where(Job.dedup_key == f"{kind}:" + Withdrawal.number, Job.done_at.is_(None))
        held_up = exists().where(
            WithdrawalHold.withdrawal_id == Withdrawal.id,
            WithdrawalHold.reason.in_(rules.STAND_STILL),
            WithdrawalHold.closed_at.is_(None),
        )
        lost = select(Withdrawal.number, Withdrawal.state).where(Withdrawal.state.in_(states), ~cared_for, ~held_up)
        found += [f"{row.number}: is {row.state} and no job will look at it" for row in db.session.execute(lost)]
    return found + counter_problems()


def against_ledger() -> list[str]:
    """Withdrawals and ledger, laid side by side: each has the entries its state asks for, and no entry is nobody's."""
    deeds, prefunded = ledger.deeds(), ledger.taken_from(Funds.PREFUNDED)
    found = []
    w = Withdrawal
    for row in db.session.execute(select(w.number, w.state, w.amount, w.fee, w.paid_late, w.funds)):
        state = State(row.state)
        held = {row.number, rules.late(row.number)} if row.paid_late else {row.number}
        if held & prefunded != (held if row.funds == Funds.PREFUNDED else set()):
            found.append(f"{row.number}: is paid of {row.funds} funds, the ledger took it from others")
        if row.paid_late:  # what it cost stands beside it, under a hold of its own
            asked = rules.entries(state, amount=row.amount, fee=row.fee)
            found += _compared(rules.late(row.number), state, deeds.pop(rules.late(row.number), {}), asked, row.fee)
            state = State.FAILED
        asked = rules.entries(state, amount=row.amount, fee=row.fee)
        found += _compared(row.number, state, deeds.pop(row.number, {}), asked, row.fee)
    return found + [f"{number}: the ledger holds money for a withdrawal that does not exist" for number in deeds]


def _compared(
    number: str, state: State, booked: Mapping[str, Money], wanted: Mapping[str, Money], fee: Money
) -> list[str]:
    """A returned payment has its fee back, or not, as its channel did it then."""
    with_fee = {**wanted, "fee_return": fee} if state == State.RETURNED else wanted
    if booked in (wanted, with_fee):
        return []
    return [f"{number}: is {state}, the ledger has {_plain(booked)} instead of {_plain(wanted)}"]


def _plain(entries: Mapping[str, Money]) -> str:
    return ", ".join(f"{kind} {amount}" for kind, amount in sorted(entries.items())) or "nothing"

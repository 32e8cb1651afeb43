"""Money on its way, money whose fate nobody knows, and what waits for people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from app.channels import queries as channels
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.runtime.db import db, total
from app.runtime.jobs import Job
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import ASK, OPEN, SUBMIT, State


def in_transit(account_ids: Sequence[int]) -> dict[int, tuple[int, Money]]:
    """How many are on their way for each account, and how much."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount))
        .where(Withdrawal.account_id.in_(account_ids), Withdrawal.state.in_((State.QUEUED, *OUT)))
        .group_by(Withdrawal.account_id)
    )
    return {account_id: (count, amount) for account_id, count, amount in db.session.execute(found)}


@dataclass(frozen=True, slots=True)
class SetAside:
    """What withdrawals hold of one balance, fees included. `kept`: of those that have certainly not left; `out`: of those that
    may have, so that the channel may count it, or not."""

    kept: Money = ZERO
    out: Money = ZERO


def set_aside(account_ids: Collection[int]) -> dict[tuple[int, Funds], SetAside]:
    """By account and funds."""
    w = Withdrawal
    may_have_left = or_(w.state.in_(OUT), and_(w.state == State.QUEUED, w.attempts > 0))
    sums = (w.account_id, w.funds, may_have_left.label("is_out"), total(w.amount), total(w.fee))
    mine = (w.account_id.in_(account_ids), w.state.in_(OPEN))
    found: dict[tuple[int, Funds], SetAside] = {}
    for account_id, funds, is_out, amount, fee in db.session.execute(select(*sums).where(*mine).group_by(*sums[:3])):
        key = (account_id, Funds(funds))
        so_far, more = found.get(key, SetAside()), amount + fee
        found[key] = SetAside(so_far.kept, more) if is_out else SetAside(more, so_far.out)
    return found


@dataclass(frozen=True, slots=True)
class Unknown:
    """Money whose fate nobody knows: out, and without a signed word of the channel."""

    count: int
    amount: Money
    since: datetime | None


def unknown() -> Unknown:
    count, amount, since = db.session.execute(
        select(func.count(), total(Withdrawal.amount), func.min(Withdrawal.sent_at)).where(
            Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), channels.within_reach(Withdrawal.account_id)
        )
    ).one()
    return Unknown(count, amount, since)


def unknown_before(moment: datetime) -> dict[int, Unknown]:
    """What was sent before then and is still without a signed word, by account, whoever looks."""
    out = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), Withdrawal.sent_at < moment)
    sums = (Withdrawal.account_id, func.count(), total(Withdrawal.amount), func.min(Withdrawal.sent_at))
    found = db.session.execute(select(*sums).where(*out).group_by(Withdrawal.account_id))
    return {row[0]: Unknown(*row[1:]) for row in found}


def hanging_since(moment: datetime) -> dict[int, tuple[int, Money]]:
    """What the channel has taken, and was sent before then: how many and how much, by account, whoever looks."""
    out = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_not(None), Withdrawal.sent_at < moment)
    sums = (Withdrawal.account_id, func.count(), total(Withdrawal.amount))
    found = db.session.execute(select(*sums).where(*out).group_by(Withdrawal.account_id))
    return {account_id: (count, amount) for account_id, count, amount in found}


def unknown_by_account() -> list[tuple[int, int, Money, Withdrawal]]:
    """For each account that has some: how many, how much, and the one that was sent first; in the order of these."""
    reach = channels.within_reach(Withdrawal.account_id)
    open_ended = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), reach)
    sums = (
        select(Withdrawal.account_id, func.count().label("count"), total(Withdrawal.amount).label("amount"))
        .where(*open_ended)
        .group_by(Withdrawal.account_id)
        .subquery()
    )
    waits_since = func.row_number().over(
        partition_by=Withdrawal.account_id, order_by=(Withdrawal.sent_at, Withdrawal.id)
    )
    ages = select(Withdrawal.id, waits_since.label("place")).where(*open_ended).subquery()
    found = (
        select(sums.c.account_id, sums.c.count, sums.c.amount, Withdrawal)
        .join(Withdrawal, Withdrawal.account_id == sums.c.account_id)
        .join(ages, (ages.c.id == Withdrawal.id) & (ages.c.place == 1))
        .order_by(Withdrawal.sent_at, Withdrawal.id)
    )
    return [(account_id, count, amount, oldest) for account_id, count, amount, oldest in db.session.execute(found)]


def next_looks(numbers: Sequence[str]) -> dict[str, datetime]:
    """When the worker looks at each of these next; not there, where that is now, or never."""
    keys = {f"{kind}:{number}": number for number in numbers for kind in (SUBMIT, ASK)}
    coming = (Job.done_at.is_(None), Job.lease_until.is_(None), Job.due_at > clock.now())
    found = select(Job.dedup_key, Job.due_at).where(Job.dedup_key.in_(keys), *coming)
    looks: dict[str, datetime] = {}
    for key, due_at in db.session.execute(found.order_by(Job.due_at)):
        looks.setdefault(keys[key], due_at)
    return looks


def waiting_for_review() -> int:
    waiting = (Withdrawal.state == State.REVIEW, channels.within_reach(Withdrawal.account_id))
    return db.session.scalar(select(func.count()).where(*waiting)) or 0

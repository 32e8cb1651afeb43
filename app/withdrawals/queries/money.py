"""Money on its way, money whose fate nobody knows, and what waits for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.channels import queries as channels
from app.kernel.money import Money
from app.runtime.db import db, total
from app.runtime.jobs import Job
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import ASK, SUBMIT, State


def in_transit(account_ids: Sequence[int]) -> dict[int, tuple[int, Money]]:
    """How many are on their way for each account, and how much."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount))
        .where(Withdrawal.account_id.in_(account_ids), Withdrawal.state.in_((State.QUEUED, *OUT)))
        .group_by(Withdrawal.account_id)
    )
    return {account_id: (count, amount) for account_id, count, amount in db.session.execute(found)}


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


def unknown_by_account() -> list[tuple[int, int, Money, Withdrawal]]:
    """For each account that has some: how many, how much, and the oldest of them."""
    reach = channels.within_reach(Withdrawal.account_id)
    open_ended = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), reach)
    groups = (
        select(Withdrawal.account_id, func.count().label("count"), total(Withdrawal.amount).label("amount"),
               func.min(Withdrawal.id).label("oldest"))
        .where(*open_ended)
        .group_by(Withdrawal.account_id)
        .subquery()
    )  # fmt: skip
    found = select(groups.c.account_id, groups.c.count, groups.c.amount, Withdrawal)
    found = found.join(Withdrawal, Withdrawal.id == groups.c.oldest).order_by(groups.c.oldest.desc())
    return [(account_id, count, amount, oldest) for account_id, count, amount, oldest in db.session.execute(found)]


def next_looks(numbers: Sequence[str]) -> dict[str, datetime]:
    """When the worker looks at each of these next, where it does."""
    keys = {f"{kind}:{number}": number for number in numbers for kind in (SUBMIT, ASK)}
    found = select(Job.dedup_key, Job.due_at).where(Job.dedup_key.in_(keys), Job.done_at.is_(None))
    looks: dict[str, datetime] = {}
    for key, due_at in db.session.execute(found.order_by(Job.due_at)):
        looks.setdefault(keys[key], due_at)
    return looks


def waiting_for_review() -> int:
    waiting = (Withdrawal.state == State.REVIEW, channels.within_reach(Withdrawal.account_id))
    return db.session.scalar(select(func.count()).where(*waiting)) or 0

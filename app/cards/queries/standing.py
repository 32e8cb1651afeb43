"""How accounts stand with their cards, for whoever holds them and whoever comes next."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from app.cards.models import BindingRun, Card
from app.cards.queries.runs import UNDER_WAY
from app.cards.states import State
from app.runtime.db import db


class Run(NamedTuple):
    """A run that still binds cards."""

    reference: str
    state: str
    done: int
    total: int


def bound_since(account_id: int, since: datetime) -> int:
    """How many cards were asked for since then, and are bound."""
    mine = (Card.account_id == account_id, Card.made_at >= since, Card.state == State.BOUND)
    return db.session.scalar(select(func.count()).where(*mine)) or 0


def runs_under_way(account_ids: Sequence[int]) -> dict[int, list[Run]]:
    """Of the accounts that have some."""
    r = BindingRun
    done = r.bound + r.refused + r.known + r.pending
    found = select(r.account_id, r.reference, r.state, done, r.total).where(
        r.account_id.in_(account_ids), r.state.in_(UNDER_WAY)
    )
    runs: dict[int, list[Run]] = {}
    for account_id, reference, state, count, total in db.session.execute(found.order_by(r.id)):
        runs.setdefault(account_id, []).append(Run(reference, state, count, total))
    return runs

"""Reading what was picked to be decided together. Nothing here writes."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select

from app.auth.identity import Actor
from app.channels import queries as channels
from app.kernel.errors import NotThere, Text
from app.kernel.money import Money
from app.runtime import vault
from app.runtime.db import db, total
from app.runtime.listing import Listing, listing
from app.withdrawals.models import Selection as Selection
from app.withdrawals.models import SelectionRow, Withdrawal
from app.withdrawals.queries.listing import FILTERS
from app.withdrawals.states import Outcome
from app.withdrawals.tallies import Totals


def selection(reference: str, actor: Actor) -> Selection:
    """One's own, by its reference; NotThere otherwise."""
    found = None
    if "\0" not in reference:
        own = select(Selection).where(Selection.reference == reference, Selection.operator_id == actor.operator_id)
        found = db.session.scalars(own).one_or_none()
    if found is None:
        raise NotThere(reference)
    return found


def held_selection(reference: str) -> Selection:
    """The selection, locked until the transaction ends."""
    found = select(Selection).where(Selection.reference == reference).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def waiting(selection_id: int, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """The next rows that nobody decided."""
    found = (
        select(SelectionRow.id, SelectionRow.seen, Withdrawal.number, Withdrawal.account_id)
        .join(Withdrawal, Withdrawal.id == SelectionRow.withdrawal_id)
        .where(SelectionRow.selection_id == selection_id, SelectionRow.outcome == Outcome.WAITING)
    )
    return db.session.execute(found.order_by(SelectionRow.id).limit(limit)).all()


def outcomes(selection_id: int) -> dict[str, int]:
    """How many rows of each outcome."""
    found = select(SelectionRow.outcome, func.count()).where(SelectionRow.selection_id == selection_id)
    return {str(outcome): int(count) for outcome, count in db.session.execute(found.group_by(SelectionRow.outcome))}


def by_account(selection_id: int) -> list[tuple[int, int, Money]]:
    """For each channel account in it: how many, and how much."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount))
        .join(SelectionRow, SelectionRow.withdrawal_id == Withdrawal.id)
        .where(SelectionRow.selection_id == selection_id, channels.within_reach(Withdrawal.account_id))
        .group_by(Withdrawal.account_id)
        .order_by(Withdrawal.account_id)
    )
    return [(account_id, count, amount) for account_id, count, amount in db.session.execute(found)]


def rows(selection_id: int, asked: Mapping[str, str], *, only: Collection[int] | None = None) -> Listing:
    """Its rows, page by page, with what became of each. `only`: of these withdrawals, as `asked["only"]` names them."""
    r, w = SelectionRow, Withdrawal
    statement = (
        select(r.id, r.outcome, r.message, r.withdrawal_id, w.number, w.amount, w.fee, w.holder, w.bank, w.card_masked,
               w.account_type, w.funds, w.account_id, w.maker, w.made_at, w.memo)
        .join(w, w.id == r.withdrawal_id)
        .where(r.selection_id == selection_id, channels.within_reach(w.account_id))
    )  # fmt: skip
    if asked.get("outcome") in set(Outcome):
        statement = statement.where(r.outcome == asked["outcome"])
    if only is not None:
        statement = statement.where(r.withdrawal_id.in_(only))
    kept = {name: asked[name] for name in ("outcome", "only") if asked.get(name)}
    return listing(statement, key=r.id.expression, asked=asked, kept=kept)


def message_of(row: Any) -> Text | None:
    """Why a row was not decided."""
    return Text.told(row.message) if row.message else None


def seal_of(asked: Mapping[str, str], totals: Totals) -> str:
    """What a page says that "everything" was: the filter, how many, how much. Another one is told to whoever picks."""
    said = {name: asked[name] for name in FILTERS if asked.get(name)}
    told = json.dumps([sorted(said.items()), totals.count, totals.amount.minor], ensure_ascii=False)
    return vault.mac(told.encode(), purpose="selection")

"""Reading runs that bind many cards. Nothing here writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select

from app.cards.models import BindingRow, BindingRun, Card
from app.cards.states import RowState, RunState
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import NotThere
from app.runtime.db import db
from app.runtime.listing import Listing, listing
from app.uploads.models import Upload

UNDER_WAY = (RunState.RUNNING, RunState.PAUSED)


def run(reference: str) -> BindingRun:
    """By its reference; NotThere otherwise."""
    mine = select(BindingRun).where(BindingRun.reference == reference, channels.within_reach(BindingRun.account_id))
    found = db.session.scalars(mine).one_or_none() if "\0" not in reference else None
    if found is None:
        raise NotThere(reference)
    return found


def held_run(reference: str) -> BindingRun:
    """The run, locked until the transaction ends."""
    found = select(BindingRun).where(BindingRun.id == run(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def run_of(upload_id: int) -> BindingRun | None:
    return db.session.scalars(select(BindingRun).where(BindingRun.upload_id == upload_id)).one_or_none()


def runs_of(upload_ids: Sequence[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """What became of these uploads, by their id."""
    found = select(
        BindingRun.upload_id, BindingRun.reference, BindingRun.state, BindingRun.total, BindingRun.bound,
        BindingRun.refused, BindingRun.known, BindingRun.pending,
    ).where(BindingRun.upload_id.in_(upload_ids))  # fmt: skip
    return {row.upload_id: row for row in db.session.execute(found)}


def uploads_under_way(account_id: int) -> dict[int, str]:
    """Uploads whose runs still bind cards to this account: their ids, with the run's reference."""
    found = select(BindingRun.upload_id, BindingRun.reference).where(
        BindingRun.account_id == account_id, BindingRun.state.in_(UNDER_WAY)
    )
    return {row.upload_id: row.reference for row in db.session.execute(found)}


def waits_for(run: BindingRun) -> str | None:
    """The reference of an earlier run that works on the same account: one after the other."""
    earlier = select(BindingRun.reference).where(
        BindingRun.account_id == run.account_id, BindingRun.state == RunState.RUNNING, BindingRun.id < run.id
    )
    return db.session.scalar(earlier.order_by(BindingRun.id).limit(1))


def asking(run_id: int, limit: int) -> Sequence[BindingRow]:
    """Rows that were handed on and have no answer."""
    found = select(BindingRow).where(BindingRow.run_id == run_id, BindingRow.state == RowState.ASKING)
    return db.session.scalars(found.order_by(BindingRow.row).limit(limit)).all()


def outcomes(run_id: int, first_row: int, last_row: int) -> dict[int, Row[*tuple[Any, ...]]]:
    """State and message by the sheet's row, for these rows."""
    found = select(BindingRow.row, BindingRow.state, BindingRow.message).where(
        BindingRow.run_id == run_id, BindingRow.row.between(first_row, last_row)
    )
    return {row.row: row for row in db.session.execute(found)}


def run_rows(run_id: int, asked: Mapping[str, str]) -> Listing:
    """The list of rows of a run, with the card each became."""
    statement = (
        select(
            BindingRow.row, BindingRow.state, BindingRow.message, BindingRow.at, Card.reference, Card.number_masked,
            Card.holder, Card.bank,
        )
        .outerjoin(Card, Card.id == BindingRow.card_id)
        .where(BindingRow.run_id == run_id)
    )  # fmt: skip
    if asked.get("state") in set(RowState):
        statement = statement.where(BindingRow.state == asked["state"])
    kept = {"state": asked["state"]} if asked.get("state") else {}
    return listing(statement, key=BindingRow.row.expression, asked=asked, kept=kept, rising=True)


def refused(run_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """How often the channel refused for which reason, the most frequent first."""
    found = (
        select(BindingRow.message, func.count().label("count"), func.min(BindingRow.row).label("row"))
        .where(BindingRow.run_id == run_id, BindingRow.state == RowState.REFUSED)
        .group_by(BindingRow.message)
    )
    return db.session.execute(found.order_by(func.count().desc()).limit(20)).all()


def seconds_left(run: BindingRun) -> int | None:
    """How long the rest will take at the pace so far; None while that is anybody's guess."""
    done = run.bound + run.refused + run.known + run.pending
    if run.began_at is None or run.state != RunState.RUNNING or run.silent_since or done < 20:
        return None
    took_s = (clock.now() - run.began_at).total_seconds()
    return int(took_s / done * (run.total - done))


def of_card(card_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Which sheets brought this card, and as which row."""
    found = (
        select(
            BindingRow.row, BindingRow.state, BindingRow.message, BindingRow.at, BindingRun.reference, Upload.filename
        )
        .join(BindingRun, BindingRun.id == BindingRow.run_id)
        .join(Upload, Upload.id == BindingRun.upload_id)
        .where(BindingRow.card_id == card_id)
    )
    return db.session.execute(found.order_by(BindingRow.id.desc()).limit(20)).all()

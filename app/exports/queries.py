"""Reading exports: one's own list, and the bytes of a file. Nothing here writes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.auth.identity import Actor
from app.exports.models import Export as Export
from app.exports.models import ExportPart
from app.exports.states import UNDER_WAY, State
from app.kernel.errors import NotThere, Text
from app.runtime import vault
from app.runtime.db import db, let_go
from app.runtime.listing import Listing, listing


def exports(asked: Mapping[str, str], *, operator_id: int) -> Listing:
    """The list of what this person asked for."""
    e = Export
    statement = select(
        e.id, e.reference, e.kind, e.format, e.state, e.total, e.rows, e.size, e.downloads, e.asked_at, e.ended_at,
        e.erase_at, e.trouble, e.question, e.key_sealed,
    ).where(e.operator_id == operator_id)  # fmt: skip
    return listing(statement, key=e.id.expression, asked=asked, kept={})


def mine(reference: str, actor: Actor) -> Export:
    """By its reference; NotThere for everybody else's, and for what is about channels that are foreign by now."""
    found = None
    if "\0" not in reference:
        own = select(Export).where(Export.reference == reference, Export.operator_id == actor.operator_id)
        found = db.session.scalars(own).one_or_none()
    if found is None or not _within(reach_of(found), actor.channels):
        raise NotThere(reference)
    return found


def _within(reach: frozenset[str] | None, own: frozenset[str] | None) -> bool:
    return own is None or (reach is not None and reach <= own)


def held(reference: str) -> Export:
    """The export, locked until the transaction ends; NotThere when there is none."""
    found = select(Export).where(Export.reference == reference).with_for_update()
    export = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if export is None:
        raise NotThere(reference)
    return export


def overdue(now: datetime) -> Sequence[str]:
    """The references of those whose time is over."""
    over = (Export.erase_at <= now, Export.state != State.ERASED)
    return db.session.scalars(select(Export.reference).where(*over).order_by(Export.id).limit(200)).all()


def under_way(operator_id: int) -> int:
    """How many this person waits for."""
    waiting = (Export.operator_id == operator_id, Export.state.in_(UNDER_WAY))
    return db.session.scalar(select(func.count()).select_from(Export).where(*waiting)) or 0


def key_of(reference: str, key_sealed: str) -> vault.DataKey:
    """What opens it; vault.Sealed when it was erased."""
    return vault.DataKey.opened(key_sealed, table="export", column="key_sealed", row=reference)


def question_of(row: Any) -> dict[str, Any]:
    """What was asked, in the words of the room above; nothing once it is erased. `row`: an export, or a line of the list."""
    if not row.key_sealed:
        return {}
    raw = key_of(row.reference, row.key_sealed).unseal(row.question, place=place_of_question(row.reference))
    found: dict[str, Any] = json.loads(raw)
    return found


def reach_of(export: Export) -> frozenset[str] | None:
    """The channels whose rows are in it; None: all."""
    return frozenset(json.loads(export.reach)) if export.reach else None


def trouble_of(row: Any) -> Text | None:
    """Why there is no file."""
    return Text.told(row.trouble) if row.trouble else None


def pieces(export: Export) -> Iterator[bytes]:
    """The file's bytes. An answer may send them slowly: between two pieces no connection to the database is held."""
    export_id, reference, parts = export.id, export.reference, export.parts
    key = key_of(reference, export.key_sealed)

    def read() -> Iterator[bytes]:
        for number in range(parts):
            part = select(ExportPart.body).where(ExportPart.export_id == export_id, ExportPart.number == number)
            body = db.session.scalar(part)
            let_go()
            if body is None:
                return  # erased meanwhile: the browser sees that the file is shorter than it was told
            yield key.unseal(body, place=place_of_part(reference, number))

    return read()


def place_of_question(reference: str) -> str:
    return f"export|{reference}|question"


def place_of_part(reference: str, number: int) -> str:
    return f"export_part|{reference}|{number}"

"""导出: what this room lends to rooms that have lists: ask for a sheet in a transaction, write it in a worker.

Rows come in blocks by a key, each block is a sealed part with the place where the next one goes on, in one transaction: a
worker that is killed loses one block's time, and two of them never write one part twice. Memory is one block, whatever the
sheet's length.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, update

from app.auth.identity import Actor
from app.exports import queries
from app.exports.models import Export, ExportPart
from app.exports.states import EXPORT, UNDER_WAY, Format, State
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events, sheet, vault
from app.runtime.db import changed, db, in_transaction, transaction

TOPIC = "exports"
KEEP = timedelta(days=7)
UNDER_WAY_MOST = 3
ROWS_MOST = 1_000_000
"""As many as one sheet of Excel holds."""
SLICE_S = 45.0
"""A run writes for so long and then lets others to the line; well within its job's lease."""

Block = Callable[[int | None], tuple[Sequence[Sequence[sheet.Value]], int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the room above reads its list. `block`: the rows after a key, and the key to go on from (None: that was all)."""

    columns: Sequence[sheet.Column]
    count: Callable[[], int]
    block: Block


def ask(*, kind: str, format_: Format, question: Mapping[str, object], actor: Actor) -> str:
    """Put an export on the list; the room above promises the job that writes it. Returns its reference."""
    assert in_transaction()
    if queries.under_way(actor.operator_id) >= UNDER_WAY_MOST:
        raise Refused(
            "您已有 %(count)d 份导出在生成", count=UNDER_WAY_MOST, advice="请等其中一份完成，或在下载中心删除后再导出"
        )
    reference, key = new_number("E"), vault.DataKey.new()
    raw = json.dumps(question, ensure_ascii=False).encode()
    db.session.add(
        Export(
            reference=reference,
            kind=kind,
            format=str(format_),
            operator_id=actor.operator_id,
            language=actor.language,
            reach="" if actor.channels is None else json.dumps(sorted(actor.channels)),
            question=key.seal(raw, place=queries.place_of_question(reference)),
            key_sealed=key.sealed(table="export", column="key_sealed", row=reference),
            erase_at=clock.now() + KEEP,
        )
    )
    db.session.flush()
    live_events.announce(TOPIC, reference)
    return reference


def write(reference: str, plan: Callable[[Export], Plan], *, slice_s: float = SLICE_S) -> jobs.Again | None:
    """The worker's part: write on from where the last one stopped. None when there is nothing left to write."""
    until = time.monotonic() + slice_s
    with transaction():
        export = queries.held(reference)
        if export.state not in UNDER_WAY:
            return None
        wanted, waits = plan(export), export.state == State.WAITING
    if waits and not _begin(reference, wanted):
        return None
    while _go_on(reference, wanted):
        if time.monotonic() >= until:
            return jobs.Again(0)
    return None


def _begin(reference: str, plan: Plan) -> bool:
    """Count, and write what stands before the rows. False when that is too much for one sheet."""
    total = plan.count()
    with transaction():
        export = queries.held(reference)
        if export.state != State.WAITING:
            return export.state == State.WRITING
        if total > ROWS_MOST:
            told = Text("超过 %(count)s 行，一份表格放不下", count=f"{ROWS_MOST:,}")
            move(export, "refuse", trouble=told.kept(), ended_at=clock.now())
            return False
        writer = sheet.growing(export.format, {})
        head = writer.begin(plan.columns)
        move(export, "begin", total=total, began_at=clock.now())
        _keep(export, head, rows=0, cursor={"after": None, "known": writer.known()})
    return True


def _go_on(reference: str, plan: Plan) -> bool:
    """One block. False when it was the last, or when somebody else writes here or threw it away."""
    with transaction():
        export = queries.held(reference)
        if export.state != State.WRITING:
            return False
        cursor, parts, format_ = json.loads(export.cursor), export.parts, export.format
    rows, after = plan.block(cursor["after"])
    writer = sheet.growing(format_, cursor["known"])
    content = writer.grow(rows)
    if after is None:
        content += writer.end()
    with transaction():
        export = queries.held(reference)
        if export.state != State.WRITING or export.parts != parts:
            return False
        _keep(export, content, rows=len(rows), cursor={"after": after, "known": writer.known()})
        if after is None:
            move(export, "finish", ended_at=clock.now(), total=Export.rows, erase_at=clock.now() + KEEP)
    return after is not None


def _keep(export: Export, content: bytes, *, rows: int, cursor: dict[str, Any]) -> None:
    key = queries.key_of(export.reference, export.key_sealed)
    body = key.seal(content, place=queries.place_of_part(export.reference, export.parts))
    db.session.execute(insert(ExportPart).values(export_id=export.id, number=export.parts, body=body))
    export.parts, export.rows, export.size = export.parts + 1, export.rows + rows, export.size + len(content)
    export.cursor = json.dumps(cursor)
    db.session.flush()
    live_events.announce(TOPIC, export.reference)


def erase(export: Export) -> None:
    """The key goes, and with it what was asked and what was written, in backups too."""
    move(export, "erase", key_sealed="", question=b"", cursor="", size=0)
    db.session.execute(delete(ExportPart).where(ExportPart.export_id == export.id))


def move(export: Export, verb: str, **values: object) -> None:
    """The only line in the room that changes export.state."""
    assert in_transaction()
    step = EXPORT.move(export.state, verb)
    db.session.flush()
    hit = changed(
        update(Export).where(Export.id == export.id, Export.state == export.state).values(state=step.target, **values)
    )
    if not hit:
        raise Refused("这份导出的状态刚刚变了，请刷新后再试")
    db.session.refresh(export)
    live_events.announce(TOPIC, export.reference)

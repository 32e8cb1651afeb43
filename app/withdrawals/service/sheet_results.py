"""结果表 of a sheet of withdrawals: the customer's own columns, with the number, the state and the reason of each."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime import jobs, live_events
from app.runtime.db import transaction
from app.runtime.queue import Line
from app.uploads import queries as uploads
from app.uploads import results
from app.uploads.results import MASKED, Outcome, Plan
from app.withdrawals.queries import sheets
from app.withdrawals.rules.sheet import FORMS
from app.withdrawals.service.sheets import RESULT, TOPIC
from app.withdrawals.states import LABELS, SheetState, State

FILE = MASKED
NUMBER = gettext_noop("订单编号")
NOT_YET = gettext_noop("未生成")
STOPPED = gettext_noop("未生成：已停止")
NOT_MADE = gettext_noop("未生成：被拒绝")
NO_REASON = gettext_noop("渠道没有说明原因")


def ask(reference: str) -> None:
    """Have the result written anew, as things stand now."""
    with transaction():
        results.require_kept(uploads.by_id(sheets.held_sheet(reference).upload_id))
        jobs.promise(RESULT, reference, line=Line.SHEETS)


def take(reference: str, *, actor: Actor) -> None:
    """Somebody takes a result along: counted and written down, like every export."""
    results.count_taken(actor)
    with transaction():
        audit.record(actor, "sheet.take", sheets.sheet(reference).reference)


def write(reference: str) -> None:
    """The worker's part."""
    sheet = sheets.sheet(reference)
    sheet_id, rest = sheet.id, STOPPED if sheet.state == SheetState.STOPPED else NOT_YET

    def outcomes(first_row: int, last_row: int) -> Mapping[int, Outcome]:
        return {it.row: _outcome(it) for it in sheets.outcomes(sheet_id, first_row, last_row)}

    def kept() -> None:
        sheets.held_sheet(reference).result_at = clock.now()
        live_events.announce(TOPIC, reference)

    upload = uploads.by_id(sheet.upload_id)
    results.write(
        upload,
        Plan(
            columns=FORMS[upload.form_id],
            outcomes=outcomes,
            rest=rest,
            kept=kept,
            more=(NUMBER,),
        ),
    )


def _outcome(row: Row[*tuple[Any, ...]]) -> Outcome:
    if row.number is None:
        return Outcome(state=NOT_MADE, why=sheets.said(row.message))
    why = (row.channel_said or NO_REASON) if row.state in (State.FAILED, State.RETURNED) else ""
    return Outcome(state=LABELS[State(row.state)][0], why=why, more=(row.number,))

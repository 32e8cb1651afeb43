"""结果表 of a run that binds cards."""

from collections.abc import Mapping

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries
from app.cards.models import BindingRun
from app.cards.queries import runs
from app.cards.service.cards import RUNS
from app.cards.states import ROW_LABELS, RowState, RunState
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime import jobs, live_events
from app.runtime.db import transaction
from app.runtime.queue import Line
from app.uploads import queries as uploads
from app.uploads import results
from app.uploads.results import MASKED, WHOLE, Outcome, Plan

__all__ = ["MASKED", "WHOLE", "ask", "take", "write"]

WRITE = "app.cards.jobs.write_result"
WRITE_WHOLE = "app.cards.jobs.write_whole_result"
NOT_YET = gettext_noop("未提交")
STOPPED = gettext_noop("未提交：已停止")


def ask(reference: str, *, whole: bool, actor: Actor) -> None:
    """Have the result written anew. `whole`: with full numbers, which is written down like every look at one."""
    with transaction():
        run = runs.held_run(reference)
        results.require_kept(uploads.by_id(run.upload_id))
        if whole:
            audit.record(actor, "run.take-whole", reference, after={"rows": run.total + run.left_out})
        jobs.promise(WRITE_WHOLE if whole else WRITE, reference, line=Line.SHEETS)


def take(reference: str, *, whole: bool, actor: Actor) -> None:
    """Somebody takes a result along: counted and written down, like every export."""
    results.count_taken(actor)
    with transaction():
        audit.record(actor, "run.take-whole" if whole else "run.take", runs.run(reference).reference)


def write(reference: str, *, whole: bool) -> None:
    """The worker's part."""
    run = runs.run(reference)
    upload = uploads.by_id(run.upload_id)
    run_id, rest = run.id, STOPPED if run.state == RunState.STOPPED else NOT_YET

    def outcomes(first_row: int, last_row: int) -> Mapping[int, Outcome]:
        found = runs.outcomes(run_id, first_row, last_row)
        return {row: Outcome(state=ROW_LABELS[RowState(it.state)][0], why=it.message) for row, it in found.items()}

    def kept() -> None:
        held: BindingRun = runs.held_run(reference)
        held.result_at = clock.now()
        live_events.announce(RUNS, reference)

    columns = queries.template_by_id(upload.form_id).columns
    results.write(upload, Plan(columns=columns, outcomes=outcomes, rest=rest, kept=kept), whole=whole)

"""批量绑卡, once a sheet was checked: what people decide about it. `binding` does the work."""

from sqlalchemy import select, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards.models import BindingRow, BindingRun, Card
from app.cards.queries import runs
from app.cards.service.binding import AT_ONCE, RESULT, count, leave_to_cards, move_run
from app.cards.service.cards import RUNS, TOPIC
from app.cards.service.uploads import DESK
from app.cards.states import CARD, RUN, RowState, RunState, State
from app.channels import claims
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.numbers import new_number
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, transaction
from app.runtime.queue import Line
from app.uploads import intake
from app.uploads.states import State as UploadState

WORK = "app.cards.jobs.work"


def confirm(upload_reference: str, *, seen: int, fence: int, actor: Actor) -> str:
    """Bind the good rows of this sheet from now on. Returns the run's reference; confirming again is the same run."""
    with transaction():
        upload = DESK.held(upload_reference)
        known = runs.run_of(upload.id)
        if upload.state == UploadState.CONFIRMED and known is not None:
            return known.reference
        account = channels.account_by_id(upload.account_id)
        channel_rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        claims.require(account.id, fence=fence, actor=actor)
        left_out = intake.confirm(upload, seen=seen)
        run = BindingRun(
            reference=new_number("R"),
            upload_id=upload.id,
            account_id=account.id,
            template_id=upload.form_id if upload.form_id > 0 else None,
            total=seen,
            left_out=left_out,
            maker_id=actor.operator_id,
            maker=actor.display_name,
        )
        db.session.add(run)
        db.session.flush()
        audit.record(
            actor, "run.confirm", run.reference, after={"upload": upload_reference, "rows": seen, "left_out": left_out}
        )
        _work(run)
        return run.reference


def pause(reference: str, *, fence: int, actor: Actor) -> None:
    """No further rows for now; what was asked already is answered."""
    with transaction():
        run = _mine(reference, fence=fence, actor=actor)
        move_run(run, "pause", why=actor.display_name)
        audit.record(actor, "run.pause", reference)


def resume(reference: str, *, fence: int, actor: Actor) -> None:
    with transaction():
        run = _mine(reference, fence=fence, actor=actor)
        move_run(run, "resume", why="", silent_since=None)
        audit.record(actor, "run.resume", reference)
        _work(run)


def stop(reference: str, *, fence: int, actor: Actor) -> None:
    """No further rows, ever. What was asked already is followed to its answer, card by card."""
    with transaction():
        run = _mine(reference, fence=fence, actor=actor)
        move_run(run, "stop", why=actor.display_name, ended_at=clock.now())
        leave_to_cards(run.id, [row.card_id for row in runs.asking(run.id, run.total) if row.card_id is not None])
        audit.record(actor, "run.stop", reference, after={"cursor": run.cursor})
        jobs.promise(RESULT, reference, line=Line.SHEETS)


def retry(reference: str, *, row: int | None = None, fence: int, actor: Actor) -> int:
    """Ask once more for the rows that the channel refused, or for one of them. Returns how many."""
    with transaction():
        run = _mine(reference, fence=fence, actor=actor)
        mine = [BindingRow.run_id == run.id, BindingRow.state == RowState.REFUSED]
        mine += [] if row is None else [BindingRow.row == row]
        cards = select(BindingRow.card_id).where(*mine)
        again = CARD.move(State.REFUSED, "retry").target
        asked = update(Card).where(Card.id.in_(cards), Card.state == State.REFUSED).returning(Card.id)
        ids = db.session.scalars(asked.values(state=again, message="", settled_at=clock.now())).all()
        if not ids:
            raise Refused("没有可以重试的行：被拒绝的卡可能已另行绑定")
        if run.state == RunState.FINISHED:
            move_run(run, "reopen", why="", ended_at=None)
        elif run.state != RunState.RUNNING:
            RUN.move(run.state, "reopen")  # says why not
        rows = 0
        for at in range(0, len(ids), AT_ONCE):
            theirs = update(BindingRow).where(*mine, BindingRow.card_id.in_(ids[at : at + AT_ONCE]))
            rows += changed(theirs.values(state=RowState.ASKING, message=""))
        count(run.id, refused=-rows)
        audit.record(actor, "run.retry", reference, after={"rows": rows})
        live_events.announce(TOPIC, "")
        _work(run)
        return rows


def _work(run: BindingRun) -> None:
    jobs.promise(WORK, run.reference, line=Line.SHEETS)
    live_events.announce(RUNS, run.reference)


def _mine(reference: str, *, fence: int, actor: Actor) -> BindingRun:
    run = runs.held_run(reference)
    claims.require(run.account_id, fence=fence, actor=actor)
    return run

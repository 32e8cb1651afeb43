"""Before anything is sent: does the book still hold? A broken promise about money stops sending, never showing (I-14)."""

from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import snapshot, transaction
from app.runtime.queue import Line
from app.withdrawals import queries
from app.withdrawals.service import movement, restoring, stops
from app.withdrawals.states import EXAMINE


def at_start() -> None:
    """A worker that sends begins: is this the database that sent last, and does the ledger add up?

    A ledger that does is no reason to let go on what something else has stopped: that takes the whole examination.
    """
    restoring.look()
    with snapshot():
        problems = ledger.problems()
    if problems:
        _judge(problems)
        return
    with transaction():
        if stops.held_stop(stops.ALL, stops.BROKEN):
            jobs.promise(EXAMINE, line=Line.SHEETS)


def examine() -> None:
    """The whole examination, beside the work."""
    with snapshot():
        problems = [*ledger.problems(), *queries.problems(), *queries.against_ledger()]
    _judge(problems)


def _judge(problems: list[str]) -> None:
    with transaction():
        if problems:
            stops.open_stop(stops.ALL, stops.BROKEN, detail=problems[0], by=movement.RULE)
        else:
            stops.close_stop(stops.ALL, stops.BROKEN, by=movement.RULE)

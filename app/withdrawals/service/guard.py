"""Before anything is sent: does the book still hold? A broken promise about money stops sending, never showing (I-14)."""

from app.ledger import queries as ledger
from app.runtime.db import transaction
from app.withdrawals import queries
from app.withdrawals.service import movement, restoring, stops


def at_start() -> None:
    """A worker that sends begins: is this the database that sent last, and does the ledger add up?"""
    restoring.look()
    _judge(ledger.problems())


def examine() -> None:
    """The whole examination, beside the work."""
    _judge([*ledger.problems(), *queries.problems(), *queries.against_ledger()])


def _judge(problems: list[str]) -> None:
    with transaction():
        if problems:
            stops.open_stop(stops.ALL, stops.BROKEN, detail=problems[0], by=movement.RULE)
        else:
            stops.close_stop(stops.ALL, stops.BROKEN, by=movement.RULE)

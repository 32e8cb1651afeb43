"""What is promised to hooks, in the transaction of the ring: a row for each message, and a job that sends what is due."""

from collections.abc import Iterable

from app.alerts import hooks, rules
from app.alerts.models import AlertHook, AlertMessage
from app.alerts.rules import Event
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime import jobs
from app.runtime.db import db, in_transaction
from app.runtime.queue import Line

SEND = "app.alerts.jobs.send"
LINE = Line.SHEETS
"""A robot that hangs must not keep a withdrawal waiting, and nobody minds if a message waits a moment behind a sheet."""


def post(alert_id: int, event: Event, *, severity: str, said: Text) -> None:
    """Every hook that wants to hear of what is so grave is told."""
    _promise(hooks.told_of(rules.up_to(severity)), alert_id, event, severity, said)


def post_over(alert_id: int, *, severity: str, said: Text) -> None:
    """Whoever was told of it is told that it is over."""
    _promise(hooks.told_about(alert_id), alert_id, Event.CLOSED, severity, said)


def new_message(
    hook: AlertHook, event: Event, *, severity: str, said: Text, alert_id: int | None = None, count: int = 1
) -> AlertMessage:
    """Joins the caller's transaction."""
    assert in_transaction(), "a message belongs to the change that it tells of"
    now = clock.now()
    message = AlertMessage(
        hook_id=hook.id,
        alert_id=alert_id,
        event=str(event),
        severity=severity,
        said=said.kept(rules.LONGEST),
        count=count,
        due_at=now,
        made_at=now,
    )
    db.session.add(message)
    db.session.flush()
    return message


def _promise(told: Iterable[AlertHook], alert_id: int, event: Event, severity: str, said: Text) -> None:
    for hook in told:
        new_message(hook, event, severity=severity, said=said, alert_id=alert_id)
        jobs.promise(SEND, hook.reference, line=LINE)

"""Alerts, as the rooms above ring them."""

from sqlalchemy import select

from app.alerts import bell
from app.alerts.bell import Severity
from app.alerts.models import Alert
from app.kernel.errors import Text
from app.runtime.db import db, transaction


def rings(
    subject: str = "C1",
    *,
    kind: str = "figures",
    severity: Severity = Severity.WARNING,
    said: Text | None = None,
    path: str = "",
    channel: str = "",
) -> Alert:
    """The alert that is open for it now."""
    with transaction():
        told = said or Text("“%(name)s”读不到", name=subject)
        bell.ring(kind, subject, severity=severity, said=told, path=path, channel=channel)
    (found,) = alerts(kind=kind, subject=subject, closed_at=None)
    return found


def is_over(subject: str = "C1", *, kind: str = "figures", said: Text | None = None) -> bool:
    with transaction():
        return bell.hush(kind, subject, said=said or Text("又读到了"))


def alerts(**named: object) -> list[Alert]:
    db.session.rollback()
    found = select(Alert).filter_by(**named).order_by(Alert.id)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))

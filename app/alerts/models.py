"""What people are told: one row for each time that something was wrong."""

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.runtime.db import Key, Model

OPEN = text("closed_at IS NULL")


class Alert(Model):
    """告警: one for each cause, by the database's own law (partial unique index). Ringing again counts up `times`."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("uq_alert_open", "kind", "subject", unique=True, postgresql_where=OPEN, sqlite_where=OPEN),
        Index("ix_alert_waiting", "id", postgresql_where=OPEN, sqlite_where=OPEN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(128))
    severity: Mapped[str] = mapped_column(String(10))
    """The gravest it has been: it only grows while the alert is open."""
    said: Mapped[str] = mapped_column(Text)
    """A sentence of ours, see `Text.kept`."""
    searched: Mapped[str] = mapped_column(Text)
    """What a search by text looks at, in small letters: the subject, and the sentence as it is in Chinese."""
    path: Mapped[str] = mapped_column(String(300), default="")
    """The page that it is about."""
    channel: Mapped[str] = mapped_column(String(32), default="")
    """The code of the channel that it is about. "": of the house, for those who see all of it."""
    times: Mapped[int] = mapped_column(default=1)
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(String(60), default="")
    """Who closed it; "": it is over by itself."""
    ending: Mapped[str] = mapped_column(Text, default="")
    """A sentence of ours (it is over by itself), or a person's reason."""

"""Alerts; the robots that are told of them, what each was told, and every try to tell it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.alerts.states import MESSAGE
from app.kernel import clock
from app.runtime.db import Key, Model

OPEN = text("closed_at IS NULL")
_WAITS = text("state = 'waiting'")


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


class AlertHook(Model):
    """告警推送: an address that alerts are sent to. It carries a token, so it is a secret like the one that signs."""

    __tablename__ = "alert_hook"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(12))
    address_sealed: Mapped[str] = mapped_column(Text)
    """Both are written, never shown, and empty once the hook was removed."""
    host: Mapped[str] = mapped_column(String(200))
    address_print: Mapped[str] = mapped_column(String(12))
    secret_sealed: Mapped[str] = mapped_column(Text, default="")
    secret_print: Mapped[str] = mapped_column(String(12), default="")
    language: Mapped[str] = mapped_column(String(2))
    least: Mapped[str] = mapped_column(String(10))
    """The mildest that it is told of."""
    enabled: Mapped[bool] = mapped_column(default=True)
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_by: Mapped[str] = mapped_column(String(60), default="")
    changed_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class AlertMessage(Model):
    """推送消息: something that one hook is told: promised in the transaction of the ring, tried by a ladder."""

    __tablename__ = "alert_message"
    __table_args__ = (
        Index("ix_alert_message_hook", "hook_id", "id"),
        Index("ix_alert_message_due", "hook_id", "due_at", postgresql_where=_WAITS, sqlite_where=_WAITS),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("alert_hook.id"))
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), index=True)
    """None: it is no single alert's: a trial, or the sum of many."""
    event: Mapped[str] = mapped_column(String(10))
    severity: Mapped[str] = mapped_column(String(10))
    said: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(default=1)
    """Of how many messages this is the sum."""
    state: Mapped[str] = mapped_column(String(10), default=MESSAGE.initial)
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AlertTry(Model):
    """One request to a robot: written before it leaves (outcome `open`), completed after."""

    __tablename__ = "alert_try"
    __table_args__ = (Index("ix_alert_try_hook", "hook_id", "at"), Index("ix_alert_try_message", "message_id", "id"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("alert_hook.id"))
    message_id: Mapped[int] = mapped_column(ForeignKey("alert_message.id"))
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(10), default="open")
    duration_ms: Mapped[int | None]
    http_status: Mapped[int | None]
    said: Mapped[str] = mapped_column(Text, default="")
    """Why it did not arrive, a sentence of ours; or what the robot answered, with every secret covered."""

"""How channels do: what their calls came to, when nothing is sent to one, when people are told."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model

_STANDS = text("closed_at IS NULL")


class CallTally(Model):
    """What became of the calls of five minutes, counted from their rows: health is read from these."""

    __tablename__ = "call_tally"

    slot: Mapped[datetime] = mapped_column(primary_key=True)
    """When the five minutes began."""
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    interface: Mapped[str] = mapped_column(String(20), primary_key=True)
    answered: Mapped[int]
    """With sense, and proved."""
    refused: Mapped[int]
    """Of these, how many times the channel said that it does not pay."""
    unsent: Mapped[int]
    unknown: Mapped[int]
    """Whatever else: after such an answer nobody knows."""
    took: Mapped[str] = mapped_column(String(600))
    """How long they took, as `rules.health.Took` writes it; of callbacks, how long after the order was handed over."""


class ChannelPause(Model):
    """自动停发: nothing new is sent to a channel that does not answer with sense, until it does again. Questions go on."""

    __tablename__ = "channel_pause"
    __table_args__ = (
        Index("uq_channel_pause_open", "account_id", unique=True, postgresql_where=_STANDS, sqlite_where=_STANDS),
        Index("ix_channel_pause_account", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(300))
    opened_at: Mapped[datetime]
    asked: Mapped[int] = mapped_column(default=0)
    """How many times the channel was asked something harmless since."""
    ask_at: Mapped[datetime]
    """When it is asked next."""
    probe: Mapped[str] = mapped_column(String(64), default="")
    """The one withdrawal that is sent to see whether it works again."""
    probe_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(String(60), default="")
    """Nobody: it recovered by itself."""
    closing: Mapped[str] = mapped_column(String(200), default="")


class Maintenance(Model):
    """维护时段: announced by the channel; nothing new is sent to it then, and nothing is thought of its silence."""

    __tablename__ = "maintenance"
    __table_args__ = (
        CheckConstraint("begins_at < ends_at", name="in_order"),
        Index("ix_maintenance_channel", "channel_id", "ends_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(String(200))
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    called_off_at: Mapped[datetime | None]


class HealthRule(Model):
    """告警规则: when people must be told how a channel does."""

    __tablename__ = "health_rule"
    __table_args__ = (
        CheckConstraint("at_least > 0 AND minutes > 0", name="window_positive"),
        UniqueConstraint("measure", "severity"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    measure: Mapped[str] = mapped_column(String(20))
    severity: Mapped[str] = mapped_column(String(10))
    bound: Mapped[int]
    """Per cent, or milliseconds, as its measure has it."""
    minutes: Mapped[int]
    at_least: Mapped[int]
    """Fewer calls than that say nothing."""
    enabled: Mapped[bool] = mapped_column(default=True)

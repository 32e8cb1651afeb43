"""What keeps money from leaving: stops, and sends that a restored database does not know."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model
from app.withdrawals.models.withdrawal import LONGEST_SENTENCE

_OPEN = text("closed_at IS NULL")


class SendingStop(Model):
    """停发: while it is open nothing is sent, of this account or (none named) of all. Questions are asked all the same."""

    __tablename__ = "sending_stop"
    __table_args__ = (
        Index("uq_sending_stop_open", "scope", "reason", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    scope: Mapped[str] = mapped_column(String(32))
    """An account's number, or `all`."""
    account_id: Mapped[int | None] = mapped_column(ForeignKey("channel_account.id"), index=True)
    reason: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(String(LONGEST_SENTENCE), default="")
    opened_by: Mapped[str] = mapped_column(String(60))
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    closed_by: Mapped[str] = mapped_column(String(60), default="")
    closed_at: Mapped[datetime | None]


class LostSend(Model):
    """A line of the send journal that the database, restored from a backup, does not know (RELIABILITY I-14)."""

    __tablename__ = "lost_send"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(32))
    attempt: Mapped[int]
    sent_at: Mapped[datetime]
    sealed: Mapped[str] = mapped_column(Text)
    found_at: Mapped[datetime] = mapped_column(default=clock.now)
    entered_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    """When the channel had answered for it."""
    trouble: Mapped[str] = mapped_column(String(LONGEST_SENTENCE), default="")
    """Why it cannot be entered, as `Text.kept`."""

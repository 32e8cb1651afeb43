"""The table of hand-overs."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model


class Handover(Model):
    """交接单: how one person left an account, in numbers of that moment, and who has signed that they know.

    `brief` is JSON of counts and sums (`app.tasks.rules`): no names of payees, no card numbers.
    """

    __tablename__ = "handover"
    __table_args__ = (Index("ix_handover_account", "account_id", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    claim_id: Mapped[int] = mapped_column(ForeignKey("claim.id"), unique=True)
    giver_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    giver: Mapped[str] = mapped_column(String(60))
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    successor: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    brief: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    signer: Mapped[str] = mapped_column(String(60), default="")
    signed_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(200), default="")
    """A supervisor's reason to sign in the successor's place."""

"""Many withdrawals picked to be decided together: each with what was seen of it, and what became of it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.money import Money
from app.runtime.db import Key, Model
from app.withdrawals.states import Outcome

_WAITS = text("outcome = 'waiting'")


class Selection(Model):
    """Made by whoever decides, for them alone. `verb`: what they decided, if they did. `left_out`: not theirs to decide."""

    __tablename__ = "withdrawal_selection"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    session_id: Mapped[int]
    verb: Mapped[str] = mapped_column(String(10), default="")
    why: Mapped[str] = mapped_column(String(200), default="")
    count: Mapped[int]
    amount: Mapped[Money] = mapped_column("amount_minor")
    left_out: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]


class SelectionRow(Model):
    """`seen`: the digest of what the confirm page showed. What was seen is what is approved (RELIABILITY I-13)."""

    __tablename__ = "withdrawal_selection_row"
    __table_args__ = (
        UniqueConstraint("selection_id", "withdrawal_id"),
        Index("ix_withdrawal_selection_row_waits", "selection_id", "id", postgresql_where=_WAITS, sqlite_where=_WAITS),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    selection_id: Mapped[int] = mapped_column(ForeignKey("withdrawal_selection.id"))
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawal.id"), index=True)
    seen: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(10), default=Outcome.WAITING)
    message: Mapped[str] = mapped_column(Text, default="")
    """JSON: why not, as a sentence and its values."""
    at: Mapped[datetime | None]

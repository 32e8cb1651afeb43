"""What people decided about a withdrawal: approvals, and outcomes that no channel told."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model

_STANDS = text("voided_at IS NULL")
_PROPOSED = text("state = 'proposed'")


class WithdrawalApproval(Model):
    """One pair of eyes. `digest` is what they saw; it is void once the withdrawal went back to review."""

    __tablename__ = "withdrawal_approval"
    __table_args__ = (
        Index(
            "uq_withdrawal_approval_once",
            "withdrawal_id",
            "operator_id",
            unique=True,
            postgresql_where=_STANDS,
            sqlite_where=_STANDS,
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawal.id"))
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    voided_at: Mapped[datetime | None]


class WithdrawalOutcome(Model):
    """人工认定: what two people say became of it, with a file that shows it. One proposal at a time."""

    __tablename__ = "withdrawal_outcome"
    __table_args__ = (
        CheckConstraint("decider_id IS NULL OR decider_id <> proposer_id OR state = 'withdrawn'", name="two_people"),
        Index("ix_withdrawal_outcome_withdrawal", "withdrawal_id", "id"),
        Index(
            "uq_withdrawal_outcome_proposed",
            "withdrawal_id",
            unique=True,
            postgresql_where=_PROPOSED,
            sqlite_where=_PROPOSED,
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawal.id"))
    outcome: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(10), default="proposed")
    seq: Mapped[int]
    """The withdrawal's, when it was proposed: confirmed is what the proposer knew, or nothing."""
    file_name: Mapped[str] = mapped_column(String(120), default="")
    file_type: Mapped[str] = mapped_column(String(60), default="")
    file_hash: Mapped[str] = mapped_column(String(64), default="")
    key_sealed: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """The evidence, sealed with a key of its own."""
    proposer_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    proposer: Mapped[str] = mapped_column(String(60))
    proposed_at: Mapped[datetime] = mapped_column(default=clock.now)
    decider_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"), index=True)
    decider: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(200), default="")

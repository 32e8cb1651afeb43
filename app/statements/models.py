"""Statements of accounts, day by day, and their lines. A line is never changed by what a channel says later: it ends."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.money import ZERO, Money
from app.runtime.db import Key, Model
from app.statements.states import Finding, State

STANDS = text("last_edition IS NULL")
_UNREAD = text("finding = 'unread'")


class Statement(Model):
    """What one account's channel says about one business day. Counts and sums are of the lines that stand now."""

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("account_id", "business_day"),
        Index("ix_statement_day", "business_day", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    business_day: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default=State.ASKED)
    edition: Mapped[int] = mapped_column(default=0)
    """How often it was told otherwise than before; the first telling is the first edition."""
    pulls: Mapped[int] = mapped_column(default=0)
    """Grows with each pull that is begun: only the latest one says how it ended."""
    lines: Mapped[int] = mapped_column(default=0)
    paid: Mapped[int] = mapped_column(default=0)
    paid_sum: Mapped[Money] = mapped_column("paid_sum_minor", default=ZERO)
    returned: Mapped[int] = mapped_column(default=0)
    returned_sum: Mapped[Money] = mapped_column("returned_sum_minor", default=ZERO)
    fees: Mapped[Money] = mapped_column("fees_minor", default=ZERO)
    odd: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(60), default="")
    pulled_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(String(200), default="")


class StatementLine(Model):
    """One line as it was told. `first_edition` … `last_edition`: in which editions it stood; it stands while there is no
    last one."""

    __tablename__ = "statement_line"
    __table_args__ = (
        Index(
            *("uq_statement_line_stands", "statement_id", "digest"),
            unique=True,
            postgresql_where=STANDS,
            sqlite_where=STANDS,
        ),
        Index("ix_statement_line_statement", "statement_id", "id"),
        Index("ix_statement_line_number", "number", "id"),
        Index("ix_statement_line_unread", "statement_id", "id", postgresql_where=_UNREAD, sqlite_where=_UNREAD),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statement.id"))
    digest: Mapped[str] = mapped_column(String(64))
    number: Mapped[str] = mapped_column(String(64))
    channel_number: Mapped[str] = mapped_column(String(64))
    word: Mapped[str] = mapped_column(String(60))
    seen: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Money] = mapped_column("amount_minor")
    fee: Mapped[Money | None] = mapped_column("fee_minor")
    happened_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(String(300), default="")
    copy: Mapped[int] = mapped_column(default=1)
    """Which of several that are alike, in one telling."""
    first_edition: Mapped[int]
    last_edition: Mapped[int | None]
    finding: Mapped[str] = mapped_column(String(10), default=Finding.UNREAD)
    told_at: Mapped[datetime]

"""How much of a business day's collections is in the ledger already, and what people enter where no channel says."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.collections.states import REVERSAL, TOP_UP
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.runtime.db import Key, Model

_STANDS = text("state IN ('waiting', 'done')")
_OPENING = text("kind = 'opening' AND state IN ('waiting', 'booked')")


class CollectedDay(Model):
    """Grows with the channel's figure for that day; the ledger's entries for the day add up to `booked`."""

    __tablename__ = "collected_day"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    business_day: Mapped[date] = mapped_column(primary_key=True)
    booked: Mapped[Money] = mapped_column("booked_minor")


class TopUp(Model):
    """充值入账: money that came into an account, as somebody entered it. It is in the ledger, under its number, once another
    person has looked; nothing of it ever changes but that."""

    __tablename__ = "top_up"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("checker_id IS NULL OR checker_id <> maker_id", name="four_eyes"),
        Index(
            "uq_top_up_opening", "account_id", "funds", unique=True, postgresql_where=_OPENING, sqlite_where=_OPENING
        ),
        Index("ix_top_up_account", "account_id", "id"),
        Index("ix_top_up_state", "state", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    form_key: Mapped[str] = mapped_column(String(36), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    funds: Mapped[str] = mapped_column(String(10), default=Funds.COLLECTED)
    """Into which of the account's balances it came."""
    kind: Mapped[str] = mapped_column(String(10))
    amount: Mapped[Money] = mapped_column("amount_minor")
    arrived_on: Mapped[date]
    evidence: Mapped[str] = mapped_column(String(200))
    """Where it can be seen: the channel's page, a bank's slip, whose word."""
    state: Mapped[str] = mapped_column(String(10), default=TOP_UP.initial)
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    maker: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    checker_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    checker: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(200), default="")


class TopUpReversal(Model):
    """冲正: somebody's wish to take a booked top-up back, and what another decided. Its money stands in the ledger under its
    own number: held while it waits, gone when it is done, back when it is not."""

    __tablename__ = "top_up_reversal"
    __table_args__ = (
        CheckConstraint("checker_id IS NULL OR checker_id <> maker_id", name="four_eyes"),
        Index("ix_top_up_reversal_top_up", "top_up_id", "id"),
        Index("uq_top_up_reversal_stands", "top_up_id", unique=True, postgresql_where=_STANDS, sqlite_where=_STANDS),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    top_up_id: Mapped[int] = mapped_column(ForeignKey("top_up.id"))
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10), default=REVERSAL.initial)
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    maker: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    checker_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    checker: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(200), default="")

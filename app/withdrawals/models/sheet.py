"""A sheet of many withdrawals, what became of each of its rows, and what was decided about all of them at once."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.runtime.db import Key, Model
from app.withdrawals.states import SHEET

_WAITING = text("answer = 'waiting'")
_OPEN = text("ended_at IS NULL")


class WithdrawalSheet(Model):
    """批量提现: a confirmed upload that becomes withdrawals. `cursor` is the last row of the sheet that was settled."""

    __tablename__ = "withdrawal_sheet"
    __table_args__ = (
        Index("ix_withdrawal_sheet_account", "account_id", "id"),
        CheckConstraint("made >= 0 AND refused >= 0 AND made + refused <= total", name="counted"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    state: Mapped[str] = mapped_column(String(10), default=SHEET.initial)
    funds: Mapped[str] = mapped_column(String(10), default=Funds.COLLECTED)
    """代付方式 of all its withdrawals."""
    total: Mapped[int]
    amount: Mapped[Money] = mapped_column("amount_minor")
    """Count and amount of the good rows, as they were typed in by hand when it was confirmed."""
    left_out: Mapped[int]
    cursor: Mapped[int] = mapped_column(default=0)
    made: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    needed: Mapped[Money] = mapped_column("needed_minor", default=ZERO)
    """What the rest takes, fees included, when it paused because there is not enough; 0 otherwise."""
    why: Mapped[str] = mapped_column(String(200), default="")
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    maker: Mapped[str] = mapped_column(String(60))
    session_id: Mapped[int] = mapped_column(BigInteger)
    """In which of the maker's sessions it was confirmed: for the audit log, in which each withdrawal is theirs."""
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result_at: Mapped[datetime | None]


class WithdrawalSheetOrder(Model):
    """整批办理: one person approves, rejects or takes back everything of a sheet that waited for review when they looked."""

    __tablename__ = "withdrawal_sheet_order"
    __table_args__ = (
        Index("uq_withdrawal_sheet_order_open", "sheet_id", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_withdrawal_sheet_order_sheet", "sheet_id", "id"),
        CheckConstraint("done >= 0 AND refused >= 0 AND done + refused <= total", name="counted"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("withdrawal_sheet.id"))
    verb: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200), default="")
    seen: Mapped[str] = mapped_column(String(64))
    """The digest of what was on the screen."""
    total: Mapped[int]
    amount: Mapped[Money] = mapped_column("amount_minor")
    done: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    actor_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    actor: Mapped[str] = mapped_column(String(60))
    session_id: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]


class WithdrawalSheetRow(Model):
    """What became of one row. A row that was not come to yet has none, and neither has one that was left out."""

    __tablename__ = "withdrawal_sheet_row"
    __table_args__ = (
        UniqueConstraint("sheet_id", "row"),
        Index("ix_withdrawal_sheet_row_own_number", "own_number"),
        Index("ix_withdrawal_sheet_row_waiting", "order_id", "row", postgresql_where=_WAITING, sqlite_where=_WAITING),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("withdrawal_sheet.id"))
    row: Mapped[int]
    withdrawal_id: Mapped[int | None] = mapped_column(ForeignKey("withdrawal.id"), unique=True)
    own_number: Mapped[str] = mapped_column(String(40), default="")
    """业务编号: what the customer calls it."""
    message: Mapped[str] = mapped_column(Text, default="")
    """Why it became no withdrawal: a sentence, as JSON."""
    order_id: Mapped[int | None] = mapped_column(ForeignKey("withdrawal_sheet_order.id"))
    seen: Mapped[str] = mapped_column(String(64), default="")
    """The digest of its withdrawal when the order was given: what was seen is what is decided."""
    answer: Mapped[str] = mapped_column(String(10), default="")
    answer_why: Mapped[str] = mapped_column(Text, default="")

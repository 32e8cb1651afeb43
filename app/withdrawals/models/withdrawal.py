"""The withdrawal, the trace of everything that happened to it, and what waits for a person."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.bank_card import AccountType
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import Payee
from app.runtime.db import Key, Model, append_only
from app.withdrawals.states import WITHDRAWAL, Kind, State

LONGEST_SENTENCE = 300
"""Characters of why: a sentence of ours as `Text.kept` writes it, or somebody's own words."""
_OPEN = text("closed_at IS NULL")


class Withdrawal(Model):
    """Payee and amount are copied in and never change; `number` is what the channel knows it by, for ever."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        CheckConstraint("amount_minor > 0 AND fee_minor >= 0", name="amounts"),
        CheckConstraint("checker_id IS NULL OR checker_id <> maker_id", name="four_eyes"),
        Index("ix_withdrawal_state", "state", "id"),
        Index("ix_withdrawal_account", "account_id", "id"),
        Index("ix_withdrawal_card", "card_index", "id"),
        Index("ix_withdrawal_twin", "card_index", "amount_minor", "id"),
        Index("ix_withdrawal_day", "business_day", "id"),
        Index("ix_withdrawal_out", "account_id", "state", "id"),
        Index("ix_withdrawal_amount", "amount_minor", "id"),
        Index("ix_withdrawal_last4", "card_last4", "id"),
        Index("ix_withdrawal_sums", "state", "amount_minor", "fee_minor"),
        Index("ix_withdrawal_channel_number", "channel_number"),
        Index("ix_withdrawal_holder", "holder", "id"),
        Index(
            "uq_withdrawal_replaces",
            "replaces",
            unique=True,
            postgresql_where=text("replaces <> ''"),
            sqlite_where=text("replaces <> ''"),
        ),
        Index("ix_withdrawal_sheet", "sheet_id", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    form_key: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(12), default=Kind.PAYOUT)
    sheet_id: Mapped[int | None] = mapped_column(ForeignKey("withdrawal_sheet.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("card.id"))
    payee: Mapped[str] = mapped_column(String(16), default=Payee.BANK_CARD)
    account_type: Mapped[str] = mapped_column(String(10), default=AccountType.PRIVATE)
    """对私 or 对公, as the card had it when this was made."""
    holder: Mapped[str] = mapped_column(String(60))
    bank: Mapped[str] = mapped_column(String(60))
    card_masked: Mapped[str] = mapped_column(String(30))
    card_last4: Mapped[str] = mapped_column(
        String(4), default=lambda context: context.get_current_parameters()["card_masked"][-4:]
    )
    card_index: Mapped[str] = mapped_column(String(64))
    funds: Mapped[str] = mapped_column(String(10), default=Funds.COLLECTED)
    """代付方式: which of the account's money it is paid of."""
    amount: Mapped[Money] = mapped_column("amount_minor")
    fee: Mapped[Money] = mapped_column("fee_minor")
    memo: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(12), default=State(WITHDRAWAL.initial))
    seq: Mapped[int] = mapped_column(default=0)
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    maker: Mapped[str] = mapped_column(String(60))
    checker_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    checker: Mapped[str] = mapped_column(String(60), default="")
    checkers: Mapped[int] = mapped_column(default=1)
    """How many pairs of eyes beside the maker's it needs."""
    approved_at: Mapped[datetime | None]
    approval: Mapped[str] = mapped_column(String(64), default="")
    """HMAC over what was approved; the worker computes it again before it sends."""
    setting_id: Mapped[int | None] = mapped_column(ForeignKey("channel_setting.id"))
    call_id: Mapped[int | None] = mapped_column(ForeignKey("channel_call.id"))
    """The latest submit: only its own sender may say that it never left."""
    channel_number: Mapped[str] = mapped_column(String(64), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    asked: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime | None]
    watched: Mapped[int] = mapped_column(default=0)
    """How often the channel was asked again after it was paid: it may come back (退票)."""
    not_found: Mapped[int] = mapped_column(default=0)
    first_not_found_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    """When the channel last said anything signed about it. None while it is out: the result is unknown."""
    replaces: Mapped[str] = mapped_column(String(32), default="")
    """The number of the one that was proved not to be paid, and in whose place this is paid."""
    paid_late: Mapped[bool] = mapped_column(default=False)
    """Its hold was released when it counted as failed; what it cost stands under a number of its own (`rules.late`)."""
    message: Mapped[str] = mapped_column(Text, default="")
    rulebook_id: Mapped[int | None] = mapped_column(ForeignKey("rulebook.id"))
    """The version it was admitted under; None: the built-in one."""
    counted: Mapped[bool] = mapped_column(default=False)
    """Does it use up the limits of its business day? Until it is rejected, cancelled or fails."""
    business_day: Mapped[date]
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


@append_only
class WithdrawalEvent(Model):
    """One line of the trace; `seq` has no gaps."""

    __tablename__ = "withdrawal_event"
    __table_args__ = (UniqueConstraint("withdrawal_id", "seq"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawal.id"))
    seq: Mapped[int]
    verb: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12))
    actor: Mapped[str] = mapped_column(String(60))
    why: Mapped[str] = mapped_column(String(LONGEST_SENTENCE), default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)


class WithdrawalHold(Model):
    """人工待办: something about this withdrawal that no rule may decide."""

    __tablename__ = "withdrawal_hold"
    __table_args__ = (
        Index(
            "uq_withdrawal_hold_open",
            "withdrawal_id",
            "reason",
            unique=True,
            postgresql_where=_OPEN,
            sqlite_where=_OPEN,
        ),
        Index("ix_withdrawal_hold_waiting", "opened_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawal.id"))
    reason: Mapped[str] = mapped_column(String(30))
    detail: Mapped[str] = mapped_column(String(LONGEST_SENTENCE), default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"), index=True)
    owner: Mapped[str] = mapped_column(String(60), default="")
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(String(60), default="")
    closing: Mapped[str] = mapped_column(String(LONGEST_SENTENCE), default="")

"""Accounts with their balances, and the transfers that explain them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.money import Money
from app.ledger.chart import Kind
from app.runtime.db import Key, Model, append_only


class LedgerAccount(Model):
    """An account and what it holds. One row for both: the CHECK can only read its own row, and so the balance exists
    from the moment the account does.
    """

    __tablename__ = "ledger_account"
    __table_args__ = (
        UniqueConstraint("owner", "code"),
        CheckConstraint("balance_minor >= 0 OR may_overdraw", name="not_overdrawn"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    code: Mapped[str] = mapped_column(String(20))
    may_overdraw: Mapped[bool]
    balance: Mapped[Money] = mapped_column("balance_minor")


def _only_one(name: str, column: str, *kinds: Kind) -> Index:
    """At most one transfer of these kinds for each value of a column."""
    where = text("kind IN ({})".format(", ".join(f"'{kind}'" for kind in kinds)))
    return Index(name, column, unique=True, sqlite_where=where, postgresql_where=where)


@append_only
class Transfer(Model):
    """An amount that moved from one account to another (`chart`), for good: a mistake is followed by another transfer."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint(
            "kind IN ('collect', 'hold', 'settle', 'fee', 'void', 'return', 'fee_return')", name="kind_known"
        ),
        CheckConstraint("(hold_id IS NULL) = (kind IN ('collect', 'hold'))", name="hold_named"),
        _only_one("uq_transfer_one_collect", "number", Kind.COLLECT),
        _only_one("uq_transfer_one_hold", "number", Kind.HOLD),
        _only_one("uq_transfer_one_resolution", "hold_id", Kind.SETTLE, Kind.VOID),
        _only_one("uq_transfer_one_fee", "hold_id", Kind.FEE),
        _only_one("uq_transfer_one_return", "hold_id", Kind.RETURN),
        _only_one("uq_transfer_one_fee_return", "hold_id", Kind.FEE_RETURN),
        Index("ix_transfer_number", "number"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    debit_account_id: Mapped[int] = mapped_column(Key, ForeignKey(LedgerAccount.id))
    credit_account_id: Mapped[int] = mapped_column(Key, ForeignKey(LedgerAccount.id))
    amount: Mapped[Money] = mapped_column("amount_minor")
    number: Mapped[str] = mapped_column(String(64))
    hold_id: Mapped[int | None] = mapped_column(Key, ForeignKey("transfer.id"))
    posted_at: Mapped[datetime] = mapped_column(default=clock.now)
    note: Mapped[str] = mapped_column(String(200), default="")

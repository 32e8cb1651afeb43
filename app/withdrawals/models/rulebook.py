"""The versions of the rulebook, what a day has used up of its limits, and the lists of payees."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.money import Money
from app.runtime.db import Key, Model

_DRAFT, _ACTIVE = text("state = 'draft'"), text("state = 'active'")
_CARD_STANDS = text("removed_at IS NULL AND card_index <> ''")
_NAME_STANDS = text("removed_at IS NULL AND name <> ''")


class RulebookVersion(Model):
    """提现规则: one version. Only a draft is ever changed."""

    __tablename__ = "rulebook"
    __table_args__ = (
        Index("uq_rulebook_draft", "state", unique=True, postgresql_where=_DRAFT, sqlite_where=_DRAFT),
        Index("uq_rulebook_active", "state", unique=True, postgresql_where=_ACTIVE, sqlite_where=_ACTIVE),
        CheckConstraint("activated_by_id IS NULL OR activated_by_id <> changed_by_id", name="four_eyes"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(10))
    edition: Mapped[int] = mapped_column(default=1)
    """Grows with each change of the draft: who saw an older one overwrites nothing, and a trial is of one edition."""
    body: Mapped[str] = mapped_column(Text)
    trial: Mapped[str] = mapped_column(Text, default="")
    trial_edition: Mapped[int] = mapped_column(default=0)
    trial_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    """Whoever changed it last, or began it: somebody else activates it."""
    changed_by: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    activated_by_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    activated_by: Mapped[str] = mapped_column(String(60), default="")
    activated_at: Mapped[datetime | None]


class WithdrawalCounter(Model):
    """What a day's withdrawals of one account, one card or the whole house add up to. `key` says nothing about a card:
    it is a fingerprint of card and day together, so that a forgotten payee leaves no trace here."""

    __tablename__ = "withdrawal_counter"
    __table_args__ = (CheckConstraint("amount_minor >= 0 AND count >= 0", name="counted"),)

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    amount: Mapped[Money] = mapped_column("amount_minor")
    count: Mapped[int]


class PayeeEntry(Model):
    """黑名单, 白名单, 来源卡: a card or a name that stands on a list. What is taken off stays as history."""

    __tablename__ = "payee_entry"
    __table_args__ = (
        CheckConstraint("(card_index = '') <> (name = '')", name="card_or_name"),
        Index(
            "uq_payee_entry_card",
            "kind",
            "card_index",
            unique=True,
            postgresql_where=_CARD_STANDS,
            sqlite_where=_CARD_STANDS,
        ),
        Index(
            "uq_payee_entry_name", "kind", "name", unique=True, postgresql_where=_NAME_STANDS, sqlite_where=_NAME_STANDS
        ),
        Index("ix_payee_entry_kind", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    card_index: Mapped[str] = mapped_column(String(64), default="")
    card_masked: Mapped[str] = mapped_column(String(40), default="")
    name: Mapped[str] = mapped_column(String(60), default="")
    reason: Mapped[str] = mapped_column(String(200))
    until: Mapped[date | None]
    """The last day on which it counts."""
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    removed_by: Mapped[str] = mapped_column(String(60), default="")
    removed_at: Mapped[datetime | None]
    removed_why: Mapped[str] = mapped_column(String(200), default="")

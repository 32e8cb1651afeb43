"""A bank card as it is bound to one channel account. The number is sealed; the index lets one find it again."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.cards.states import CARD
from app.kernel import clock
from app.runtime.db import Key, Model

_KEYED = text("form_key <> ''")


class Card(Model):
    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("account_id", "number_index"),
        Index("ix_card_account", "account_id", "id"),
        Index("uq_card_form_key", "form_key", unique=True, postgresql_where=_KEYED, sqlite_where=_KEYED),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    holder: Mapped[str] = mapped_column(String(60))
    bank: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str] = mapped_column(String(20), default="")
    number_sealed: Mapped[str] = mapped_column(Text)
    number_index: Mapped[str] = mapped_column(String(64), index=True)
    number_masked: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(12), default=CARD.initial)
    message: Mapped[str] = mapped_column(String(300), default="")
    channel_card: Mapped[str] = mapped_column(String(64), default="")
    form_key: Mapped[str] = mapped_column(String(36), default="")
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]

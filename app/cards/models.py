"""Bank cards and other payees of channel accounts, the templates of their sheets, runs that bind many, and what channels list.

A card's number is sealed; the index lets one find it again.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.cards.states import CARD, RUN, RowState
from app.kernel import clock
from app.kernel.payee import Payee
from app.runtime.db import Key, Model

_KEYED = text("form_key <> ''")
_DRAFT, _ACTIVE = text("state = 'draft'"), text("state = 'active'")
_THERE = text("state <> 'deleted'")
_ASKING = text("state IN ('asking', 'pending')")
_UNDER_WAY = text("state IN ('running', 'paused')")


class Card(Model):
    __tablename__ = "card"
    __table_args__ = (
        CheckConstraint("open_work >= 0", name="open_work_counted"),
        Index(
            "uq_card_number", "account_id", "number_index", unique=True, postgresql_where=_THERE, sqlite_where=_THERE
        ),
        Index("ix_card_account", "account_id", "id"),
        Index("uq_card_form_key", "form_key", unique=True, postgresql_where=_KEYED, sqlite_where=_KEYED),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    holder: Mapped[str] = mapped_column(String(60))
    bank: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str] = mapped_column(String(20), default="")
    payee: Mapped[str] = mapped_column(String(16), default=Payee.BANK_CARD)
    """What kind of account it is: beside bank cards, what some channels pay to (Alipay, WeChat). `number_*` names it."""
    account_type: Mapped[str] = mapped_column(String(10), default="private")
    kind: Mapped[str] = mapped_column(String(12), default="")
    """What the first digits say it is: debit, credit … A hint, kept as it was when the card was bound."""
    details_sealed: Mapped[str] = mapped_column(Text, default="")
    """JSON of the template's other columns by key (ID number, branch …), sealed."""
    open_work: Mapped[int] = mapped_column(default=0)
    """How much unfinished work of rooms above names this card (`usage`). While there is any, it stays."""
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


class CardTemplate(Model):
    """绑定模版: one version of the columns of a channel's card-binding sheet. Only a draft is ever changed."""

    __tablename__ = "card_template"
    __table_args__ = (
        UniqueConstraint("channel_id", "version"),
        Index("uq_card_template_draft", "channel_id", unique=True, postgresql_where=_DRAFT, sqlite_where=_DRAFT),
        Index("uq_card_template_active", "channel_id", unique=True, postgresql_where=_ACTIVE, sqlite_where=_ACTIVE),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    edition: Mapped[int] = mapped_column(default=1)
    """Grows with each change of the draft: who saw an older one overwrites nothing."""
    columns: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_by: Mapped[str] = mapped_column(String(60), default="")
    changed_at: Mapped[datetime | None]
    activated_by: Mapped[str] = mapped_column(String(60), default="")
    activated_at: Mapped[datetime | None]


class BindingRun(Model):
    """批量绑卡: a confirmed upload on its way to the channel. `cursor` is the last row of the sheet that was handed on."""

    __tablename__ = "binding_run"
    __table_args__ = (
        Index("ix_binding_run_account", "account_id", "id"),
        Index("ix_binding_run_under_way", "account_id", postgresql_where=_UNDER_WAY, sqlite_where=_UNDER_WAY),
        CheckConstraint("bound >= 0 AND refused >= 0 AND known >= 0 AND pending >= 0", name="counted"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("card_template.id"))
    state: Mapped[str] = mapped_column(String(10), default=RUN.initial)
    total: Mapped[int]
    left_out: Mapped[int]
    cursor: Mapped[int] = mapped_column(default=0)
    bound: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    why: Mapped[str] = mapped_column(String(200), default="")
    silent_since: Mapped[datetime | None]
    """Since when the channel has answered nothing: the run waits by itself."""
    maker_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    maker: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    result_at: Mapped[datetime | None]
    """When its result sheet was last written."""
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class BindingRow(Model):
    """What became of one row of the sheet. A row that was not handed on yet has none."""

    __tablename__ = "binding_row"
    __table_args__ = (
        UniqueConstraint("run_id", "row"),
        Index("ix_binding_row_card", "card_id"),
        Index("ix_binding_row_asking", "run_id", "row", postgresql_where=_ASKING, sqlite_where=_ASKING),
        Index("ix_binding_row_state", "run_id", "state", "row"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("binding_run.id"))
    row: Mapped[int]
    card_id: Mapped[int | None] = mapped_column(ForeignKey("card.id"))
    state: Mapped[str] = mapped_column(String(10), default=RowState.ASKING)
    message: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)


class CardListing(Model):
    """When a channel was last asked which cards it has, and how that went."""

    __tablename__ = "card_listing"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(60))
    told_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(String(200), default="")


class ListedCard(Model):
    """A card as the channel lists it: masked, by the channel itself and by us again."""

    __tablename__ = "listed_card"
    __table_args__ = (Index("ix_listed_card_card", "account_id", "channel_card"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    channel_card: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(64), default="")
    number_masked: Mapped[str] = mapped_column(String(30))
    holder: Mapped[str] = mapped_column(String(60), default="")
    bank: Mapped[str] = mapped_column(String(60), default="")
    state: Mapped[str] = mapped_column(String(12))

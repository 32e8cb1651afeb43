"""Channels, their accounts and settings, who holds them, what was said to them and what they said."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.money import ZERO, Money
from app.runtime.db import Key, Model

_OPEN = text("released_at IS NULL")
_NUMBERED = text("channel_number <> ''")
_WENT_WRONG = text("outcome NOT IN ('open', 'ok')")
_NOT_TAKEN = text("outcome <> 'taken'")
_ACTIVE, _DRAFT = text("state = 'active'"), text("state = 'draft'")


class Channel(Model):
    """A third party and its manner. How often it may be asked, and how long it may hesitate, its adapter says; what stands
    here was set by people, who are never less careful (`rules.asking`)."""

    __tablename__ = "channel"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    adapter: Mapped[str] = mapped_column(String(32))
    enabled: Mapped[bool] = mapped_column(default=True)
    query_waits_s: Mapped[str] = mapped_column(String(200), default="")
    resend_window_s: Mapped[int | None]
    return_waits_s: Mapped[str] = mapped_column(String(200), default="")
    """When a paid withdrawal is asked about again, in seconds after it was paid: banks send money back days later."""
    return_refunds_fee: Mapped[bool | None]
    """Does the channel give its fee back with a returned payment (退票)?"""
    pause_after: Mapped[int] = mapped_column(default=5)
    """After so many calls in a row without sense nothing new is sent (自动停发); 0: never."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class ChannelAccount(Model):
    """Our account at a channel. `fence` only grows: each claim and each sign-in of its holder takes the next one."""

    __tablename__ = "channel_account"
    __table_args__ = (
        CheckConstraint("fee_fixed_minor >= 0 AND fee_rate_ppm >= 0", name="fee_not_negative"),
        CheckConstraint("single_limit_minor > 0", name="single_limit_positive"),
        CheckConstraint("bind_per_s > 0", name="bind_rate_positive"),
        CheckConstraint("send_per_s >= 0", name="send_rate_not_negative"),
        CheckConstraint("0 <= opens AND opens < closes AND closes <= 1440", name="hours_in_order"),
        CheckConstraint("weight BETWEEN 0 AND 1000", name="weight_in_bounds"),
        CheckConstraint("day_amount_minor > 0 AND day_count > 0", name="day_limit_positive"),
        UniqueConstraint("channel_id", "merchant_no"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    merchant_no: Mapped[str] = mapped_column(String(64))
    enabled: Mapped[bool] = mapped_column(default=True)
    fence: Mapped[int] = mapped_column(default=0)
    single_limit: Mapped[Money] = mapped_column("single_limit_minor")
    day_amount: Mapped[Money | None] = mapped_column("day_amount_minor")
    """So much it may send in a day, whatever the rules of withdrawals allow to each account; None: only they say."""
    day_count: Mapped[int | None]
    fee_fixed: Mapped[Money] = mapped_column("fee_fixed_minor", default=ZERO)
    fee_rate_ppm: Mapped[int] = mapped_column(default=0)
    bind_per_s: Mapped[int] = mapped_column(default=20)
    """How many cards a second this account may ask to bind, one by one."""
    send_per_s: Mapped[int] = mapped_column(default=0)
    """How many withdrawals a second this account may send; 0: as many as there are."""
    next_send_at: Mapped[datetime | None]
    opens: Mapped[int] = mapped_column(default=0)
    """From then on the channel takes withdrawals, in minutes after midnight of Shanghai."""
    closes: Mapped[int] = mapped_column(default=1440)
    open_days: Mapped[str] = mapped_column(String(7), default="1234567")
    """Of the week; Monday is 1."""
    weight: Mapped[int] = mapped_column(default=100)
    """Its part of a day's withdrawals, beside the weights of the others; 0: it is never proposed."""
    figures_failed_at: Mapped[datetime | None]
    figures_failure: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class ChannelSetting(Model):
    """One version of an account's parameters, sealed. Only a draft is ever changed: what was signed remembers its version."""

    __tablename__ = "channel_setting"
    __table_args__ = (
        UniqueConstraint("account_id", "version"),
        Index("uq_channel_setting_active", "account_id", unique=True, postgresql_where=_ACTIVE, sqlite_where=_ACTIVE),
        Index("uq_channel_setting_draft", "account_id", unique=True, postgresql_where=_DRAFT, sqlite_where=_DRAFT),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    edition: Mapped[int] = mapped_column(default=1)
    """Grows with each change of the draft: who saw an older one overwrites nothing."""
    based_on: Mapped[int | None]
    """The version that the draft began from; None for the first one."""
    sealed: Mapped[str] = mapped_column(Text)
    """Empty once the draft was thrown away."""
    shown: Mapped[str] = mapped_column(Text)
    """JSON for people: plain parameters as they are, secrets as fingerprints."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str] = mapped_column(String(60), default="")
    why: Mapped[str] = mapped_column(String(200), default="")
    activated_at: Mapped[datetime | None]
    activated_by: Mapped[str] = mapped_column(String(60), default="")
    retired_at: Mapped[datetime | None]
    overlap_until: Mapped[datetime | None]
    """Until then the keys of a retired version still prove callbacks, and questions are still signed with them."""
    template_version: Mapped[int] = mapped_column(default=0)
    """Of a channel that is described: the version of its template that these are for. 0: it is written in code."""


class ChannelTemplate(Model):
    """渠道模板: one version of how a channel is spoken to, as JSON. Only a draft is ever changed; what was used stays."""

    __tablename__ = "channel_template"
    __table_args__ = (
        UniqueConstraint("code", "version"),
        Index("uq_channel_template_draft", "code", unique=True, postgresql_where=_DRAFT, sqlite_where=_DRAFT),
        Index("uq_channel_template_active", "code", unique=True, postgresql_where=_ACTIVE, sqlite_where=_ACTIVE),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    edition: Mapped[int] = mapped_column(default=1)
    """Grows with each change of the draft: who saw an older one overwrites nothing."""
    description: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_by: Mapped[str] = mapped_column(String(60), default="")
    changed_at: Mapped[datetime | None]
    activated_by: Mapped[str] = mapped_column(String(60), default="")
    activated_at: Mapped[datetime | None]


class DailyFigures(Model):
    """What the channel reported for one business day, as of `pulled_at`. The dashboard reads these small rows."""

    __tablename__ = "daily_figures"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    business_day: Mapped[date] = mapped_column(primary_key=True)
    total: Mapped[Money] = mapped_column("total_minor")
    yesterday: Mapped[Money] = mapped_column("yesterday_minor")
    today: Mapped[Money] = mapped_column("today_minor")
    settled: Mapped[Money] = mapped_column("settled_minor")
    settleable: Mapped[Money] = mapped_column("settleable_minor")
    prefunded: Mapped[Money | None] = mapped_column("prefunded_minor")
    pulled_at: Mapped[datetime]


class Claim(Model):
    """领取锁定: one person holds one account, by the database's own law (partial unique index)."""

    __tablename__ = "claim"
    __table_args__ = (
        Index("uq_claim_open", "account_id", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_claim_history", "account_id", "id"),
        Index("ix_claim_lapsing", "lease_until", postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    holder: Mapped[str] = mapped_column(String(60))
    session_id: Mapped[int]
    fence: Mapped[int]
    taken_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    released_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(60), default="")
    ending: Mapped[str] = mapped_column(String(20), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    handover: Mapped[str] = mapped_column(String(32), default="")
    """The reference of the hand-over (交接单) it ended with."""
    settleable_at_start: Mapped[Money | None] = mapped_column("settleable_at_start_minor")
    settleable_at_end: Mapped[Money | None] = mapped_column("settleable_at_end_minor")


class ChannelCall(Model):
    """One outbound request: written before it leaves (outcome `open`), completed after. Texts are masked when written."""

    __tablename__ = "channel_call"
    __table_args__ = (
        Index("ix_channel_call_subject", "subject", "id"),
        Index("ix_channel_call_recent", "account_id", "id"),
        Index("ix_channel_call_health", "account_id", "at"),
        Index("ix_channel_call_time", "at"),
        Index("ix_channel_call_interface", "interface", "id"),
        Index(
            "ix_channel_call_channel_number",
            "channel_number",
            "id",
            postgresql_where=_NUMBERED,
            sqlite_where=_NUMBERED,
        ),
        Index("ix_channel_call_wrong", "outcome", "id", postgresql_where=_WENT_WRONG, sqlite_where=_WENT_WRONG),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    setting_id: Mapped[int] = mapped_column(ForeignKey("channel_setting.id"))
    interface: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(20), default="open")
    duration_ms: Mapped[int | None]
    http_status: Mapped[int | None]
    seen: Mapped[str] = mapped_column(String(20), default="")
    word: Mapped[str] = mapped_column(String(60), default="")
    message: Mapped[str] = mapped_column(String(300), default="")
    channel_number: Mapped[str] = mapped_column(String(64), default="")
    """The channel's own number of the order, where the answer names it."""
    request: Mapped[str] = mapped_column(Text, default="")
    signed_text: Mapped[str] = mapped_column(Text, default="")
    reply: Mapped[str] = mapped_column(Text, default="")


class CallbackInbox(Model):
    """A callback as it came, sealed, before it has any effect. The same bytes again only count up `times`."""

    __tablename__ = "callback_inbox"
    __table_args__ = (
        UniqueConstraint("account_id", "body_hash"),
        Index("ix_callback_inbox_number", "number", "id"),
        Index("ix_callback_inbox_account", "account_id", "id"),
        Index("ix_callback_inbox_time", "received_at"),
        Index(
            "ix_callback_inbox_channel_number",
            "channel_number",
            "id",
            postgresql_where=_NUMBERED,
            sqlite_where=_NUMBERED,
        ),
        Index("ix_callback_inbox_wrong", "outcome", "id", postgresql_where=_NOT_TAKEN, sqlite_where=_NOT_TAKEN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"))
    body_hash: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    setting_id: Mapped[int | None] = mapped_column(ForeignKey("channel_setting.id"))
    """The version whose keys proved it; None where none did."""
    outcome: Mapped[str] = mapped_column(String(20))
    number: Mapped[str] = mapped_column(String(64), default="")
    seen: Mapped[str] = mapped_column(String(20), default="")
    word: Mapped[str] = mapped_column(String(60), default="")
    message: Mapped[str] = mapped_column(String(300), default="")
    channel_number: Mapped[str] = mapped_column(String(64), default="")

"""第三方平台账号: where people sit who look after accounts, and what is handed over with one."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.runtime.db import Key, Model

_KEPT = text("removed_at IS NULL")


class PlatformAccount(Model):
    """第三方平台账号: how a person signs in at the third party's own back office. It lets one person in at a time."""

    __tablename__ = "platform_account"
    __table_args__ = (
        Index(
            "uq_platform_account_login",
            "channel_id",
            "login_name",
            unique=True,
            postgresql_where=_KEPT,
            sqlite_where=_KEPT,
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), unique=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    login_name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(200))
    password_sealed: Mapped[str] = mapped_column(Text)
    """Written, never shown, but to whoever sits there; empty once the account was removed."""
    password_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    removed_at: Mapped[datetime | None]


class PlatformLink(Model):
    """Which channel accounts are looked after there. Each at one place: its claim is the seat."""

    __tablename__ = "platform_link"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform_account.id"), index=True)


class UnsignedHandover(Model):
    """待接收的交接: as long as this row is there, whoever holds the account changes nothing on it."""

    __tablename__ = "unsigned_handover"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(32))
    giver_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    giver: Mapped[str] = mapped_column(String(60))
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("operator.id"))
    """None: whoever claims the account next."""
    successor: Mapped[str] = mapped_column(String(60), default="")
    since: Mapped[datetime] = mapped_column(default=clock.now)

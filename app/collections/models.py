"""How much of a business day's collections is in the ledger already."""

from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.money import Money
from app.runtime.db import Model


class CollectedDay(Model):
    """Grows with the channel's figure for that day; the ledger's entries for the day add up to `booked`."""

    __tablename__ = "collected_day"

    account_id: Mapped[int] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    business_day: Mapped[date] = mapped_column(primary_key=True)
    booked: Mapped[Money] = mapped_column("booked_minor")

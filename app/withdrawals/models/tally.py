"""What a large house counted a moment ago, so that nobody's look at the list counts millions of rows."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.money import Money
from app.runtime.db import Model


class WithdrawalTally(Model):
    """All withdrawals of one settled state, as they stood at `at`. Open ones are few and are counted when looked at."""

    __tablename__ = "withdrawal_tally"

    state: Mapped[str] = mapped_column(String(12), primary_key=True)
    count: Mapped[int]
    amount: Mapped[Money] = mapped_column("amount_minor")
    fee: Mapped[Money] = mapped_column("fee_minor")
    at: Mapped[datetime]

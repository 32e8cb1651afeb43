"""The tables of the room."""

from app.withdrawals.models.rulebook import PayeeEntry, RulebookVersion, WithdrawalCounter
from app.withdrawals.models.withdrawal import Withdrawal, WithdrawalEvent, WithdrawalHold

__all__ = [
    "PayeeEntry",
    "RulebookVersion",
    "Withdrawal",
    "WithdrawalCounter",
    "WithdrawalEvent",
    "WithdrawalHold",
]

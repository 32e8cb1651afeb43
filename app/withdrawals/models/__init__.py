"""The tables of the room."""

from app.withdrawals.models.sheet import WithdrawalSheet, WithdrawalSheetOrder, WithdrawalSheetRow
from app.withdrawals.models.withdrawal import Withdrawal, WithdrawalEvent, WithdrawalHold

__all__ = [
    "Withdrawal",
    "WithdrawalEvent",
    "WithdrawalHold",
    "WithdrawalSheet",
    "WithdrawalSheetOrder",
    "WithdrawalSheetRow",
]

"""The tables of the room."""

from app.withdrawals.models.selection import Selection, SelectionRow
from app.withdrawals.models.tally import WithdrawalTally
from app.withdrawals.models.view import ListColumns, SavedView
from app.withdrawals.models.withdrawal import Withdrawal, WithdrawalEvent, WithdrawalHold

__all__ = [
    "ListColumns",
    "SavedView",
    "Selection",
    "SelectionRow",
    "Withdrawal",
    "WithdrawalEvent",
    "WithdrawalHold",
    "WithdrawalTally",
]

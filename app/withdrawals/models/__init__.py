"""The tables of the room."""

from app.withdrawals.models.decision import (
    WithdrawalApproval,
    WithdrawalOutcome,
)
from app.withdrawals.models.rulebook import (
    PayeeEntry,
    RulebookVersion,
    WithdrawalCounter,
)
from app.withdrawals.models.selection import (
    Selection,
    SelectionRow,
)
from app.withdrawals.models.sending import (
    LostSend,
    SendingStop,
)
from app.withdrawals.models.sheet import (
    WithdrawalSheet,
    WithdrawalSheetOrder,
    WithdrawalSheetRow,
)
from app.withdrawals.models.tally import (
    WithdrawalTally,
)
from app.withdrawals.models.view import (
    ListColumns,
    SavedView,
)
from app.withdrawals.models.withdrawal import (
    LONGEST_SENTENCE,
    Withdrawal,
    WithdrawalEvent,
    WithdrawalHold,
)

__all__ = [
    "LONGEST_SENTENCE",
    "ListColumns",
    "LostSend",
    "PayeeEntry",
    "RulebookVersion",
    "SavedView",
    "Selection",
    "SelectionRow",
    "SendingStop",
    "Withdrawal",
    "WithdrawalApproval",
    "WithdrawalCounter",
    "WithdrawalEvent",
    "WithdrawalHold",
    "WithdrawalOutcome",
    "WithdrawalSheet",
    "WithdrawalSheetOrder",
    "WithdrawalSheetRow",
    "WithdrawalTally",
]

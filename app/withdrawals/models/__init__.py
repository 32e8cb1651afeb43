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
from app.withdrawals.models.sending import (
    LostSend,
    SendingStop,
)
from app.withdrawals.models.withdrawal import (
    Withdrawal,
    WithdrawalEvent,
    WithdrawalHold,
)

__all__ = [
    "LostSend",
    "PayeeEntry",
    "RulebookVersion",
    "SendingStop",
    "Withdrawal",
    "WithdrawalApproval",
    "WithdrawalCounter",
    "WithdrawalEvent",
    "WithdrawalHold",
    "WithdrawalOutcome",
]

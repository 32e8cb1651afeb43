"""Shape and syntax of what people send to this room."""

from app.withdrawals.forms.rulebook import (
    ActivateForm,
    DraftForm,
    EntryFilters,
    EntryForm,
    EntrySearch,
    RulebookForm,
    UnlistForm,
    entry_form,
)
from app.withdrawals.forms.withdrawal import (
    ApproveForm,
    RejectForm,
    WithdrawalFilters,
    WithdrawalForm,
    WithdrawalSearch,
)

__all__ = [
    "ActivateForm",
    "ApproveForm",
    "DraftForm",
    "EntryFilters",
    "EntryForm",
    "EntrySearch",
    "RejectForm",
    "RulebookForm",
    "UnlistForm",
    "WithdrawalFilters",
    "WithdrawalForm",
    "WithdrawalSearch",
    "entry_form",
]

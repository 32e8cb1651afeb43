"""Shape and syntax of input."""

from app.withdrawals.forms.outcomes import (
    OutcomeForm,
    ReasonForm,
    ResumeForm,
    StopForm,
)
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
    "OutcomeForm",
    "ReasonForm",
    "RejectForm",
    "ResumeForm",
    "RulebookForm",
    "StopForm",
    "UnlistForm",
    "WithdrawalFilters",
    "WithdrawalForm",
    "WithdrawalSearch",
    "entry_form",
]

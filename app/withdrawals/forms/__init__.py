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
    ColumnsForm,
    DefaultViewForm,
    ExportForm,
    PickForm,
    RejectForm,
    ViewForm,
    ViewNameForm,
    WithdrawalFilters,
    WithdrawalForm,
    WithdrawalSearch,
)

__all__ = [
    "ActivateForm",
    "ApproveForm",
    "ColumnsForm",
    "DefaultViewForm",
    "DraftForm",
    "EntryFilters",
    "EntryForm",
    "EntrySearch",
    "ExportForm",
    "OutcomeForm",
    "PickForm",
    "ReasonForm",
    "RejectForm",
    "ResumeForm",
    "RulebookForm",
    "StopForm",
    "UnlistForm",
    "ViewForm",
    "ViewNameForm",
    "WithdrawalFilters",
    "WithdrawalForm",
    "WithdrawalSearch",
    "entry_form",
]

"""Shape and syntax of input."""

from app.withdrawals.forms.outcomes import OutcomeForm, ReasonForm, ResumeForm, StopForm
from app.withdrawals.forms.withdrawal import (
    ApproveForm,
    RejectForm,
    WithdrawalFilters,
    WithdrawalForm,
    WithdrawalSearch,
)

__all__ = [
    "ApproveForm",
    "OutcomeForm",
    "ReasonForm",
    "RejectForm",
    "ResumeForm",
    "StopForm",
    "WithdrawalFilters",
    "WithdrawalForm",
    "WithdrawalSearch",
]

"""Shape and syntax of what people enter about channels."""

from app.channels.forms.accounts import (
    ChangeChannelForm,
    ChangeTermsForm,
    ChannelForm,
    NewChannelForm,
    RateField,
    TermsForm,
    WhyForm,
)
from app.channels.forms.asking import AskingForm
from app.channels.forms.claiming import ClaimFilters, FinishForm, NextForm, ReasonForm, RenewForm
from app.channels.forms.health import HealthRuleForm, LiftForm, MaintenanceForm
from app.channels.forms.log import CallbackFilters, CallFilters
from app.channels.forms.parameters import (
    ActivateForm,
    BaseForm,
    DraftForm,
    SecretArea,
    SecretField,
    SettingsForm,
    settings_form,
)
from app.channels.forms.platforms import PlatformForm, PlatformPasswordForm, RevealForm
from app.channels.forms.templates import (
    ActivateTemplateForm,
    AdoptTemplateForm,
    NewTemplateForm,
    PartSeenForm,
    TemplateForm,
    TrialForm,
    trial_form,
)

__all__ = [
    "ActivateForm",
    "ActivateTemplateForm",
    "AdoptTemplateForm",
    "AskingForm",
    "BaseForm",
    "CallFilters",
    "CallbackFilters",
    "ChangeChannelForm",
    "ChangeTermsForm",
    "ChannelForm",
    "ClaimFilters",
    "DraftForm",
    "FinishForm",
    "HealthRuleForm",
    "LiftForm",
    "MaintenanceForm",
    "NewChannelForm",
    "NewTemplateForm",
    "NextForm",
    "PartSeenForm",
    "PlatformForm",
    "PlatformPasswordForm",
    "RateField",
    "ReasonForm",
    "RenewForm",
    "RevealForm",
    "SecretArea",
    "SecretField",
    "SettingsForm",
    "TemplateForm",
    "TermsForm",
    "TrialForm",
    "WhyForm",
    "settings_form",
    "trial_form",
]

"""Claims, and what lies around them."""

from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import DataRequired, Length, Regexp

from app.runtime.forms import StrictForm


class ReasonForm(StrictForm):
    """Why a supervisor ends somebody's claim."""

    reason = StringField(_("原因"), validators=[DataRequired(_("请写明原因")), Length(min=2, max=200)])
    next = StringField()


class FinishForm(StrictForm):
    """The note for whoever comes next."""

    note = StringField(_("交接备注"), validators=[Length(max=200)])
    next = StringField()


class NextForm(StrictForm):
    """Only where to go afterwards."""

    next = StringField()


class RenewForm(StrictForm):
    fence = StringField(validators=[Regexp(r"[0-9]{1,18}\Z")])
    next = StringField()


class ClaimFilters(StrictForm):
    """The search of the claims of an account: a GET form."""

    class Meta:
        csrf = False

    who = StringField(_("领取人"))
    day = StringField(_("日期"), description="20261121")

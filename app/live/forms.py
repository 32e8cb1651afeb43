"""Shape of what the cache pages send."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, SearchField, SelectField
from wtforms.validators import InputRequired, Length

from app.runtime.forms import StrictForm


class ClearForm(StrictForm):
    """A button, and where to go afterwards."""

    next = HiddenField()


class ClearKeyForm(ClearForm):
    key = HiddenField(validators=[InputRequired(), Length(max=200)])


class JobFilters(StrictForm):
    """The search of the background jobs: a GET form."""

    class Meta:
        csrf = False

    subject = SearchField(_("对象"), description=_("完整的单号或编号"))
    kind = SelectField(_("任务"), validate_choice=False)
    standing = HiddenField()

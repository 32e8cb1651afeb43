"""Shape of what the cache pages send."""

from wtforms import HiddenField
from wtforms.validators import InputRequired, Length

from app.runtime.forms import StrictForm


class ClearForm(StrictForm):
    """A button, and where to go afterwards."""

    next = HiddenField()


class ClearKeyForm(ClearForm):
    key = HiddenField(validators=[InputRequired(), Length(max=200)])

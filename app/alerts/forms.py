"""Shape and syntax of what the pages of alerts send."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, SearchField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from app.runtime.forms import StrictForm


def _stripped(text: str | None) -> str | None:
    return text and text.strip()


class AlertFilters(StrictForm):
    """The search of alerts: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("告警内容"), description=_("编号、名称或句子里的字"))
    severity = SelectField(_("级别"), validate_choice=False)
    kind = SelectField(_("种类"), validate_choice=False)
    channel = SelectField(_("渠道"), validate_choice=False)
    standing = HiddenField()


class AcknowledgeForm(StrictForm):
    """`seen`: how grave it was on the page."""

    seen = HiddenField(validators=[InputRequired(), Length(max=10)])
    note = StringField(_("备注"), filters=[_stripped], validators=[Length(max=200, message=_("请写 200 个字以内"))])


class CloseForm(StrictForm):
    reason = StringField(
        _("原因"),
        filters=[_stripped],
        validators=[DataRequired(_("请写明原因")), Length(min=2, max=200, message=_("请写 2 到 200 个字"))],
    )

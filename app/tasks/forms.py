"""Shape and syntax of what people enter about hand-overs."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp

from app.runtime.forms import StrictForm


class HandoverForm(StrictForm):
    account = HiddenField(validators=[InputRequired(), Length(max=32)])
    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])
    successor = SelectField(_("接收人"), description=_("不指定时，下一位领取的人接收"))
    note = StringField(
        _("交接备注"),
        validators=[Length(max=200)],
        description=_("数字由系统附上，这里只写系统不知道的事"),
        render_kw={"autocomplete": "off"},
    )


class SignForm(StrictForm):
    """Nothing but the deed."""


class ReasonForm(StrictForm):
    reason = StringField(_("原因"), validators=[InputRequired(_("请写明原因")), Length(min=2, max=200)])

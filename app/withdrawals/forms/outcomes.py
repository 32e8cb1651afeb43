"""Shape and syntax of what people say about withdrawals beside approving them."""

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.runtime.forms import StrictForm


class OutcomeForm(StrictForm):
    """choices of `outcome` are set by the page: what may be said now."""

    outcome = RadioField(_("认定结果"), validators=[InputRequired(_("请选择认定结果"))], validate_choice=False)
    reason = TextAreaField(
        _("依据"),
        description=_("怎么核对的：渠道后台的单号、状态、时间，或银行流水号"),
        validators=[InputRequired(_("请写明依据")), Length(min=4, max=300, message=_("请写 4 到 300 个字"))],
    )
    file = FileField(
        _("证据文件"),
        description=_("认定款的去向时必须上传：渠道后台截图或回单，PDF、PNG、JPEG，最多 5 MB"),
        validators=[Optional()],
    )


class ReasonForm(StrictForm):
    reason = StringField(_("原因"), validators=[InputRequired(_("请写明原因")), Length(min=2, max=200)])


class StopForm(ReasonForm):
    account = HiddenField(validators=[Optional(), Length(max=32)])


class ResumeForm(StrictForm):
    account = HiddenField(validators=[Optional(), Length(max=32)])

"""Shape and syntax of what people enter."""

from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from app.collections.states import KINDS
from app.kernel import clock
from app.kernel.errors import Malformed
from app.runtime.fields import MoneyField
from app.runtime.forms import StrictForm
from app.runtime.page import say


class TopUpForm(StrictForm):
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    account = SelectField(_("渠道账号"), validators=[InputRequired(_("请选择渠道账号"))])
    kind = RadioField(_("种类"), choices=[SelectChoice(str(it), _(label)) for it, label in KINDS.items()])
    amount = MoneyField(
        _("金额"),
        validators=[InputRequired(_("请输入金额"))],
        render_kw={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"},
    )
    arrived_on = StringField(
        _("到账日期"),
        validators=[InputRequired(_("请填写到账日期"))],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "placeholder": "20261121"},
    )
    evidence = StringField(
        _("凭证说明"),
        validators=[InputRequired(_("请写明凭什么入账")), Length(min=4, max=200)],
        render_kw={"autocomplete": "off"},
    )

    day: date | None = None

    def validate_arrived_on(self, field: Any) -> None:
        try:
            self.day = clock.parse_day(field.data)
        except Malformed as problem:
            raise ValidationError(say(problem.text)) from None


class RejectForm(StrictForm):
    reason = StringField(_("驳回原因"), validators=[InputRequired(_("请写明驳回原因")), Length(min=2, max=200)])


class ReverseForm(StrictForm):
    reversal_reason = StringField(
        _("冲正原因"),
        validators=[InputRequired(_("请写明为什么冲正")), Length(min=4, max=200)],
        render_kw={"autocomplete": "off"},
    )

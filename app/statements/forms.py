"""Shape and syntax of what people ask for."""

from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, SearchField, SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from app.kernel import clock
from app.kernel.errors import Malformed
from app.runtime.forms import StrictForm
from app.runtime.page import say


class RefreshForm(StrictForm):
    """Which statement to ask for."""

    account = SelectField(_("渠道账号"), validators=[InputRequired(_("请选择渠道账号"))])
    on = StringField(
        _("日期"),
        validators=[InputRequired(_("请填写日期"))],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "placeholder": "20261121"},
    )

    day: date | None = None

    def validate_on(self, field: Any) -> None:
        try:
            self.day = clock.parse_day(field.data)
        except Malformed as problem:
            raise ValidationError(say(problem.text)) from None


class StatementFilters(StrictForm):
    """The search of statements: a GET form."""

    class Meta:
        csrf = False

    show = HiddenField()
    account = SelectField(_("渠道账号"), validate_choice=False)
    to = StringField(_("截止日期"), description="20261121")


# `from` is a word of Python; the field is added by its name.
setattr(StatementFilters, "from", StringField(_("起始日期"), description="20261121"))


class LineFilters(StrictForm):
    """The search of one statement's lines: a GET form."""

    class Meta:
        csrf = False

    show = HiddenField()
    number = SearchField(_("单号"), description=_("我方单号或渠道单号"), render_kw={"autocomplete": "off"})

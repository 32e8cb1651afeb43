"""The searches of calls and callbacks."""

from flask_babel import lazy_gettext as _
from wtforms import (
    SearchField,
    SelectField,
    StringField,
)

from app.runtime.forms import StrictForm


class CallbackFilters(StrictForm):
    """The search of callbacks: a GET form."""

    class Meta:
        csrf = False

    number = SearchField(
        _("单号"), description=_("我方单号、渠道单号、账号编号或商户号"), render_kw={"autocomplete": "off"}
    )
    account = SelectField(_("渠道账号"), validate_choice=False)
    outcome = SelectField(_("结果"), validate_choice=False)
    to = StringField(_("截止日期"), description="20261121")


# `from` is a word of Python; the field is added by its name.
setattr(CallbackFilters, "from", StringField(_("起始日期"), description="20261121"))


class CallFilters(CallbackFilters):
    """The search of calls: the same, and what was asked."""

    interface = SelectField(_("接口"), validate_choice=False)

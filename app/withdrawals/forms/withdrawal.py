"""Shape and syntax of a withdrawal, of a refusal's reason, and of the list's search."""

from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    RadioField,
    SearchField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional, Regexp

from app.kernel.funds import FUNDS, Funds
from app.runtime.fields import MoneyField
from app.runtime.forms import StrictForm
from app.uploads.forms import HeldForm
from app.withdrawals.rules.viewing import COLUMNS, KEPT, NAME_LONGEST
from app.withdrawals.states import Kind


class WithdrawalForm(StrictForm):
    account = HiddenField(validators=[InputRequired()])
    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    replaces = HiddenField(validators=[Optional(), Regexp(r"W[0-9A-Z]{1,31}\Z")])
    kind = HiddenField(validators=[Optional(), AnyOf([str(kind) for kind in Kind])])
    card = SelectField(_("收款人"), validators=[InputRequired(_("请选择收款人"))], validate_choice=False)
    funds = RadioField(
        _("代付方式"),
        choices=[SelectChoice(str(it), _(label)) for it, label in FUNDS.items()],
        default=Funds.COLLECTED.value,
    )
    amount = MoneyField(
        _("提现金额"),
        validators=[InputRequired(_("请输入提现金额"))],
        render_kw={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"},
    )
    memo = StringField(_("备注"), validators=[Length(max=100, message=_("备注最多 100 个字"))])


class CheckForm(WithdrawalForm):
    edit = HiddenField(validators=[Optional(), AnyOf(["1"])])
    """Pressed on the page that checks: back to the form, with everything that was typed."""


class RouteForm(StrictForm):
    """Whom to pay and how much, before it is said from where: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("户名 / 卡尾号"), description=_("完整的户名，或卡号末四位"))
    card = StringField(
        _("或完整卡号"), description=_("不会出现在网址里"), render_kw={"autocomplete": "off", "inputmode": "numeric"}
    )
    amount = MoneyField(
        _("提现金额"),
        validators=[InputRequired(_("请输入提现金额"))],
        render_kw={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"},
    )


class RouteSearch(RouteForm):
    """The same, sent: a card number does not belong into an address (SECURITY 28)."""

    class Meta:
        csrf = True

    payee = HiddenField(validators=[Optional(), Regexp(r"[0-9A-Z]{1,32}\Z")])
    """A card of the payee whom the page is about: they stay, where nobody else is asked for."""


class SheetConfirmForm(HeldForm):
    """Control totals, typed in by hand. `stay`: how many rows would not leave today, as the page said."""

    funds = HiddenField(default=Funds.COLLECTED.value, validators=[AnyOf([str(it) for it in Funds])])
    stay = HiddenField(validators=[Optional(), Regexp(r"[0-9]{1,7}\Z")])
    goes_on = BooleanField(_("我已看过上面的名单，仍要提交"))

    count = IntegerField(
        _("笔数"),
        validators=[InputRequired(_("请输入笔数")), NumberRange(1, 10**7)],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    amount = MoneyField(
        _("合计金额"),
        validators=[InputRequired(_("请输入合计金额"))],
        render_kw={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"},
    )

    @property
    def accepted(self) -> int:
        """How many rows one knows will stay, and goes on all the same."""
        return int(self.stay.data or 0) if self.goes_on.data else 0


class SheetOrderForm(StrictForm):
    """`seen`: how many, how much (fen), and the digest of what was on the screen."""

    seen = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,7}\.[0-9]{1,15}\.[0-9a-f]{64}\Z")])


class SheetRejectForm(SheetOrderForm):
    reason = StringField(_("驳回原因"), validators=[InputRequired(_("请写明驳回原因")), Length(min=2, max=200)])


class ApproveForm(StrictForm):
    seen = HiddenField(validators=[InputRequired()])
    shown = HiddenField(validators=[Optional(), Length(max=2000)])
    """What stood on the screen, as JSON: only to show what is different now."""


class RejectForm(StrictForm):
    reason = StringField(_("驳回原因"), validators=[InputRequired(_("请写明驳回原因")), Length(min=2, max=200)])


class WithdrawalFilters(StrictForm):
    """The search of the list: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("单号 / 户名 / 卡号"), description=_("单号、业务编号、户名、卡号或卡尾号"))
    account = SelectField(_("渠道账号"), validate_choice=False)
    least = StringField(_("金额从"))
    most = StringField(_("金额到"))
    to = StringField(_("截止日期"), description="20261121")
    card = StringField(_("完整卡号或账号"), render_kw={"autocomplete": "off"})
    sheet = StringField(_("批量提现"), description="S20261121…", render_kw={"autocomplete": "off"})
    sealed_card = HiddenField()
    state = HiddenField()


# `from` is a word of Python; the field is added by its name.
setattr(WithdrawalFilters, "from", StringField(_("起始日期"), description="20261121"))


class WithdrawalSearch(WithdrawalFilters):
    """The same, sent: a card number does not belong into an address (SECURITY 28)."""

    class Meta:
        csrf = True


class ViewForm(StrictForm):
    """A search to keep under a name. The fields of the search travel along."""

    name = StringField(_("视图名称"), validators=[InputRequired(_("请给视图起个名字")), Length(max=NAME_LONGEST)])


class ViewNameForm(StrictForm):
    name = StringField(_("视图名称"), validators=[InputRequired(_("请给视图起个名字")), Length(max=NAME_LONGEST)])


class ColumnsForm(StrictForm):
    """Which columns, and the place of each by a number that people type."""

    column = SelectMultipleField(choices=[(key, key) for key in COLUMNS], validate_choice=True)
    next = HiddenField()

    def places(self) -> dict[str, int | None]:
        return {key: self[f"place_{key}"].data for key in COLUMNS}


class DefaultViewForm(StrictForm):
    wanted = HiddenField(validators=[InputRequired(), AnyOf(["0", "1"])])


class PickForm(StrictForm):
    """What is picked from the list: rows one by one, or everything that the filter finds, as it was counted."""

    number = SelectMultipleField(validate_choice=False)
    ticked = HiddenField()
    everything = HiddenField()


class ExportForm(PickForm):
    format = HiddenField(validators=[InputRequired(), AnyOf(["xlsx", "csv"])])


for _key in COLUMNS:
    setattr(ColumnsForm, f"place_{_key}", IntegerField(validators=[Optional(), NumberRange(1, 99)]))
for _name in ("q", "sealed_card", *KEPT):
    for _form in (ViewForm, PickForm, ExportForm):
        setattr(_form, _name, HiddenField())

"""Shape and syntax of a card to bind."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, SearchField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp

from app.cards.states import LABELS
from app.runtime.fields import CardNumberField
from app.runtime.forms import StrictForm


class BindForm(StrictForm):
    account = HiddenField(validators=[InputRequired()])
    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    number = CardNumberField(
        _("银行卡号"),
        validators=[InputRequired(_("请输入银行卡号"))],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    holder = StringField(
        _("开户人"),
        validators=[InputRequired(_("请输入开户人姓名")), Length(min=2, max=60)],
        filters=[lambda it: it and it.strip()],
    )
    bank = StringField(
        _("开户行"),
        validators=[InputRequired(_("请输入开户银行")), Length(min=2, max=60)],
        filters=[lambda it: it and it.strip()],
    )
    phone = StringField(
        _("银行预留手机号"),
        validators=[Optional(), Regexp(r"1[0-9]{10}\Z", message=_("手机号应为 1 开头的 11 位数字"))],
        render_kw={"inputmode": "tel"},
    )


class CardFilters(StrictForm):
    """The search of the list: a GET form."""

    class Meta:
        csrf = False

    account = SelectField(_("渠道账号"), validate_choice=False)
    state = SelectField(
        _("状态"),
        choices=[
            SelectChoice("", _("全部")),
            *(SelectChoice(str(it), _(label)) for it, (label, _tone) in LABELS.items()),
        ],
        validate_choice=False,
    )
    holder = StringField(_("开户人"))
    card = SearchField(
        _("完整卡号"),
        description=_("按完整卡号精确查找"),
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )
    sealed_card = HiddenField()


class CardSearch(CardFilters):
    """The same, sent: a card number does not belong into an address (SECURITY 28)."""

    class Meta:
        csrf = True


class RevealForm(StrictForm):
    reason = StringField(
        _("查看原因"), validators=[InputRequired(_("请写明查看完整卡号的原因")), Length(min=2, max=200)]
    )

"""Shape and syntax of the rulebook and of the lists of payees."""

from collections.abc import Collection
from datetime import date
from functools import partial
from typing import Any, Self

from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    RadioField,
    SearchField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError

from app.kernel import clock
from app.kernel.errors import Malformed
from app.kernel.hours import WEEKDAYS
from app.kernel.money import ZERO
from app.kernel.payee import Destination, Payee, read
from app.runtime.fields import HourField, MoneyField
from app.runtime.forms import StrictForm
from app.runtime.page import say
from app.withdrawals.rules import NAMELESS, PayeeList
from app.withdrawals.rules.rulebook import OUTSIDE, Limit, Outside, Rulebook, Scope, flaws

_AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}
_COUNT = {"inputmode": "numeric", "autocomplete": "off"}


class DraftForm(StrictForm):
    """Something done to the draft; `edition` is the one that was seen."""

    edition = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])


class ActivateForm(DraftForm):
    note = StringField(_("说明"), validators=[InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class RulebookForm(DraftForm):
    """The whole rulebook. Left empty, a limit is none."""

    none_below = MoneyField(_("低于此金额免审批"), validators=[Optional()], render_kw=_AMOUNT)
    two_from = MoneyField(_("从此金额起两人审批"), validators=[Optional()], render_kw=_AMOUNT)
    order_most = MoneyField(_("每笔最多"), validators=[Optional()], render_kw=_AMOUNT)
    account_day_amount = MoneyField(_("每个渠道账号每天最多"), validators=[Optional()], render_kw=_AMOUNT)
    account_day_count = IntegerField(_("每个渠道账号每天笔数"), validators=[Optional()], render_kw=_COUNT)
    card_day_amount = MoneyField(_("每个收款账号每天最多"), validators=[Optional()], render_kw=_AMOUNT)
    card_day_count = IntegerField(_("每个收款账号每天笔数"), validators=[Optional()], render_kw=_COUNT)
    house_day_amount = MoneyField(_("全公司每天最多"), validators=[Optional()], render_kw=_AMOUNT)
    house_day_count = IntegerField(_("全公司每天笔数"), validators=[Optional()], render_kw=_COUNT)
    days = SelectMultipleField(
        _("可以创建的日子"),
        coerce=int,
        choices=[SelectChoice(day, _(label)) for day, label in WEEKDAYS.items()],
    )
    opens = HourField(_("开始时间"), validators=[InputRequired(_("请填写时间"))])
    closes = HourField(_("结束时间"), validators=[InputRequired(_("请填写时间"))])
    outside = RadioField(
        _("在这些时间以外"), choices=[SelectChoice(str(way), _(label)) for way, label in OUTSIDE.items()]
    )
    credit_refused = BooleanField(_("信用卡、准贷记卡不能收款"))
    white_from = MoneyField(_("从此金额起只付白名单"), validators=[Optional()], render_kw=_AMOUNT)
    card_funded = SelectMultipleField(
        _("资金来自银行卡的渠道账号"), description=_("勾选的账号只能付给“来源卡”名单里的卡")
    )
    duplicate_minutes = IntegerField(
        _("同账号同金额，几分钟内只能一笔"), validators=[InputRequired(_("请填写分钟数，0 为不检查"))], render_kw=_COUNT
    )

    @classmethod
    def of(cls, book: Rulebook, edition: int) -> Self:
        limits: dict[str, Any] = {}
        for scope in Scope:
            limit = book.day_limit(scope)
            limits |= {f"{scope}_day_amount": limit.amount, f"{scope}_day_count": limit.count}
        return cls(
            formdata=None,
            edition=str(edition),
            none_below=book.none_below,
            two_from=book.two_from,
            order_most=book.order_most,
            **limits,
            days=list(book.days),
            opens=book.opens,
            closes=book.closes,
            outside=str(book.outside),
            credit_refused=book.credit_refused,
            white_from=book.white_from,
            card_funded=list(book.card_funded),
            duplicate_minutes=book.duplicate_minutes,
        )

    def rulebook(self) -> Rulebook:
        """What was filled in. To be asked once the fields are well-formed."""
        assert self.opens.data is not None and self.closes.data is not None
        house, account, card = (
            Limit(self[f"{scope}_day_amount"].data, self[f"{scope}_day_count"].data) for scope in Scope
        )
        return Rulebook(
            order_most=self.order_most.data,
            house_day=house,
            account_day=account,
            card_day=card,
            none_below=self.none_below.data or ZERO,
            two_from=self.two_from.data,
            days=tuple(sorted(self.days.data)),
            opens=self.opens.data,
            closes=self.closes.data,
            outside=Outside(self.outside.data),
            credit_refused=bool(self.credit_refused.data),
            white_from=self.white_from.data,
            card_funded=tuple(sorted(self.card_funded.data)),
            duplicate_minutes=self.duplicate_minutes.data,
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """The fields' own rules, then what makes a rulebook unfit, each at its field."""
        if not super().validate(extra_validators):
            return False
        for name, text in flaws(self.rulebook()).items():
            self[name].errors = [*self[name].errors, say(text)]
        return not self.errors


class EntryForm(StrictForm):
    """A card or a name for a list."""

    card = StringField(
        _("完整卡号或账号"), validators=[Length(max=120)], render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    corporate = BooleanField(_("这是对公账号"))
    name = StringField(_("或者姓名"), validators=[Length(max=60)], render_kw={"autocomplete": "off"})
    reason = StringField(
        _("原因"),
        validators=[InputRequired(_("请写明原因")), Length(min=2, max=200)],
        render_kw={"autocomplete": "off"},
    )
    until = StringField(_("有效至"), description=_("当天仍有效；留空为长期"), render_kw={"placeholder": "20261121"})

    kinds: Collection[Payee] = tuple(Payee)
    parsed: Destination | None = None
    last_day: date | None = None

    @property
    def named(self) -> str:
        return (self.name.data or "").strip() if self.name else ""

    def validate_card(self, field: Any) -> None:
        text = (field.data or "").strip()
        if bool(text) == bool(self.named):
            raise ValidationError(_("请填写账号或姓名，只填一项") if self.name else _("请填写卡号"))
        if text:
            self.parsed = self._read(partial(read, among=self.kinds, corporate=bool(self.corporate.data)), text)

    def validate_until(self, field: Any) -> None:
        if (field.data or "").strip():
            self.last_day = self._read(clock.parse_day, field.data)

    @staticmethod
    def _read(parse: Any, text: str) -> Any:
        try:
            return parse(text)
        except Malformed as problem:
            raise ValidationError(say(problem.text)) from None


def entry_form(kind: PayeeList, *, blank: bool = False) -> EntryForm:
    """As sent, or empty; without a name, where the list has none."""
    form = EntryForm(formdata=None) if blank else EntryForm()
    if kind in NAMELESS:
        del form.name
        form.kinds = (Payee.BANK_CARD,)
        form.card.label.text = _("完整卡号")
    return form


class UnlistForm(StrictForm):
    reason = StringField(
        _("移出原因"),
        validators=[InputRequired(_("请写明移出的原因")), Length(min=2, max=200)],
        render_kw={"autocomplete": "off"},
    )


class EntryFilters(StrictForm):
    """The search of a list: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("姓名 / 尾号"), description=_("姓名或账号的末四位"))
    card = StringField(_("完整卡号或账号"), render_kw={"autocomplete": "off"})
    sealed_card = HiddenField()
    show = HiddenField()


class EntrySearch(EntryFilters):
    """The same, sent: a card number does not belong into an address (SECURITY 28)."""

    class Meta:
        csrf = True

"""Shape and syntax of cards to bind, of their templates, and of what is decided about a sheet."""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Self

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Field, HiddenField, IntegerField, SearchField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.cards import rules
from app.cards.states import LABELS
from app.kernel.cells import KINDS, Cell, Column, Kind
from app.kernel.columns import Judge
from app.kernel.errors import Malformed, Text
from app.kernel.payee import Payee, PayeeAccount
from app.kernel.written import CORPORATE, PRIVATE
from app.runtime.forms import StrictForm
from app.runtime.page import say
from app.uploads.forms import HeldForm


def _stripped(text: str | None) -> str | None:
    return text and text.strip()


class BindForm(StrictForm):
    """The fields that every binding form has; `bind_form` adds the template's columns."""

    account = HiddenField(validators=[InputRequired()])
    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    template = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])
    sure = BooleanField(_("已核对，仍按填写的提交"))
    seen = HiddenField(validators=[Length(max=64)])
    """Which warnings the person is sure about: a yes to one is none to another."""

    columns: tuple[Column, ...] = ()
    warnings: Sequence[tuple[str, Text]] = ()
    """Title of the column and what is odd about it: shown once, submitted when the person is sure."""
    texts: Mapping[str, str] = MappingProxyType({})
    """What was filled in, as it will be used."""

    def validate(self, extra_validators: Any = None) -> bool:
        """The fields' own rules, then the judge that reads sheets. In a form it may repair what is a matter of spelling."""
        if not super().validate(extra_validators):
            return False
        typed: list[Cell] = [self[f"c_{column.key}"].data or None for column in self.columns]
        verdict = Judge(self.columns).judge(typed)
        self.texts = {column.key: str(cell or "").strip() for column, cell in zip(self.columns, typed, strict=True)}
        for fault in verdict.faults:
            self._blame(fault.key, say(fault.text))
        for fix in verdict.fixes:
            codes = set(fix.pattern.partition(":")[2].split("+"))
            if codes <= _SPELLING:
                self.texts |= fix.cells
            elif fix.needed:
                for key, text in fix.cells.items():
                    self._blame(key, gettext("是不是应为“%(text)s”？请核对后重新填写", text=text))
        titles = {column.key: say(column.title) for column in self.columns}
        self.warnings = [(titles[warning.key], warning.text) for warning in verdict.warnings]
        told = sha256("\n".join(f"{title}:{text}" for title, text in self.warnings).encode()).hexdigest()
        is_sure = bool(self.sure.data) and self.seen.data == told
        self.seen.data, self.sure.data = told, is_sure
        return not self.errors and (not self.warnings or is_sure)

    def _blame(self, key: str, sentence: str) -> None:
        field = self[f"c_{key}"]
        field.errors = [*field.errors, sentence]

    def of_template(self) -> Iterator[Field]:
        """The template's fields, in its order."""
        return (self[f"c_{column.key}"] for column in self.columns)


_SPELLING = frozenset(
    {"quote", "invisible", "space", "separator", "width", "digits", "case", "prefix", "choice", "date", "amount"}
)
"""Repairs that change how something is written, not what it says."""


def bind_form(columns: Sequence[Column]) -> type[BindForm]:
    """The form of one template: a field for each column, named `c_<key>`."""
    fields: dict[str, Any] = {"columns": tuple(columns)}
    for column in columns:
        choices = {Kind.ACCOUNT_TYPE: (PRIVATE, CORPORATE), Kind.CHOICE: column.choices}.get(column.kind)
        validators: list[Any] = [Optional()]
        if column.required:
            validators = [InputRequired(_("必填，没有填"))]
        look = dict(_LOOKS.get(column.kind, {"autocomplete": "off"}))
        hint = column.note or (gettext("例如 %(example)s", example=column.example) if column.example else "")
        if choices is None:
            field = StringField(say(column.title), validators, description=hint, render_kw=look)
        else:
            options = [SelectChoice(text, text) for text in choices]
            if not column.required:
                options.insert(0, SelectChoice("", "—"))
            field = SelectField(say(column.title), validators, choices=options, description=hint)
        fields[f"c_{column.key}"] = field
    return type("TemplateBindForm", (BindForm,), fields)


_LOOKS: dict[Kind, dict[str, str]] = {
    Kind.CARD: {"inputmode": "numeric", "autocomplete": "off", "maxlength": "40"},
    Kind.PHONE: {"inputmode": "tel", "autocomplete": "off", "maxlength": "20"},
    Kind.CNAPS: {"inputmode": "numeric", "autocomplete": "off", "maxlength": "20"},
    Kind.AMOUNT: {"inputmode": "decimal", "autocomplete": "off", "maxlength": "20"},
}


class PayeeForm(StrictForm):
    """An account that is no bank card: what names it there, and who its holder is."""

    account = HiddenField(validators=[InputRequired()])
    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    payee = HiddenField(validators=[InputRequired(), AnyOf([str(it) for it in Payee if it is not Payee.BANK_CARD])])
    number = StringField(
        _("账号"),
        validators=[InputRequired(_("必填，没有填")), Length(max=120)],
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
    holder = StringField(
        _("开户人"),
        validators=[InputRequired(_("必填，没有填"))],
        filters=[_stripped],
        render_kw={"autocomplete": "off"},
    )

    read: PayeeAccount | None = None

    def validate_number(self, field: Field) -> None:
        if self.payee.errors:
            return
        try:
            self.read = PayeeAccount.parse(Payee(self.payee.data), field.data)
        except Malformed as problem:
            raise ValidationError(say(problem.text)) from None

    def validate_holder(self, field: Field) -> None:
        """As a sheet's name is read, of a person or a company: which of both it is, nobody is asked."""
        for fault in Judge(_HOLDER).judge([field.data, CORPORATE]).faults:
            raise ValidationError(say(fault.text))


_HOLDER = (
    Column(key=rules.HOLDER, title="", kind=Kind.NAME, required=True),
    Column(key=rules.ACCOUNT_TYPE, title="", kind=Kind.ACCOUNT_TYPE),
)
PAYEE_HINTS = {
    Payee.ALIPAY_LOGIN: _("收款人登录支付宝用的邮箱或手机号"),
    Payee.ALIPAY_USER: _("2088 开头的 16 位数字；改了登录名也不变"),
    Payee.WECHAT_OPENID: _("收款人在商户公众号或小程序里的 openid，28 个字符"),
}


class AccountForm(StrictForm):
    account = HiddenField(validators=[InputRequired(), Length(max=32)])


class UnbindForm(HeldForm):
    reason = StringField(_("删除原因"), validators=[InputRequired(_("请写明删除的原因")), Length(min=2, max=200)])


class RunForm(HeldForm):
    row = HiddenField(validators=[Optional(), Regexp(r"[0-9]{1,8}\Z")])


# Templates


class DraftForm(StrictForm):
    """Something done to a draft; `edition` is the one that was seen."""

    edition = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])


class LikeForm(StrictForm):
    like = SelectField(_("复制自"), validators=[Optional()])


class ActivateForm(DraftForm):
    note = StringField(_("说明"), validators=[InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class StepForm(DraftForm):
    key = HiddenField(validators=[InputRequired(), Length(max=30)])
    step = HiddenField(validators=[Optional(), AnyOf(("-1", "1"))])


# What a column of every account's kind holds, is the house's own sheet (`rules.OF_PAYEES`), and no channel's.
_COLUMN_KINDS = [SelectChoice(str(kind), _(label)) for kind, label in KINDS.items() if kind is not Kind.PAYEE]


class ColumnForm(DraftForm):
    title = StringField(
        _("列名"),
        validators=[InputRequired(_("请填写列名")), Length(max=rules.MOST["title"])],
        filters=[_stripped],
        description=_("表头里写的名字，也是表单里的名字"),
    )
    key = StringField(
        _("键"),
        validators=[InputRequired(_("请填写键")), Length(max=rules.MOST["key"])],
        filters=[_stripped],
        description=_("渠道接口用它取值；小写字母、数字、下划线"),
        render_kw={"list": "known-keys", "autocomplete": "off", "spellcheck": "false"},
    )
    kind = SelectField(
        _("类型"),
        choices=[SelectChoice(str(kind), _(label)) for kind, label in KINDS.items() if kind is not Kind.PAYEE],
    )
    required = BooleanField(_("必填"))
    aliases = StringField(
        _("别名"),
        validators=[Optional(), Length(max=200)],
        description=_("别人的表里可能怎么写，用顿号或逗号隔开"),
    )
    choices = StringField(
        _("可选项"),
        validators=[Optional(), Length(max=600)],
        description=_("用顿号或逗号隔开；类型为“选项”时必填"),
    )
    pattern = StringField(
        _("格式"),
        validators=[Optional(), Length(max=rules.MOST["pattern"])],
        description=_("正则表达式，须整格符合，例如 [0-9]{6}"),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    shortest = IntegerField(_("最短"), validators=[Optional(), NumberRange(0, 200)], render_kw={"inputmode": "numeric"})
    longest = IntegerField(_("最长"), validators=[Optional(), NumberRange(0, 200)], render_kw={"inputmode": "numeric"})
    example = StringField(_("示例"), validators=[Optional(), Length(max=rules.MOST["example"])], filters=[_stripped])
    note = StringField(_("填写说明"), validators=[Optional(), Length(max=rules.MOST["note"])], filters=[_stripped])

    @classmethod
    def of(cls, column: Column, edition: int) -> Self:
        return cls(
            formdata=None,
            edition=str(edition),
            title=column.title,
            key=column.key,
            kind=str(column.kind),
            required=column.required,
            aliases="、".join(column.aliases),
            choices="、".join(column.choices),
            pattern=column.pattern,
            shortest=column.shortest or None,
            longest=column.longest or None,
            example=column.example,
            note=column.note,
        )

    def column(self) -> Column:
        return Column(
            key=str(self.key.data),
            title=str(self.title.data),
            kind=Kind(self.kind.data),
            required=bool(self.required.data),
            aliases=_listed(self.aliases.data, rules.MOST["alias"]),
            choices=_listed(self.choices.data, rules.MOST["choice"]),
            pattern=self.pattern.data or "",
            shortest=self.shortest.data or 0,
            longest=self.longest.data or 0,
            example=self.example.data or "",
            note=self.note.data or "",
        )


def _listed(text: str | None, longest: int) -> tuple[str, ...]:
    words = (word.strip()[:longest] for word in re.split(r"[、,，;；\n]", text or ""))
    return tuple(dict.fromkeys(word for word in words if word))


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
        _("完整卡号或账号"),
        description=_("按完整号码精确查找"),
        render_kw={"autocomplete": "off"},
    )
    sealed_card = HiddenField()


class CardSearch(CardFilters):
    """The same, sent: a card number does not belong into an address (SECURITY 28)."""

    class Meta:
        csrf = True


class RevealForm(StrictForm):
    reason = StringField(
        _("查看原因"), validators=[InputRequired(_("请写明查看完整号码的原因")), Length(min=2, max=200)]
    )

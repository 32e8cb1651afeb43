"""Shape and syntax of what people enter about channels."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.channels.contract import Setting, Shape
from app.channels.parameters import ITS_NUMBER, LONGEST, OVERLAP_S, OVERLAPS_S
from app.kernel.errors import Text
from app.runtime.fields import MoneyField
from app.runtime.forms import StrictForm
from app.runtime.page import say


class ReasonForm(StrictForm):
    """Why a supervisor ends somebody's claim."""

    reason = StringField(_("原因"), validators=[DataRequired(_("请写明原因")), Length(min=2, max=200)])
    next = StringField()


class FinishForm(StrictForm):
    """The note for whoever comes next."""

    note = StringField(_("交接备注"), validators=[Length(max=200)])
    next = StringField()


class NextForm(StrictForm):
    """Only where to go afterwards."""

    next = StringField()


class RenewForm(StrictForm):
    fence = StringField(validators=[Regexp(r"[0-9]{1,18}\Z")])


# 渠道参数


class SecretField(PasswordField):  # type: ignore[misc]
    """One line that is never written into a page, whatever was typed."""

    def _value(self) -> str:
        return ""


class SecretArea(TextAreaField):  # type: ignore[misc]
    """The same for many lines."""

    def _value(self) -> str:
        return ""


class DraftForm(StrictForm):
    """Something done to a draft; `edition` is the one that was seen."""

    edition = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])


class BaseForm(StrictForm):
    """Which version a draft begins from."""

    base = HiddenField(validators=[Optional(), Regexp(r"[0-9]{1,9}\Z")])


class ActivateForm(DraftForm):
    overlap = SelectField(
        _("旧密钥继续有效"),
        choices=[SelectChoice(str(seconds), _(label)) for seconds, label in OVERLAPS_S.items()],
        default=str(OVERLAP_S),
    )
    why = StringField(_("原因"), validators=[InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class SettingsForm(DraftForm):
    """What every draft's form has; `settings_form` adds what the channel asks for."""

    settings: tuple[Setting, ...] = ()

    def typed(self) -> dict[str, str]:
        """By the names of the parameters."""
        return {setting.name: self[f"s_{setting.name}"].data or "" for setting in self.settings}

    def cleared(self) -> list[str]:
        """The secrets that are to go."""
        names = [setting.name for setting in self.settings if f"clear_{setting.name}" in self]
        return [name for name in names if self[f"clear_{name}"].data]

    def parameters(self) -> Iterator[tuple[Setting, Field, Field | None]]:
        """Each with its field and, where one may take it away, the box for that."""
        for setting in self.settings:
            yield setting, self[f"s_{setting.name}"], self._fields.get(f"clear_{setting.name}")

    def blame(self, flaws: Mapping[str, Text]) -> None:
        """Each parameter says what is wrong with it. What is secret has to be typed again: it is never written into a page."""
        for name, why in flaws.items():
            if f"s_{name}" in self:
                field = self[f"s_{name}"]
                field.errors = [*field.errors, say(why)]
            else:
                self.form_errors.append(say(why))


def settings_form(settings: Sequence[Setting]) -> type[SettingsForm]:
    """The form of one channel's parameters: a field for each, named `s_<name>`. The account's own number is not asked for."""
    asked = tuple(setting for setting in settings if setting.name != ITS_NUMBER)
    fields: dict[str, Any] = {"settings": asked}
    for setting in asked:
        fields[f"s_{setting.name}"] = _field(setting)
        if setting.secret and setting.optional:
            fields[f"clear_{setting.name}"] = BooleanField(_("清除已有的值"))
    return type("AdapterSettingsForm", (SettingsForm,), fields)


def _field(setting: Setting) -> Field:
    example = gettext("例如 %(example)s", example=setting.example) if setting.example else ""
    optional = gettext("选填") if setting.optional else ""
    hint = gettext("；").join(part for part in (optional, say(setting.help), example) if part)
    is_long = setting.multiline or setting.shape in (Shape.PRIVATE_KEY, Shape.PUBLIC_KEY, Shape.CERTIFICATE)
    look: dict[str, object] = {"autocomplete": "new-password" if setting.secret else "off", "spellcheck": "false"}
    if setting.shape is Shape.CHOICE:
        options = [SelectChoice(value, say(label)) for value, label in setting.choices]
        empty = [SelectChoice("", "—")] if setting.optional else []
        return SelectField(say(setting.label), choices=[*empty, *options], description=hint)
    if is_long:
        area = SecretArea if setting.secret else TextAreaField
        return area(say(setting.label), [Length(max=LONGEST)], description=hint, render_kw=look | {"rows": 6})
    if setting.shape is Shape.NUMBER:
        look |= {"inputmode": "numeric"}
    if setting.shape is Shape.URL:
        look |= {"inputmode": "url"}
    line = SecretField if setting.secret else StringField
    return line(say(setting.label), [Length(max=LONGEST)], description=hint, render_kw=look)


# 渠道与渠道账号


class RateField(StringField):  # type: ignore[misc]
    """Per cent as people write them, 0.38; `data` is parts per million, or None."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        found = _PER_CENT.fullmatch(self.typed)
        if found:
            self.data = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0"))
        elif self.typed:
            raise ValidationError(gettext("请写成 0.38 这样的百分数，最多四位小数"))

    def _value(self) -> str:
        typed: str = getattr(self, "typed", "")
        whole, part = divmod(self.data or 0, 10_000)
        return typed or f"{whole}.{part:04d}".rstrip("0").rstrip(".")


_PER_CENT = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,4}))?", re.ASCII)
_AMOUNT = {"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"}
_NEEDED = InputRequired(_("必填，没有填"))
_EMPTY = {"autocomplete": "off", "spellcheck": "false"}


def _stripped(text: str | None) -> str | None:
    return text and text.strip()


class ChannelForm(StrictForm):
    name = StringField(_("名称"), [_NEEDED, Length(max=60)], filters=[_stripped], render_kw=_EMPTY)


class NewChannelForm(ChannelForm):
    code = StringField(
        _("编码"),
        [_NEEDED, Regexp(r"[a-z][a-z0-9-]{1,31}\Z", message=_("2 到 32 位小写字母、数字或 -，以字母开头"))],
        filters=[_stripped],
        description=_("写进权限、导出与地址，建好后不能改"),
        render_kw=_EMPTY,
    )
    adapter = SelectField(_("渠道协议"), [_NEEDED], description=_("决定请求怎么写、怎么签名，建好后不能改"))


class ChangeChannelForm(ChannelForm):
    enabled = BooleanField(_("启用"), description=_("停用后，这个渠道的所有账号都不再接新业务；已在途的照常办完"))


class TermsForm(StrictForm):
    """An account of ours at a channel: everything but its parameters."""

    name = StringField(_("账号名称"), [_NEEDED, Length(max=60)], filters=[_stripped], render_kw=_EMPTY)
    merchant_no = StringField(
        _("商户号"),
        [_NEEDED, Regexp(r"[A-Za-z0-9._@-]{1,64}\Z", message=_("最多 64 位字母、数字或 . _ - @"))],
        filters=[_stripped],
        description=_("渠道给我们的编号；参数启用过以后不能再改"),
        render_kw=_EMPTY,
    )
    single_limit = MoneyField(_("单笔限额"), [_NEEDED], render_kw=_AMOUNT)
    fee_fixed = MoneyField(_("每笔手续费"), [_NEEDED], render_kw=_AMOUNT)
    fee_rate_ppm = RateField(
        _("费率（百分数）"), [Optional()], render_kw={"inputmode": "decimal", "autocomplete": "off"}
    )
    bind_per_s = IntegerField(
        _("每秒最多绑卡"), [_NEEDED, NumberRange(1, 10_000)], default=20, render_kw={"inputmode": "numeric"}
    )
    send_per_s = IntegerField(
        _("每秒最多发送提现"),
        [InputRequired(_("必填，没有填")), NumberRange(0, 10_000)],
        default=0,
        description=_("0：不限"),
        render_kw={"inputmode": "numeric"},
    )

    def validate_single_limit(self, field: Field) -> None:
        if field.data is not None and field.data.minor <= 0:
            raise ValidationError(gettext("要大于 0"))

    def terms(self) -> dict[str, Any]:
        """As the commands take them."""
        names = ("name", "merchant_no", "single_limit", "fee_fixed", "bind_per_s", "send_per_s")
        return {name: self[name].data for name in names} | {"fee_rate_ppm": self.fee_rate_ppm.data or 0}


class ChangeTermsForm(TermsForm):
    why = StringField(_("原因"), [InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class WhyForm(StrictForm):
    why = StringField(_("原因"), [InputRequired(_("请写明原因")), Length(min=2, max=200)], id="why_stopped")


class CallbackFilters(StrictForm):
    """The search of callbacks: a GET form."""

    class Meta:
        csrf = False

    number = SearchField(_("单号"), description=_("我方单号、渠道单号或账号编号"), render_kw={"autocomplete": "off"})
    account = SelectField(_("渠道账号"), validate_choice=False)
    outcome = SelectField(_("结果"), validate_choice=False)
    to = StringField(_("截止日期"), description="20261121")


# `from` is a word of Python; the field is added by its name.
setattr(CallbackFilters, "from", StringField(_("起始日期"), description="20261121"))


class CallFilters(CallbackFilters):
    """The search of calls: the same, and what was asked."""

    interface = SelectField(_("接口"), validate_choice=False)

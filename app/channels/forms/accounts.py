"""渠道与渠道账号: opened and changed."""

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.kernel.hours import WEEKDAYS, WHOLE_DAY
from app.runtime.fields import HourField, MoneyField
from app.runtime.forms import StrictForm


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
    pause_after = IntegerField(
        _("连续几次没有有效应答就自动停发"),
        [InputRequired(_("必填，没有填")), NumberRange(0, 100)],
        description=_("0：从不自动停发；停发只管新的发送，查询照常"),
        render_kw={"inputmode": "numeric"},
    )
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
    day_amount = MoneyField(
        _("每日限额"),
        [Optional()],
        description=_("留空：不另限；提现规则也有上限时，每一项按更严的算"),
        render_kw=_AMOUNT | {"placeholder": ""},
    )
    day_count = IntegerField(
        _("每日最多笔数"),
        [Optional(), NumberRange(1, 1_000_000, message=_("请写 1 到 1000000 的整数"))],
        description=_("留空：不另限"),
        render_kw={"inputmode": "numeric"},
    )
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

    open_days = SelectMultipleField(
        _("渠道受理代付的日子"),
        [InputRequired(_("至少选一天"))],
        choices=[SelectChoice(str(day), _(label)) for day, label in WEEKDAYS.items()],
        default=[str(day) for day in WEEKDAYS],
    )
    opens = HourField(_("开始受理"), [InputRequired(_("请填写时间"))], default=0)
    closes = HourField(
        _("停止受理"),
        [InputRequired(_("请填写时间"))],
        default=WHOLE_DAY,
        description=_("这段时间以外不发送，到时自动发送；全天是 00:00 到 24:00"),
    )
    weight = IntegerField(
        _("路由权重"),
        [InputRequired(_("必填，没有填")), NumberRange(0, 1000)],
        default=100,
        description=_("选渠道时按权重分摊当天的提现额；0：从不推荐，只由人选用"),
        render_kw={"inputmode": "numeric"},
    )

    def validate_closes(self, field: Field) -> None:
        if None not in (self.opens.data, field.data) and not self.opens.data < field.data <= WHOLE_DAY:
            raise ValidationError(gettext("停止要晚于开始，最晚 24:00"))

    def validate_single_limit(self, field: Field) -> None:
        if field.data is not None and field.data.minor <= 0:
            raise ValidationError(gettext("要大于 0"))

    validate_day_amount = validate_single_limit

    def terms(self) -> dict[str, Any]:
        """As the commands take them."""
        names = (
            "name",
            "merchant_no",
            "single_limit",
            "day_amount",
            "day_count",
            "fee_fixed",
            "bind_per_s",
            "send_per_s",
            "opens",
            "closes",
            "weight",
        )
        found = {name: self[name].data for name in names} | {"fee_rate_ppm": self.fee_rate_ppm.data or 0}
        return found | {"open_days": "".join(sorted(self.open_days.data))}


class ChangeTermsForm(TermsForm):
    why = StringField(_("原因"), [InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class WhyForm(StrictForm):
    why = StringField(_("原因"), [InputRequired(_("请写明原因")), Length(min=2, max=200)], id="why_stopped")

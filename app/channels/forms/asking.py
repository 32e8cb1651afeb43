"""查询与退票: how a channel is asked, as people set it."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import Field, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from app.channels.rules import asking
from app.channels.rules.asking import Asking, Chosen
from app.kernel.errors import Malformed
from app.runtime.forms import StrictForm
from app.runtime.page import say

_LONGEST = 300
_KEEPS, _REFUNDS = "keeps", "refunds"


class WaitsField(StringField):  # type: ignore[misc]
    """How long, one after the other, as people say it: 10 秒、30 秒、1 分钟. `data` is seconds."""

    def process_data(self, value: Sequence[int] | None) -> None:
        self.data = tuple(value or ())

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = ()
        if len(self.typed) > _LONGEST:
            raise ValueError(gettext("最多 %(most)s 个字", most=_LONGEST))
        try:
            self.data = asking.read(self.typed)
        except Malformed as problem:
            raise ValueError(say(problem.text)) from None

    def _value(self) -> str:
        return getattr(self, "typed", "") or say(asking.listed(self.data))


_WAITS = {"autocomplete": "off", "spellcheck": "false"}


class AskingForm(StrictForm):
    query_waits_s = WaitsField(_("查询间隔"), render_kw=_WAITS)
    resend_window_s = WaitsField(_("查无此单，多久之内不算数"), render_kw=_WAITS)
    return_waits_s = WaitsField(_("付款成功后多久查有没有退票"), render_kw=_WAITS)
    return_refunds_fee = SelectField(_("退票的手续费"), [Optional()])
    why = StringField(
        _("原因"),
        [InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200, message=_("请写 2 到 200 个字"))],
        id="why_asking",
    )

    def leave_to(self, its: Asking) -> None:
        """Beside each field, what its adapter says."""
        own = {line.name: say(line.words) for line in asking.lines(Chosen(), its)}
        for name, words in own.items():
            self[name].description = gettext("留空：按渠道协议自带的，%(words)s", words=words)
        fee = self.return_refunds_fee
        fee.description = ""
        fee.choices = [
            SelectChoice("", gettext("渠道协议自带的：%(words)s", words=own[fee.name])),
            SelectChoice(_REFUNDS, gettext("渠道随退票退还")),
            SelectChoice(_KEEPS, gettext("渠道不退")),
        ]

    def validate_resend_window_s(self, field: Field) -> None:
        if len(field.data) > 1:
            raise ValidationError(gettext("只写一个时间"))

    def accepts(self, its: Asking) -> bool:
        """Is it well formed, and nowhere less careful than its adapter?"""
        self.leave_to(its)
        if not self.validate():
            return False
        wrong = asking.flaws(self.chosen, its)
        for name, text in wrong.items():
            self[name].errors = [say(text)]
        return not wrong

    @property
    def chosen(self) -> Chosen:
        fee = self.return_refunds_fee.data
        return Chosen(
            query_waits_s=self.query_waits_s.data,
            return_waits_s=self.return_waits_s.data,
            resend_window_s=next(iter(self.resend_window_s.data), None),
            return_refunds_fee=fee == _REFUNDS if fee else None,
        )

    @classmethod
    def of(cls, it: Chosen) -> "AskingForm":
        """As it is set now."""
        fee = it.return_refunds_fee
        return cls(
            formdata=None,
            query_waits_s=it.query_waits_s,
            return_waits_s=it.return_waits_s,
            resend_window_s=() if it.resend_window_s is None else (it.resend_window_s,),
            return_refunds_fee="" if fee is None else _REFUNDS if fee else _KEEPS,
        )

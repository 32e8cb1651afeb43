"""渠道模板: drafts, activation, try-outs."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, Regexp

from app.runtime.forms import StrictForm


class NewTemplateForm(StrictForm):
    """A template to begin with: a file of ours, or one of the examples."""

    code = StringField(
        _("模板编码"),
        [InputRequired(_("请填写模板编码")), Length(max=20)],
        description=_("小写字母、数字和下划线，例如 wave；启用后渠道的协议写作 template:wave"),
        render_kw={"autocomplete": "off"},
    )
    like = RadioField(_("从哪里开始"), default="dolphin")
    file = FileField(_("或导入 JSON 文件"), description=_("选了文件就以文件为准"))


class TemplateForm(StrictForm):
    """The draft as text; a file takes its place."""

    edition = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])
    text = TextAreaField(_("模板（JSON）"), render_kw={"rows": "32", "spellcheck": "false", "autocomplete": "off"})
    file = FileField(_("或导入 JSON 文件"), description=_("选了文件就以文件为准"))


class PartSeenForm(StrictForm):
    seen = HiddenField(validators=[InputRequired(), Regexp(r"[0-9a-f]{64}\Z")])


class ActivateTemplateForm(StrictForm):
    edition = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,9}\Z")])
    note = StringField(_("说明"), validators=[InputRequired(_("请写明改了什么、为什么")), Length(min=2, max=200)])


class AdoptTemplateForm(StrictForm):
    account = HiddenField(validators=[InputRequired(), Length(max=32)])


class TrialForm(StrictForm):
    """Values and test parameters: `v_` a source, `s_` a setting. Made anew for each interface."""

    deed = HiddenField(default="fill")
    status = StringField(
        _("HTTP 状态"), [Optional(), Regexp(r"[1-5][0-9]{2}\Z", message=_("三位数字，例如 200"))], default="200"
    )
    headers = TextAreaField(_("应答头"), [Length(max=8000)], description=_("每行一个，例如 X-Signature: …"))
    reply = TextAreaField(_("应答或回调的报文"), [Length(max=60_000)], description=_("有就按模板读一遍，看结论对不对"))

    sources: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def about(self) -> dict[str, str]:
        return {name: str(self[_field("v", name)].data or "") for name in self.sources}

    @property
    def given(self) -> dict[str, str]:
        return {name: str(self[_field("s", name)].data or "") for name in self.settings}

    @property
    def reply_headers(self) -> dict[str, str]:
        lines = (line.partition(":") for line in str(self.headers.data or "").splitlines())
        return {name.strip().lower(): text.strip() for name, _colon, text in lines if name.strip()}


def trial_form(sources: Mapping[str, str], settings: Sequence[tuple[str, str, str, bool]]) -> type[TrialForm]:
    """A field for each source with its example, and for each setting (name, label, test value, multiline)."""
    fields: dict[str, Any] = {"sources": tuple(sources), "settings": tuple(name for name, *_more in settings)}
    for name, text in sources.items():
        fields[_field("v", name)] = StringField(
            name, [Length(max=200)], default=text, render_kw={"autocomplete": "off"}
        )
    for name, label, text, is_multiline in settings:
        kind = TextAreaField if is_multiline else StringField
        needed = [InputRequired(_("请填写")), Length(max=8000)]
        fields[_field("s", name)] = kind(label, needed, default=text, render_kw={"autocomplete": "off"})
    return type("InterfaceTrialForm", (TrialForm,), fields)


def _field(prefix: str, name: str) -> str:
    return f"{prefix}_{name.replace('.', '-')}"

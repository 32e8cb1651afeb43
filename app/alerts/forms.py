"""Shape and syntax of what the pages of alerts send."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, SearchField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from app.runtime.forms import StrictForm

_SECRET = {"autocomplete": "new-password", "spellcheck": "false"}


def _stripped(text: str | None) -> str | None:
    return text and text.strip()


class AlertFilters(StrictForm):
    """The search of alerts: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("告警内容"), description=_("编号、名称或句子里的字"))
    severity = SelectField(_("级别"), validate_choice=False)
    kind = SelectField(_("种类"), validate_choice=False)
    channel = SelectField(_("渠道"), validate_choice=False)
    standing = HiddenField()


class AcknowledgeForm(StrictForm):
    """`seen`: how grave it was on the page."""

    seen = HiddenField(validators=[InputRequired(), Length(max=10)])
    note = StringField(_("备注"), filters=[_stripped], validators=[Length(max=200, message=_("请写 200 个字以内"))])


class CloseForm(StrictForm):
    reason = StringField(
        _("原因"),
        filters=[_stripped],
        validators=[DataRequired(_("请写明原因")), Length(min=2, max=200, message=_("请写 2 到 200 个字"))],
    )


class NothingForm(StrictForm):
    """A button."""


class HookWordsForm(StrictForm):
    """What is not secret of a hook."""

    name = StringField(
        _("名称"),
        filters=[_stripped],
        validators=[DataRequired(_("请填写名称")), Length(max=60)],
        render_kw={"autocomplete": "off"},
    )
    language = SelectField(_("消息的语言"), choices=[SelectChoice("zh", _("中文")), SelectChoice("en", "English")])
    least = SelectField(_("从哪个级别起"))


class HookSecretsForm(StrictForm):
    """What is written and never shown: refused, it is typed anew."""

    hook_address = PasswordField(
        _("地址"),
        filters=[_stripped],
        validators=[DataRequired(_("请填写地址")), Length(max=1000)],
        render_kw=_SECRET,
    )
    hook_secret = PasswordField(_("签名密钥"), filters=[_stripped], validators=[Length(max=200)], render_kw=_SECRET)


class HookForm(HookWordsForm, HookSecretsForm):
    """A hook to add."""

    kind = SelectField(_("种类"), validators=[InputRequired(_("请选择种类"))])

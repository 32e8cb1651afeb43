"""第三方平台账号."""

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, Field, PasswordField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from app.runtime.forms import StrictForm


def _stripped(text: str | None) -> str | None:
    return text and text.strip()


def _typed_or_generated(form: "StrictForm", password: Field) -> None:
    given = password.data or ""
    if given and form["generate"].data:
        raise ValidationError(_("请只选一种：输入密码，或由系统生成"))
    if not form["generate"].data and not 6 <= len(given) <= 128:
        raise ValidationError(_("密码须为 6 到 128 个字符；也可以由系统生成"))


def _twice(form: "StrictForm", again: Field) -> None:
    if (again.data or "") != (form["password"].data or ""):
        raise ValidationError(_("两次输入的密码不一致"))


_WHOLE = _("请写完整的网址，以 https:// 开头")


class PlatformForm(StrictForm):
    """A platform account. Its password is written and never shown; none typed: one is made up."""

    channel = SelectField(_("渠道"), validators=[InputRequired(_("请选择渠道"))])
    login_name = StringField(
        _("登录名"),
        validators=[InputRequired(_("请填写登录名")), Length(min=1, max=80)],
        filters=[_stripped],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    address = StringField(
        _("平台网址"),
        validators=[
            InputRequired(_("请填写平台网址")),
            Length(max=200),
            Regexp(r"https?://[^\s]+\Z", message=_WHOLE),
        ],
        filters=[_stripped],
        render_kw={"autocomplete": "off", "inputmode": "url", "placeholder": "https://"},
    )
    password = PasswordField(
        _("密码"), validators=[_typed_or_generated], render_kw={"autocomplete": "new-password", "maxlength": "128"}
    )
    password_again = PasswordField(
        _("再输入一次密码"), validators=[_twice], render_kw={"autocomplete": "new-password", "maxlength": "128"}
    )
    generate = BooleanField(_("由系统生成密码"), description=_("只在下一页显示一次，请到第三方平台改成它"))
    accounts = SelectMultipleField(
        _("关联的渠道账号"), description=_("可多选，须属于同一渠道；领取其中任何一个，就占用这个平台账号")
    )
    note = StringField(_("备注"), validators=[Length(max=200)], filters=[_stripped], render_kw={"autocomplete": "off"})

    def keep_secrets(self) -> None:
        """One that is there keeps its channel, and its password has a form of its own."""
        del self.channel, self.password, self.password_again, self.generate


class PlatformPasswordForm(StrictForm):
    password = PasswordField(
        _("新密码"), validators=[_typed_or_generated], render_kw={"autocomplete": "new-password", "maxlength": "128"}
    )
    password_again = PasswordField(
        _("再输入一次密码"), validators=[_twice], render_kw={"autocomplete": "new-password", "maxlength": "128"}
    )
    generate = BooleanField(_("由系统生成密码"), description=_("只在下一页显示一次，请到第三方平台改成它"))
    reason = StringField(_("重置原因"), validators=[InputRequired(_("请写明重置的原因")), Length(min=2, max=200)])


class RevealForm(StrictForm):
    reason = StringField(_("查看原因"), validators=[InputRequired(_("请写明查看密码的原因")), Length(min=2, max=200)])

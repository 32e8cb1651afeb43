"""Shape of what people type at the door. What it means is the service's business."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import AnyOf, InputRequired, Length

from app.auth.rules import LANGUAGES, PASSWORD_LONGEST, PASSWORD_SHORTEST
from app.runtime.forms import StrictForm


class SignInForm(StrictForm):
    username = StringField(
        _("用户名"),
        [InputRequired(_("请输入用户名")), Length(max=64)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _("密码"),
        [InputRequired(_("请输入密码")), Length(max=PASSWORD_LONGEST)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class CodeForm(StrictForm):
    code = StringField(
        _("动态验证码"),
        [InputRequired(_("请输入验证码")), Length(max=20)],
        description=_("手机应用里的 6 位数字，或一个恢复码"),
        render_kw={"autocomplete": "one-time-code", "inputmode": "text", "autocapitalize": "characters"},
    )


class ProofForm(StrictForm):
    proof_secret = PasswordField(validators=[InputRequired(), Length(max=PASSWORD_LONGEST)])
    next = HiddenField()


class PasswordForm(StrictForm):
    password = PasswordField(
        _("新密码"),
        [
            InputRequired(_("请输入密码")),
            Length(PASSWORD_SHORTEST, PASSWORD_LONGEST, _("密码长度须为 12 到 128 位")),
        ],
        description=_("12 到 128 位，可以粘贴"),
        render_kw={"autocomplete": "new-password"},
    )


class ActivateForm(PasswordForm):
    display_name = StringField(
        _("姓名"), [InputRequired(_("请输入姓名")), Length(max=40)], render_kw={"autocomplete": "name"}
    )
    username = StringField(
        _("用户名"),
        [InputRequired(_("请输入用户名")), Length(max=32)],
        description=_("2 到 32 位小写字母、数字或 . _ -，以字母开头"),
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )


class LanguageForm(StrictForm):
    language = StringField(validators=[AnyOf(LANGUAGES)])
    next = HiddenField()


class NothingForm(StrictForm):
    """A button and its token."""

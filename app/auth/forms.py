"""Shape of what people type at the door. What it means is the service's business."""

from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField, SearchField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length, Optional

from app.auth.permissions import Permission
from app.auth.rules import LANGUAGES, NAME_LONGEST, PASSWORD_LONGEST, PASSWORD_SHORTEST, TIME_OUTS_S
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
    file = HiddenField(validators=[Optional(), AnyOf(["1"])])
    """It was asked for before a file: `next` is the page on which its link stands."""


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


_CHANNELS = _("限定渠道")
_ALL_CHANNELS = _("都不选就是不限定；选了的话，其他渠道对其完全不可见")


class PersonForm(StrictForm):
    display_name = StringField(
        _("姓名"), [InputRequired(_("请输入姓名")), Length(max=NAME_LONGEST)], render_kw={"autocomplete": "off"}
    )
    role = SelectField(_("角色"), [InputRequired(_("请选择角色"))])
    channels = SelectMultipleField(_CHANNELS, description=_ALL_CHANNELS)


class InviteForm(PersonForm):
    username = StringField(
        _("用户名"),
        [InputRequired(_("请输入用户名")), Length(max=32)],
        description=_("2 到 32 位小写字母、数字或 . _ -，以字母开头；以后不能改"),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )


class DisableForm(StrictForm):
    reason = StringField(_("停用原因"), [InputRequired(_("请写明停用原因")), Length(min=2, max=200)])


class PeopleFilters(StrictForm):
    """The search of the list: a GET form."""

    class Meta:
        csrf = False

    q = SearchField(_("姓名或用户名"), render_kw={"autocomplete": "off"})
    role = SelectField(_("角色"), validate_choice=False)
    standing = HiddenField()


class NewRoleForm(StrictForm):
    title_zh = StringField(_("中文名称"), [InputRequired(_("请输入名称")), Length(max=40)])
    title_en = StringField(_("英文名称"), [InputRequired(_("请输入名称")), Length(max=40)])
    note = StringField(_("说明"), [Length(max=200)])
    code = StringField(
        _("编码"),
        [InputRequired(_("请输入编码")), Length(max=32)],
        description=_("小写字母、数字或 -，以字母开头；写进审计日志，以后不能改"),
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    like = SelectField(_("权限照抄自"))


class RoleForm(StrictForm):
    title_zh = StringField(_("中文名称"), [InputRequired(_("请输入名称")), Length(max=40)])
    title_en = StringField(_("英文名称"), [InputRequired(_("请输入名称")), Length(max=40)])
    note = StringField(_("说明"), [Length(max=200)])
    permissions = SelectMultipleField(_("权限"), choices=[SelectChoice(str(it)) for it in Permission])
    channels = SelectMultipleField(_CHANNELS, description=_ALL_CHANNELS)


class TimeOutForm(StrictForm):
    time_out_s = SelectField(
        _("多久不操作就退出"),
        choices=[SelectChoice(str(it), _("%(count)s 分钟", count=it // 60)) for it in TIME_OUTS_S],
        coerce=int,
    )


class ChangePasswordForm(PasswordForm):
    old = PasswordField(
        _("现在的密码"),
        [InputRequired(_("请输入现在的密码")), Length(max=PASSWORD_LONGEST)],
        render_kw={"autocomplete": "current-password"},
    )


class NewFactorForm(StrictForm):
    code = StringField(
        _("应用里显示的验证码"),
        [InputRequired(_("请输入验证码")), Length(max=10)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )


class AuditFilters(StrictForm):
    """The search of the audit log: a GET form."""

    class Meta:
        csrf = False

    who = SearchField(_("谁"), description=_("用户名、姓名或“系统”"), render_kw={"autocomplete": "off"})
    what = SelectField(_("做了什么"), validate_choice=False)
    subject = StringField(_("对象"), description=_("编号或用户名"), render_kw={"autocomplete": "off"})
    to = StringField(_("截止日期"), description="20261121")
    address = StringField(_("来自地址"), render_kw={"autocomplete": "off"})


# `from` is a word of Python; the field is added by its name.
setattr(AuditFilters, "from", StringField(_("起始日期"), description="20261121"))


class AuditExportForm(AuditFilters):
    """The same, sent: take along what it finds."""

    class Meta:
        csrf = True

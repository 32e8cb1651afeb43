"""Shape and syntax of what people enter about the menu."""

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from app.menus.rules import ICONS, TITLE_LONGEST, Way
from app.runtime.forms import StrictForm

_CHINESE, _ENGLISH = _("中文名称"), _("英文名称")
_TITLE = (DataRequired(_("请输入名称")), Length(max=TITLE_LONGEST))
_ALONE = {"autocomplete": "off"}


class NewGroupForm(StrictForm):
    """Names of its own: it stands beside the other form."""

    group_zh = StringField(_CHINESE, _TITLE, render_kw=_ALONE)
    group_en = StringField(_ENGLISH, _TITLE, render_kw=_ALONE)


class NewPageForm(StrictForm):
    page = SelectField(_("页面"), [InputRequired(_("请选择页面"))])
    page_zh = StringField(_CHINESE, _TITLE, render_kw=_ALONE)
    page_en = StringField(_ENGLISH, _TITLE, render_kw=_ALONE)


class GroupForm(StrictForm):
    title_zh = StringField(_CHINESE, _TITLE, render_kw=_ALONE)
    title_en = StringField(_ENGLISH, _TITLE, render_kw=_ALONE)
    visible = BooleanField(_("在菜单中显示"))


class EntryForm(GroupForm):
    parent_id = SelectField(_("所属分组"), [Optional()])
    icon = RadioField(
        _("图标"), [InputRequired(_("请选择图标"))], choices=[SelectChoice(name, word) for name, word in ICONS.items()]
    )


class MoveForm(StrictForm):
    way = SelectField(choices=[SelectChoice(str(way)) for way in Way])

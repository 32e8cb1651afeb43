"""渠道参数: drafts, activation, and the form that an adapter's declaration makes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp

from app.channels.contract import Setting, Shape
from app.channels.parameters import ITS_NUMBER, LONGEST, OVERLAP_S, OVERLAPS_S
from app.kernel.errors import Text
from app.runtime.forms import StrictForm
from app.runtime.page import say


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

"""Shape and syntax of a sheet to upload, and of what is decided about it."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp

from app.kernel.cells import Column
from app.runtime.forms import StrictForm
from app.runtime.page import say


class HeldForm(StrictForm):
    """A deed that only the holder of the account's claim may do."""

    fence = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,18}\Z")])


class UploadForm(HeldForm):
    account = HiddenField(validators=[InputRequired()])
    form_key = HiddenField(validators=[InputRequired(), Length(min=16, max=36)])
    file = FileField(_("表格文件"), validators=[InputRequired(_("请选择要上传的表格"))])


class PatternForm(HeldForm):
    pattern = HiddenField(validators=[InputRequired(), Length(max=200)])


class ConfirmForm(HeldForm):
    seen = HiddenField(validators=[InputRequired(), Regexp(r"[0-9]{1,7}\Z")])


def mapping_form(columns: Sequence[Column], header: Sequence[str]) -> type[HeldForm]:
    """Which column of the file is which of the template: one choice for each."""
    none = SelectChoice("", _("（文件里没有）"))
    options = [SelectChoice(str(place), f"{letters(place)} · {title or '—'}") for place, title in enumerate(header)]
    fields: dict[str, Any] = {}
    for column in columns:
        validators: list[Any] = [Optional()]
        if column.required:
            validators = [InputRequired(_("必须指定"))]
        fields[f"c_{column.key}"] = SelectField(say(column.title), validators, choices=[none, *options])
    return type("MappingForm", (HeldForm,), fields)


def letters(place: int) -> str:
    """The name of a column as spreadsheets write it: 0 → A, 26 → AA."""
    found = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        found = chr(65 + rest) + found
    return found

"""Fields whose data is what stands in the JSON, and None where nothing was written."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import FieldList, Form, FormField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import Choice, SelectChoice
from wtforms.widgets import TextArea

from app.channels.forms.parts import notation
from app.runtime.page import say

BLANK = SelectChoice("", "—")


class LineField(StringField):  # type: ignore[misc]
    """A text. Line breaks are written as `\\n`, so that none is lost on its way through one line."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = notation.text_of(valuelist[0])

    def _value(self) -> str:
        return notation.line_of(self.data or "")


class LongField(TextAreaField):  # type: ignore[misc]
    """A text of many lines, which end as they do in JSON."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[0].replace("\r\n", "\n")


class _WrittenField(StringField):  # type: ignore[misc]
    """What was typed stays while it cannot be read."""

    wrong: Any = _("引号没有成对")

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        try:
            self.data = self.read(valuelist[0])
        except ValueError:
            self.data = None
            raise ValueError(str(self.wrong)) from None

    def _value(self) -> str:
        if self.raw_data and self.process_errors:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def read(self, written: str) -> Any:
        raise NotImplementedError

    def write(self, data: Any) -> str:
        raise NotImplementedError


class ListField(_WrittenField):
    """A list of words."""

    def read(self, written: str) -> list[str]:
        return notation.words_of(written)

    def write(self, data: list[str]) -> str:
        return notation.list_of(data)


class NumbersField(_WrittenField):
    """A list of whole numbers."""

    wrong = _("应为整数，用空格隔开")

    def read(self, written: str) -> list[int]:
        return [whole(word) for word in written.replace(",", " ").split()]

    def write(self, data: list[int]) -> str:
        return " ".join(map(str, data))


class NumberField(_WrittenField):
    wrong = _("应为整数")

    def read(self, written: str) -> int | None:
        return whole(written.strip()) if written.strip() else None

    def write(self, data: int) -> str:
        return str(data)


class OptionalField(_WrittenField):
    """A text that may be missing, which is something else than empty: that is `''`."""

    def read(self, written: str) -> str | None:
        text = notation.text_of(written)
        return "" if text == "''" else text or None

    def write(self, data: str) -> str:
        return notation.line_of(data) or "''"


class TableField(_WrittenField):
    """Texts by name, for which there is no list to choose from."""

    widget = TextArea()
    wrong = _("写成 名称=内容，名称不能重复，引号要成对")

    def read(self, written: str) -> dict[str, str]:
        return notation.pairs_of(written)

    def write(self, data: Mapping[str, str]) -> str:
        return notation.table_of(data)


class OpenSelectField(SelectField):  # type: ignore[misc]
    """One of a few. What is none of them stays to be seen, and to be found wrong."""

    def __init__(self, label: Any = None, **more: Any) -> None:
        super().__init__(label, validate_choice=False, **more)

    def iter_choices(self) -> Iterator[Choice]:
        chosen = self.data or ""
        known = [Choice(it.value, say(it.label), it.value == chosen, {}) for it in self.choices]
        yield from known
        if chosen and not any(it.selected for it in known):
            yield Choice(chosen, chosen, True, {})


_PRESENCE = {"": None, "yes": True, "no": False}


class PresenceSelectField(SelectField):  # type: ignore[misc]
    """Must be there, must not, or neither is said."""

    def __init__(self, label: Any = None, **more: Any) -> None:
        super().__init__(
            label, choices=[BLANK, SelectChoice("yes", _("要有")), SelectChoice("no", _("不能有"))], **more
        )

    def process_data(self, value: bool | None) -> None:
        self.data = next(word for word, meant in _PRESENCE.items() if meant is value)

    @property
    def told(self) -> bool | None:
        return _PRESENCE[self.data]


class ChainField(FieldList):  # type: ignore[misc]
    """One after another, each out of the same few; an empty one follows for the next."""

    LONGEST = 8

    def __init__(self, label: Any, choices: list[SelectChoice], **more: Any) -> None:
        super().__init__(OpenSelectField("", choices=[BLANK, *choices]), label, max_entries=self.LONGEST + 1, **more)

    def process(self, *given: Any, **more: Any) -> None:
        super().process(*given, **more)
        if (not self.entries or self.entries[-1].data) and len(self.entries) < self.max_entries:
            self.append_entry("")

    @property
    def told(self) -> list[str]:
        return [entry.data for entry in self.entries if entry.data]


class RowsField(FieldList):  # type: ignore[misc]
    """Rows of a form each. A row knows which of the rows before it was (`was`), wherever it stands now."""

    LONGEST = 100

    def __init__(self, row: type[Form], label: Any, *, is_tall: bool = False, **more: Any) -> None:
        super().__init__(FormField(row), label, max_entries=self.LONGEST, **more)
        self.is_tall = is_tall
        """Too much for a line: each row is a sheet of its own."""

    def process(self, formdata: Any, data: Any = None, **more: Any) -> None:
        if isinstance(data, list):
            data = [row | {"was": str(at)} for at, row in enumerate(data)]
        super().process(formdata, data if isinstance(data, list) else [], **more)

    def lift(self, at: int) -> None:
        """The row stands one higher."""
        self.entries.insert(at - 1, self.entries.pop(at))
        self._compact_indices()


class WordsField(RowsField):
    """What each word of theirs means. Data: `{word: meaning}`."""

    def __init__(self, label: Any, choices: list[SelectChoice], **more: Any) -> None:
        row = {
            "was": HiddenField(),
            "name": LineField(_("渠道说")),
            "means": OpenSelectField(_("读作"), choices=choices),
        }
        super().__init__(type("WordRow", (Form,), row), label, **more)

    def process(self, formdata: Any, data: Any = None, **more: Any) -> None:
        if isinstance(data, Mapping):
            data = [{"name": name, "means": means} for name, means in data.items()]
        super().process(formdata, data, **more)

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        is_well: bool = super().validate(form, extra_validators)
        names = [row.form["name"] for row in self.entries]
        given = [name.data for name in names if name.data]
        for name in names:
            if given.count(name.data) > 1:
                name.errors = [_("同一个词写了两次")]
                is_well = False
        return is_well

    @property
    def told(self) -> dict[str, str]:
        return {
            str(row.form["name"].data): str(row.form["means"].data) for row in self.entries if row.form["name"].data
        }


def whole(word: str) -> int:
    """Of at most nine digits, as JSON reads it. ValueError otherwise."""
    if not re.fullmatch("-?[0-9]{1,9}", word):
        raise ValueError(word)
    return int(word)

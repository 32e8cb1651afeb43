"""Forms made from the types a description is written in, and values of JSON made from such forms.

`value_of(form_of(kind)(**value)) == value` for every value that `fits` its kind, down to the order of its names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from wtforms import BooleanField, Form, FormField, HiddenField
from wtforms.fields.choices import SelectChoice
from wtforms.fields.core import UnboundField

from app.channels.adapters.templated import description as the
from app.channels.adapters.templated.filling import FILTERS
from app.channels.adapters.templated.parsing import default_of, dump, hints_of
from app.channels.contract import Seen
from app.channels.forms.parts.fields import (
    BLANK,
    ChainField,
    LineField,
    ListField,
    LongField,
    NumberField,
    NumbersField,
    OpenSelectField,
    OptionalField,
    PresenceSelectField,
    RowsField,
    TableField,
    WordsField,
)
from app.channels.forms.parts.words import CHOICES, words_of

LONG: set[tuple[Any, str]] = {(the.Sample, "body")}
SUGGESTED: dict[tuple[Any, str], str] = {
    (the.Piece, "source"): "sources",
    (the.Check, "source"): "sources",
    (the.Recipe, "secret"): "settings",
}
"""Which list of the page helps whoever types."""
_FIRST: dict[Any, str] = {the.Parameter: "name", the.Echo: "path"}
"""What a row begins with, where its type inherits the rest from another."""


@cache
def form_of(kind: Any, *, is_row: bool = False) -> type[Form]:
    """With a field for each item of the type, in the order in which people read them."""
    made: dict[str, Any] = {"was": HiddenField()} if is_row else {}
    return type(f"{kind.__name__}Form", (Form,), made | {name: field_of(kind, name) for name in names_of(kind)})


def names_of(kind: Any) -> list[str]:
    """As people read them: tables of rows after what is said once."""
    names = [one.name for one in fields(kind)]
    return sorted(names, key=lambda name: (name != _FIRST.get(kind), _has_rows(hints_of(kind)[name], name)))


def _has_rows(hint: Any, name: str) -> bool:
    inside = get_args(hint)[1] if get_origin(hint) is Mapping else str
    return (name != "filters" and _is_object(_inside(hint))) or issubclass(inside, StrEnum)


def field_of(kind: Any, name: str) -> UnboundField:
    """The field in which this item of a type is written."""
    hint, default = hints_of(kind)[name], _default(kind, name)
    label, told = words_of(kind, name)
    more = {"description": told}
    inside = _inside(hint)
    if _is_object(_only(hint)):
        return FormField(form_of(_only(hint)), label, **more)
    if name == "filters":
        return ChainField(label, [SelectChoice(one) for one in FILTERS], **more)
    if _is_object(inside):
        return RowsField(form_of(inside, is_row=True), label, is_tall=inside in (the.Sample, the.Worked), **more)
    if get_origin(hint) is Mapping and issubclass(get_args(hint)[1], StrEnum):
        return WordsField(label, _choices(get_args(hint)[1]), **more)
    if hint == bool | None:
        return PresenceSelectField(label, **more)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        blank = [BLANK] if default is MISSING else []
        return OpenSelectField(
            label, choices=blank + _choices(hint), default="" if default is MISSING else default, **more
        )
    if (kind, name) in LONG:
        return LongField(label, default="", render_kw={"rows": "4", **_PLAIN}, **more)
    suggested = next((SUGGESTED[base, name] for base in kind.__mro__ if (base, name) in SUGGESTED), None)
    look: dict[str, Any] = {"render_kw": _PLAIN | ({"list": suggested} if suggested else {})}
    simple: dict[Any, Any] = {
        str: LineField,
        str | None: OptionalField,
        int: NumberField,
        tuple[str, ...]: ListField,
        tuple[int, ...]: NumbersField,
        Mapping[str, str]: TableField,
    }
    if hint is bool:
        return BooleanField(label, default=default, **more)
    if hint == Mapping[str, str] and name != "words":
        look["render_kw"]["rows"] = "4"
    return simple[hint](label, default=None if default is MISSING else default, **look, **more)


_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def value_of(kind: Any, form: Form, before: object = None) -> dict[str, Any]:
    """What the form says, as JSON. What is as it is anyway is left out, unless it stood there `before`, and in its order."""
    stood = before if isinstance(before, dict) else {}
    return items_of(kind, names_of(kind), form, stood)


def items_of(kind: Any, names: Sequence[str], form: Form, stood: Mapping[str, Any]) -> dict[str, Any]:
    """The same for some items of a type."""
    found: dict[str, Any] = {}
    for name in in_place(names, [name for name in stood if name in names]):
        was, default = stood.get(name, MISSING), _default(kind, name)
        value = _told(hints_of(kind)[name], form[name], None if was is MISSING else was)
        is_unsaid = value in (None, "", default) or (was is MISSING and default is MISSING and is_blank(value))
        if not is_unsaid or was == value:
            found[name] = value
    return found


def in_place(known: Sequence[str], stood: Sequence[str]) -> list[str]:
    """All names: those that stood there in their order, each new one before the first that it is declared before."""
    found = list(stood)
    for at, name in enumerate(known):
        if name not in stood:
            later = [found.index(it) for it in known[at + 1 :] if it in stood]
            found.insert(min(later, default=len(found)), name)
    return found


def _told(hint: Any, field: Any, was: object) -> Any:
    inside = _inside(hint)
    if _is_object(kind := _only(hint)):
        value = value_of(kind, field.form, was)
        return None if kind is not hint and is_blank(value) else value
    if _is_object(inside):
        rows = [value_of(inside, row.form, _row(was, row.form["was"].data)) for row in field.entries]
        return [row for row in rows if not is_blank(row)]
    return getattr(field, "told", field.data)


def _row(rows: object, at: object) -> object:
    """The row that this one was before."""
    where = str(at or "")
    is_there = isinstance(rows, list) and where.isdecimal() and int(where) < len(rows)
    return rows[int(where)] if isinstance(rows, list) and is_there else None


def is_blank(value: object) -> bool:
    """Is nothing said here, however deep?"""
    if isinstance(value, dict):
        return all(is_blank(it) for it in value.values())
    return value in (None, "", [])


def fits(kind: Any, value: object) -> bool:
    """Can the form of this kind hold the value so that nothing is lost? What is missing may be missing."""
    if _is_object(kind):
        return isinstance(value, dict) and all(_fits_item(kind, name, it) for name, it in value.items())
    if (only := _only(kind)) is not kind:
        return value is None or (fits(only, value) and not (is_blank(value) if _is_object(only) else value == "''"))
    if (inside := _inside(kind)) is not None:
        is_list = isinstance(value, list) and len(value) <= RowsField.LONGEST
        return is_list and not any((_is_object(inside) and is_blank(it)) or not fits(inside, it) for it in _list(value))
    if get_origin(kind) is Mapping:
        return isinstance(value, dict) and all(_fits_word(kind, name, it) for name, it in value.items())
    if issubclass(kind, StrEnum):  # one of its own or not, but said: nothing is chosen for anybody
        return type(value) is str and value != ""
    return type(value) is kind


def _fits_item(kind: Any, name: str, value: object) -> bool:
    if name not in hints_of(kind) or not fits(hints_of(kind)[name], value):
        return False
    if name == "filters":
        return len(_list(value)) <= ChainField.LONGEST and "" not in _list(value)
    return (kind, name) not in LONG or "\r" not in str(value)


def _fits_word(kind: Any, name: str, value: object) -> bool:
    inside = get_args(kind)[1]
    if issubclass(inside, StrEnum):
        return bool(name) and fits(inside, value)
    return "=" not in name and "\r" not in name + str(value) and fits(inside, value)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _default(kind: Any, name: str) -> Any:
    """As JSON; MISSING where it must be said."""
    default = default_of(next(one for one in fields(kind) if one.name == name))
    return default if default is MISSING else dump(default)


def _only(hint: Any) -> Any:
    """Of a kind that may be missing, the kind."""
    if isinstance(hint, UnionType) and NoneType in get_args(hint):
        return next(it for it in get_args(hint) if it is not NoneType)
    return hint


def _is_object(kind: Any) -> bool:
    return is_dataclass(kind)


def _inside(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def _choices(kind: type[StrEnum]) -> list[SelectChoice]:
    return [SelectChoice(str(it), CHOICES[kind].get(it, str(it))) for it in kind if it is not Seen.NOT_SENT]

"""Which items of a description stand on which page, and how a page's form and the draft come out of each other."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from typing import Any

from wtforms import FieldList, FormField, HiddenField
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Regexp

from app.channels import rules
from app.channels.adapters.templated import description as the
from app.channels.adapters.templated.filling import SOURCES
from app.channels.adapters.templated.parsing import hints_of
from app.channels.forms.parts.building import field_of, fits, in_place, items_of
from app.channels.forms.parts.fields import ChainField, RowsField, WordsField
from app.kernel.errors import Text, gettext_noop
from app.runtime.forms import StrictForm

Words = Any
"""A label, or the number of a row: how people call a place, step by step."""
_STEP = re.compile(r"\.?([^.\[]+)|\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Part:
    """Some items of one object of the description: of the whole, or (`inside`) of its interfaces."""

    code: str
    title: Text
    items: tuple[str, ...]
    inside: str = ""

    @property
    def kind(self) -> type:
        return the.Interfaces if self.inside else the.Description

    @property
    def may_go(self) -> bool:
        """Can a channel do without it?"""
        return all(one.default is None for one in fields(self.kind) if one.name in self.items)

    def is_there(self, found: Mapping[str, Any]) -> bool:
        stood = self._stood(found)
        return not isinstance(stood, dict) or any(stood.get(name) is not None for name in self.items)

    def fits(self, found: Mapping[str, Any]) -> bool:
        """Can a form hold what the draft says here? What is there is of the right kind, though it may be wrong or missing."""
        stood = self._stood(found)
        return isinstance(stood, dict) and all(
            fits(hints_of(self.kind)[name], stood[name]) for name in self.items if name in stood
        )

    def blank(self) -> StrictForm:
        """What was sent, or nothing."""
        return _form_of(self.code)()

    def shown(self, form: StrictForm) -> Iterable[Any]:
        """Its fields; of a single object, those of the object."""
        only = form[self.items[0]] if len(self.items) == 1 else None
        return only.form if isinstance(only, FormField) else form

    def filled(self, found: Mapping[str, Any]) -> StrictForm:
        return _form_of(self.code)(formdata=None, seen=self.mark(found), **self._said(found))

    def mark(self, found: Mapping[str, Any]) -> str:
        """What stands here, in short: whoever alters another part meanwhile is in nobody's way."""
        return sha256(json.dumps(self._said(found)).encode()).hexdigest()

    def put(self, found: Mapping[str, Any], form: StrictForm) -> dict[str, Any]:
        """The draft with what the form says; everything else stays as it stands."""
        stood = self._stood(found)
        others = {name: it for name, it in stood.items() if name not in self.items}
        told = items_of(self.kind, self.items, form, stood)
        known = [one.name for one in fields(self.kind)]
        here = {name: (told | others)[name] for name in in_place(known, list(stood)) if name in told or name in others}
        return {**found, self.inside: here} if self.inside else here

    def without(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The draft as if the channel had no such thing."""
        here = {name: it for name, it in self._stood(found).items() if name not in self.items}
        return {**found, self.inside: here} if self.inside else here

    def _said(self, found: Mapping[str, Any]) -> dict[str, Any]:
        stood = self._stood(found)
        return {name: stood[name] for name in self.items if name in stood}

    def _stood(self, found: Mapping[str, Any]) -> Any:
        return found.get(self.inside, {}) if self.inside else found


PARTS = {
    it.code: it
    for it in (
        Part("basis", gettext_noop("基本"), ("title", "verified", "basis", "settings", "headers", "manner")),
        Part("signing", gettext_noop("签名"), ("signing",)),
        Part("answer", gettext_noop("应答与状态词"), ("answer", "words", "bind_words", "unbind_words")),
        *(Part(name, rules.INTERFACES[name], (name,), "interfaces") for name in SOURCES if name != "callback"),
        Part("callback", rules.INTERFACES["callback"], ("callback",)),
        Part("samples", gettext_noop("样例"), ("sample_settings", "samples", "worked")),
    )
}


@cache
def _form_of(code: str) -> type[StrictForm]:
    part = PARTS[code]
    seen = HiddenField(validators=[InputRequired(), Regexp(r"[0-9a-f]{64}\Z")])
    return type("PartForm", (StrictForm,), {"seen": seen} | {it: field_of(part.kind, it) for it in part.items})


def part_of(place: str) -> Part | None:
    """The page on which this place of a description stands; None: only the JSON has it."""
    steps = [found[1] for found in _STEP.finditer(place)]
    inside, name = (steps[0], steps[1]) if steps[:1] == ["interfaces"] and steps[1:] else ("", (steps or [""])[0])
    return next((it for it in PARTS.values() if it.inside == inside and name in it.items), None)


def field_at(form: StrictForm, place: str) -> tuple[Any, list[Words]]:
    """The field for this place, or the nearest that it stands in, and how people call it: from the outermost to itself."""
    rest = place.removeprefix("interfaces.")
    here: Any = form
    words: list[Words] = []
    while rest:
        if isinstance(here, WordsField):
            at = next((at for at, row in enumerate(here.entries) if rest == f".{row.form['name'].data}"), None)
            return (here, words) if at is None else (here[at].form["name"], [*words, at + 1])
        step, found = _STEP.match(rest), None
        if step and isinstance(here, RowsField | ChainField):
            at = int(step[2] or len(here))
            found, word = (here[at], at + 1) if at < len(here) else (None, 0)
        elif step and step[1]:
            inside = here.form if isinstance(here, FormField) else here
            found = inside[step[1]] if isinstance(inside, BaseForm) and step[1] in inside else None
            word = found.label.text if found is not None else 0
        if step is None or found is None:
            break
        here, rest = found, rest[step.end() :]
        words.append(word)
    return here, words


def unreadable(form: StrictForm) -> Iterator[tuple[Any, list[Words]]]:
    """The fields that could not be read, each with how people call it."""

    def inside(field: Any, words: list[Words]) -> Iterator[tuple[Any, list[Words]]]:
        if isinstance(field, FormField):
            for one in field.form:
                yield from inside(one, [*words, one.label.text])
        elif isinstance(field, FieldList):
            for at, one in enumerate(field.entries):
                yield from inside(one, [*words, at + 1])
        elif field.errors:
            yield field, words

    for field in form:
        yield from inside(field, [field.label.text])


def rows_at(form: StrictForm, name: str) -> tuple[RowsField | None, int]:
    """The rows that are called so, or one of them (`parameters-3`): and the number of the one."""
    head, _dash, tail = name.rpartition("-")
    for field in _all_rows(form):
        if field.name == name:
            return field, 0
        if field.name == head and tail.isdecimal() and len(tail) < 4:
            return field, int(tail)
    return None, 0


def _all_rows(fields: Iterable[Any]) -> Iterator[RowsField]:
    for field in fields:
        if isinstance(field, RowsField):
            yield field
        elif isinstance(field, FormField):
            yield from _all_rows(field.form)

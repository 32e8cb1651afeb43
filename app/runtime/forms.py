"""The base of every form. What a page of ours did not ask for is refused, not ignored (SECURITY 22)."""

from collections.abc import Iterable
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from wtforms import FieldList, FormField, MultipleFileField, SelectMultipleField

_MAY_REPEAT = (SelectMultipleField, MultipleFileField)


class BadForm(BadRequest):
    """This body cannot have come from our page. The house tells it in words."""


class StrictForm(FlaskForm):  # type: ignore[misc]
    """Raises BadForm (400) when the request carries a field it does not know, one twice, or a NUL character.

    Only bodies of requests are looked at; `formdata` handed over (a row of a sheet, a query string) is read as usual.
    """

    def __init__(self, formdata: Any = _Auto, **more: Any) -> None:
        super().__init__(formdata=formdata, **more)
        if formdata is _Auto and self.is_submitted():
            self._refuse_strangers(request.form)
            self._refuse_strangers(request.files)

    def _refuse_strangers(self, given: "MultiDict[str, Any]") -> None:
        for name, values in given.lists():
            field = self._field(name)
            if field is None:
                raise BadForm(f"field {name[:40]!r} is unknown")
            if len(values) > 1 and not isinstance(field, _MAY_REPEAT):
                raise BadForm(f"field {name[:40]!r} is there {len(values)} times")
            if any(isinstance(value, str) and "\0" in value for value in values):
                raise BadForm(f"field {name[:40]!r} contains a NUL character")

    def _field(self, name: str) -> Any:
        """The field of this name, also inside lists (`cards-0`) and sub-forms (`payee-name`, `cards-0-number`)."""
        return _first_inside(self, name)


def _first_inside(fields: Iterable[Any], name: str) -> Any:
    return next((found for field in fields if (found := _inside(field, name)) is not None), None)


def _inside(field: Any, name: str) -> Any:
    if isinstance(field, FormField):
        return _first_inside(field.form, name)
    if isinstance(field, FieldList):
        return _first_inside(field.entries, name)
    return field if field.name == name else None

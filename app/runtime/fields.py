"""Form fields for the kernel's values. They parse with the kernel and say its sentences in the reader's language."""

import re
from typing import Any

from flask_babel import gettext as _
from wtforms import StringField

from app.kernel.errors import Malformed
from app.kernel.hours import hour
from app.kernel.money import Money
from app.runtime.page import say

_HOUR = re.compile(r"([01]?[0-9]|2[0-4])[:：]([0-5][0-9])", re.ASCII)


class MoneyField(StringField):  # type: ignore[misc]
    """Yuan as a person types them; `data` is Money or None."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if self.typed:
            try:
                self.data = Money.parse(self.typed)
            except Malformed as problem:
                raise ValueError(say(problem.text)) from None

    def _value(self) -> str:
        typed: str = getattr(self, "typed", "")
        return typed or (self.data.yuan if self.data is not None else "")


class HourField(StringField):  # type: ignore[misc]
    """An hour of the day as people write it, 9:30; `data` is minutes since midnight, or None."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        found = _HOUR.fullmatch(self.typed)
        if found:
            self.data = int(found[1]) * 60 + int(found[2])
        elif self.typed:
            raise ValueError(_("请写成 09:30 这样的时间"))

    def _value(self) -> str:
        typed: str = getattr(self, "typed", "")
        return typed or (hour(self.data) if self.data is not None else "")

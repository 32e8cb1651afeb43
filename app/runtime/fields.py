"""Form fields for the kernel's values. They parse with the kernel and say its sentences in the reader's language."""

from typing import Any

from wtforms import StringField

from app.kernel.errors import Malformed
from app.kernel.money import Money
from app.runtime.page import say


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

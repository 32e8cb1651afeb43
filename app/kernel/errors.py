"""What can go wrong in the business, as opposed to in the program.

A message is a `Text`: a Chinese sentence (the catalogue's key) with named values. The one error handler of the house
translates it into the reader's language, so a rule can refuse in words without knowing who is reading.
"""

import json
from typing import Any


class Text(str):
    """A translatable sentence: the template is kept beside the values so that the page can say it in any language."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> "Text":
        text = super().__new__(cls, template % values if values else template)
        text.template, text.values = template, values
        return text

    def kept(self, longest: int | None = None) -> str:
        """As it is written down where it is said later, to readers of any language; `told` reads it.

        Longer than `longest` characters it is kept as the plain sentence, cut there: in Chinese rather than not at all.
        """
        words = json.dumps(self._packed(), ensure_ascii=False)
        return words if longest is None or len(words) <= longest else str(self)[:longest]

    @classmethod
    def told(cls, kept: str) -> "Text":
        if not kept.startswith('["'):
            return cls(kept)
        return cls._unpacked(json.loads(kept))

    def _packed(self) -> list[object]:
        """A sentence among the values stays one: it is said in the reader's language too."""
        values = {name: it._packed() if isinstance(it, Text) else str(it) for name, it in self.values.items()}
        return [self.template, values]

    @classmethod
    def _unpacked(cls, packed: list[Any]) -> "Text":
        template, values = packed
        return cls(template, **{name: cls._unpacked(it) if isinstance(it, list) else it for name, it in values.items()})


class Refused(Exception):
    """A rule said no. The sentence is written for the person at the screen, the advice says what to do."""

    def __init__(self, template: str, *, advice: str = "", **values: object) -> None:
        self.text = Text(template, **values)
        self.advice = Text(advice) if advice else None
        super().__init__(str(self.text))

    @classmethod
    def saying(cls, text: Text, advice: Text | None = None) -> "Refused":
        """With a sentence that a rule has put together already."""
        refused = cls(text)
        refused.text, refused.advice = text, advice
        return refused


class NotThere(Exception):
    """What was asked for does not exist, or not for this person."""


class Malformed(ValueError):
    """Text that a parser of the kernel refused. The sentence says what is wrong with it."""

    def __init__(self, template: str, **values: object) -> None:
        self.text = Text(template, **values)
        super().__init__(str(self.text))


def gettext_noop(template: str) -> Text:
    """Mark a sentence for the catalogue where it is written down. As a Text it is told apart from people's own words."""
    return Text(template)

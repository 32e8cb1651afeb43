"""How lists, tables and invisible characters are written in one field, so that every text comes back as it was.

Words stand beside each other, `name=value` where they are named; one with spaces or quotes is set in quotes, as on a
command line, and `''` is the empty word. In a single line a line break is `\\n`.
"""

import re
import shlex
from collections.abc import Iterable, Mapping

_QUOTED = re.compile(r"""[\s'"\\]""")
_WRITTEN: dict[str, str] = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_MEANT = {written: meant for meant, written in _WRITTEN.items()}
_ESCAPED = re.compile(r"\\[\\nrt]")


def line_of(text: str) -> str:
    return "".join(_WRITTEN.get(letter, letter) for letter in text)


def text_of(line: str) -> str:
    """A backslash before anything else is a backslash."""
    return _ESCAPED.sub(lambda found: _MEANT[found[0]], line)


def list_of(words: Iterable[str]) -> str:
    return " ".join(_quoted(word) for word in words)


def words_of(written: str) -> list[str]:
    """ValueError where a quote is not closed."""
    return shlex.split(written.replace("\r\n", "\n"))


def table_of(pairs: Mapping[str, str]) -> str:
    """One to a line. Names have no `=`."""
    return "\n".join(_quoted(f"{name}={value}") for name, value in pairs.items())


def pairs_of(written: str) -> dict[str, str]:
    """ValueError where a quote is not closed, a word has no `=`, or a name is there twice."""
    found = [word.partition("=") for word in words_of(written)]
    pairs = {name: value for name, _equals, value in found}
    if len(pairs) != len(found) or not all(equals for _name, equals, _value in found):
        raise ValueError(written)
    return pairs


def _quoted(word: str) -> str:
    return shlex.quote(word) if not word or _QUOTED.search(word) else word

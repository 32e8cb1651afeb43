"""CSV that Excel opens as it is."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The sheet in pieces: UTF-8 with its mark (encode as such), each line ended as Excel wants it."""
    yield "\ufeff" + _line(head)
    for row in rows:
        yield _line(row)


def cell(value: object) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _line(row: Sequence[object]) -> str:
    into = io.StringIO()
    csv.writer(into).writerow([cell(value) for value in row])
    return into.getvalue()

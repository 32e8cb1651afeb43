"""What every format gives, and what of it a person can see."""

import datetime
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Cell = Any
"""str, int, float, bool, None when empty, or a dict of one: date, time, error, formula."""
Span = tuple[int, int, int, int]
"""A merged range: first row, first column, last row, last column, all counted from 1."""
WIDEST = 16_384
_EXACT = 2**53


class Stop(Exception):
    """This file is not read. The code stands for a sentence that `reading` knows."""

    def __init__(self, code: str, **values: int | str) -> None:
        self.code, self.values = code, values
        super().__init__(code)


@dataclass
class Meta:
    """As `reading.Meta`."""

    format: str
    sheet: str = ""
    encoding: str = ""
    other_sheets: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0
    formulas: int = 0
    merged: int = 0


@dataclass
class Table:
    """A sheet as its file has it: all rows in order, each with its number and a list of its cells that is the taker's.

    Hidden rows, hidden columns and spans may grow while the rows are read, but never concern rows already given.
    """

    meta: Meta
    rows: Iterable[tuple[int, list[Cell]]]
    hidden_rows: Collection[int] = ()
    hidden_columns: Collection[int] = ()
    spans: list[Span] = field(default_factory=list)
    width: int = WIDEST
    """Columns in use. A merged range that goes on to the end of the world is filled up to them."""


def visible(table: Table, limits: Any) -> Iterator[tuple[int, list[Cell]]]:
    """Rows that hold something in cells that can be seen, hidden columns taken out, merged ranges filled.

    A row of nothing but white space is blank. So is one that has only its part of merged ranges and nothing of its own:
    two rows merged into one throughout are one payment, not two.
    """
    merged = _Merged(table, limits)
    seen: set[int] = set()
    skipped: set[int] = set()
    narrow = 0
    spans, hidden_rows, hidden_columns = table.spans, table.hidden_rows, table.hidden_columns
    for number, all_cells in table.rows:
        cells = all_cells
        has_something = _has_something(cells)
        if spans:
            merged.fill(number, cells, has_something)
        if not has_something:
            continue
        if hidden_rows and number in hidden_rows:
            table.meta.hidden_rows += 1
            continue
        if hidden_columns:
            skipped.update(at for at in hidden_columns if at <= len(cells) and cells[at - 1] is not None)
            cells = [it for at, it in enumerate(cells, 1) if at not in hidden_columns]
            table.meta.hidden_columns = len(skipped)
            if not _has_something(cells):
                continue
        while cells[-1] is None:
            cells.pop()
        if len(cells) > limits.columns:
            seen.update(at for at, it in enumerate(cells) if it is not None)
            if len(seen.union(range(narrow))) > limits.columns:
                raise Stop("columns", limit=limits.columns)
        else:
            narrow = max(narrow, len(cells))
        yield number, cells


def plain(value: Any) -> Cell:
    """A value of calamine's or xlrd's as a cell: a number stays one, whole where it is exact."""
    if value.__class__ is str:
        return value or None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime.datetime):
        return {"date": value.replace(microsecond=0).isoformat()}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return {"time": f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"}
    return {"time": str(value.replace(microsecond=0))}


def number(value: int | float) -> Cell:
    if isinstance(value, int):
        return value if -_EXACT < value < _EXACT else value * 1.0
    if value != value or value in (_INFINITE, -_INFINITE):
        return {"error": "#NUM!"}
    return int(value) if -_EXACT < value < _EXACT and value.is_integer() else value


_INFINITE = 1e999


def _has_something(cells: list[Cell]) -> bool:
    if cells and cells[0].__class__ is str and not cells[0].isspace():  # nearly every row
        return True
    return any(it is not None and (it.__class__ is not str or not it.isspace()) for it in cells)


class _Merged:
    """Walks down the spans beside the rows. The first cell's value is known when its row comes, hidden or not."""

    def __init__(self, table: Table, limits: Any) -> None:
        self.table, self.limits = table, limits
        self.taken = 0
        self.open: list[tuple[Span, Cell]] = []

    def fill(self, number: int, cells: list[Cell], has_something: bool) -> None:
        spans = self.table.spans
        self.open = [it for it in self.open if it[0][2] >= number]
        while self.taken < len(spans) and spans[self.taken][0] <= number:
            span = spans[self.taken]
            self.taken += 1
            value = cells[span[1] - 1] if span[0] == number and span[1] <= len(cells) else None
            if value is not None:
                self.open.append((span, value))
        if not has_something:
            return
        for (_, first, _, reaches), value in self.open:
            last = reaches if reaches <= self.limits.columns else max(len(cells), self.table.width)
            cells.extend([None] * (last - len(cells)))
            for at in range(first - 1, last):
                if cells[at] is None:
                    cells[at] = value

"""Excel since 2007: values by calamine; what calamine does not tell, from one look over the sheet's XML beforehand.

That look is by regular expressions over one row at a time: calling Python for each of a million cells would cost more than
calamine's whole reading. Where a file is written so oddly that the look sees too little, the process's limits still hold.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from .shape import WIDEST, Cell, Meta, Span, Stop, Table, plain
from .zipped import Parts

WORKBOOK = "xl/workbook.xml"
_RELS = "xl/_rels/workbook.xml.rels"
_SMALL_PART = 4 * 1024 * 1024
_LONGEST_ROW = 64 * 1024 * 1024
_MOST_SPECIAL = 1_000_000
_MOST_SPANS = 200_000
_ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"}

_COLUMN = re.compile(rb"\br\s*=\s*[\"']([A-Z]+)")
_NUMBER = re.compile(rb"\br\s*=\s*[\"'](\d+)")
_HIDDEN = re.compile(rb"\bhidden\s*=\s*[\"'](?:1|true)\b")
_ERROR = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
_TEXT = re.compile(rb"\bt\s*=\s*[\"']str[\"']")
_MIN, _MAX = (re.compile(rb"\b" + name + rb"\s*=\s*[\"'](\d+)") for name in (b"min", b"max"))
_MERGED = re.compile(rb"mergeCell\s+ref\s*=\s*[\"']([A-Z]+)(\d+):([A-Z]+)(\d+)")


def table(parts: Parts, limits: Any) -> Table:
    """Raises Stop. The file is standard input: calamine opens it there, so that it need not be in memory twice."""
    if any(name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/") for name in parts.named):
        raise Stop("macros")
    sheets = _sheets(parts)
    shown = [it for it in sheets if it.visible]
    if not shown:
        raise Stop("no_sheet")
    chosen = shown[0]
    parts.check(but=chosen.part)
    look = Look(parts.pieces(chosen.part))
    if look.area > limits.area:
        look = Look(parts.pieces(chosen.part), exact=True)
        if look.filled > limits.rows + 1:
            raise Stop("rows", count=look.filled - 1, limit=limits.rows)
        raise Stop("area", row=look.last, columns=look.width)
    meta = Meta("xlsx", chosen.name[:200], other_sheets=len(shown) - 1, formulas=look.formulas, merged=len(look.spans))
    return Table(meta, _rows(chosen.name, look), look.hidden_rows, look.hidden_columns, look.spans, look.width)


def _rows(name: str, look: "Look") -> Iterator[tuple[int, list[Cell]]]:
    from python_calamine import CalamineWorkbook

    sheet = CalamineWorkbook.from_path(Path("/dev/fd/0")).get_sheet_by_name(name)
    special = look.special
    # calamine begins at the sheet's first row, but at the first column in use.
    before: list[Cell] = [None] * (sheet.start[1] if sheet.start else 0)
    number = 0
    only_text = {str}
    for number, row in enumerate(sheet.iter_rows(), 1):
        if set(map(type, row)) == only_text:
            cells: list[Cell] = row if all(row) else [it or None for it in row]
        else:
            cells = [plain(it) for it in row]
        if before:
            cells = before + cells
        if number in special:
            _put(cells, special.pop(number))
        yield number, cells
    for number in sorted(special):
        yield number, _put([], special[number])


def _put(cells: list[Cell], special: dict[int, Cell]) -> list[Cell]:
    for column, it in special.items():
        cells.extend([None] * (column - len(cells)))
        cells[column - 1] = it
    return cells


@dataclass
class _Sheet:
    name: str
    part: str
    visible: bool


def _sheets(parts: Parts) -> list[_Sheet]:
    """In the workbook's order, charts left out."""
    targets: dict[str, str] = {}
    found: list[_Sheet] = []

    def relation(tag: str, given: dict[str, str]) -> None:
        if tag == "Relationship" and given.get("Type", "").endswith("/worksheet"):
            targets[given.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", given.get("Target", ""))).lower()[
                1:
            ]

    def sheet(tag: str, given: dict[str, str]) -> None:
        if tag == "sheet" and (part := targets.get(given.get("id", ""))):
            found.append(_Sheet(given.get("name", ""), part, given.get("state", "visible") == "visible"))

    _walk(parts.read(_RELS, _SMALL_PART), relation)
    _walk(parts.read(WORKBOOK, _SMALL_PART), sheet)
    return found


def _walk(xml: bytes, opened: Any) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda tag, given: opened(
        tag.rpartition(" ")[2], {name.rpartition(" ")[2]: value for name, value in given.items()}
    )
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        raise Stop("damaged") from None


@cache
def column(letters: bytes) -> int:
    """A is 1, AA is 27."""
    if len(letters) > 3:
        raise Stop("damaged")
    found = 0
    for letter in letters:
        found = found * 26 + letter - 64
    return found


def beyond(width: int) -> bytes:
    """A pattern of the letters of columns to the right of this many, at most 26 * 27."""
    high, low = divmod(width - 1, 26)
    later = b"[%c-Z]" % (66 + low) if low < 25 else b"(?!)"
    if not high:
        return later + b"\\d|[A-Z][A-Z]"
    higher = b"[%c-Z][A-Z]" % (65 + high) if high < 26 else b"(?!)"
    return b"%c%s|%s|[A-Z]{3}" % (64 + high, later, higher)


@dataclass
class Look:
    """What the XML of a sheet says besides its values: numbers from 1, rows and columns as Excel names them."""

    pieces: Iterator[bytes]
    exact: bool = False  # count the rows one by one
    hidden_rows: set[int] = field(default_factory=set)  # of those that hold something
    hidden_columns: set[int] = field(default_factory=set)
    spans: list[Span] = field(default_factory=list)
    special: dict[int, dict[int, Cell]] = field(default_factory=dict)  # row, column: an error, or a formula unsaved
    formulas: int = 0
    filled: int = 0  # rows that can be seen and hold something, when counted exactly
    first: int = 0
    last: int = 0
    width: int = 0

    def __post_init__(self) -> None:
        rest = b""
        self._names(b"")
        begun = ended = False
        for piece in self.pieces:
            rest += piece
            if not ended:
                if not begun:
                    at = rest.find(b"sheetData")
                    if at < 0 and len(rest) > _SMALL_PART:
                        raise Stop("complex")
                    if at < 0:
                        continue
                    begun = True
                    self._head(rest[:at])
                    rest = rest[at:]
                self._has_inline = self._inline in rest
                self._has_special = b'"e"' in rest or b"'e'" in rest or self._any_formula in rest
                if not self._nothing_new(rest):
                    *rows, rest = rest.split(self._end_of_row)
                    for row in rows:
                        self._row(row)
                elif (at := rest.rfind(self._end_of_row)) >= 0:
                    self._rows(rest[:at])
                    rest = rest[at + len(self._end_of_row) :]
                ended = b"/sheetData" in rest or b":sheetData>" in rest or rest.startswith(b"sheetData/>")
                if len(rest) > _LONGEST_ROW:
                    raise Stop("complex")
            if ended:
                rest = self._after(rest)
        self.spans.sort()

    @property
    def area(self) -> int:
        """Cells of the rectangle that calamine builds."""
        return (self.last - self.first + 1) * self.width if self.last else 0

    def _names(self, prefix: bytes) -> None:
        """As this file writes its tags: `<row` or `<x:row`."""
        self._end_of_row, self._begin_of_row = b"</" + prefix + b"row>", b"<" + prefix + b"row"
        self._cell, self._bare_cell = b"<" + prefix + b"c ", b"<" + prefix + b"c>"
        self._value, self._inline = b"<" + prefix + b"v", b"<" + prefix + b"is"
        self._any_formula = b"<" + prefix + b"f"
        self._formula = re.compile(self._any_formula + rb"[\s/>]")
        self._stored = re.compile(b"<" + prefix + rb"v(?:\s[^>]*)?>([^<]*)<")
        self._any_row = re.compile(self._begin_of_row + rb"[\s/>]")
        self._any_cell = re.compile(b"<" + prefix + rb"c[\s/>]")

    def _head(self, head: bytes) -> None:
        if found := re.search(rb"<(\w+:)worksheet[\s>]", head):
            self._names(found[1])
        for found in re.finditer(rb"<(?:\w+:)?col\s([^>]*)>", head):
            least, most = _MIN.search(found[1]), _MAX.search(found[1])
            if least and most and _HIDDEN.search(found[1]):
                self.hidden_columns.update(range(int(least[1]), min(int(most[1]), WIDEST) + 1))

    def _nothing_new(self, rows: bytes) -> bool:
        """Whether many rows can be taken at once: like those before, no wider, nothing hidden, nothing special."""
        if self.exact or not (self._numbered and 0 < self.width <= 26 * 27):
            return False
        if self._has_special or b"hidden" in rows:
            return False
        if self._beyond[0] != self.width:
            self._beyond = self.width, re.compile(self._cell + rb"r=\"(?:" + beyond(self.width) + b")")
        return not self._beyond[1].search(rows)

    _beyond: tuple[int, re.Pattern[bytes]] = (0, _HIDDEN)

    def _rows(self, rows: bytes) -> None:
        value = max(rows.rfind(self._value), rows.rfind(self._inline) if self._has_inline else -1)
        if value >= 0:
            at = rows.rfind(self._begin_of_row, 0, value)
            if found := _NUMBER.search(rows, at, value):
                self.last = max(self.last, int(found[1]))

    def _row(self, row: bytes) -> None:
        """One row that has cells, after any number of rows that have none."""
        value = row.rfind(self._value)
        if self._has_inline:
            value = max(value, row.rfind(self._inline))
        if value < 0 and self._numbered and not self._has_special:
            return  # a million of these are one cell with a border, filled down
        at = row.rfind(self._begin_of_row)
        said = row[at : row.find(b">", at)]
        found = _NUMBER.search(said)
        self._numbered = found is not None
        self._at = int(found[1]) if found else self._at + len(self._any_row.findall(row))
        if self._has_special and (b'"e"' in row or b"'e'" in row or self._formula.search(row)):
            self._look_for_special(row)
        if value >= 0:
            cell = row.rfind(self._cell, 0, value)
            letters = _COLUMN.search(row, cell, value) if cell >= 0 else None
            self._wide(column(letters[1]) if letters else len(self._any_cell.findall(row)))
        elif self._at not in self.special:
            return
        self.first = self.first or self._at
        self.last = max(self.last, self._at)
        if b"hidden" in said and _HIDDEN.search(said):
            self.hidden_rows.add(self._at)
        else:
            self.filled += 1

    _at = 0
    _numbered = False

    def _wide(self, width: int) -> None:
        if width > self.width:
            if width > WIDEST:
                raise Stop("damaged")
            self.width = width

    def _look_for_special(self, row: bytes) -> None:
        cells = row.replace(self._bare_cell, self._cell + b">").split(self._cell)
        for place, cell in enumerate(cells[1:], 1):
            said, _, body = cell.partition(b">")
            formula = self._formula.search(body)
            if not formula and not _ERROR.search(said):
                continue
            at = column(found[1]) if (found := _COLUMN.search(said)) else place
            stored = self._stored.search(body)
            self.formulas += bool(formula)
            if stored and stored[1] and _ERROR.search(said):
                error = stored[1][:20].decode("ascii", "replace")
                self._note(at, {"error": error if error in _ERRORS else "#VALUE!"})
            elif formula and not (stored and (stored[1] or _TEXT.search(said))):
                self._note(at, {"formula": True})

    def _note(self, at: int, cell: Cell) -> None:
        self._noted += 1
        if self._noted > _MOST_SPECIAL:
            raise Stop("complex")
        self._wide(at)
        self.special.setdefault(self._at, {})[at] = cell

    _noted = 0

    def _after(self, rest: bytes) -> bytes:
        """Merged ranges. Gives back what a range may still begin in."""
        end = 0
        for found in _MERGED.finditer(rest):
            end = found.end()
            left, top, right, bottom = column(found[1]), int(found[2]), column(found[3]), int(found[4])
            self.spans.append((top, left, bottom, right))
            if len(self.spans) > _MOST_SPANS or right > WIDEST:
                raise Stop("complex")
        return rest[max(end, len(rest) - 200) :]

"""OpenDocument: read by expat alone. It repeats cells and rows by a number, which calamine would spread out in memory."""

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from .shape import WIDEST, Cell, Meta, Span, Stop, Table, number
from .zipped import Parts

_CONTENT = "content.xml"
_MANIFEST = "meta-inf/manifest.xml"
_SMALL_PART = 4 * 1024 * 1024
_LAST_ROW = 1_048_576
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")
_TIME = re.compile(r"PT(\d+)H(\d+)M(\d+)")
_LIBRARIES = ("script-lb.xml", "script-lc.xml")
_CELLS = ("table-cell", "covered-table-cell")


def table(parts: Parts, limits: Any) -> Table:
    """Raises Stop."""
    if _MANIFEST in parts.named and b"encryption-data" in parts.read(_MANIFEST, _SMALL_PART):
        raise Stop("encrypted")
    if any(it.startswith(("basic/", "scripts/")) and not it.endswith(("/", *_LIBRARIES)) for it in parts.named):
        raise Stop("macros")
    parts.check(but=_CONTENT)
    reader = _Reader(limits)
    return Table(reader.meta, reader.rows(parts), reader.hidden_rows, reader.hidden_columns, reader.spans)


class _Reader:
    """Takes the first visible sheet from the stream of tags; of the others it only counts those that can be seen."""

    def __init__(self, limits: Any) -> None:
        self.limits = limits
        self.meta = Meta("ods")
        self.hidden_rows: set[int] = set()
        self.hidden_columns: set[int] = set()
        self.spans: list[Span] = []
        self.unseen_styles: set[str] = set()
        self.style = ""
        self.shown = 0
        self.reading = False  # inside the sheet that is read
        self.done: list[tuple[int, int, list[Cell]]] = []  # number of the first, how many, cells
        self.number = 1
        self.columns = 0
        self.unseen_group: list[bool] = []
        self.row: dict[str, str] | None = None
        self.cells: list[Cell] = []
        self.width = 0
        self.cell: dict[str, str] | None = None
        self.aside = 0  # depth inside a comment or a drawing
        self.said: list[str] = []
        self.said_chars = 0
        self.in_paragraph = 0
        self.paragraphs = 0

    def rows(self, parts: Parts) -> Iterator[tuple[int, list[Cell]]]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._opened
        parser.EndElementHandler = self._closed
        parser.CharacterDataHandler = self._text
        try:
            for piece in parts.pieces(_CONTENT):
                parser.Parse(piece, False)
                yield from self._drain()
            parser.Parse(b"", True)
        except expat.ExpatError:
            raise Stop("damaged") from None
        yield from self._drain()
        if not self.shown:
            raise Stop("no_sheet")
        self.meta.other_sheets = self.shown - 1

    def _drain(self) -> Iterator[tuple[int, list[Cell]]]:
        for first, count, cells in self.done:
            for number_ in range(first, first + count):
                yield number_, cells.copy()
        self.done.clear()

    def _opened(self, full: str, given: dict[str, str]) -> None:
        tag = full.rpartition(" ")[2]
        if self.cell is not None:
            self._opened_in_cell(tag, {_local(name): value for name, value in given.items()})
            return
        said = {_local(name): value for name, value in given.items()}
        if tag == "style":
            self.style = said.get("name", "")
        elif tag == "table-properties" and said.get("display") == "false":
            self.unseen_styles.add(self.style)
        elif tag == "table":
            self.reading = False
            if said.get("style-name") not in self.unseen_styles:
                self.shown += 1
                if self.shown == 1:
                    self.reading = True
                    self.meta.sheet = said.get("name", "")[:200]
        elif not self.reading:
            return
        elif tag in ("table-row-group", "table-column-group"):
            self.unseen_group.append(said.get("display") == "false")
        elif tag == "table-column":
            self._column(said)
        elif tag == "table-row":
            self.row, self.cells, self.width = said, [], 0
        elif tag in _CELLS and self.row is not None:
            self.cell, self.said, self.said_chars, self.paragraphs = said, [], 0, 0

    def _opened_in_cell(self, tag: str, said: dict[str, str]) -> None:
        if self.aside or tag in ("annotation", "frame", "custom-shape", "control", "table"):
            self.aside += 1
        elif tag == "p":
            if self.paragraphs:
                self._add("\n")
            self.paragraphs += 1
            self.in_paragraph += 1
        elif tag == "s":
            self._add(" " * min(_count(said, "c"), self.limits.cell_chars + 1))
        elif tag == "tab":
            self._add("\t")
        elif tag == "line-break":
            self._add("\n")

    def _text(self, data: str) -> None:
        if self.in_paragraph and not self.aside:
            self._add(data)

    def _add(self, text: str) -> None:
        self.said.append(text)
        self.said_chars += len(text)
        if self.said_chars > self.limits.cell_chars:
            raise Stop("long", row=self.number, column=self.width + 1, limit=self.limits.cell_chars)

    def _closed(self, full: str) -> None:
        tag = full.rpartition(" ")[2]
        if self.aside:
            self.aside -= 1
        elif self.cell is not None:
            if tag == "p":
                self.in_paragraph -= 1
            elif tag in _CELLS:
                self._cell(self.cell, covered=tag == "covered-table-cell")
                self.cell = None
        elif not self.reading:
            return
        elif tag == "table":
            self.reading = False
        elif tag in ("table-row-group", "table-column-group"):
            self.unseen_group.pop()
        elif tag == "table-row" and self.row is not None:
            self._row(self.row)
            self.row = None

    def _column(self, said: dict[str, str]) -> None:
        last = min(self.columns + _count(said, "number-columns-repeated"), WIDEST)
        if any(self.unseen_group) or said.get("visibility", "visible") != "visible":
            self.hidden_columns.update(range(self.columns + 1, last + 1))
        self.columns = last

    def _row(self, said: dict[str, str]) -> None:
        count = _count(said, "number-rows-repeated")
        if self.number + count - 1 > _LAST_ROW:
            count = max(_LAST_ROW - self.number + 1, 0)
        if any(it is not None for it in self.cells) and count:
            if any(self.unseen_group) or said.get("visibility", "visible") != "visible":
                self.hidden_rows.update(range(self.number, self.number + count))
            self.done.append((self.number, count, self.cells))
        self.number += count

    def _cell(self, said: dict[str, str], *, covered: bool) -> None:
        count = _count(said, "number-columns-repeated")
        value = None if covered else self._value(said)
        at = self.width + 1
        self.width = min(self.width + count, WIDEST)
        if value is not None:
            self.cells.extend([None] * (at - 1 - len(self.cells)))
            self.cells.extend([value] * (self.width - at + 1))
        down, across = _count(said, "number-rows-spanned"), _count(said, "number-columns-spanned")
        if down > 1 or across > 1:
            self.spans.append((self.number, at, self.number + down - 1, min(at + across - 1, WIDEST)))
            self.meta.merged = len(self.spans)
        if said.get("formula"):
            self.meta.formulas += count

    def _value(self, said: dict[str, str]) -> Cell:
        text = "".join(self.said)
        kind = said.get("value-type", "")
        if said.get("calc value-type") == "error":
            return {"error": text[:20] or "#VALUE!"}
        if kind in ("float", "percentage", "currency"):
            given = said.get("value", "")
            return number(json.loads(given)) if _NUMBER.match(given) and len(given) < 400 else text or None
        if kind == "date" and (found := _DATE.match(said.get("date-value", ""))):
            return {"date": found[0]}
        if kind == "time" and (found := _TIME.match(said.get("time-value", ""))):
            return {"time": ":".join(found.groups())}
        if kind == "boolean":
            return said.get("boolean-value") == "true"
        if not kind and said.get("formula"):
            return {"formula": True}
        return text or said.get("string-value") or None


def _local(name: str) -> str:
    """`value-type`, and `calc value-type` for LibreOffice's own attribute of that name."""
    space, _, local = name.rpartition(" ")
    return f"calc {local}" if "calc" in space else local


def _count(said: dict[str, str], name: str) -> int:
    given = said.get(name, "1")
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise Stop("damaged")
    return max(int(given), 1)

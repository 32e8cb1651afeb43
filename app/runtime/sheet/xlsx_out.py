"""Writing .xlsx: templates to fill in and results to send back, row by row, so that memory stays flat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.utility import xl_col_to_name  # type: ignore[import-untyped]

from app.runtime.sheet.csv_out import cell as without_formula

_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_TEXT = 49
"""Excel's own number of the format @."""
_LAST_ROW = 1_048_575
_LONGEST = 32_767
_FILLED_IN = 100_000
"""Rows below the header that a drop-down reaches: as many as may be sent (`reading.Limits.rows`)."""
_INLINE = 255
"""Characters of a list of choices that Excel takes in the cell's own rule. Longer ones stand in a hidden sheet."""
_GUIDE_WIDTH = 100
_EXACT = 2**53
_CHOICES = "_choices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    title: str
    width: int = 16  # characters
    text: bool = True  # what people type stays as they typed it: card numbers, ids
    choices: Sequence[str] = ()  # the drop-down; empty: anything goes
    note: str = ""  # shown at the header


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Without columns it is a guide: rows of text, wrapped."""

    name: str
    columns: Sequence[Column] = ()
    rows: Iterable[Sequence[object]] = field(default=())
    autofilter: bool = False


def workbook(path: Path, sheets: Sequence[Sheet], *, folder: Path | None = None) -> None:
    """Write the file; what is written on the way to it lies in `folder` (the file's own if none) and is gone afterwards.

    A string in an .xlsx is never run, but becomes a formula once somebody saves the sheet as CSV: text that begins with
    = + - @ or their full-width forms gets a ' before it, as in `csv_out.cell`. Anything else, digits above all, is written
    as it is. ValueError when something does not fit into a sheet of Excel; nothing is cut off.
    """
    book = Workbook(
        str(path),
        {
            "constant_memory": True,
            "in_memory": False,
            "tmpdir": str(folder or path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    try:
        writer = _Writer(book)
        for sheet in sheets:
            writer.add(sheet)
        writer.add_choices()
    except BaseException:
        _forget(book)
        raise
    book.close()


def _forget(book: Any) -> None:
    """Leave neither a file of ours open nor a piece of it in the folder."""
    for sheet in book.worksheets():
        sheet.row_data_fh.close()
        Path(sheet.row_data_filename).unlink(missing_ok=True)
    book.fileclosed = 1


class _Writer:
    def __init__(self, book: Any) -> None:
        self.book = book
        self.text = book.add_format({"num_format": _TEXT})
        self.head = book.add_format(
            {"num_format": _TEXT, "bold": True, "bg_color": "#E7EDF5", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self.wrapped = book.add_format({"num_format": _TEXT, "text_wrap": True, "valign": "top"})
        self.choices: list[Sequence[str]] = []

    def add(self, sheet: Sheet) -> None:
        page = self.book.add_worksheet(sheet.name)
        if not sheet.columns:
            page.set_column(0, 0, _GUIDE_WIDTH, self.wrapped)
            for at, row in enumerate(sheet.rows):
                for column, value in enumerate(row):
                    self._put(page, at, column, value, self.wrapped, as_text=True)
            return
        for column, it in enumerate(sheet.columns):
            page.set_column(column, column, it.width, self.text if it.text else None)
            self._put(page, 0, column, it.title, self.head, as_text=True)
            if it.note:
                page.write_comment(0, column, it.note)
            if it.choices:
                page.data_validation(1, column, _FILLED_IN, column, {"validate": "list", "source": self._source(it)})
        page.freeze_panes(1, 0)
        last = 0
        for last, row in enumerate(sheet.rows, 1):
            for column, (it, value) in enumerate(zip(sheet.columns, row, strict=True)):
                self._put(page, last, column, value, self.text if it.text else None, as_text=it.text)
        if sheet.autofilter:
            page.autofilter(0, 0, last, len(sheet.columns) - 1)

    def _source(self, column: Column) -> Sequence[str] | str:
        """In the rule itself where it fits: a comma would part a choice in two there."""
        if len(",".join(column.choices)) <= _INLINE and not any("," in it for it in column.choices):
            return list(column.choices)
        self.choices.append(column.choices)
        letters = xl_col_to_name(len(self.choices) - 1, True)
        return f"={_CHOICES}!{letters}$1:{letters}${len(column.choices)}"

    def add_choices(self) -> None:
        """The long lists, one a column, in a sheet that is not shown."""
        if not self.choices:
            return
        page = self.book.add_worksheet(_CHOICES)
        page.hide()
        for at in range(max(map(len, self.choices))):
            for column, listed in enumerate(self.choices):
                if at < len(listed):
                    page.write_string(at, column, listed[at], self.text)

    def _put(self, page: Any, row: int, column: int, value: object, looks: Any, *, as_text: bool) -> None:
        if row > _LAST_ROW:
            raise ValueError(f"a sheet has {_LAST_ROW + 1} rows at most")
        if value is None or value == "":
            return
        if not as_text and isinstance(value, bool):
            page.write_boolean(row, column, value)
        elif not as_text and isinstance(value, int | float | Decimal) and -_EXACT < value < _EXACT:
            page.write_number(row, column, value)
        else:
            text = str(value)
            text = without_formula(text) if text.startswith(_FORMULAS) else text
            if len(text.encode("utf-16-le")) // 2 > _LONGEST:
                raise ValueError(f"a cell has {_LONGEST} characters at most")
            page.write_string(row, column, text, looks)

"""Excel before 2007, by xlrd."""

import io
from collections.abc import Iterator
from struct import unpack_from
from typing import Any

import xlrd  # type: ignore[import-untyped]

from .shape import Cell, Meta, Stop, Table, number, plain

_FORMULAS = {0x0006, 0x0206, 0x0406}
_END = 0x000A


def table(data: bytes) -> Table:
    """Raises Stop. A file of this kind has 65,536 rows at most."""
    try:
        book = xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), on_demand=True, formatting_info=True, ragged_rows=True
        )
        shown = [at for at in range(book.nsheets) if not book._sheet_visibility[at]]
        if not shown:
            raise Stop("no_sheet")
        sheet = book.sheet_by_index(shown[0])
    except xlrd.XLRDError as problem:
        raise Stop("encrypted" if "encrypt" in str(problem).lower() else "damaged") from None
    spans = sorted((top + 1, left + 1, bottom, right) for top, bottom, left, right in sheet.merged_cells)
    meta = Meta("xls", sheet.name[:200], other_sheets=len(shown) - 1, merged=len(spans))
    meta.formulas = _formulas(book.mem, book._sh_abs_posn[shown[0]])
    return Table(
        meta,
        _rows(sheet, book.datemode),
        {at + 1 for at, row in sheet.rowinfo_map.items() if row.hidden},
        {at + 1 for at, column in sheet.colinfo_map.items() if column.hidden},
        spans,
        sheet.ncols,
    )


def _rows(sheet: Any, datemode: int) -> Iterator[tuple[int, list[Cell]]]:
    for at in range(sheet.nrows):
        yield at + 1, [_cell(kind, value, datemode) for kind, value in zip(*_row(sheet, at), strict=True)]


def _row(sheet: Any, at: int) -> tuple[Any, Any]:
    return sheet.row_types(at), sheet.row_values(at)


def _cell(kind: int, value: Any, datemode: int) -> Cell:
    match kind:
        case xlrd.XL_CELL_TEXT:
            return value or None
        case xlrd.XL_CELL_NUMBER:
            return number(value)
        case xlrd.XL_CELL_DATE:
            return _date(value, datemode)
        case xlrd.XL_CELL_BOOLEAN:
            return bool(value)
        case xlrd.XL_CELL_ERROR:
            return {"error": xlrd.error_text_from_code.get(value, "#VALUE!")}
    return None


def _date(value: Any, datemode: int) -> Cell:
    """A number with a format of dates that is no date stays a number."""
    try:
        found = xlrd.xldate_as_datetime(value, datemode)
    except (ValueError, OverflowError, xlrd.XLDateError):
        return number(value)
    if 0 <= value < 1:
        return {"time": str(found.time().replace(microsecond=0))}
    return plain(found.date() if value == int(value) else found)


def _formulas(stream: bytes, at: int) -> int:
    """Records of formulas up to the end of the sheet that begins at this byte."""
    count = 0
    while at + 4 <= len(stream):
        kind, size = unpack_from("<HH", stream, at)
        if kind == _END:
            break
        count += kind in _FORMULAS
        at += 4 + size
    return count

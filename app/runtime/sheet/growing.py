"""Sheets that grow piece by piece: each piece is bytes to keep, and what is known in between is a few numbers.

A worker may stop after any piece and another go on: a million rows need no more memory than one piece, no file on the way
to them lies open on a disk, and nothing is begun anew. Formulas are made harmless as in `csv_out` and `xlsx_out`.
"""

import csv
import io
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from xml.sax.saxutils import escape

from app.kernel.money import Money
from app.runtime.sheet.csv_out import cell
from app.runtime.sheet.xlsx_out import Column

Value = str | Money | None


class GrowingCsv:
    """UTF-8 with its mark, for Excel."""

    def begin(self, columns: Sequence[Column]) -> bytes:
        return b"\xef\xbb\xbf" + self.grow([[str(column.title) for column in columns]])

    def grow(self, rows: Iterable[Sequence[Value]]) -> bytes:
        into = io.StringIO()
        csv.writer(into).writerows(
            [value.yuan if isinstance(value, Money) else cell(value) for value in row] for row in rows
        )
        return into.getvalue().encode()

    def end(self) -> bytes:
        return b""

    def known(self) -> dict[str, int]:
        return {}


_CONTENT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/styles.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>'
)
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="{_PACKAGE}">'
    f'<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_BOOK = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_BOOK_RELATIONS = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="{_PACKAGE}">'
    f'<Relationship Id="rId1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_DOCUMENT}/styles" Target="styles.xml"/></Relationships>'
)
# The formats of cells by number: 0 nothing, 1 text, 2 an amount, 3 a title.
_STYLES = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><styleSheet xmlns="{_MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="4"><xf xfId="0"/><xf numFmtId="49" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="4" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" xfId="0" applyFont="1"/></cellXfs>'
    "</styleSheet>"
)
_SMALL = {
    "[Content_Types].xml": _CONTENT,
    "_rels/.rels": _RELATIONS,
    "xl/workbook.xml": _BOOK,
    "xl/_rels/workbook.xml.rels": _BOOK_RELATIONS,
    "xl/styles.xml": _STYLES,
}
_SHEET = "xl/worksheets/sheet1.xml"
_SIZES_FOLLOW, _UTF8 = 0x08, 0x800
_DAY = 0x5B75  # 2025-11-21: the same bytes whenever they are written
_LAST_BLOCK = b"\x03\x00"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile("(_x[0-9A-Fa-f]{4}_)")
_LARGEST = 2**32 - 1


@dataclass(slots=True)
class GrowingXlsx:
    """An .xlsx of one sheet. A zip whose last entry is a deflate stream, flushed to a whole byte after each piece."""

    crc: int = 0
    size: int = 0
    packed: int = 0
    at: int = field(default=0)
    """Where the sheet's own entry begins."""

    def begin(self, columns: Sequence[Column]) -> bytes:
        small = b"".join(_entry(name, text.encode()) for name, text in _SMALL.items())
        self.at = len(small)
        widths = "".join(
            f'<col min="{at}" max="{at}" width="{column.width}" customWidth="1"/>'
            for at, column in enumerate(columns, 1)
        )
        opening = (
            f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="{_MAIN}"><sheetViews>'
            '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            f"</sheetView></sheetViews><cols>{widths}</cols><sheetData><row>"
            f"{''.join(_text(str(column.title), 3) for column in columns)}</row>"
        )
        head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, _SIZES_FOLLOW | _UTF8, 8, 0, _DAY, 0, 0, 0, len(_SHEET), 0)
        return small + head + _SHEET.encode() + self._pack(opening.encode())

    def grow(self, rows: Iterable[Sequence[Value]]) -> bytes:
        return self._pack("".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows).encode())

    def end(self) -> bytes:
        closing = self._pack(b"</sheetData></worksheet>") + _LAST_BLOCK
        self.packed += len(_LAST_BLOCK)
        assert max(self.size, self.packed + self.at) <= _LARGEST, "a zip of this kind ends at 4 GB"
        descriptor = struct.pack("<4s3L", b"PK\7\10", self.crc, self.packed, self.size)
        listed, at = b"", 0
        for name, text in _SMALL.items():
            raw, whole = text.encode(), _entry(name, text.encode())
            listed += _listed(name, zlib.crc32(raw), len(_deflated(raw)), len(raw), at=at, flags=_UTF8)
            at += len(whole)
        listed += _listed(_SHEET, self.crc, self.packed, self.size, at=self.at, flags=_SIZES_FOLLOW | _UTF8)
        start = self.at + 30 + len(_SHEET) + self.packed + len(descriptor)
        count = len(_SMALL) + 1
        last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), start, 0)
        return closing + descriptor + listed + last

    def known(self) -> dict[str, int]:
        return asdict(self)

    def _pack(self, raw: bytes) -> bytes:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)
        self.crc, self.size, self.packed = zlib.crc32(raw, self.crc), self.size + len(raw), self.packed + len(packed)
        return packed


def growing(format_: str, known: dict[str, int]) -> GrowingCsv | GrowingXlsx:
    """The writer of this format, from where it stood."""
    return GrowingCsv() if format_ == "csv" else GrowingXlsx(**known)


def _cell(value: Value) -> str:
    if isinstance(value, Money):
        return f'<c s="2"><v>{value.yuan}</v></c>'
    return _text(value, 1) if value else "<c/>"


def _text(value: str, style: int) -> str:
    text = _ESCAPE.sub(r"_x005F\1", _NOT_XML.sub(" ", cell(value)))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


def _entry(name: str, raw: bytes) -> bytes:
    packed = _deflated(raw)
    head = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, _UTF8, 8, 0, _DAY, zlib.crc32(raw), len(packed), len(raw), len(name), 0
    )
    return head + name.encode() + packed


def _listed(name: str, crc: int, packed: int, size: int, *, at: int, flags: int) -> bytes:
    return (
        struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, flags, 8, 0, _DAY, crc, packed, size, len(name), 0, 0, 0, 0, 0, at
        )
        + name.encode()
    )

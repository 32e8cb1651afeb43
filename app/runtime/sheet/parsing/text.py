"""CSV and its relatives. Everything in them is text."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from .shape import Cell, Meta, Stop, Table

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_TRIED = (("utf-8", "UTF-8"), ("gb18030", "GB18030"))
_SEPARATORS = ",\t;|"
_FIRST = 64 * 1024
_PIECE = 1 << 20
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1f]")
_SAID = re.compile(r"sep=(.)\r?\n?$")


def table(data: Any, limits: Any) -> Table:
    """Raises Stop."""
    codec, encoding = _encoding(data)
    start = io.TextIOWrapper(io.BytesIO(data[: 4 * _FIRST]), codec, errors="ignore", newline="").read(_FIRST)
    _must_not_be_a_page(start)
    first = start.splitlines(keepends=True)[:1]
    said = _SAID.match(first[0]) if first else None
    separator = said[1] if said else _separator(start)
    meta = Meta("tsv" if separator == "\t" else "csv", encoding=encoding)
    return Table(meta, _rows(data, codec, separator, bool(said), limits))


def _rows(data: Any, codec: str, separator: str, said: bool, limits: Any) -> Iterator[tuple[int, list[Cell]]]:
    data.seek(0)
    lines = io.TextIOWrapper(io.BufferedReader(_Mapped(data)), codec, newline="")
    if said:  # Excel takes this line away
        lines.readline()
    csv.field_size_limit(limits.cell_chars)
    number = 0
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=separator), 1):
            yield number, [it or None for it in row]
    except csv.Error as problem:
        if "field larger" in str(problem):
            raise Stop("long_somewhere", row=number + 1, limit=limits.cell_chars) from None
        raise Stop("damaged") from None


class _Mapped(io.RawIOBase):
    """Mapped memory as a file that TextIOWrapper reads."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        found = self.data.read(len(into))
        into[: len(found)] = found
        return len(found)


def _encoding(data: Any) -> tuple[str, str]:
    """Python's name and people's name. Strict: what is not wholly in an encoding is not in it."""
    for mark, codec, name in _MARKS:
        if data[: len(mark)] == mark:
            if not _fits(data, codec):
                raise Stop("encoding")
            if name != "UTF-16" and data.find(b"\0") >= 0:
                raise Stop("nul")
            return codec, name
    if data.find(b"\0") >= 0:
        raise Stop("utf16" if _every_other_is_nul(data[:4096]) else "nul")
    if len(_CONTROLS.findall(data[:4096])) * 20 > len(data[:4096]):
        raise Stop("unknown")
    for codec, name in _TRIED:
        if _fits(data, codec):
            return codec, name
    raise Stop("encoding")


def _every_other_is_nul(head: bytes) -> bool:
    """As digits are in UTF-16, in one place of the two and not in the other."""
    few, many = sorted((head[::2].count(0), head[1::2].count(0)))
    return many > 2 and many > 8 * few and many * 10 > len(head)


def _fits(data: Any, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for at in range(0, len(data), _PIECE):
            if "\0" in decoder.decode(data[at : at + _PIECE]):
                raise Stop("nul")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _must_not_be_a_page(start: str) -> None:
    head = start[:4096].lstrip("\ufeff \t\r\n").lower()
    if head.startswith("mime-version:"):
        raise Stop("html")
    if not head.startswith("<"):
        return
    if "schemas-microsoft-com:office:spreadsheet" in head and head.startswith("<?xml"):
        raise Stop("xml2003")
    if re.match(r"<(!doctype|html|head|meta|table|style|body|div|\?xml|!--)", head):
        raise Stop("html")


def _separator(start: str) -> str:
    """The one that cuts most of the first records into as many cells as the first. The comma when in doubt: Alipay ends
    every cell of its comma-separated bills with a tab.
    """
    best, found = 0, ","
    for separator in _SEPARATORS:
        widths = []
        csv.field_size_limit(_FIRST)
        try:
            for row in csv.reader(io.StringIO(start, newline=""), delimiter=separator):
                if row:
                    widths.append(len(row))
                if len(widths) > 20:
                    break
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        if (alike := widths.count(widths[0])) > best:
            best, found = alike, separator
    return found

"""Sheets that grow piece by piece: whole for every reader, the same however often somebody else went on writing."""

import csv
import io
import zipfile
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from app.kernel.money import Money
from app.runtime import sheet

COLUMNS = [sheet.Column(title="单号"), sheet.Column(title="=金额", width=12)]
Row = list[sheet.Value]


def written(format_: str, pieces: list[list[Row]]) -> bytes:
    """Every piece by a worker that knows nothing but what the one before wrote down."""
    writer = sheet.growing(format_, {})
    content = writer.begin(COLUMNS)
    for piece in pieces:
        writer = sheet.growing(format_, writer.known())
        content += writer.grow(piece)
    return content + sheet.growing(format_, writer.known()).end()


def cells(content: bytes) -> list[list[object]]:
    return list(CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python())


def test_an_xlsx_in_pieces_is_an_xlsx() -> None:
    content = written("xlsx", [[["W1", Money(123450)]], [], [["W2", None], ["<&>\"'", Money(-1)]]])
    with zipfile.ZipFile(io.BytesIO(content)) as entries:
        assert entries.testzip() is None
        page = entries.read("xl/worksheets/sheet1.xml").decode()
        for name in entries.namelist():
            ElementTree.fromstring(entries.read(name))
    assert cells(content) == [["单号", "'=金额"], ["W1", 1234.5], ["W2", ""], ["<&>\"'", -0.01]]
    assert "<v>1234.50</v>" in page and 'state="frozen"' in page


def test_our_own_reader_reads_it() -> None:
    """The one that takes what people send."""
    with sheet.reading(written("xlsx", [[["6222", Money(100)]], [["张三", Money(5)]]])) as book:
        rows = [row for piece in book for row in piece]
    assert [cells for _number, cells in rows][1:] == [["6222", 1], ["张三", 0.05]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "＝1", "\t=1", "\r=1", "\n=1"])
@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_no_text_becomes_a_formula(format_: str, text: str) -> None:
    content = written(format_, [[[text, None]]])
    if format_ == "csv":
        found = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1][0]
    else:
        found = str(cells(content)[1][0])
    assert found.startswith("'")


@given(st.lists(st.lists(st.tuples(st.text(max_size=20), st.integers(-(10**12), 10**12)), max_size=4), max_size=4))
def test_whatever_is_in_the_cells_both_formats_say_it(pieces: list[list[tuple[str, int]]]) -> None:
    rows: list[list[Row]] = [[[f"x{text}", Money(minor)] for text, minor in piece] for piece in pieces]
    flat = [(str(text), amount) for piece in rows for text, amount in piece]
    told = cells(written("xlsx", rows))[1:]
    assert [round(float(str(amount)) * 100) for _text, amount in told] == [it.minor for _text, it in flat]  # type: ignore[union-attr]
    for (seen, _amount), (text, _minor) in zip(told, flat, strict=True):
        assert not text.isprintable() or seen == text
    lines = list(csv.reader(io.StringIO(written("csv", rows).decode("utf-8-sig"), newline="")))[1:]
    assert lines == [[text, amount.yuan] for text, amount in flat]  # type: ignore[union-attr]
    assert written("csv", rows).startswith(b"\xef\xbb\xbf")


def test_a_literal_escape_is_no_escape() -> None:
    with zipfile.ZipFile(io.BytesIO(written("xlsx", [[["x_x0041_", None]]]))) as entries:
        assert "x_x005F_x0041_" in entries.read("xl/worksheets/sheet1.xml").decode()

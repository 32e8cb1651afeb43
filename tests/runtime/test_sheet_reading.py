"""What a good sheet reads as: every format, text as it stands, numbers as numbers, only what can be seen."""

import csv
import io
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name

from app.runtime import sheet
from app.runtime.sheet import Meta, Row
from app.runtime.sheet.parsing import xlsx as look

SAMPLES = Path(__file__).parent / "samples"
HEAD = ["姓名", "卡号", "金额"]


def read(data: bytes) -> tuple[Meta, list[Row]]:
    with sheet.reading(data) as book:
        rows = [row for rows in book for row in rows]
        return book.meta, rows


def cells(data: bytes) -> list[list[sheet.Cell]]:
    return [found for _, found in read(data)[1]]


def xlsx(write: Callable[[Any, Any], None]) -> bytes:
    """A workbook with one sheet, written by `write(book, page)`."""
    into = io.BytesIO()
    book = Workbook(into, {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False})
    write(book, book.add_worksheet("付款"))
    book.close()
    return into.getvalue()


def xlsx_of(*rows: Sequence[str]) -> bytes:
    def write(_book: Any, page: Any) -> None:
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                page.write_string(at, column, value)

    return xlsx(write)


def replaced(data: bytes, name: str, old: str, new: str) -> bytes:
    """The zip with one entry edited: for what XlsxWriter does not write."""
    into = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given_, zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in given_.namelist():
            content = given_.read(entry)
            if entry == name:
                assert re.search(old, content.decode())
                content = re.sub(old, new, content.decode()).encode()
            made.writestr(entry, content)
    return into.getvalue()


ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
    '<office:automatic-styles><style:style style:name="seen" style:family="table"/>'
    '<style:style style:name="unseen" style:family="table"><style:table-properties table:display="false"/></style:style>'
    "</office:automatic-styles><office:body><office:spreadsheet>"
)


def ods(tables: str, **more: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        made.writestr(
            "content.xml", ODS_HEAD + tables + "</office:spreadsheet></office:body></office:document-content>"
        )
        for name, content in more.items():
            made.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return into.getvalue()


def told(text: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


ODD_TEXTS = [
    "0622202123456789012",
    "6.22202E+18",
    "1e5",
    "-5",
    "=1+1",
    "٦٢٢٢٠٢",
    "６２２２",
    "张\u200b三",
    "\u202e123\u202c",
    "\u200f123",
    "李\u00a0四",
    "\ufeff5",
    "622202\t",
    "  前后  ",
    "'001",
    "two\nlines",
    'say "x", y',
    "_x0041_",
    "𠮷野家",
    "🙂",
    "&lt;b&gt; ]]>",
    "TRUE",
    "#N/A",
    "1/2",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_comes_as_it_stands(text: str) -> None:
    assert cells(xlsx_of([text, "."])) == [[text, "."]]
    written = io.StringIO()
    csv.writer(written).writerow([text, "."])
    assert cells(("\ufeff" + written.getvalue()).encode()) == [[text, "."]]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"), max_size=30)


@settings(max_examples=15)
@given(st.lists(st.lists(words, min_size=3, max_size=3), min_size=1, max_size=40))
def test_any_text_survives_a_csv(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    assert _full(cells(written.getvalue().encode("utf-8-sig"))) == _seen(rows)


@settings(max_examples=15)
@given(st.lists(st.lists(words, min_size=3, max_size=3), min_size=1, max_size=40))
def test_any_text_survives_an_xlsx(rows: list[list[str]]) -> None:
    assert _full(cells(xlsx_of(["a", "b", "c"], *rows))) == _seen(rows)


def _full(found: list[list[sheet.Cell]]) -> list[list[sheet.Cell]]:
    return [[*row, None, None, None][:3] for row in found]


def _seen(rows: list[list[str]]) -> list[list[str | None]]:
    """None for an empty cell, rows of white space alone left out, and the header of the tests."""
    return [[it or None for it in row] for row in [["a", "b", "c"], *rows] if "".join(row).strip()]


def test_numbers_are_numbers_and_never_text() -> None:
    def write(_book: Any, page: Any) -> None:
        page.write_row(0, 0, [1, 12.5, -3, 6222021234567890123, 9007199254740991, 9007199254740992, 0.1, 1e300])

    (row,) = cells(xlsx(write))
    assert row == [1, 12.5, -3, 6.22202123456789e18, 9007199254740991, 9007199254740992.0, 0.1, 1e300]
    assert [type(it) for it in row] == [int, float, int, float, int, float, float, float]


def test_dates_errors_truths_and_formulas() -> None:
    def write(book: Any, page: Any) -> None:
        day, minute, length = (
            book.add_format({"num_format": it}) for it in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm", "[h]:mm")
        )
        page.write_datetime(0, 0, datetime(2026, 11, 21), day)
        page.write_datetime(0, 1, datetime(2026, 11, 21, 10), minute)
        page.write_number(0, 2, 1.5, length)
        page.write_boolean(0, 3, True)
        page.write_formula(0, 4, "=NA()", None, "#N/A")
        page.write_formula(0, 5, "=1+1", None, 2)
        page.write_formula(0, 6, '="x"', None, "x")
        page.write_formula(0, 7, "=Z1", None, "later taken away")
        page.write_formula(8, 9, "=Z1", None, "later taken away")

    data = replaced(xlsx(write), "xl/worksheets/sheet1.xml", "<v>later taken away</v>", "")
    meta, rows = read(data)
    assert rows == [
        (
            1,
            [
                {"date": "2026-11-21"},
                {"date": "2026-11-21T10:00:00"},
                {"time": "36:00:00"},
                True,
                {"error": "#N/A"},
                2,
                "x",
                {"formula": True},
            ],
        ),
        (9, [None] * 9 + [{"formula": True}]),
    ]
    assert meta.formulas == 5


def test_rows_keep_their_own_numbers_and_columns_their_places() -> None:
    def write(_book: Any, page: Any) -> None:
        page.write(4, 2, "C5")
        page.write(7, 3, "D8")
        page.write(9, 0, "   \xa0")

    assert read(xlsx(write))[1] == [(5, [None, None, "C5"]), (8, [None, None, None, "D8"])]


def test_the_first_visible_sheet_is_read() -> None:
    def write(book: Any, page: Any) -> None:
        page.write(0, 0, "hidden")
        page.hide()
        book.add_worksheet("第二").write(0, 0, "seen")
        book.worksheets()[1].activate()
        book.worksheets()[1].set_first_sheet()
        book.add_worksheet("第三").write(0, 0, "other")
        book.add_worksheet("第四").very_hidden()

    meta, rows = read(xlsx(write))
    assert (meta.format, meta.sheet, meta.other_sheets, meta.encoding) == ("xlsx", "第二", 1, "")
    assert rows == [(1, ["seen"])]


def test_hidden_rows_and_columns_are_skipped_and_counted() -> None:
    def write(_book: Any, page: Any) -> None:
        for row in range(6):
            page.write_row(row, 0, [f"{column}{row + 1}" for column in "ABCDE"])
        page.set_row(2, None, None, {"hidden": True})
        page.set_row(9, None, None, {"hidden": True})  # holds nothing
        page.set_column("B:C", None, None, {"hidden": True})
        page.set_column("G:H", None, None, {"hidden": True})  # hold nothing
        page.autofilter(0, 0, 5, 4)
        page.filter_column("A", "x == A2")
        page.set_row(4, None, None, {"hidden": True})  # as a filter does

    meta, rows = read(xlsx(write))
    assert rows == [(number, [f"{column}{number}" for column in "ADE"]) for number in (1, 2, 4, 6)]
    assert (meta.hidden_rows, meta.hidden_columns) == (2, 2)


def test_a_merged_range_reads_as_its_first_cell_everywhere() -> None:
    def write(_book: Any, page: Any) -> None:
        page.merge_range("A1:C1", "title")
        page.merge_range("A2:A4", "张三")
        page.write("B2", "x")
        page.write("B3", "y")
        page.write("B5", "z")
        page.set_row(1, None, None, {"hidden": True})

    meta, rows = read(xlsx(write))
    assert rows == [(1, ["title"] * 3), (3, ["张三", "y"]), (5, [None, "z"])]
    assert meta.merged == 2


def test_two_rows_merged_into_one_are_not_two_payments() -> None:
    def write(_book: Any, page: Any) -> None:
        for column, value in enumerate(HEAD):
            page.write(0, column, value)
            page.merge_range(1, column, 2, column, f"merged {value}")

    assert len(read(xlsx(write))[1]) == 2


def test_duplicate_headers_and_forty_columns_come_through() -> None:
    assert cells(xlsx_of(["卡号"] * 40)) == [["卡号"] * 40]


def test_a_workbook_whose_tags_have_a_prefix() -> None:
    def write(_book: Any, page: Any) -> None:
        page.write(0, 0, "seen")
        page.write(1, 0, "hidden")
        page.write_formula(2, 0, "=Z1", None, "gone")
        page.set_row(1, None, None, {"hidden": True})
        page.merge_range("A5:B5", "m")

    data = replaced(xlsx(write), "xl/worksheets/sheet1.xml", "<v>gone</v>", "")
    data = replaced(data, "xl/worksheets/sheet1.xml", r"<(/?)(\w+)(?=[\s/>])", r"<\1x:\2")
    data = replaced(data, "xl/worksheets/sheet1.xml", 'xmlns="', 'xmlns:x="')
    assert read(data)[1] == [(1, ["seen"]), (3, [{"formula": True}]), (5, ["m", "m"])]


def test_a_streamed_workbook_with_text_in_the_cells() -> None:
    into = io.BytesIO()
    book = Workbook(into, {"constant_memory": True})
    page = book.add_worksheet()
    page.write_string(0, 0, "in the cell")
    page.write_number(1, 0, 5)
    page.write_string(1, 1, "again")
    book.close()
    assert cells(into.getvalue()) == [["in the cell"], [5, "again"]]


def test_rows_come_in_lists_of_at_most_five_hundred_in_order() -> None:
    data = b"n\r\n" + b"".join(b"%d\r\n\r\n" % at for at in range(1200))
    with sheet.reading(data) as book:
        lists = list(book)
    assert [len(it) for it in lists] == [500, 500, 201]
    assert [number for rows in lists for number, _ in rows] == [1, *range(2, 2402, 2)]


@pytest.mark.parametrize("width", [1, 2, 25, 26, 27, 51, 52, 53, 100, 675, 676, 677, 701, 702])
def test_a_column_further_right_is_told_by_its_letters(width: int) -> None:
    further = re.compile(b"(?:" + look.beyond(width) + b")")
    for column in range(800):
        letters = xl_col_to_name(column).encode()
        assert look.column(letters) == column + 1
        assert bool(further.match(letters + b"1")) == (column + 1 > width)


def test_what_is_odd_far_down_is_seen() -> None:
    """Rows like those before are looked at many at a time."""
    rows = [f'<row r="{at}"><c r="A{at}"><v>{at}</v></c><c r="B{at}"><v>1</v></c></row>' for at in range(1, 60_001)]
    rows[20_000] = rows[20_000].replace("<row ", '<row hidden="1" ')
    rows[30_000] = '<row r="30001"><c r="A30001" t="e"><v>#REF!</v></c><c r="B30001"><f>Z1</f></c></row>'
    rows[40_000] = '<row r="40001"><c r="AZ40001"><f>Z1</f></c></row>'
    data = replaced(xlsx_of(["x"]), "xl/worksheets/sheet1.xml", "<row.*</row>", "".join(rows))
    meta, found = read(data)
    assert [number for number, _ in found] == [at for at in range(1, 60_001) if at != 20_001]
    assert (meta.hidden_rows, meta.formulas) == (1, 2)
    assert found[29_999] == (30_001, [{"error": "#REF!"}, {"formula": True}])
    assert found[39_999] == (40_001, [None] * 51 + [{"formula": True}])


# Excel before 2007


def test_xls() -> None:
    meta, rows = read((SAMPLES / "payments.xls").read_bytes())
    assert rows == [
        (1, ["姓名", "卡号", "金额", "日期", "对", "错", "式", "时间"]),
        (
            2,
            [
                "张三",
                "0622202123456789012",
                12.5,
                {"date": "2026-11-21"},
                True,
                {"error": "#N/A"},
                None,
                {"date": "2026-11-21T10:00:00"},
            ],
        ),
        (4, ["李四", 6.22202123456789e18, 100, None, "merged", "merged"]),
    ]
    assert meta == Meta(
        format="xls",
        sheet="付款",
        encoding="",
        other_sheets=1,
        hidden_rows=1,
        hidden_columns=1,
        formulas=1,
        merged=1,
    )


# OpenDocument


def test_ods() -> None:
    body = (
        '<table:table table:name="藏" table:style-name="unseen"><table:table-row>'
        f"{told('secret')}</table:table-row></table:table>"
        '<table:table table:name="付款" table:style-name="seen">'
        '<table:table-column/><table:table-column table:visibility="collapse" table:number-columns-repeated="2"/>'
        '<table:table-column table:number-columns-repeated="16381"/>'
        f"<table:table-row>{told('A')}{told('B')}{told('C')}{told('D')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        '<table:table-row><table:table-cell office:value-type="float" office:value="6222021234567890123">'
        "<text:p>6.22E+18</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="2"/>'
        '<table:table-cell office:value-type="date" office:date-value="2026-11-21T10:00:00"/>'
        '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'
        '<table:table-cell table:formula="of:=1+1" office:value-type="float" office:value="2"/>'
        '<table:table-cell table:formula="of:=X"/>'
        '<table:table-cell office:value-type="string" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
        '<table:table-cell office:value-type="time" office:time-value="PT36H00M00S"/></table:table-row>'
        '<table:table-row table:visibility="filter" table:number-rows-repeated="2">'
        f"{told('filtered')}</table:table-row>"
        f"<table:table-row>{told('two<text:s text:c=&quot;2&quot;/>'.replace('&quot;', chr(34)) + ' and<text:tab/>x')}"
        '<table:table-cell/><table:table-cell/><table:table-cell table:number-columns-spanned="2" '
        'office:value-type="string"><text:p>m</text:p><text:p>n</text:p></table:table-cell>'
        "<table:covered-table-cell/></table:table-row>"
        '<table:table-row table:number-rows-repeated="1048567"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row></table:table>'
        f'<table:table table:name="other" table:style-name="seen"><table:table-row>{told("o")}</table:table-row></table:table>'
    )
    meta, rows = read(ods(body))
    assert rows == [
        (1, ["A", "D"]),
        (
            5,
            [
                6.22202123456789e18,
                {"date": "2026-11-21T10:00:00"},
                True,
                2,
                {"formula": True},
                {"error": "#N/A"},
                {"time": "36:00:00"},
            ],
        ),
        (8, ["two   and\tx", "m\nn", "m\nn"]),
    ]
    assert (meta.format, meta.sheet, meta.other_sheets, meta.merged) == ("ods", "付款", 1, 1)
    assert (meta.hidden_rows, meta.hidden_columns, meta.formulas) == (2, 2, 2)


def test_a_comment_in_an_ods_cell_is_not_its_text() -> None:
    noted = (
        '<table:table-cell office:value-type="string"><office:annotation><text:p>note</text:p></office:annotation>'
        "<text:p>text</text:p></table:table-cell>"
    )
    assert cells(ods(f"<table:table><table:table-row>{noted}</table:table-row></table:table>")) == [["text"]]


# Text


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("gb18030", "GB18030"),
        ("gbk", "GB18030"),
    ],
)
def test_encodings_of_text(codec: str, encoding: str) -> None:
    meta, rows = read("姓名,卡号\r\n张三,0622\r\n".encode(codec))
    assert (meta.encoding, meta.format, meta.sheet) == (encoding, "csv", "")
    assert rows == [(1, ["姓名", "卡号"]), (2, ["张三", "0622"])]


def test_utf_16_with_its_big_end_first_and_gb18030_with_a_mark() -> None:
    assert cells(b"\xfe\xff" + "张三\t1\n".encode("utf-16-be")) == [["张三", "1"]]
    assert cells("\ufeff张三,𠮷\n".encode("gb18030"))[0][1] == "𠮷"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(separator: str) -> None:
    rows = [["a,b" if separator != "," else "a;b", "x\ny", "z"], ["1", "2", "3"]]
    written = io.StringIO()
    csv.writer(written, delimiter=separator).writerows([*rows, ["4", "", "6"]])
    meta, found = read(written.getvalue().encode())
    assert found == [(1, rows[0]), (2, rows[1]), (3, ["4", None, "6"])]
    assert meta.format == ("tsv" if separator == "\t" else "csv")


def test_a_tab_at_the_end_of_every_cell_separates_nothing() -> None:
    assert cells("账号\t,姓名\t\n622202\t,张三\t\n".encode("gb18030")) == [["账号\t", "姓名\t"], ["622202\t", "张三\t"]]


def test_a_first_line_that_names_the_separator_is_not_a_row() -> None:
    assert read(b"sep=;\r\na,b;c\r\n1;2\r\n")[1] == [(1, ["a,b", "c"]), (2, ["1", "2"])]


def test_records_count_as_excel_numbers_rows() -> None:
    assert read(b'a,b\r\n\r\n,\r\n"x\ny",1\r\nz,2')[1] == [(1, ["a", "b"]), (4, ["x\ny", "1"]), (5, ["z", "2"])]


def test_everything_in_csv_is_text() -> None:
    assert cells(b"a,b\n007,1e5\n") == [["a", "b"], ["007", "1e5"]]


def test_data_may_come_in_pieces() -> None:
    with sheet.reading(iter([b"a,", b"b\n", b"", b"1,2"])) as book:
        assert [row for rows in book for row in rows] == [(1, ["a", "b"]), (2, ["1", "2"])]


# Size


def _large(columns: int) -> bytes:
    """100,000 rows and a header, every cell another text: by hand, XlsxWriter would take a minute."""
    rows, texts, chance = [], [], Random(7)
    for row in range(1, 100_002):
        found = []
        for column in range(columns):
            found.append(f'<c r="{chr(65 + column)}{row}" s="0" t="s"><v>{len(texts)}</v></c>')
            texts.append(f"<si><t>{chance.getrandbits(68):017x}{'客户姓名' if column % 3 else ''}</t></si>")
        rows.append(f'<row r="{row}" spans="1:{columns}">{"".join(found)}</row>')
    data = replaced(xlsx_of(["x"]), "xl/worksheets/sheet1.xml", "<row.*</row>", "".join(rows))
    return replaced(data, "xl/sharedStrings.xml", "<si>.*</si>", "".join(texts))


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_twelve_columns_fit() -> None:
    data = _large(12)
    assert len(data) > 15 * 1024 * 1024
    count = peak = 0
    with sheet.reading(data) as book:
        for rows in book:
            count += len(rows)
            if found := re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{book.pid}/status").read_text()):
                peak = max(peak, int(found[1]))
    assert count == 100_001
    assert 0 < peak <= 300 * 1024, "KiB in the child"
    print(f"peak {peak // 1024} MiB, file {len(data) >> 20} MiB")


@pytest.mark.slow
def test_reading_takes_little_longer_than_calamine_alone() -> None:
    """For the eye (`-s`); no time is asserted here, machines are noisy. PERFORMANCE row 5 is measured in bench/."""
    from python_calamine import CalamineWorkbook

    data = _large(6)
    began = time.perf_counter()
    list(CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).iter_rows())
    bare = time.perf_counter() - began
    began = time.perf_counter()
    with sheet.reading(data) as book:
        assert sum(len(rows) for rows in book) == 100_001
    print(f"bare {bare:.2f} s, ours {(time.perf_counter() - began) / bare:.2f} times")

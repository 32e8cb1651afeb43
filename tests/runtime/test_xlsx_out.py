"""Workbooks to fill in and to send back: what people type stays text, and nothing runs."""

import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.runtime import sheet
from app.runtime.sheet import Column, Row, Sheet
from app.runtime.sheet.xlsx_out import workbook

COLUMNS = [Column(title="姓名"), Column(title="卡号", width=24), Column(title="金额", text=False)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.xlsx"


def read(path: Path) -> list[Row]:
    with sheet.reading(path.read_bytes()) as book:
        return [row for rows in book for row in rows]


def part(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as entries:
        return entries.read(name).decode()


def test_what_is_written_is_read_back(path: Path) -> None:
    rows = [("张三", "0622202123456789012", 12), ("李四", 6222021234567890123, Decimal("12.5")), (None, "", True)]
    workbook(path, [Sheet(name="付款", columns=COLUMNS, rows=rows)])
    assert read(path) == [
        (1, ["姓名", "卡号", "金额"]),
        (2, ["张三", "0622202123456789012", 12]),
        (3, ["李四", "6222021234567890123", 12.5]),
        (4, [None, None, True]),
    ]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")), min_size=1))
def test_any_text_is_read_back_or_has_its_mark(path: Path, texts: list[str]) -> None:
    workbook(path, [Sheet(name="a", columns=[Column(title="n"), Column(title="t")], rows=enumerate(texts))])
    found = [cells[1] if len(cells) > 1 else "" for _, cells in read(path)[1:]]
    assert found == [f"'{it}" if it.startswith(tuple("=+-@＝＋－＠")) else it for it in texts]


@pytest.mark.parametrize("first", "=+-@＝＋－＠")
def test_no_text_becomes_a_formula_when_saved_as_csv(path: Path, first: str) -> None:
    workbook(path, [Sheet(name="a", columns=[Column(title=f"{first}h")], rows=[[f"{first}cmd|'/c calc'!A1"]])])
    assert [cells for _, cells in read(path)] == [[f"'{first}h"], [f"'{first}cmd|'/c calc'!A1"]]
    assert "<f>" not in part(path, "xl/worksheets/sheet1.xml")


def test_links_stay_text(path: Path) -> None:
    workbook(path, [Sheet(name="a", columns=[Column(title="a")], rows=[["https://example.com"], ["007"]])])
    assert [cells for _, cells in read(path)[1:]] == [["https://example.com"], ["007"]]
    assert "hyperlink" not in part(path, "xl/worksheets/sheet1.xml")


def test_whole_columns_are_text_so_that_what_is_typed_stays(path: Path) -> None:
    workbook(path, [Sheet(name="a", columns=COLUMNS)])
    page, styles = part(path, "xl/worksheets/sheet1.xml"), part(path, "xl/styles.xml")
    formats = [
        line.split('"')[0] for line in styles.split("<cellXfs")[1].split("</cellXfs>")[0].split('numFmtId="')[1:]
    ]
    columns = page.split("<cols>")[1].split("</cols>")[0].split("<col ")[1:]
    kinds = [formats[int(it.split('style="')[1].split('"')[0])] if 'style="' in it else "0" for it in columns]
    assert kinds == ["49", "49", "0"], "49 is @"
    assert 'ySplit="1"' in page


def test_choices_are_a_drop_down_over_every_row_that_may_be_sent(path: Path) -> None:
    workbook(path, [Sheet(name="a", columns=[Column(title="类型", choices=["对私", "对公"])])])
    page = part(path, "xl/worksheets/sheet1.xml")
    assert 'sqref="A2:A100001"' in page and "<formula1>&quot;对私,对公&quot;</formula1>" in page.replace(
        '"对私,对公"', "&quot;对私,对公&quot;"
    )


@pytest.mark.parametrize("choices", [[f"中国第{at}银行" for at in range(120)], ["a,b", "c"]])
def test_a_long_list_of_choices_stands_in_a_hidden_sheet(path: Path, choices: list[str]) -> None:
    columns = [
        Column(title="银行", choices=choices),
        Column(title="x"),
        Column(title="也", choices=list(reversed(choices))),
    ]
    workbook(path, [Sheet(name="a", columns=columns, rows=[["r", "s", "t"]])])
    page = part(path, "xl/worksheets/sheet1.xml")
    assert f"<formula1>_choices!$A$1:$A${len(choices)}</formula1>" in page
    assert f"<formula1>_choices!$B$1:$B${len(choices)}</formula1>" in page
    assert 'state="hidden"' in part(path, "xl/workbook.xml")
    assert len(read(path)) == 2


def test_a_guide_is_rows_of_text(path: Path) -> None:
    guide = Sheet(name="说明", rows=[["请先看这里"], ["卡号须为文本"]])
    workbook(path, [guide, Sheet(name="付款", columns=COLUMNS)])
    assert read(path) == [(1, ["请先看这里"]), (2, ["卡号须为文本"])]
    assert 'wrapText="1"' in part(path, "xl/styles.xml")


def test_a_header_has_its_note_and_the_filter_reaches_the_last_row(path: Path) -> None:
    columns = [Column(title="a", note="怎么填"), Column(title="b")]
    workbook(path, [Sheet(name="a", columns=columns, rows=[["1", "2"]] * 3, autofilter=True)])
    assert "怎么填" in part(path, "xl/comments1.xml")
    assert '<autoFilter ref="A1:B4"/>' in part(path, "xl/worksheets/sheet1.xml")


def test_dates_are_written_as_text(path: Path) -> None:
    workbook(path, [Sheet(name="a", columns=[Column(title="t", text=False)], rows=[[datetime(2026, 11, 21, 10)]])])
    assert read(path)[1][1] == ["2026-11-21 10:00:00"]


@pytest.mark.parametrize(
    ("rows", "problem"), [([["x" * 32_768]], "characters"), ([["🙂" * 16_384]], "characters"), ([["a", "b"]], "longer")]
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(path: Path, rows: list[list[str]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        workbook(path, [Sheet(name="a", columns=[Column(title="a")], rows=rows)])
    assert list(path.parent.iterdir()) == []


def test_what_is_written_on_the_way_lies_in_the_given_folder_and_goes(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    seen: list[int] = []

    def rows() -> list[list[str]]:
        seen.append(len(list(folder.iterdir())))
        return [["x"]]

    class Lazy:
        def __iter__(self) -> object:
            return iter(rows())

    workbook(path, [Sheet(name="a", columns=[Column(title="a")], rows=Lazy())], folder=folder)  # type: ignore[arg-type]
    assert seen == [1]
    assert list(folder.iterdir()) == [] and path.exists()

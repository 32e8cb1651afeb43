"""Sheets that Excel opens as they are, and in which nothing runs."""

import csv
import io

import pytest

from app.runtime import sheet


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(first: str) -> None:
    assert sheet.cell(f"{first}cmd|'/c calc'!A1") == f"'{first}cmd|'/c calc'!A1"


@pytest.mark.parametrize(("value", "shown"), [("a=b", "a=b"), ("", ""), (None, ""), (12, "12"), ("{}", "{}")])
def test_everything_else_stays_as_it_is(value: object, shown: str) -> None:
    assert sheet.cell(value) == shown


def test_what_is_read_back_is_what_was_written() -> None:
    rows = [("张三", 'say "x", y'), ("two\nlines", "，；")]
    text = "".join(sheet.lines(["姓名", "备注"], rows))
    assert text.startswith("\ufeff姓名,备注\r\n")
    assert list(csv.reader(io.StringIO(text[1:], newline=""))) == [["姓名", "备注"], *map(list, rows)]

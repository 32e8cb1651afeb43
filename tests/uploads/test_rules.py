"""Which column of a file is meant, and how many rows are good: pure, and counted twice."""

from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.cells import Column, Kind
from app.uploads.rules import HEADER_WITHIN, Decisions, Pattern, Tally, group_of, header_at, match, patterns_of

COLUMNS = (
    Column(key="number", title="银行卡号", kind=Kind.CARD, required=True, aliases=("卡号", "收款账号")),
    Column(key="holder", title="开户人", kind=Kind.NAME, required=True, aliases=("户名",)),
    Column(key="bank", title="开户行", kind=Kind.BANK, required=True),
    Column(key="phone", title="手机号", kind=Kind.PHONE),
    Column(key="staff", title="工号", kind=Kind.TEXT),
)
TITLES = ["银行卡号", "开户人", "开户行", "手机号", "工号"]


# -- which column is meant ----------------------------------------------------------------------------------------------


def test_the_templates_own_titles_are_sure_in_any_order_with_others_between() -> None:
    assert match(COLUMNS, TITLES).columns == {"number": 0, "holder": 1, "bank": 2, "phone": 3, "staff": 4}
    found = match(COLUMNS, ["序号", "开户行", "备注", "银行卡号", "", "开户人"])
    assert found.columns == {"number": 3, "holder": 5, "bank": 1} and found.sure
    assert not found.missing and not found.doubled


@pytest.mark.parametrize(
    "title",
    [
        "卡号",
        "收款账号",
        " 银行卡号 ",
        "银行卡号*",
        "*银行卡号",
        "银行卡号（必填）",
        "银行卡号：",
        "银行 卡号",
        "银行卡号[文本]",
    ],
)
def test_an_alias_or_a_title_with_marks_around_it_is_sure(title: str) -> None:
    found = match(COLUMNS, [title, "户名", "开户行"])
    assert found.columns == {"number": 0, "holder": 1, "bank": 2} and found.sure


@pytest.mark.parametrize(
    ("titles", "columns"),
    [
        (["银行账号", "开户人", "开户行"], {"number": 0, "holder": 1, "bank": 2}),
        (["Card No.", "Name", "Bank"], {"number": 0, "holder": 1, "bank": 2}),
        (["卡号", "姓名", "银行"], {"number": 0, "holder": 1, "bank": 2}),
    ],
)
def test_a_common_name_is_found_but_people_are_asked(titles: Sequence[str], columns: dict[str, int]) -> None:
    found = match(COLUMNS, titles)
    assert found.columns == columns and not found.sure and not found.missing


def test_a_needed_column_that_is_not_there_is_told_and_an_optional_one_is_not() -> None:
    found = match(COLUMNS, ["银行卡号", "开户人"])
    assert list(found.missing) == ["bank"] and not found.sure
    assert match(COLUMNS, TITLES[:3]).sure
    assert list(match(COLUMNS, []).missing) == ["number", "holder", "bank"]


@pytest.mark.parametrize(
    ("titles", "doubled"),
    [
        (["卡号", "开户人", "开户行", "卡号"], ["卡号"]),
        (["银行卡号", "银行卡号", "开户人", "开户行"], ["银行卡号"]),
        (["银行卡号*", "银行卡号（原）", "开户人", "开户行"], ["银行卡号*", "银行卡号（原）"]),
        (["银行卡号", "银行卡号（原）", "开户人", "开户行"], []),
        (["备注", "备注", "银行卡号", "开户人", "开户行"], []),
    ],
)
def test_a_title_that_is_there_twice_is_asked_about_where_it_matters(titles: list[str], doubled: list[str]) -> None:
    found = match(COLUMNS, titles)
    assert list(found.doubled) == doubled and found.sure == (not doubled)


def test_titles_that_differ_only_by_a_remark_are_two_columns_and_the_own_template_is_sure() -> None:
    more = (*COLUMNS, Column(key="phone_2", title="手机号（备用）", kind=Kind.PHONE))
    assert match(more, [*TITLES, "手机号（备用）"]).columns["phone_2"] == 5
    assert match(more, ["手机号（备用）", *TITLES]).columns == {
        "phone_2": 0, "number": 1, "holder": 2, "bank": 3, "phone": 4, "staff": 5,
    }  # fmt: skip
    assert match(more, [*TITLES, "手机号（备用）"]).sure
    assert not match(more, [*TITLES, "手机号"]).sure


def test_an_empty_header_cell_is_nobodys() -> None:
    odd = (*COLUMNS, Column(key="note", title="（备注）", kind=Kind.TEXT))
    assert "note" not in match(odd, ["", *TITLES]).columns
    assert match(odd, ["（备注）", *TITLES]).columns["note"] == 0


@given(st.lists(st.sampled_from([*TITLES, "卡号", "姓名", "备注", "", "手机", "Card No."]), max_size=9))
def test_no_column_of_the_file_is_two_things(titles: list[str]) -> None:
    found = match(COLUMNS, titles)
    assert len(set(found.columns.values())) == len(found.columns)
    assert all(0 <= place < len(titles) for place in found.columns.values())
    assert set(found.missing) == {"number", "holder", "bank"} - set(found.columns)
    if found.sure:
        assert not found.missing and not found.doubled


@given(st.permutations(TITLES))
def test_the_order_of_the_columns_does_not_matter(titles: list[str]) -> None:
    found = match(COLUMNS, titles)
    assert found.sure and {titles[place] for place in found.columns.values()} == set(TITLES)
    assert all(titles[found.columns[column.key]] == column.title for column in COLUMNS)


def test_remarks_may_stand_above_the_header() -> None:
    above = [["2026 年 11 月名单"], ["制表：财务部", "", "卡号以银行为准"], []]
    assert header_at(COLUMNS, [*above, TITLES, ["6222021001116245702", "张三"]]) == 3
    assert header_at(COLUMNS, [TITLES, *above]) == 0
    assert header_at(COLUMNS, [["户名"], TITLES]) == 1, "the row with the most titles"
    assert header_at(COLUMNS, [["一"], ["二"]]) == 0
    assert header_at(COLUMNS, []) == 0
    assert header_at(COLUMNS, [[]] * HEADER_WITHIN + [TITLES]) == 0, "no header is looked for so far down"


# -- what was accepted --------------------------------------------------------------------------------------------------

NEEDED = ["number:space", "number:width", "holder:space", "number,holder:swap"]
DISPENSABLE = ["bank:bank_name", "phone:prefix"]


class Rows:
    """A sheet's rows by their repairs, counted as the checker counts them."""

    def __init__(self, rows: Sequence[Sequence[str] | None]) -> None:
        """None: a row with a fault."""
        self.rows = dict(enumerate(rows, 2))
        self.tally = Tally(rows=len(rows))
        for row, patterns in self.rows.items():
            if patterns is None:
                self.tally.faulty += 1
                continue
            for pattern in patterns:
                self.tally.patterns.setdefault(pattern, Pattern(0, pattern in NEEDED, row)).count += 1
            group = group_of(self.needed(row))
            self.tally.groups[group] = self.tally.groups.get(group, 0) + 1

    def needed(self, row: int) -> list[str]:
        return [pattern for pattern in self.rows[row] or () if pattern in NEEDED]

    def good(self, decisions: Decisions) -> int:
        """One by one."""
        return sum(
            patterns is not None and decisions.cover(row, self.needed(row)) for row, patterns in self.rows.items()
        )


def test_a_group_is_the_repairs_a_row_cannot_do_without() -> None:
    assert group_of([]) == "" and patterns_of("") == []
    assert group_of(["b", "a", "b"]) == "a|b" and patterns_of("a|b") == ["a", "b"]


def test_accepting_a_kind_counts_its_rows_and_withdrawing_counts_them_no_more() -> None:
    sheet = Rows([[], ["number:space"], ["number:space"], ["number:space", "holder:space"], ["bank:bank_name"], None])
    assert sheet.tally.good(Decisions()) == 2
    assert sheet.tally.repairable(Decisions()) == 3
    assert sheet.tally.good(Decisions({"number:space"})) == 4
    assert sheet.tally.good(Decisions({"holder:space"})) == 2
    assert sheet.tally.good(Decisions({"number:space", "holder:space"})) == 5
    assert sheet.tally.repairable(Decisions({"number:space", "holder:space"})) == 0


def test_a_row_accepted_on_its_own_counts_once_whatever_else_is_accepted() -> None:
    both = ["number:space", "bank:bank_name"]
    sheet = Rows([both, both, ["bank:bank_name"]])
    mine = {2: both}
    assert sheet.tally.good(Decisions(set(), mine)) == 2
    assert sheet.tally.good(Decisions({"number:space"}, mine)) == 3
    assert sheet.tally.good(Decisions({"number:space", "bank:bank_name"}, mine)) == 3
    assert sheet.tally.good(Decisions(set(), {4: ["bank:bank_name"]})) == 1


repairs = st.lists(st.sampled_from(NEEDED + DISPENSABLE), unique=True, max_size=4)
sheets = st.lists(st.one_of(st.none(), repairs), max_size=25)


@given(sheets, st.sets(st.sampled_from(NEEDED + DISPENSABLE)), st.integers())
def test_counting_groups_is_counting_rows_one_by_one(
    rows: list[list[str] | None], accepted: set[str], seed: int
) -> None:
    sheet, chance = Rows(rows), Random(seed)
    alone = {row: list(it) for row, it in sheet.rows.items() if it and chance.random() < 0.4}
    for decisions in _as_kept(Decisions(accepted, alone)):
        assert sheet.tally.good(decisions) == sheet.good(decisions)
        assert 0 <= sheet.tally.repairable(decisions) == len(rows) - sheet.tally.faulty - sheet.good(decisions)


def _as_kept(decisions: Decisions) -> Iterator[Decisions]:
    """As decided, and as read back from where it was written down."""
    yield decisions
    again = Decisions.of(decisions.as_json())
    assert again == decisions
    yield again


def test_nothing_decided_is_read_as_nothing() -> None:
    assert Decisions.of({}) == Decisions()
    assert not Decisions().accept(2, "number:space") and Decisions().cover(2, [])

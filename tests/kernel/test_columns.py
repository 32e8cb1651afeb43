"""Rows of a sheet, judged as a whole: nothing is repaired unsaid, and what is accepted makes the row good."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from app.kernel import banks
from app.kernel.cells import Cell, Column, Kind, plain
from app.kernel.columns import CREDIT_CARD, Judge, Verdict
from app.kernel.regions import PROVINCES

ICBC, CMB_CREDIT = "6222021001116245702", "6225751111111112"
NOBODYS = "1000000000000008"
"""Of a bank that no list knows."""
UNSURE = "5194121111111117"
RESIDENT, COMPANY = "11010519491231002X", "91350100M000100Y43"

COLUMNS = (
    Column(key="number", title="银行卡号", kind=Kind.CARD, required=True),
    Column(key="holder", title="开户人", kind=Kind.NAME, required=True),
    Column(key="account_type", title="账户类型", kind=Kind.ACCOUNT_TYPE),
    Column(key="bank", title="开户行", kind=Kind.BANK, required=True),
    Column(key="branch", title="支行", kind=Kind.BRANCH),
    Column(key="cnaps", title="联行号", kind=Kind.CNAPS),
    Column(key="province", title="省", kind=Kind.PROVINCE),
    Column(key="city", title="市", kind=Kind.CITY),
    Column(key="id_number", title="证件号码", kind=Kind.ID_NUMBER),
    Column(key="phone", title="手机号", kind=Kind.PHONE),
    Column(key="memo", title="备注", kind=Kind.TEXT, longest=20),
    Column(key="sort", title="卡种", kind=Kind.CHOICE, choices=("储蓄卡", "Debit Card")),
    Column(key="since", title="开户日", kind=Kind.DATE),
    Column(key="limit", title="限额", kind=Kind.AMOUNT),
    Column(key="staff", title="工号", kind=Kind.TEXT, pattern="[A-Z][0-9]{3}", example="A001"),
)
GOOD: dict[str, Cell] = {"number": ICBC, "holder": "张三", "bank": "中国工商银行"}
JUDGE = Judge(COLUMNS)
KEYS = [column.key for column in COLUMNS]


def row(**cells: Cell) -> list[Cell]:
    found = GOOD | cells
    return [found.get(key) for key in KEYS]


def judged(**cells: Cell) -> Verdict:
    return JUDGE.judge(row(**cells))


def mended(cells: Sequence[Cell], verdict: Verdict, *, needed_only: bool = False) -> list[Cell]:
    """The row with the repairs that are on offer."""
    found = dict(zip(KEYS, cells, strict=True))
    for fix in verdict.fixes:
        if fix.needed or not needed_only:
            found |= fix.cells
    return list(found.values())


def faults(verdict: Verdict) -> dict[str, str]:
    return {fault.key: str(fault.text) for fault in verdict.faults}


def fixes(verdict: Verdict) -> dict[str, dict[str, str]]:
    return {fix.pattern: dict(fix.cells) for fix in verdict.fixes}


# -- rows ---------------------------------------------------------------------------------------------------------------


def test_of_a_good_row_there_is_nothing_to_say() -> None:
    assert not judged()
    assert not judged(branch="科技园支行", city="深圳市", phone="13800138000", id_number=RESIDENT, staff="A001")


def test_what_is_needed_and_not_there_is_a_fault_in_its_column() -> None:
    told = judged(holder=None, number=" ")
    assert faults(told) == {"number": "必填，没有填", "holder": "必填，没有填"}
    assert not judged(phone=None, memo="  ")


def test_repairs_of_one_kind_are_named_alike_whatever_the_row() -> None:
    one, other = judged(number=f" {ICBC}\t"), judged(number=f"{CMB_CREDIT}\t", bank="招商银行")
    assert list(fixes(one)) == list(fixes(other)) == ["number:space"]


def test_a_companys_account_has_no_check_digit_and_a_companys_code() -> None:
    company = {"account_type": "对公", "holder": "深圳市某某有限公司", "id_number": COMPANY}
    assert not judged(**company, number="755912345610802")
    assert "Luhn" in faults(judged(**company | {"account_type": "对私"}, number="755912345610802"))["number"]
    assert "6 到 32 位" in faults(judged(**company, number="12345"))["number"]
    assert "id_number" in faults(judged(**company | {"id_number": RESIDENT}))
    assert "id_number" in faults(judged(id_number=COMPANY))
    assert "holder" in faults(judged(holder="深圳１号公司")) and not judged(account_type="对公", holder="深圳1号公司")
    assert "不能写银行卡号" in faults(judged(account_type="对公", holder=f"某公司 {ICBC}"))["holder"]


@pytest.mark.parametrize("written", ["公司", "企业", "对公 ", "对公账户", "Corporate", "对\u200b公"])
def test_a_company_is_seen_as_one_however_it_is_written(written: str) -> None:
    told = judged(account_type=written, number="755912345610802", holder="某公司")
    assert not told.faults and fixes(told).popitem()[1] == {"account_type": "对公"}


def test_two_columns_the_wrong_way_round_are_offered_to_be_exchanged() -> None:
    told = judged(number="张三", holder=ICBC)
    assert fixes(told) == {"number,holder:swap": {"number": ICBC, "holder": "张三"}} and not told.faults
    spaced = judged(number="张 三", holder=f"{ICBC} ")
    assert fixes(spaced) == {"number,holder:swap": {"number": ICBC, "holder": "张三"}}
    assert all(fix.needed for fix in told.fixes)
    assert judged(holder="13800138000", phone="张三").fixes, "a phone number tells, too"


def test_columns_are_not_exchanged_where_that_would_not_help_or_not_tell() -> None:
    assert set(faults(judged(number="张三", holder="李四4"))) == {"number", "holder"}
    assert set(faults(judged(number="张三", holder=int(ICBC)))) == {"number", "holder"}, "its last digits are gone"
    assert not fixes(judged(holder=None, phone="张三"))


def test_whose_account_it_is_is_not_guessed_by_exchanging_columns() -> None:
    told = judged(number="对公", account_type=ICBC, id_number=RESIDENT)
    assert not told.fixes and {"number", "account_type"} <= set(faults(told))


def test_province_and_city_in_one_cell_are_offered_to_be_parted() -> None:
    told = judged(province="广东省深圳市")
    assert fixes(told) == {"province,city:split": {"province": "广东省", "city": "深圳市"}} and not told.faults
    assert faults(judged(province="广东省深圳市", city="广州市")).keys() == {"province"}, "which city is meant?"
    assert faults(judged(province=f"广东省{ICBC}")).keys() == {"province"}, "what would stand there is no city"
    assert faults(judged(province="深圳市")).keys() == {"province"}


def test_a_card_that_lends_is_odd_and_not_wrong() -> None:
    told = judged(number=CMB_CREDIT, bank="招商银行")
    assert not told.faults and not told.fixes and [it.text for it in told.warnings] == [CREDIT_CARD]
    assert not judged(number=CMB_CREDIT, bank="招商银行", account_type="对公", holder="某公司").warnings


def test_a_bank_that_the_number_contradicts_is_odd_and_not_wrong() -> None:
    told = judged(bank="招商银行")
    assert not told.faults and not told.fixes
    assert [str(it.text) for it in told.warnings] == ["卡号像是中国工商银行的，这里写的是招商银行"]
    assert not judged(bank="某某村镇银行").warnings, "a bank that nobody knows contradicts nothing"
    assert not judged(number=NOBODYS, bank="招商银行").warnings
    spaced = judged(number=f"{ICBC} ", bank="招行")
    assert spaced.warnings and set(fixes(spaced)) == {"number:space", "bank:bank_name"}


def test_an_empty_bank_is_offered_from_the_number() -> None:
    told = judged(bank=None)
    assert not told.faults and fixes(told) == {"bank:bank_bin": {"bank": "中国工商银行"}} and told.fixes[0].needed
    optional = [replace(column, required=False) for column in COLUMNS]
    told = Judge(optional).judge(row(bank=None))
    assert not told.faults and not told.fixes[0].needed, "where it may be empty, it may stay so"
    assert "必填" in faults(judged(number=NOBODYS, bank=None))["bank"]
    assert "bank" in faults(judged(number=f"{ICBC}0", bank=None)), "a wrong number tells nothing"
    assert "bank" in faults(judged(bank=None, account_type="对公", holder="某公司")), "nor does a company's"


def test_an_error_in_place_of_a_bank_is_not_taken_for_an_empty_cell() -> None:
    told = judged(bank={"error": "#N/A"})
    assert "#N/A" in faults(told)["bank"] and not told.fixes


def test_a_bank_is_not_offered_where_the_template_would_refuse_it() -> None:
    code = [replace(it, pattern="[A-Z]+") if it.key == "bank" else it for it in COLUMNS]
    told = Judge(code).judge(row(bank=None))
    assert not told.fixes and "必填" in faults(told)["bank"]


def test_the_first_column_of_a_kind_is_the_one_that_counts() -> None:
    twice = Judge([*COLUMNS, Column(key="other_bank", title="另一家", kind=Kind.BANK)])
    told = twice.judge([*row(), None])
    assert not told, "nothing is offered for a second bank"


# -- any row ------------------------------------------------------------------------------------------------------------

FULL = str.maketrans("0123456789", "０１２３４５６７８９")


def _damaged(text: str, draw: Any) -> Cell:
    """As it might come from a sheet: with marks and blanks, wide digits, as a number, cut short."""
    match draw(st.integers(0, 11)):
        case 0 | 1 | 2 | 3:
            return text
        case 4 | 5:
            mark = draw(st.sampled_from(["\u200b", "\u200f", "\ufeff", " ", "\t", "\u3000", "\u00a0", "-", "'", "\n"]))
            place = draw(st.integers(0, len(text)))
            return text[:place] + mark + text[place:]
        case 6:
            return text.translate(FULL)
        case 7:
            return text.lower()
        case 8:
            return float(text) if text.isdigit() and text.isascii() else text
        case 9:
            return int(text) if text.isdigit() and text.isascii() else text
        case 10:
            return text[1:]
        case _:
            return f"'{text}\u202c "


bodies = st.integers(11, 18).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))
card_numbers = st.one_of(
    st.sampled_from([ICBC, CMB_CREDIT, NOBODYS, UNSURE]), bodies.map(lambda body: body + luhn.calc_check_digit(body))
)
SENSIBLE: dict[str, st.SearchStrategy[str]] = {
    "number": st.one_of(card_numbers, st.just("755912345610802")),
    "holder": st.sampled_from(["张三", "阿卜杜拉·买买提", "John Smith", "某某有限公司", "深圳1号公司", "欧 阳"]),
    "account_type": st.sampled_from(["对私", "对公", "个人", "公司", "Corporate", ""]),
    "bank": st.sampled_from(["中国工商银行", "工行", "招商银行", "ICBC", "某某村镇银行", "", "中国银行深圳分行"]),
    "branch": st.sampled_from(["科技园支行", "", "Bank 1"]),
    "cnaps": st.sampled_from(["102100000030", "011100000003", ""]),
    "province": st.sampled_from(["广东省", "广东", "广东省深圳市", "吉林市", "北京市朝阳区", f"广东{ICBC}", ""]),
    "city": st.sampled_from(["深圳市", "", ""]),
    "id_number": st.sampled_from([RESIDENT, COMPANY, ""]),
    "phone": st.sampled_from(["13800138000", "+86 138 0013 8000", "(138)00138000", ""]),
    "memo": st.sampled_from(["工资", "a  b", "", "长" * 20]),
    "sort": st.sampled_from(["储蓄卡", "debit card", "Debit Card", ""]),
    "since": st.sampled_from(["2026-11-21", "2026/1/5", "20261121", "2026年1月5日", ""]),
    "limit": st.sampled_from(["100", "1,234.50", "¥5", "5 元", "1,50", ""]),
    "staff": st.sampled_from(["A001", "a001", "A1", ""]),
}
assert list(SENSIBLE) == KEYS
anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=30),
    st.sampled_from([math.nan, math.inf, -math.inf, 6.22e18, 2**53, -0.0]),
    st.builds(lambda name, text: {name: text}, st.sampled_from(["date", "time"]), st.text(max_size=20)),
    st.sampled_from([{"error": "#N/A"}, {"error": "#DIV/0!"}, {"formula": True}]),
    st.sampled_from([{"date": "2026-11-21"}, {"date": "2026-11-21T10:00:00"}]),
    st.text(st.sampled_from("0123456789X-. 年/'"), max_size=20),
)  # fmt: skip


@st.composite
def sheet_rows(draw: Any) -> list[Cell]:
    """What people fill in: mostly right, some of it damaged, some of it anything, sometimes two columns exchanged."""
    cells: list[Cell] = []
    for key in KEYS:
        kind = draw(st.integers(0, 19))
        sensible = draw(SENSIBLE[key])
        cells.append(sensible if kind < 12 else _damaged(sensible, draw) if kind < 19 else draw(anything))
    if draw(st.integers(0, 3)) == 0:
        one, other = draw(st.sampled_from(range(len(KEYS)))), draw(st.sampled_from(range(len(KEYS))))
        cells[one], cells[other] = cells[other], cells[one]
    return cells


@settings(max_examples=120)
@given(sheet_rows())
@example(row(province=f"广东{ICBC}"))
@example(row(number="对公", account_type=ICBC, id_number=RESIDENT))
@example(row(bank={"error": "#N/A"}))
def test_a_row_with_its_repairs_is_good_and_needs_no_more(cells: list[Cell]) -> None:
    before = JUDGE.judge(cells)
    for needed_only in (True, False):
        after = JUDGE.judge(mended(cells, before, needed_only=needed_only))
        repaired = {key for fix in before.fixes for key in fix.cells if fix.needed or not needed_only}
        assert not repaired & {fault.key for fault in after.faults}
        assert not [fix for fix in after.fixes if fix.needed]
        if not before.faults:
            assert not after.faults


@settings(max_examples=120)
@given(st.lists(anything, min_size=len(KEYS), max_size=len(KEYS)))
def test_nothing_in_a_cell_makes_the_judge_fail(cells: list[Cell]) -> None:
    told = JUDGE.judge(cells)
    assert all(str(fault.text) for fault in (*told.faults, *told.warnings))
    assert {fault.key for fault in told.faults} <= set(KEYS)
    assert all(set(fix.cells) <= set(KEYS) for fix in told.fixes)


@settings(max_examples=80)
@given(sheet_rows())
def test_the_quick_way_and_the_close_look_say_the_same(cells: list[Cell]) -> None:
    close = Judge([replace(column, shortest=1) for column in COLUMNS])
    assert JUDGE.judge(cells) == close.judge(cells)


def _is_money(text: str) -> bool:
    return re.fullmatch(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?", text, re.ASCII) is not None


AS_IT_IS_USED: dict[str, Any] = {
    "number": lambda text, company: (
        text.isascii()
        and text.isdigit()
        and (6 <= len(text) <= 32 if company else 12 <= len(text) <= 19 and luhn.is_valid(text))
    ),
    "holder": lambda text, _company: len(text) >= 2,
    "account_type": lambda text, _company: text in ("对私", "对公"),
    "bank": lambda text, _company: len(text) >= 2 and not re.search(r"[0-9]{12}", text),
    "branch": lambda text, _company: len(text) >= 2,
    "cnaps": lambda text, _company: len(text) == 12 and mod_11_10.is_valid(text),
    "province": lambda text, _company: text in PROVINCES,
    "city": lambda text, _company: True,
    "id_number": lambda text, company: uscc.is_valid(text) if company else len(text) == 18 and ric.is_valid(text),
    "phone": lambda text, _company: re.fullmatch("1[3-9][0-9]{9}", text, re.ASCII) is not None,
    "memo": lambda text, _company: len(text) <= 20,
    "sort": lambda text, _company: text in ("储蓄卡", "Debit Card"),
    "since": lambda text, _company: re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII) is not None,
    "limit": lambda text, _company: _is_money(text),
    "staff": lambda text, _company: re.fullmatch("[A-Z][0-9]{3}", text, re.ASCII) is not None,
}


@settings(max_examples=120)
@given(sheet_rows())
def test_whatever_is_not_spoken_of_is_right_by_other_peoples_rules(cells: list[Cell]) -> None:
    """Of a cell without fault or repair, the text that will be used is exactly what its column wants."""
    told = JUDGE.judge(cells)
    spoken = {fault.key for fault in told.faults} | {key for fix in told.fixes for key in fix.cells}
    used = dict(zip(KEYS, [plain(cell).strip() for cell in mended(cells, told)], strict=True))
    company = used["account_type"] == "对公"
    for column, cell in zip(COLUMNS, cells, strict=True):
        if column.key in spoken:
            continue
        text = plain(cell)
        assert text.strip() or not column.required
        if text.strip():
            assert text == text.strip(), "blanks at the ends are spoken of"
            assert AS_IT_IS_USED[column.key](text, company), column.key
            assert not [it for it in text if unicodedata.category(it) == "Cc"]


@settings(max_examples=50)
@given(sheet_rows())
def test_no_reason_repeats_what_stands_in_a_cell(cells: list[Cell]) -> None:
    """Reasons are counted and kept open, cells are sealed."""
    told = JUDGE.judge(cells)
    for fault in (*told.faults, *told.warnings):
        for value in fault.values.values():
            assert not re.search(r"[0-9]{7}", str(value)), fault
            assert not any(name in str(value) for name in ("张三", "买买提", "Smith"))


def test_every_bank_by_its_official_name_stands() -> None:
    for bank in banks.every():
        assert not judged(number=NOBODYS, bank=bank.name), bank.name

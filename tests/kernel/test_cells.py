"""Cells, by what their column holds: right as they stand, repaired only on offer, or refused with the reason."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.bank_card import passes_luhn
from app.kernel.cells import KINDS, LONGEST, REPAIRS, Cell, Column, Kind, plain, quick, tidy
from app.kernel.columns import Judge

CARD = "6222021001116245702"
CREDIT = "6225751111111112"
RESIDENT = "11010519491231002X"
COMPANY = "91350100M000100Y43"
CNAPS = "102100000030"
ZERO_CNAPS = "011100000003"
NBSP, WIDE_BLANK, ZERO_WIDTH, MARK, RTL, BOM = "\u00a0", "\u3000", "\u200b", "\u200f", "\u202b", "\ufeff"
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FULL = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def column(kind: Kind, **more: Any) -> Column:
    choices = {"choices": ("储蓄卡", "Debit Card")} if kind is Kind.CHOICE and "choices" not in more else {}
    return Column(**{"key": "it", "title": "这一列", "kind": kind, **choices, **more})


def said(kind: Kind, cell: Cell, **more: Any) -> str | tuple[str, str] | None:
    """Of one cell: nothing, why not, or (the repairs, the text they lead to)."""
    verdict = Judge([column(kind, **more)]).judge([cell])
    if verdict.faults:
        assert not verdict.fixes
        return str(verdict.faults[0].text)
    if verdict.fixes:
        (fix,) = verdict.fixes
        assert fix.pattern.startswith("it:") and fix.needed == (fix.pattern != "it:bank_name")
        return fix.pattern.removeprefix("it:"), fix.cells["it"]
    return None


RIGHT: list[tuple[Kind, list[Cell]]] = [
    (Kind.CARD, [CARD, CREDIT, "4111111111111111", "378282246310005"]),
    (Kind.PAYEE, [CARD, "13800138000", 13800138000, "a.b@example.com", "2088102146225135", "K20261121ABCDEFGHJK"]),
    (Kind.NAME, ["张三", "阿卜杜拉·买买提", "欧阳修", "John O'Neil", "Anne-Marie Li", "𠮷田"]),
    (Kind.ACCOUNT_TYPE, ["对私", "对公"]),
    (Kind.BANK, ["中国工商银行", "招商银行", "某某村镇银行", "中国工商银行深圳分行"]),
    (Kind.BRANCH, ["深圳科技园支行", "工行福田支行", "Bank of China, Shenzhen Branch"]),
    (Kind.CNAPS, [CNAPS, ZERO_CNAPS, 102100000030, 102100000030.0]),
    (Kind.PROVINCE, ["广东省", "北京市", "新疆维吾尔自治区", "香港特别行政区"]),
    (Kind.CITY, ["深圳市", "东莞", "恩施土家族苗族自治州"]),
    (Kind.ID_NUMBER, [RESIDENT]),
    (Kind.PHONE, ["13800138000", 13800138000, 13800138000.0]),
    (Kind.TEXT, ["工资", "a b", "No. 7", 12, 12.5, "2026-11-21", {"date": "2026-11-21"}]),
    (Kind.CHOICE, ["储蓄卡", "Debit Card"]),
    (Kind.DATE, ["2026-11-21", {"date": "2026-11-21"}]),
    (Kind.AMOUNT, ["100", "100.5", "0.01", 100, 100.5]),
    (Kind.REFERENCE, ["PO-1", "甲-2", "20261121000123", "PO 2026-1121-000123", 20261121, 999999999999999]),
]
RIGHT_CELLS = [(kind, cell) for kind, cells in RIGHT for cell in cells]


@pytest.mark.parametrize(("kind", "cell"), RIGHT_CELLS)
def test_what_is_right_stands(kind: Kind, cell: Cell) -> None:
    assert said(kind, cell) is None


def test_every_kind_has_a_right_cell_a_name_and_every_repair_words() -> None:
    assert {kind for kind, _cells in RIGHT} == set(Kind) == set(KINDS)
    offered = {code for _kind, _cell, codes, _text in REPAIRED for code in codes.split("+")}
    assert offered == set(REPAIRS) - {"bank_bin", "swap", "split"}, "those three need a second cell: test_columns"


REPAIRED: list[tuple[Kind, Cell, str, str]] = [
    (Kind.CARD, f"'{CARD}", "quote", CARD),
    (Kind.CARD, f"{ZERO_WIDTH}{CARD}", "invisible", CARD),
    (Kind.CARD, f"{BOM}{CARD}", "invisible", CARD),
    (Kind.CARD, f"{RTL}{CARD}\u202c", "invisible", CARD),
    (Kind.CARD, f"{CARD}{MARK}", "invisible", CARD),
    (Kind.CARD, f"{CARD}\x00", "invisible", CARD),
    (Kind.CARD, f"{CARD}\t", "space", CARD),
    (Kind.CARD, f" {CARD} ", "space", CARD),
    (Kind.CARD, f"{CARD}\r\n", "space", CARD),
    (Kind.CARD, f"{NBSP}{CARD}", "space", CARD),
    (Kind.CARD, f"{CARD}{WIDE_BLANK}", "space", CARD),
    (Kind.CARD, f"{CARD[:4]} {CARD[4:8]} {CARD[8:]}", "separator", CARD),
    (Kind.CARD, f"{CARD[:4]}-{CARD[4:]}", "separator", CARD),
    (Kind.CARD, f"{CARD[:4]}—{CARD[4:]}", "separator", CARD),
    (Kind.CARD, f"{CARD[:4]}{NBSP}{CARD[4:]}", "width+separator", CARD),
    (Kind.CARD, CARD.translate(FULL), "width", CARD),
    (Kind.CARD, CARD.translate(ARABIC), "digits", CARD),
    (Kind.CARD, f"'{CARD[:4]} {CARD[4:].translate(FULL)}\t", "quote+space+width+separator", CARD),
    (Kind.NAME, "张三 ", "space", "张三"),
    (Kind.NAME, "张 三", "space", "张三"),
    (Kind.NAME, f"张{WIDE_BLANK}三", "space", "张三"),
    (Kind.NAME, "John  Smith", "space", "John Smith"),
    (Kind.NAME, f"张{ZERO_WIDTH}三", "invisible", "张三"),
    (Kind.NAME, "Ｌｉ Ming", "width", "Li Ming"),
    (Kind.ACCOUNT_TYPE, "个人", "choice", "对私"),
    (Kind.ACCOUNT_TYPE, "公司", "choice", "对公"),
    (Kind.ACCOUNT_TYPE, "Corporate", "choice", "对公"),
    (Kind.ACCOUNT_TYPE, "对公 ", "space", "对公"),
    (Kind.BANK, "工行", "bank_name", "中国工商银行"),
    (Kind.BANK, "ICBC", "bank_name", "中国工商银行"),
    (Kind.BANK, "工行 ", "space+bank_name", "中国工商银行"),
    (Kind.BANK, "中国 工商银行", "space", "中国工商银行"),
    (Kind.BRANCH, "深圳 科技园支行\t", "space", "深圳科技园支行"),
    (Kind.CNAPS, ZERO_CNAPS[1:], "zero", ZERO_CNAPS),
    (Kind.CNAPS, int(ZERO_CNAPS), "zero", ZERO_CNAPS),
    (Kind.CNAPS, f"{CNAPS[:3]} {CNAPS[3:]}", "separator", CNAPS),
    (Kind.PROVINCE, "广东", "choice", "广东省"),
    (Kind.PROVINCE, "内蒙古", "choice", "内蒙古自治区"),
    (Kind.PROVINCE, "广东省 ", "space", "广东省"),
    (Kind.CITY, " 深圳市", "space", "深圳市"),
    (Kind.ID_NUMBER, RESIDENT.lower(), "case", RESIDENT),
    (Kind.ID_NUMBER, RESIDENT.translate(FULL), "width", RESIDENT),
    (Kind.ID_NUMBER, f"{RESIDENT[:6]} {RESIDENT[6:]}", "separator", RESIDENT),
    (Kind.PHONE, "+8613800138000", "prefix", "13800138000"),
    (Kind.PHONE, "0086 138 0013 8000", "separator+prefix", "13800138000"),
    (Kind.PHONE, "138-0013-8000", "separator", "13800138000"),
    (Kind.PHONE, "'13800138000", "quote", "13800138000"),
    (Kind.PHONE, "13800138000".translate(ARABIC), "digits", "13800138000"),
    (Kind.TEXT, " 工资 ", "space", "工资"),
    (Kind.TEXT, "Ａ１", "width", "A1"),
    (Kind.TEXT, "两\n行", "space", "两行"),
    (Kind.CHOICE, "debit card", "choice", "Debit Card"),
    (Kind.CHOICE, "储蓄卡 ", "space", "储蓄卡"),
    (Kind.DATE, "2026/1/5", "date", "2026-01-05"),
    (Kind.DATE, "2026年11月21日", "date", "2026-11-21"),
    (Kind.DATE, "20261121", "date", "2026-11-21"),
    (Kind.DATE, 20261121, "date", "2026-11-21"),
    (Kind.DATE, {"date": "2026-11-21T10:00:00"}, "date", "2026-11-21"),
    (Kind.AMOUNT, "¥100", "amount", "100"),
    (Kind.AMOUNT, "1,234.50", "amount", "1234.50"),
    (Kind.AMOUNT, "100 元", "amount", "100"),
    (Kind.AMOUNT, "RMB 12.50", "amount", "12.50"),
    (Kind.AMOUNT, "￥１００", "width+amount", "100"),
]


@pytest.mark.parametrize(("kind", "cell", "codes", "text"), REPAIRED)
def test_what_was_surely_meant_is_offered_by_its_repairs_and_never_just_taken(
    kind: Kind, cell: Cell, codes: str, text: str
) -> None:
    assert said(kind, cell) == (codes, text)
    assert said(kind, text) is None, "a repaired cell needs no further repair"


REFUSED: list[tuple[Kind, Cell, str]] = [
    (Kind.CARD, CARD[:-1] + "3", "Luhn"),
    (Kind.CARD, "123", "现在是 3 位"),
    (Kind.CARD, "卡号", "只能是数字"),
    (Kind.CARD, f"{CARD}、{CREDIT}", "只能是数字"),
    (Kind.CARD, f"'{CARD[:-1]}", "Luhn"),
    (Kind.NAME, "张三1", "不像户名"),
    (Kind.NAME, "张", "不像户名"),
    (Kind.NAME, CARD, "不像户名"),
    (Kind.NAME, 12, "不像户名"),
    (Kind.ACCOUNT_TYPE, "都可以", "只能填"),
    (Kind.BANK, "102", "不像银行"),
    (Kind.BANK, f"工商银行{CARD}", "不能写银行卡号"),
    (Kind.BRANCH, "001", "不像支行"),
    (Kind.BRANCH, f"福田支行 {CARD}", "不能写银行卡号"),
    (Kind.CNAPS, CNAPS[:-1] + "1", "校验不通过"),
    (Kind.CNAPS, "102", "现在是 3 位"),
    (Kind.PROVINCE, "加利福尼亚", "不是省"),
    (Kind.CITY, f"深圳 {CARD}", "不能写银行卡号"),
    (Kind.ID_NUMBER, RESIDENT[:-1] + "0", "校验不通过"),
    (Kind.ID_NUMBER, "110105491231002", "15 位的旧"),
    (Kind.ID_NUMBER, COMPANY, "前 17 位是数字"),
    (Kind.PHONE, "12345678901", "13 到 19"),
    (Kind.PHONE, "1380013800", "现在是 10 位"),
    (Kind.PHONE, "8613800138", "现在是 10 位"),
    (Kind.TEXT, f"卡 {CARD[:4]} {CARD[4:]}", "不能写银行卡号"),
    (Kind.TEXT, CARD.translate(FULL), "不能写银行卡号"),
    (Kind.TEXT, int(CARD), "不能写银行卡号"),
    (Kind.CHOICE, "信用卡", "只能填：储蓄卡"),
    (Kind.DATE, "2026-13-01", "格式不符"),
    (Kind.DATE, "明天", "格式不符"),
    (Kind.DATE, 46000, "格式不符"),
    (Kind.AMOUNT, "一百", "格式不符"),
    (Kind.AMOUNT, "-5", "格式不符"),
    (Kind.AMOUNT, "1.234", "格式不符"),
    (Kind.AMOUNT, "1,50", "格式不符"),
    (Kind.AMOUNT, "1 50", "格式不符"),
    (Kind.AMOUNT, 1e-7, "格式不符"),
]


@pytest.mark.parametrize(("kind", "cell", "why"), REFUSED)
def test_what_nobody_can_be_sure_of_is_refused_with_the_reason(kind: Kind, cell: Cell, why: str) -> None:
    told = said(kind, cell)
    assert isinstance(told, str) and why in told
    assert not re.search(r"[0-9]{7}", told), "the reason does not repeat a number"


@pytest.mark.parametrize("kind", [Kind.CARD, Kind.ID_NUMBER])
@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (6222021001116245702, "第 16 到 19 位"),
        (6.222021001116246e18, "第 16 到 19 位"),
        (6.22e18, "第 16 到 19 位"),
        (6222021001116245.0, "最后一位"),
        (622202100111624, "开头的 0"),
        (123, "开头的 0"),
        (0, "开头的 0"),
        (-5, "开头的 0"),
        (12.5, "开头的 0"),
        ("6.22202E+18", "科学计数法"),
        ("6.22202e18", "科学计数法"),
        ("6E+18", "科学计数法"),
        (f"'6.22202E+18{NBSP}", "科学计数法"),
    ],
)
def test_a_number_of_excel_is_no_card_and_the_digits_that_are_lost_are_named(kind: Kind, cell: Cell, why: str) -> None:
    told = said(kind, cell)
    assert isinstance(told, str) and why in told and "文本" in told


@pytest.mark.parametrize("card", [CARD, f"单号{CARD}", "4111 1111 1111 1111", "PO-3782-822463-10005"])
def test_somebodys_own_number_is_a_card_only_if_it_begins_as_one(card: str) -> None:
    assert passes_luhn("20261121000123"), "one number of ten does, by chance"
    assert said(Kind.REFERENCE, "20261121000123") is None
    assert said(Kind.REFERENCE, card) == "这里不能写银行卡号"


def test_somebodys_own_number_is_not_what_excel_left_of_it() -> None:
    assert "第 16 到 17 位" in str(said(Kind.REFERENCE, 20261121000123456))


@pytest.mark.parametrize("kind", list(Kind))
def test_an_error_a_formula_and_a_time_are_refused_in_every_column(kind: Kind) -> None:
    assert "#N/A" in str(said(kind, {"error": "#N/A"}))
    assert "公式" in str(said(kind, {"formula": True}))
    assert isinstance(said(kind, {"time": "10:00:00"}), str)
    if kind not in (Kind.TEXT, Kind.DATE):
        assert "是日期" in str(said(kind, {"date": "2026-11-21"}))


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.TEXT}))
@pytest.mark.parametrize("value", [True, False])
def test_a_yes_or_no_is_neither_a_name_nor_a_number(kind: Kind, value: bool) -> None:
    assert isinstance(said(kind, value), str)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("empty", [None, "", "  ", "\t", NBSP, WIDE_BLANK])
def test_nothing_is_nothing_and_wrong_only_where_it_is_needed(kind: Kind, empty: Cell) -> None:
    assert said(kind, empty) is None
    assert said(kind, empty, required=True) == "必填，没有填"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("cell", [ZERO_WIDTH, f"{BOM}\t", {"time": "10:00:00"}, {"date": ""}, {}])
def test_a_needed_cell_that_only_looks_filled_in_is_not(kind: Kind, cell: Cell) -> None:
    assert isinstance(said(kind, cell, required=True), str)


def test_a_template_may_want_a_length_and_a_form() -> None:
    six = {"pattern": "[0-9]{6}", "example": "518000"}
    assert said(Kind.TEXT, "518000", **six) is None
    assert said(Kind.TEXT, 518000, **six) is None
    assert said(Kind.TEXT, "518000 ", **six) == ("space", "518000")
    assert said(Kind.TEXT, "5180001", **six) == "与模版要求的格式不符，例如 518000"
    assert "[0-9]{6}" in str(said(Kind.TEXT, "x", pattern="[0-9]{6}")), "without an example, the form itself is told"
    assert "最多 3 个字" in str(said(Kind.TEXT, "四个字了", longest=3))
    assert "至少 3 个字" in str(said(Kind.TEXT, "两字", shortest=3))
    assert said(Kind.TEXT, "", shortest=3) is None
    assert "最多 200 个字" in str(said(Kind.TEXT, "长" * 201))
    assert "最多 60 个字" in str(said(Kind.NAME, "长" * 61))


def test_a_template_may_want_the_banks_code_instead_of_its_name() -> None:
    code = {"pattern": "[A-Z]{3,5}", "example": "ICBC"}
    assert said(Kind.BANK, "ICBC", **code) is None
    assert "ICBC" in str(said(Kind.BANK, "中国工商银行", **code))
    assert said(Kind.BANK, "ICBC ", **code) != ("space+bank_name", "中国工商银行")
    name = {"pattern": "中国.*"}
    assert said(Kind.BANK, "中国工商银行", **name) is None
    told = Judge([column(Kind.BANK, **name)]).judge(["工行"])
    assert [fix.needed for fix in told.fixes] == [True] or told.faults, "what the form forbids does not just stand"


@pytest.mark.parametrize("choice", ["个人 账户", "Ａ档", "A  B", "it's"])
def test_a_choice_written_exactly_as_the_template_has_it_stands(choice: str) -> None:
    assert said(Kind.CHOICE, choice, choices=("别的", choice)) is None


def test_cells_read_as_people_would_write_them() -> None:
    table: list[tuple[Cell, str]] = [
        (None, ""),
        ("a ", "a "),
        (True, "TRUE"),
        (5, "5"),
        (5.0, "5"),
        (0.1, "0.1"),
        (6.22e18, "6.22000E+18"),
        ({"date": "2026-11-21"}, "2026-11-21"),
        ({"time": "10:00:00"}, "10:00:00"),
        ({"error": "#N/A"}, "#N/A"),
        ({"formula": True}, ""),
    ]
    assert [plain(cell) for cell, _text in table] == [text for _cell, text in table]


noise = st.text(st.sampled_from(" \t'-０５٣a张\u200b\u202e\ufeff\u00a0\u3000,¥X."), max_size=12)


@given(st.one_of(st.text(max_size=40), noise), st.sampled_from(Kind))
def test_tidying_twice_is_tidying_once_and_what_was_done_is_told(text: str, kind: Kind) -> None:
    after, codes = tidy(text, kind)
    assert (after == text) == (codes == ())
    assert set(codes) <= set(REPAIRS)
    if not after.startswith("'"):
        assert tidy(after, kind) == (after, ())


@given(st.one_of(st.text(max_size=40), noise), st.sampled_from(Kind))
def test_the_quick_look_says_yes_only_to_what_the_close_look_lets_stand(text: str, kind: Kind) -> None:
    is_right = quick(column(kind))
    if is_right is not None and is_right(text):
        assert said(kind, text, shortest=1) is None
        assert len(text) <= LONGEST.get(kind, 200)

"""CNAPS numbers: the check digit that no text tells of, and what a spreadsheet does to them."""

import hypothesis.strategies as st
import pytest
from hypothesis import given
from stdnum.iso7064 import mod_11_10

from app.kernel import banks
from app.kernel.cnaps import Cnaps, padded
from app.kernel.errors import Malformed

# The first three from FACTS §6; the others are the head offices as many public programs list them.
REAL = {
    "313651027012": None,
    "306731002546": "广发银行",
    "306302004173": "广发银行",
    "102100099996": "中国工商银行",
    "103100000026": "中国农业银行",
    "104100000004": "中国银行",
    "105100000017": "中国建设银行",
    "301290000007": "交通银行",
    "302100011000": "中信银行",
    "303100000006": "中国光大银行",
    "304100040000": "华夏银行",
    "305100000013": "中国民生银行",
    "306581000003": "广发银行",
    "307584007998": "平安银行",
    "308584000013": "招商银行",
    "309391000011": "兴业银行",
    "310290000013": "上海浦东发展银行",
    "313100000013": None,
    "403100000004": "中国邮政储蓄银行",
}

REFUSED = {
    "": "只能是数字",
    "十二": "只能是数字",
    "10210009999X": "只能是数字",
    "1.02100099996E+11": "只能是数字",
    "٣١٣٦٥١٠٢٧٠١٢": "只能是数字",
    "102": "现在是 3 位$",
    "1021000999961": "现在是 13 位$",
    "10210009999": "现在是 11 位$",
    "1100011002": "现在是 10 位：可能丢了开头的 0",
    "102100099997": "校验不通过",
    "102100099969": "校验不通过",
    "000000000000": "校验不通过",
}

numbers = st.text("0123456789", min_size=11, max_size=11).map(lambda body: body + mod_11_10.calc_check_digit(body))


@pytest.mark.parametrize(("number", "name"), REAL.items())
def test_real_numbers_are_read_and_lead_to_their_bank(number: str, name: str | None) -> None:
    cnaps = Cnaps.parse(number)
    bank = banks.of_class(cnaps.bank_class)
    assert str(cnaps) == number and (bank.name if bank else None) == name


@pytest.mark.parametrize("text", [" 102100099996\t", "1021 0009 9996", "102-1000-99996", "１０２１０００９９９９６"])
def test_a_number_is_read_however_it_was_pasted(text: str) -> None:
    assert Cnaps.parse(text) == Cnaps("102100099996")


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_not_surely_a_number_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        Cnaps.parse(text)


@given(st.text("0123456789", min_size=12, max_size=12))
def test_our_check_is_that_of_stdnum(number: str) -> None:
    for last in "0123456789":
        whole = number[:11] + last
        try:
            read = Cnaps.parse(whole).number
        except Malformed:
            read = None
        assert (read == whole) is mod_11_10.is_valid(whole)


@given(numbers, st.integers(0, 11), st.integers(1, 9))
def test_one_mistyped_digit_is_always_refused(number: str, place: int, by: int) -> None:
    wrong = str((int(number[place]) + by) % 10)
    with pytest.raises(Malformed, match="校验不通过"):
        Cnaps.parse(number[:place] + wrong + number[place + 1 :])


@given(numbers, st.integers(0, 10))
def test_two_swapped_neighbours_are_refused_unless_they_are_neighbours_in_value(number: str, place: int) -> None:
    """MOD 11,10 lets some swaps of n and n + 1 (and of 0 and 9) pass; every other is refused."""
    one, other = number[place : place + 2]
    if abs(int(one) - int(other)) in (0, 1, 9):
        return
    with pytest.raises(Malformed, match="校验不通过"):
        Cnaps.parse(number[:place] + other + one + number[place + 2 :])


def test_the_zeros_that_a_sheet_took_are_proposed() -> None:
    assert padded("1100011002") == padded(" 11000 11002 ") == "001100011002"
    assert Cnaps.parse("001100011002").bank_class == "001"


@pytest.mark.parametrize("text", ["", "abc", "110001100", "1100011003", "102100099996", "0102100099996", "10210009999"])
def test_nothing_is_proposed_where_zeros_do_not_help(text: str) -> None:
    assert padded(text) is None


@given(st.text("0123456789", min_size=8, max_size=10).map(lambda it: "00" + it))
def test_what_is_proposed_is_right_and_ends_as_written(text: str) -> None:
    proposed = padded(text)
    assert proposed is None or (Cnaps.parse(proposed).number == proposed and proposed.endswith(text))

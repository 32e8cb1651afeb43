"""Mobile numbers: read strictly, repaired only as a proposal, never shown whole."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel.errors import Malformed
from app.kernel.phone import mask_phone, parse, repaired

NUMBER = "13800138000"

phones = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True).filter(str.isascii)

MEANT = [
    "138 0013 8000", "138-0013-8000", " 13800138000\t", "\ufeff13800138000", "１３８００１３８０００", "+8613800138000",
    "+86 138 0013 8000", "+86-13800138000", "008613800138000", "0086-138-0013-8000", "86-13800138000", "8613800138000",
    "(86)13800138000", "（+86）138 0013 8000", "138.0013.8000", "13800138000\u200b",
]  # fmt: skip

REFUSED = {
    "": "只能是数字",
    "138 0013 8000": "只能是数字",
    "+8613800138000": "只能是数字",
    "１３８００１３８０００": "只能是数字",
    "1380013800a": "只能是数字",
    "1.3800138E+10": "只能是数字",
    "1380013800": "现在是 10 位",
    "8613800138000": "现在是 13 位",
    "12800138000": "13 到 19 开头",
    "23800138000": "13 到 19 开头",
    "07551234567": "13 到 19 开头",
}


@given(phones)
def test_eleven_digits_with_the_right_head_are_read(number: str) -> None:
    assert parse(number) == number
    assert repaired(number) is None


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_not_surely_a_number_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why) as refused:
        parse(text)
    assert not re.search(r"[0-9]{3}", str(refused.value)), "the reason does not repeat the number"


@pytest.mark.parametrize("text", MEANT)
def test_what_was_surely_meant_is_proposed(text: str) -> None:
    assert repaired(text) == NUMBER


@pytest.mark.parametrize(
    "text",
    ["", "电话", "8512345678", "+852 9123 4567", "0755-12345678", "86 8613800138000", "+86", "138001380001", "1e10"],
)
def test_nothing_is_proposed_where_it_would_be_a_guess(text: str) -> None:
    assert repaired(text) is None


@given(st.text())
def test_a_proposal_is_always_right(text: str) -> None:
    proposed = repaired(text)
    assert proposed is None or parse(proposed) == proposed != text


def test_a_mask_shows_seven_at_most() -> None:
    assert mask_phone(NUMBER) == "138****8000"
    assert mask_phone("8613800138000") == "861******8000"
    assert mask_phone("1380013800") == "**********"
    assert mask_phone("") == ""

"""Amounts in capitals: the rules of the People's Bank, and that nothing is lost on the way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import LARGEST_MINOR, Money
from app.kernel.money_words import in_capitals

FIGURES = {word: value for value, word in enumerate("零壹贰叁肆伍陆柒捌玖")}
PLACES = {"拾": 10, "佰": 100, "仟": 1000}
GROUPS = {"万": 10**4, "亿": 10**8, "兆": 10**12}


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "零元整"),
        ("0.01", "壹分"),
        ("0.10", "壹角整"),
        ("0.05", "伍分"),
        ("0.15", "壹角伍分"),
        ("1", "壹元整"),
        ("1.05", "壹元零伍分"),
        ("10", "壹拾元整"),
        ("10.50", "壹拾元伍角整"),
        ("105", "壹佰零伍元整"),
        ("1050", "壹仟零伍拾元整"),
        ("10005", "壹万零伍元整"),
        ("10500", "壹万零伍佰元整"),
        ("12345.67", "壹万贰仟叁佰肆拾伍元陆角柒分"),
        ("100000", "壹拾万元整"),
        ("1001000", "壹佰万壹仟元整"),
        ("100000000", "壹亿元整"),
        ("100000001", "壹亿零壹元整"),
        ("100010000", "壹亿零壹万元整"),
        ("9999999999999.99", "玖兆玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_as_a_voucher_says_it(amount: str, said: str) -> None:
    assert in_capitals(Money.parse(amount)) == said


def read(said: str) -> int:
    """The amount that somebody reads out of it, in fen."""
    whole, _, rest = said.partition("元") if "元" in said else ("", "", said)
    total = group = figure = 0
    for word in whole:
        if word in FIGURES:
            figure = FIGURES[word]
        elif word in PLACES:
            group, figure = group + figure * PLACES[word], 0
        else:
            total, group, figure = total + (group + figure) * GROUPS[word], 0, 0
    fen = {word: FIGURES[value] for value, word in re.findall(r"([壹贰叁肆伍陆柒捌玖])([角分])", rest)}
    return (total + group + figure) * 100 + fen.get("角", 0) * 10 + fen.get("分", 0)


@given(st.integers(0, LARGEST_MINOR))
def test_it_says_the_whole_amount(minor: int) -> None:
    assert read(in_capitals(Money(minor))) == minor


@given(st.integers(0, LARGEST_MINOR))
def test_its_zeros_and_its_end_are_as_the_rules_want(minor: int) -> None:
    said = in_capitals(Money(minor))
    assert "零零" not in said and not re.search("零[拾佰仟万亿兆角分]", said)
    assert said.endswith("整") == (minor % 10 == 0)
    assert "零元" not in said or minor == 0
    assert not re.search("[万亿兆][万亿兆]", said)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_two_amounts_never_read_the_same(one: int, other: int) -> None:
    assert (in_capitals(Money(one)) == in_capitals(Money(other))) == (one == other)

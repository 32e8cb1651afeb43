"""Numbers of people and companies: read strictly, repaired only as a proposal, never shown whole."""

import datetime
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given
from stdnum.cn import ric, uscc

from app.kernel.errors import Malformed
from app.kernel.id_number import mask_id, parse, parse_company, repaired, repaired_company

PERSON = "360426199101010071"  # the example of stdnum.cn.ric
COMPANY = "91110000600037341L"  # the example of stdnum.cn.uscc


def _with_check(body: str) -> str:
    return body + ric.calc_check_digit(body + "0")


days = st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2099, 12, 31))
people = st.builds(
    lambda place, day, order: _with_check(f"{place}{day:%Y%m%d}{order:03d}"),
    st.sampled_from(["110101", "440301", "659001", "710000", "810000", "830000"]),
    days,
    st.integers(0, 999),
)
letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
companies = st.builds(
    lambda head, region, body: (lambda it: it + uscc.calc_check_digit(it))(head + region + body),
    st.sampled_from(["91", "92", "12", "51"]),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(letters, min_size=9, max_size=9),
)

REFUSED = {
    "": "现在是 0 位",
    "4403011990010112": "现在是 16 位",
    "360426910101007": "15 位的旧身份证号",
    f" {PERSON}": "现在是 19 位",
    "36042619910101007１": "大写字母 X",
    "36042619910101007x": "大写字母 X",
    "3604261991010100 1": "大写字母 X",
    "X60426199101010071": "大写字母 X",
    "٣٦٠٤٢٦١٩٩١٠١٠١٠٠٧١": "大写字母 X",
    "360426199101010072": "校验不通过",
    _with_check("99042619910101007"): "地区代码",
    _with_check("16042619910101007"): "地区代码",
    _with_check("36042619910230007"): "出生日期",
    _with_check("36042619911301007"): "出生日期",
    _with_check("36042619910001007"): "出生日期",
    _with_check("36042619000229007"): "出生日期",
    _with_check("36042600000101007"): "出生日期",
    _with_check("36042699990101007"): "出生日期",
}


@pytest.mark.parametrize("number", [PERSON, _with_check("91112419810803002"), _with_check("44030120000229123")])
def test_a_number_with_the_right_letter_is_read(number: str) -> None:
    assert parse(number) == number


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_not_surely_a_number_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why) as refused:
        parse(text)
    assert not re.search(r"[0-9]{3}", str(refused.value)), "the reason does not repeat the number"


@given(people)
def test_our_letter_is_that_of_stdnum(number: str) -> None:
    assert parse(number) == number
    for last in "0123456789X":
        if last != ric.calc_check_digit(number):
            with pytest.raises(Malformed, match="校验不通过"):
                parse(number[:17] + last)


@given(people, st.integers(0, 16), st.integers(1, 9))
def test_one_mistyped_digit_is_always_refused(number: str, place: int, by: int) -> None:
    wrong = str((int(number[place]) + by) % 10)
    with pytest.raises(Malformed, match="校验不通过"):
        parse(number[:place] + wrong + number[place + 1 :])


@given(people, st.integers(0, 15), st.integers(1, 9))
def test_two_swapped_digits_are_always_refused(number: str, place: int, apart: int) -> None:
    """The weights are powers of 2 mod 11: any two up to nine places apart differ."""
    other = min(place + apart, 16)
    swapped = list(number)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    if "".join(swapped) != number:
        with pytest.raises(Malformed, match="校验不通过"):
            parse("".join(swapped))


@pytest.mark.parametrize(
    "text", [f" {PERSON}\t", "360426 19910101 0071", "360426-19910101-0071", "３６０４２６１９９１０１０１００７１"]
)
def test_what_was_surely_meant_is_proposed(text: str) -> None:
    assert repaired(text) == PERSON


def test_a_small_x_is_a_proposal() -> None:
    number = next(it for it in (_with_check(f"440301199001011{order:02d}") for order in range(99)) if it[17] == "X")
    assert repaired(number.lower()) == number
    assert repaired(number) is None


@pytest.mark.parametrize("text", ["", PERSON, "360426199101010072", "360426910101007", "甲", f"{PERSON}1"])
def test_nothing_is_proposed_where_there_is_nothing_to_repair(text: str) -> None:
    assert repaired(text) is None


def test_a_mask_never_shows_the_birthday() -> None:
    assert mask_id("440301199001011234") == "4403**********1234"
    assert mask_id("130503670401001") == "1305*******1001"
    assert mask_id("12345678901") == "***********"
    assert mask_id("") == ""


@given(people)
def test_a_mask_shows_eight_at_most(number: str) -> None:
    assert mask_id(number) == number[:4] + "*" * 10 + number[14:]


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "": "现在是 0 位",
        "440301103097413": "现在是 15 位",
        COMPANY.lower(): "大写字母",
        "9111000060003734IL": "不含 I、O、S、V、Z",
        "911100OO600037341L": "大写字母",
        "91110000600037341M": "校验不通过",
    }.items(),
)
def test_what_is_not_surely_a_company_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse_company(text)


def test_authorities_with_a_letter_are_read() -> None:
    """GB 32100 has A, N and Y; stdnum refuses them."""
    body = "N2440301MA5ABCDE1"
    assert parse_company(body + uscc.calc_check_digit(body))


@given(companies)
def test_a_companys_letter_is_that_of_stdnum(code: str) -> None:
    assert parse_company(code) == uscc.validate(code) == code


@given(companies, st.integers(8, 17), st.integers(1, 30))
def test_one_mistyped_letter_of_a_company_is_always_refused(code: str, place: int, by: int) -> None:
    wrong = letters[(letters.index(code[place]) + by) % 31]
    with pytest.raises(Malformed, match="校验不通过"):
        parse_company(code[:place] + wrong + code[place + 1 :])


@given(companies, st.integers(8, 16), st.integers(8, 16))
def test_two_swapped_letters_of_a_company_are_always_refused(code: str, one: int, other: int) -> None:
    swapped = list(code)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if "".join(swapped) != code:
        with pytest.raises(Malformed, match="校验不通过"):
            parse_company("".join(swapped))


@pytest.mark.parametrize(
    "text",
    [COMPANY.lower(), "9 1 110000 600037341L", COMPANY.replace("0", "O"), "９１１１００００６０００３７３４１Ｌ"],
)
def test_what_was_surely_meant_by_a_companys_code_is_proposed(text: str) -> None:
    assert repaired_company(text) == COMPANY


@given(st.text())
def test_a_proposal_is_always_right(text: str) -> None:
    for proposed, read in ((repaired(text), parse), (repaired_company(text), parse_company)):
        assert proposed is None or read(proposed) == proposed != text

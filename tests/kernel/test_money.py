"""Money: what is read, what is refused, and that nothing is ever rounded but a share."""

from decimal import ROUND_HALF_UP, Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel.errors import Malformed
from app.kernel.money import LARGEST_MINOR, ZERO, Money

amounts = st.integers(-LARGEST_MINOR, LARGEST_MINOR).map(Money)
positive = st.integers(0, LARGEST_MINOR).map(Money)

READ = {
    "0": 0,
    "0.00": 0,
    "0.0": 0,
    "0.01": 1,
    "0.1": 10,
    "1": 100,
    "1.5": 150,
    "12.34": 1234,
    "200": 20000,
    "200.00": 20000,
    "1234.5": 123450,
    "1,234.50": 123450,
    "12,345": 1234500,
    "1,234,567.89": 123456789,
    "9999999999999.99": LARGEST_MINOR,
    "9,999,999,999,999.99": LARGEST_MINOR,
}

REFUSED = [
    "", " ", "-", ".", ",", "1e2", "1E2", "1.005", "0.001", " 100 ", "100 ", " 100", "100\n", "\t100", "１００",
    "1０0", "１.00", "100．00", "1，000", "٣", "NaN", "nan", "inf", "Infinity", "-1", "+1", "-0", "−1", "1,23",
    "1,2345", "12,34,567", ",123", "1,", "1,,000", "01", "00", "00.10", "0,001", "0123.00", "01,234", ".5",
    "5.", "1.", "1.2.3", "1_000", "0x10", "0b1", "1 000", "1'000", "¥1", "1元", "1.00CNY", "1\u200b00",
    "1\u00a0000", "10000000000000", "99999999999999999999", "1" * 5000, "1,000,000,000,000,000.00", "1.0\x00",
    "None", "True",
]  # fmt: skip

FEN = {"0": 0, "1": 1, "10000": 10000, "999999999999999": LARGEST_MINOR}
FEN_REFUSED = ["", " 1", "1 ", "-1", "+1", "01", "00", "1.0", "1,000", "1e2", "１", "1000000000000000", "NaN", "1\n"]


@pytest.mark.parametrize(("text", "minor"), READ.items())
def test_yuan_is_read_as_people_and_channels_write_it(text: str, minor: int) -> None:
    assert Money.parse(text) == Money(minor)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_surely_an_amount_is_refused_in_words(text: str) -> None:
    with pytest.raises(Malformed, match="不是金额") as refused:
        Money.parse(text)
    assert len(str(refused.value)) < 100, "what was typed is not repeated without an end"


@pytest.mark.parametrize(("text", "minor"), FEN.items())
def test_fen_is_read_as_a_whole_number(text: str, minor: int) -> None:
    assert Money.parse_fen(text) == Money(minor)


@pytest.mark.parametrize("text", FEN_REFUSED)
def test_fen_is_nothing_but_a_whole_number(text: str) -> None:
    with pytest.raises(Malformed, match="以分为单位"):
        Money.parse_fen(text)


@pytest.mark.parametrize("minor", [1.0, 0.0, True, False, Decimal(1), "1", None, float("nan")])
def test_money_is_counted_in_whole_fen(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor)  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", [LARGEST_MINOR + 1, -LARGEST_MINOR - 1, 10**30])
def test_an_amount_this_large_is_a_mistake(minor: int) -> None:
    with pytest.raises(OverflowError):
        Money(minor)


def test_a_sum_this_large_is_a_mistake_too() -> None:
    with pytest.raises(OverflowError):
        Money(LARGEST_MINOR) + Money(1)
    with pytest.raises(OverflowError):
        -Money(LARGEST_MINOR) - Money(1)


@pytest.mark.parametrize(
    ("minor", "shown", "written"),
    [
        (0, "0.00", "0.00"),
        (5, "0.05", "0.05"),
        (123450, "1,234.50", "1234.50"),
        (-123450, "-1,234.50", "-1234.50"),
        (-5, "-0.05", "-0.05"),
        (LARGEST_MINOR, "9,999,999,999,999.99", "9999999999999.99"),
    ],
)
def test_people_and_channels_read_it_differently(minor: int, shown: str, written: str) -> None:
    assert (str(Money(minor)), Money(minor).yuan) == (shown, written)


@given(positive)
def test_what_is_written_is_read_back(amount: Money) -> None:
    assert Money.parse(str(amount)) == Money.parse(amount.yuan) == Money.parse_fen(str(amount.minor)) == amount


@given(st.text())
def test_any_text_is_read_or_refused_and_never_guessed(text: str) -> None:
    try:
        amount = Money.parse(text)
    except Malformed:
        return
    assert Decimal(text.replace(",", "")) * 100 == amount.minor


@given(st.text(alphabet="0123456789,.-+eE _０１", max_size=20))
def test_texts_that_look_like_amounts_are_read_exactly_or_refused(text: str) -> None:
    try:
        amount = Money.parse(text)
    except Malformed:
        return
    assert text.isascii() and not set(text) & set("-+eE _")
    assert Decimal(text.replace(",", "")) * 100 == amount.minor
    assert text.replace(",", "") == text or str(amount).startswith(text[: text.rfind(",") + 4])


@given(st.integers(0, 10**12).map(Money), st.integers(0, 1_000_000))
def test_a_share_is_rounded_half_up(amount: Money, rate_ppm: int) -> None:
    exact = Decimal(amount.minor) * rate_ppm / 1_000_000
    assert amount.share(rate_ppm).minor == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("minor", "rate_ppm", "share"),
    [
        (100, 5_000, 1),
        (99, 5_000, 0),
        (150, 10_000, 2),
        (149, 10_000, 1),
        (10_000, 6_000, 60),
        (1, 0, 0),
        (7, 1_000_000, 7),
    ],
)
def test_half_a_fen_is_a_fen(minor: int, rate_ppm: int, share: int) -> None:
    assert Money(minor).share(rate_ppm) == Money(share)


def test_a_share_of_a_debt_is_a_mistake() -> None:
    for amount, rate in ((Money(-1), 1), (Money(1), -1)):
        with pytest.raises(AssertionError):
            amount.share(rate)


@given(amounts, amounts)
def test_money_adds_up_like_numbers(one: Money, other: Money) -> None:
    if abs(one.minor + other.minor) <= LARGEST_MINOR:
        assert (one + other).minor == one.minor + other.minor
        assert (one + other) - other == one
    assert (one < other) == (one.minor < other.minor)
    assert ZERO - (-one) == one
    assert bool(one) == (one != ZERO)


@pytest.mark.parametrize("other", [1, 1.0, "1", None, True])
def test_money_and_numbers_do_not_mix(other: object) -> None:
    for mix in (
        lambda: Money(1) + other,
        lambda: other + Money(1),
        lambda: Money(1) - other,
        lambda: Money(1) < other,
        lambda: Money(1) * other,
    ):
        with pytest.raises((TypeError, AttributeError)):
            mix()
    assert Money(1) != other

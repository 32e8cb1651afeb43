"""Business numbers: fit for every channel, never the same twice."""

import re
from datetime import UTC, datetime

import pytest

from app.kernel import clock, numbers

MANY = 5_000


@pytest.mark.parametrize("prefix", ["W", "CA", "B", ""])
def test_a_number_says_its_kind_and_day_and_fits_every_channel(prefix: str) -> None:
    with clock.replaced(lambda: datetime(2026, 11, 21, 16, 30, tzinfo=UTC)):
        number = numbers.new_number(prefix)
    assert re.fullmatch(prefix + "20261122[0-9A-HJKMNP-TV-Z]{10}", number)
    assert len(number) <= 32


def test_no_number_comes_twice() -> None:
    assert len({numbers.new_number("W") for _ in range(MANY)}) == MANY


def test_every_letter_is_used_and_none_that_is_misread() -> None:
    seen = set(numbers.random_text(MANY))
    assert seen == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") and len(seen) == 32
    assert not seen & set("ILOU")


def test_a_random_text_is_as_long_as_asked() -> None:
    assert [len(numbers.random_text(length)) for length in (0, 1, 64)] == [0, 1, 64]

"""Time: stored in UTC, counted in business days of Shanghai, replaceable as a whole."""

from datetime import UTC, date, datetime, timedelta, timezone

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel import clock
from app.kernel.errors import Malformed

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-11-21T00:00:00", date(2026, 11, 21)),
        ("2026-11-21T15:59:59.999999", date(2026, 11, 21)),
        ("2026-11-21T16:00:00", date(2026, 11, 22)),
        ("2026-11-21T23:59:59", date(2026, 11, 22)),
        ("2026-12-31T16:00:00", date(2027, 1, 1)),
        ("2028-02-28T16:00:00", date(2028, 2, 29)),
    ],
)
def test_the_business_day_turns_at_midnight_in_shanghai(at: str, day: date) -> None:
    assert clock.business_day(utc(at)) == day
    with clock.replaced(lambda: utc(at)):
        assert clock.business_day() == day


def test_the_zone_somebody_writes_in_does_not_change_the_day() -> None:
    at = utc("2026-11-21T16:30:00")
    for hours in (-12, -5, 0, 8, 14):
        assert clock.business_day(at.astimezone(timezone(timedelta(hours=hours)))) == date(2026, 11, 22)


def test_the_bounds_of_a_day_are_instants_in_utc() -> None:
    start, end = clock.day_bounds(date(2026, 11, 21))
    assert (start, end) == (utc("2026-11-20T16:00:00"), utc("2026-11-21T16:00:00"))
    assert start.tzinfo is UTC and end.tzinfo is UTC
    assert clock.day_bounds(date(2026, 11, 1), date(2026, 11, 30))[1] == utc("2026-11-30T16:00:00")


@given(instants)
def test_every_instant_lies_in_its_own_day_and_in_no_other(at: datetime) -> None:
    day = clock.business_day(at)
    start, end = clock.day_bounds(day)
    assert start <= at < end and end - start == timedelta(days=1)
    assert clock.day_bounds(day + timedelta(days=1))[0] == end


def test_now_is_an_instant_in_utc() -> None:
    assert not clock.is_replaced()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert timedelta(seconds=59) < clock.later(60) - clock.now() <= timedelta(seconds=60)


def test_time_is_replaced_and_given_back_also_after_a_fault() -> None:
    first, second = utc("2026-01-01T00:00:00"), utc("2027-01-01T00:00:00")
    with clock.replaced(lambda: first):
        assert clock.is_replaced() and clock.now() == first and clock.later(1) == first + timedelta(seconds=1)
        with pytest.raises(ZeroDivisionError), clock.replaced(lambda: second):
            raise ZeroDivisionError
        assert clock.now() == first
    assert not clock.is_replaced()


@pytest.mark.parametrize("text", ["20261121", "2026-11-21", " 20261121 "])
def test_a_day_is_read_in_both_spellings(text: str) -> None:
    assert clock.parse_day(text) == date(2026, 11, 21)


@pytest.mark.parametrize(
    "text", ["", "202611", "2026-1-1", "20261131", "２０２６１１２１", "00010101", "99991231", "2026/11/21"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="不是日期"):
        clock.parse_day(text)

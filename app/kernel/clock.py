"""Time: UTC inside, the business day of Asia/Shanghai at the edges. Everybody asks `now()`; tests replace it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """This instant, in UTC."""
    return _source()


def is_replaced() -> bool:
    return _source is not _system


def later(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds)


def business_day(at: datetime | None = None) -> date:
    """The calendar day in Shanghai."""
    return (at or now()).astimezone(BUSINESS_ZONE).date()


def day_bounds(first: date, last: date | None = None) -> tuple[datetime, datetime]:
    """The UTC instants [start, end) of the business days first … last, both included."""
    start = datetime.combine(first, time(), BUSINESS_ZONE)
    end = datetime.combine((last or first) + timedelta(days=1), time(), BUSINESS_ZONE)
    return start.astimezone(UTC), end.astimezone(UTC)


@contextmanager
def replaced(source: Callable[[], datetime]) -> Iterator[None]:
    """Run with another source of time: tests, the simulator."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before

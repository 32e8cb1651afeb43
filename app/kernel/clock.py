"""Time: UTC inside, the business day of Asia/Shanghai at the edges. Everybody asks `now()`; tests replace it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.kernel.errors import Malformed

_DAY = re.compile(r"[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
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


def parse_day(text: str) -> date:
    """YYYYMMDD or YYYY-MM-DD; Malformed otherwise. (Left to itself, strptime reads 202611 as the first of January.)"""
    try:
        day = date.fromisoformat(text.strip()) if _DAY.fullmatch(text.strip()) else date.min
        if not 1970 <= day.year < 3000:  # at the ends of the calendar, a day of ours has no instant in UTC
            raise ValueError
        return day
    except ValueError:
        raise Malformed("“%(text)s”不是日期，请写成 20261121 或 2026-11-21", text=text[:20]) from None


@contextmanager
def replaced(source: Callable[[], datetime]) -> Iterator[None]:
    """Run with another source of time: tests, the simulator."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before

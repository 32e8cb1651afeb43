"""When a day's statement is pulled, and how one line is told from another: pure functions of plain values."""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from hashlib import sha256

from app.channels.contract import StatementLine
from app.kernel import clock
from app.kernel.errors import Refused

TOPIC = "statements"
"""Under which pages hear that a statement has changed."""
DUE_H = (2, 14, 26, 50, 74)
"""So many hours after a day has ended its statement is pulled: in the night, once more that day, and on three days more."""
RETRY_S = 1800
LOOK_BACK_DAYS = 30
"""How far back statements are fetched that nobody pulled (the console was down)."""
PAGES_MOST, LINES_MOST = 2000, 100_000
"""A day that has more is no day of ours; it is refused whole."""
LONGEST_NUMBER, LONGEST_WORD, LONGEST_MESSAGE = 64, 60, 300


def is_due(day: date, *, pulled_at: datetime | None, failed_at: datetime | None, now: datetime) -> bool:
    """Is it time to ask about this day (again)? A pull that failed is tried again after half an hour."""
    ended = clock.day_bounds(day)[1]
    passed = [due for hours in DUE_H if (due := ended + timedelta(hours=hours)) <= now]
    if not passed or (pulled_at is not None and pulled_at >= passed[-1]):
        return False
    return failed_at is None or now - failed_at >= timedelta(seconds=RETRY_S)


def days_due(*, first: date, today: date) -> list[date]:
    """The days that may be asked about by themselves, oldest first: from the account's first one on."""
    oldest = max(first, today - timedelta(days=LOOK_BACK_DAYS))
    return [oldest + timedelta(days=step) for step in range((today - oldest).days)]


def late_from(day: date) -> datetime:
    """What is told of this day from then on was not there when it was pulled in the night."""
    return clock.day_bounds(day)[1] + timedelta(hours=DUE_H[1])


def require_day(day: date, *, today: date) -> None:
    if day > today:
        raise Refused("这一天还没有到", advice="渠道流水最晚取到今天")


def subject(number: str, day: date) -> str:
    """Account and day, as jobs, calls and alerts speak of a statement."""
    return f"{number}/{day:%Y%m%d}"


def unread_subject(text: str) -> str:
    """As an alert speaks of a statement that could not be read, beside the one about what stands in it."""
    return f"{text}/unread"


def of_subject(text: str) -> tuple[str, date]:
    number, day = text.split("/")
    return number, clock.parse_day(day)


def digest(line: StatementLine, copy: int) -> str:
    """The same words, and the same reading of them, are the same line; `copy`: which of several that are alike."""
    said = [
        *(line.number, line.channel_number, line.word, str(line.seen), line.amount.minor),
        line.fee.minor if line.fee is not None else None,
        line.at.timestamp() if line.at is not None else None,
        *(line.message, copy),
    ]
    return sha256(json.dumps(said).encode()).hexdigest()


def in_steps(ids: Iterable[int], size: int = 500) -> list[list[int]]:
    known = list(ids)
    return [known[at : at + size] for at in range(0, len(known), size)]

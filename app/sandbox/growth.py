"""What a merchant collects, as a pure function of its terms and of time: the same question always has the same answer.

A day's collection is `per_minute × 1440`, times a factor between 0.85 and 1.15 drawn from SHA-256 of the merchant and the
day, times the weekday's share; within the day it follows `HOURS`. Days are days of Asia/Shanghai.

The history before the day of registration: every day the net collection of the day before was settled whole. Since then
nothing leaves but payouts. So at any moment

    starting net + Σ net collected  =  settled + settleable + in flight + payout fees
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

from app.kernel import clock

# Shares of a day's collection by hour, and of a week's by weekday (Monday first).
HOURS = (18, 12, 9, 8, 8, 10, 16, 28, 44, 60, 68, 72, 70, 60, 56, 58, 60, 62, 66, 74, 76, 68, 48, 30)
WEEK = (96, 97, 98, 100, 106, 110, 102)
_BEFORE_HOUR = (0, *accumulate(HOURS))
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed at registration and never changes afterwards."""

    seed: str
    opened_on: date
    registered_on: date
    starting_balance_minor: int
    starting_total_minor: int
    per_minute_minor: int
    fee_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The five figures of one business day, in fen."""

    day: date
    total_minor: int
    yesterday_minor: int
    today_minor: int
    settled_minor: int
    settleable_minor: int


@lru_cache(maxsize=65536)
def collected_on(seed: str, per_minute_minor: int, day: date) -> int:
    """The whole day's gross collection."""
    draw = int.from_bytes(hashlib.sha256(f"{seed} {day.isoformat()}".encode()).digest()[:8], "big")
    factor_ppm = 850_000 + draw % 300_001
    return per_minute_minor * 1440 * factor_ppm * WEEK[day.weekday()] // 100_000_000


def collected_until(terms: Terms, at: datetime) -> int:
    """What the business day of `at` has collected so far."""
    local = at.astimezone(clock.BUSINESS_ZONE)
    seconds = local.minute * 60 + local.second
    share = _BEFORE_HOUR[local.hour] * 3600 + HOURS[local.hour] * seconds
    return collected_on(terms.seed, terms.per_minute_minor, local.date()) * share // (_BEFORE_HOUR[24] * 3600)


def account(terms: Terms, day: date, now: datetime, *, paid_minor: int, out_minor: int) -> Account:
    """The figures at the end of `day`, or at this moment if it is today.

    `paid_minor`: payouts that arrived and stayed; `out_minor`: those, the ones on their way, and payout fees.
    """
    today = (
        collected_until(terms, now)
        if day == clock.business_day(now)
        else collected_on(terms.seed, terms.per_minute_minor, day)
    )
    settled_before = max(terms.opened_on, min(day, terms.registered_on - DAY))
    history = collected_between(terms, terms.opened_on, settled_before)[1]
    waiting = collected_between(terms, settled_before, day)[1] + _net(terms, today)
    return Account(
        day=day,
        total_minor=terms.starting_total_minor + collected_between(terms, terms.opened_on, day)[0] + today,
        yesterday_minor=collected_between(terms, max(terms.opened_on, day - DAY), day)[0],
        today_minor=today,
        settled_minor=starting_settled(terms) + history + paid_minor,
        # Their document promises a figure that is never negative.
        settleable_minor=max(0, terms.starting_balance_minor + waiting - out_minor),
    )


@lru_cache(maxsize=4096)
def collected_between(terms: Terms, first: date, before: date) -> tuple[int, int]:
    """Gross and net of the whole days [first, before)."""
    days = [
        collected_on(terms.seed, terms.per_minute_minor, first + DAY * index) for index in range((before - first).days)
    ]
    return sum(days), sum(_net(terms, gross) for gross in days)


def starting_settled(terms: Terms) -> int:
    return max(0, _net(terms, terms.starting_total_minor) - terms.starting_balance_minor)


def _net(terms: Terms, gross_minor: int) -> int:
    return gross_minor - gross_minor * terms.fee_ppm // 1_000_000

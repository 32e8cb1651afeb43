"""How the accounts are doing: their calls of the last hour, their turnover day by day. Cached: it may be a little old.

Nothing is decided by it. Who books or pays reads `queries`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.channels.contract import Interface
from app.channels.models import ChannelCall, DailyFigures
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime import cache
from app.runtime.db import db


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the calls of one account went in the last hour."""

    calls: int
    answered: int
    slowest_ms: int | None

    @property
    def share(self) -> float | None:
        return self.answered / self.calls if self.calls else None


HEALTH = cache.declare(
    cache.Cached(
        room="channels",
        name="health",
        key="{number}",
        age_s=20,
        title=gettext_noop("近一小时的渠道调用"),
        owner=gettext_noop("渠道对接"),
        pack=lambda health: [health.calls, health.answered, health.slowest_ms],
        unpack=lambda told: _health_told(*told),
    )
)


def health(accounts: Sequence[Account]) -> dict[int, Health]:
    """How the calls of each account went in the last hour, by the account's id; up to twenty seconds old."""
    ids = {account.number: account.id for account in accounts}

    def read(numbers: Sequence[str]) -> dict[str, Health]:
        found = _health([ids[number] for number in numbers], clock.later(-3600))
        none = Health(calls=0, answered=0, slowest_ms=None)
        return {number: found.get(ids[number], none) for number in numbers}

    return {ids[number]: found for number, found in HEALTH.get_many(list(ids), read).items()}


def _health(account_ids: Sequence[int], since: datetime) -> dict[int, Health]:
    found = db.session.execute(
        select(
            ChannelCall.account_id,
            func.count().label("calls"),
            func.count().filter(ChannelCall.outcome == "ok").label("answered"),
            func.max(ChannelCall.duration_ms).label("slowest_ms"),
        )
        .where(ChannelCall.account_id.in_(account_ids), ChannelCall.at >= since, ChannelCall.outcome != "open")
        .where(ChannelCall.interface != str(Interface.TRY))
        .group_by(ChannelCall.account_id)
    )
    return {row.account_id: Health(calls=row.calls, answered=row.answered, slowest_ms=row.slowest_ms) for row in found}


def _health_told(calls: Any, answered: Any, slowest_ms: Any) -> Health:
    slowest = None if slowest_ms is None else cache.whole(slowest_ms)
    return Health(calls=cache.whole(calls), answered=cache.whole(answered), slowest_ms=slowest)


TREND_DAYS = 30
Past = list[tuple[date, int]]
"""Days before today, oldest first, each with what came in (fen)."""

TREND = cache.declare(
    cache.Cached(
        room="channels",
        name="trend",
        key="{number}:{day}",
        age_s=600,
        title=gettext_noop("近 30 日交易额（今日除外）"),
        owner=gettext_noop("渠道对接"),
        pack=lambda past: [[day.isoformat(), minor] for day, minor in past],
        unpack=lambda told: [(date.fromisoformat(day), cache.whole(minor)) for day, minor in told],
    )
)


def trend(
    accounts: Sequence[Account], figures: Mapping[int, DailyFigures], *, days: int = TREND_DAYS
) -> dict[int, list[int]]:
    """What came in on each of the last days (fen), oldest first, by the account's id.

    The days that are over come from the cache; today's is the one of `figures`, as fresh as the figure beside the curve.
    """
    assert 1 <= days <= TREND_DAYS
    today = clock.business_day()
    first = today - timedelta(days=days - 1)
    ids = {f"{account.number}:{today}": account.id for account in accounts}

    def read(keys: Sequence[str]) -> dict[str, Past]:
        past = _past([ids[key] for key in keys], today)
        return {key: past[ids[key]] for key in keys}

    found = {
        ids[key]: [minor for day, minor in past if day >= first]
        for key, past in TREND.get_many(list(ids), read).items()
    }
    for account_id, told in figures.items():
        if told.business_day == today:
            found[account_id].append(told.today.minor)
    return found


def forget_past(number: str) -> None:
    """A day that is over gets other figures. Joins the caller's transaction; to be said before the event."""
    TREND.forget(f"{number}:{clock.business_day()}")


def _past(account_ids: Sequence[int], today: date) -> dict[int, Past]:
    found: dict[int, Past] = {account_id: [] for account_id in account_ids}
    d = DailyFigures
    over = d.business_day.between(today - timedelta(days=TREND_DAYS - 1), today - timedelta(days=1))
    rows = select(d.account_id, d.business_day, d.today).where(d.account_id.in_(account_ids), over)
    for account_id, day, amount in db.session.execute(rows.order_by(d.business_day)):
        found[account_id].append((day, amount.minor))
    return found

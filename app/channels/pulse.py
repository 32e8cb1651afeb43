"""What came in through the accounts, day by day. Cached: it may be a little old.

Nothing is decided by it. Who books or pays reads `queries`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import select

from app.channels.models import DailyFigures
from app.channels.queries import Account
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime import cache
from app.runtime.db import db

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

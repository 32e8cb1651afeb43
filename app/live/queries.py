"""What the dashboard shows, gathered from the small rows of the rooms below."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.channels import queries as channels
from app.channels.models import DailyFigures
from app.channels.rules import STALE_AFTER_S
from app.kernel import clock
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.queue import Line
from app.withdrawals import queries as withdrawals

SPARK_DAYS = 14
ALIVE_WITHIN_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One channel account on the dashboard."""

    account: channels.Account
    figures: DailyFigures | None
    holder: channels.Held | None
    health: channels.Health | None
    available: Money
    in_transit: tuple[int, Money]
    stale: bool
    differs: bool
    """Does what the channel reports as settleable contradict our ledger (beyond what is on its way)?"""
    spark: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    rows: list[Row]
    today: Money
    yesterday: Money
    settleable: Money
    in_transit: tuple[int, Money]
    unknown: withdrawals.Unknown
    review: int


def dashboard(name: str = "") -> Dashboard:
    """All accounts whose channel or account name contains `name`, grouped by channel."""
    wanted = name.strip().lower()
    accounts = [it for it in channels.accounts() if wanted in it.title.lower() or wanted in it.channel_code.lower()]
    ids = [account.id for account in accounts]
    now = clock.now()
    figures, holders = channels.latest_figures(ids), channels.holders(ids)
    health = channels.health(ids, now - timedelta(hours=1))
    history = channels.figures_since(ids, clock.business_day() - timedelta(days=SPARK_DAYS - 1))
    transit = withdrawals.in_transit(ids)
    balances = ledger.balances_of([account.number for account in accounts])
    rows = []
    for account in accounts:
        told = figures.get(account.id)
        available, in_flight = balances[account.number].available, balances[account.number].in_flight
        stale = told is None or (now - told.pulled_at).total_seconds() > STALE_AFTER_S
        rows.append(
            Row(
                account=account,
                figures=told,
                holder=holders.get(account.id),
                health=health.get(account.id),
                available=available,
                in_transit=transit.get(account.id, (0, ZERO)),
                stale=stale,
                differs=told is not None and not available <= told.settleable <= available + in_flight,
                spark=[day.today.minor for day in history[account.id]],
            )
        )
    told_rows = [row.figures for row in rows if row.figures]
    return Dashboard(
        rows=rows,
        today=sum((it.today for it in told_rows), ZERO),
        yesterday=sum((it.yesterday for it in told_rows), ZERO),
        settleable=sum((it.settleable for it in told_rows), ZERO),
        in_transit=(sum(row.in_transit[0] for row in rows), sum((row.in_transit[1] for row in rows), ZERO)),
        unknown=withdrawals.unknown(),
        review=withdrawals.waiting_for_review(),
    )


def alive() -> dict[str, bool]:
    """Is the database there, and did each kind of process give a sign of life lately?"""
    limit = clock.now() - timedelta(seconds=ALIVE_WITHIN_S)
    names = ("clock", *(f"worker:{line}" for line in Line))
    try:
        beats = {name: jobs.last_beat(name) for name in names}
    except SQLAlchemyError:
        return dict.fromkeys(("database", *names), False)
    return {"database": True} | {name: beat is not None and beat > limit for name, beat in beats.items()}

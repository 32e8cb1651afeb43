"""Collected money: the ledger follows the channel's figures day by day, also for days on which nobody asked."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from app import examine
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels import service as channel_service
from app.channels.models import DailyFigures
from app.collections import rules, service
from app.kernel import clock
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from tests.world import World

TODAY = date(2026, 11, 21)


def yuan(text: str) -> Money:
    return Money.parse(text)


def back(days: int) -> date:
    return TODAY - timedelta(days=days)


# Rules


@pytest.mark.parametrize(
    ("known", "missed"),
    [
        ([], []),
        ([TODAY], []),
        ([back(1), TODAY], []),
        ([back(1)], []),
        ([back(3)], [back(2), back(1)]),
        ([back(3), TODAY], [back(2), back(1)]),
        ([back(4), back(2)], [back(3), back(1)]),
    ],
)
def test_the_days_on_which_nobody_asked(known: list[date], missed: list[date]) -> None:
    assert channel_rules.missed(known, today=TODAY) == missed


def test_a_day_is_what_the_later_word_says_of_it() -> None:
    rows = [(back(2), yuan("10"), yuan("99")), (back(1), yuan("20"), yuan("15")), (TODAY, yuan("5"), yuan("20"))]
    assert rules.reported(rows, since=back(2)) == {back(2): yuan("15"), back(1): yuan("20"), TODAY: yuan("5")}


@given(reported=st.integers(0, 10**12).map(Money), booked=st.integers(0, 10**12).map(Money))
def test_what_is_posted_brings_the_day_up_and_never_down(reported: Money, booked: Money) -> None:
    more = rules.newly_collected(reported=reported, booked=booked)
    assert more >= ZERO and booked + more == max(reported, booked)


# On a database


def test_the_opening_is_what_was_there_before_today(world: World) -> None:
    account = world.account(balance="800.00")
    assert ledger.balances_of([account])[account].available == yuan("800.00")
    service.book_collected(account)
    service.book_collected(account)
    assert ledger.balances_of([account])[account].available == yuan("800.00")


def figures(account_id: int, day: date, today: str, yesterday: str) -> None:
    with transaction():
        db.session.execute(
            delete(DailyFigures).where(DailyFigures.account_id == account_id, DailyFigures.business_day == day)
        )
        db.session.add(
            DailyFigures(
                account_id=account_id,
                business_day=day,
                total=yuan("0"),
                yesterday=yuan(yesterday),
                today=yuan(today),
                settled=yuan("0"),
                settleable=yuan("0"),
                pulled_at=clock.now(),
            )
        )


def test_days_that_were_missed_are_booked_when_their_figures_come(world: World) -> None:
    """Down for two days: the figures of today come first, those of the days between after them."""
    account = world.account(balance="800.00")
    account_id, day = channels.account(account).id, clock.business_day()
    before = ledger.balances_of([account])[account].available
    figures(account_id, day + timedelta(days=3), "5.00", "20.00")
    service.book_collected(account)
    assert ledger.balances_of([account])[account].available == before + yuan("25.00")
    figures(account_id, day + timedelta(days=1), "100.00", "7.00")
    figures(account_id, day + timedelta(days=2), "11.00", "110.00")
    for _ in range(2):
        service.book_collected(account)
        # 7 more on the day the console went down, 110 on the next, 20 and 5 as they were.
        assert ledger.balances_of([account])[account].available == before + yuan("142.00")
    assert examine() == []


def test_a_figure_that_falls_takes_nothing_back(world: World) -> None:
    account = world.account(balance="800.00")
    account_id, day = channels.account(account).id, clock.business_day()
    figures(account_id, day, "50.00", "0")
    service.book_collected(account)
    figures(account_id, day, "30.00", "0")
    service.book_collected(account)
    assert ledger.balances_of([account])[account].available == yuan("850.00")


def test_the_clock_fetches_the_days_that_are_missing(world: World) -> None:
    account = world.account(balance="800.00")
    account_id, today = channels.account(account).id, clock.business_day()
    with transaction():
        db.session.execute(update(DailyFigures).values(business_day=today - timedelta(days=4)))
    channel_service.pull_missed()
    days = select(DailyFigures.business_day).where(DailyFigures.account_id == account_id)
    wanted = {today - timedelta(days=back) for back in (4, 3, 2, 1)}
    world.until(lambda: set(db.session.scalars(days)) >= wanted)
    assert examine() == []

"""kill -9 of the sheets' worker at each step of a sheet of withdrawals: no row is lost, none is made or decided twice."""

import threading

import pytest

from app.cards import service as card_service
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db, lease_now
from app.withdrawals.queries import sheets as reading
from app.withdrawals.service import sheet_orders
from tests.stories.test_run_kills import RunKills, kills
from tests.withdrawals import sheets
from tests.withdrawals.sheets import row

pytestmark = pytest.mark.slow
SOAK = ("a row begun", "a row made", "before the end", "one approved", "all kept", "again_and_again")
SOAK_ON_POSTGRES = (*("a row begun", "a row made", "before the end", "an orphan", "approves_a_sheet"),)
SECOND = "6217001210024455220"
ROWS = [row(f"{10 + at}.00", own=f"N-{at}") for at in range(50)]
assert kills


def begun(kills: RunKills) -> tuple[str, str]:
    """A sheet of fifty rows that will be made, and one in their midst that will be refused."""
    account = sheets.account(kills)
    second = kills.card(account, SECOND)
    upload = sheets.checked(kills, account, [*ROWS[:33], row("5.00", card=SECOND, own="X"), *ROWS[33:]])
    card_service.listing.unbind(second, why="不再使用", fence=kills.claimed(account), actor=kills.maker)
    kills.start()
    return account, sheets.confirmed(kills, account, upload)


def is_made(reference: str) -> bool:
    return sheets.sheet(reference).state == "finished"


def each_row_once(account: str, reference: str) -> None:
    assert sheets.told(reference) == ("finished", 50, 1)
    lines = sheets.lines(reference)
    assert [it.row for it in lines] == list(range(2, 53))
    assert [it.own_number for it in lines if it.number] == [it[4] for it in ROWS]
    assert [it.amount for it in lines if it.number] == [Money.parse(it[2]) for it in ROWS]
    assert len({it.number for it in lines if it.number}) == 50
    assert ledger.balances_of([account])[account].in_flight == sheets.amount(reference) + Money.parse("100.00")


@pytest.mark.parametrize(
    "point",
    [
        "a row begun",
        "in the middle of a transaction",
        "a row made, not settled",
        "before the end",
        "an orphan makes",
    ],
)
def test_a_worker_killed_at_any_row_makes_each_row_once(kills: RunKills, point: str) -> None:
    account, reference = begun(kills)
    kills.killed(point)
    kills.until_worked_off(lambda: is_made(reference))
    each_row_once(account, reference)


def test_a_worker_killed_again_and_again_makes_each_row_once(kills: RunKills) -> None:
    account, reference = begun(kills)
    kills.killed("a row made, not settled")
    for point in ("in the middle of a transaction", "before the end"):
        until_the_lease_is_over()
        kills.killed(point)
    kills.until_worked_off(lambda: is_made(reference))
    each_row_once(account, reference)


def until_the_lease_is_over() -> None:
    due, pause = lease_now().timestamp() + jobs.LEASE_S + 1, threading.Event()
    while lease_now().timestamp() < due:
        pause.wait(0.05)
    jobs.sweep()


@pytest.mark.parametrize("point", ["one approved", "some approved, nothing kept", "all kept, not ended"])
def test_a_worker_killed_while_it_approves_a_sheet_sends_each_row_once(kills: RunKills, point: str) -> None:
    account = sheets.account(kills)
    reference = sheets.finished(kills, account, ROWS[:8])
    kills.start()
    sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=kills.checker)
    kills.killed(point)
    kills.until_worked_off(lambda: sheets.states(reference) == {"paid": 8} and is_over(reference))
    (order,) = reading.orders(sheets.sheet(reference).id)
    assert (order.done, order.refused) == (8, 0)
    kills.all_is_well()


def is_over(reference: str) -> bool:
    db.session.rollback()
    return reading.open_order(sheets.sheet(reference).id) is None

"""The pages of a statement, without a network between."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.kernel import clock
from app.sandbox import merchants, payouts
from app.sandbox.merchants import Merchant, Registration
from app.sandbox.pace import Pace
from app.sandbox.payouts import Submit
from app.sandbox.statements import AskStatement, Statement, page
from app.sandbox.states import State
from app.sandbox.store import Store

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
PACE = Pace(pay_after_s=0, pay_spread_s=0, return_after_s=3600)


class Moment:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moment() -> Iterator[Moment]:
    it = Moment()
    with clock.replaced(it):
        yield it


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "sandbox.db")
    yield store
    store.close()


def paid(store: Store, *amounts: int) -> Merchant:
    asked = Registration(manner="egret", merchant_no="EG1", keys={}, starting_balance_minor=10**9)
    with store.writing() as tx:
        merchant = merchants.register(tx, asked)
        for place, amount in enumerate(amounts):
            order = Submit(
                order_no=f"W{place}", amount_minor=amount, card_number="6222020200112233458", holder="张三", bank=""
            )
            payouts.take(tx, merchant, order, deduplicates=True, forced=None, pace=PACE)
        payouts.run_due_steps(tx, pace=PACE)
    return merchant


def told(store: Store, merchant: Merchant, *, back: int = 0, after: str = "", size: int = 100) -> Statement | None:
    day = clock.business_day(NOON) - timedelta(days=back)
    with store.reading() as tx:
        return page(tx, merchant, AskStatement(day=day, after=after), size=size)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 100])
def test_its_pages_are_the_whole_of_it_in_order(store: Store, moment: Moment, size: int) -> None:
    merchant = paid(store, 10_000, 10_016, 10_000, 10_016)
    moment.now += timedelta(hours=2)
    with store.writing() as tx:
        payouts.run_due_steps(tx, pace=PACE)
    found, after = [], ""
    while True:
        statement = told(store, merchant, after=after, size=size)
        assert statement is not None and statement.after == after
        found += statement.lines
        after = statement.next
        if not after:
            break
    assert len(found) == 6
    assert [it.state for it in found] == [State.PAID] * 4 + [State.RETURNED] * 2
    assert [it.at for it in found] == sorted(it.at for it in found)


def test_what_comes_back_tomorrow_is_of_tomorrow(store: Store, moment: Moment) -> None:
    merchant = paid(store, 10_016)
    moment.now += timedelta(days=1)
    with store.writing() as tx:
        payouts.run_due_steps(tx, pace=PACE)
    days = [told(store, merchant, back=back) for back in (1, 0, -1)]
    assert [[line.state for line in day.lines] for day in days if day] == [[], [State.PAID], [State.RETURNED]]


@pytest.mark.parametrize("after", ["x", "1", "1-2", "1-2-3", "-1-2-0", "１-2-0", "1-2-0 "])
def test_no_such_place(store: Store, moment: Moment, after: str) -> None:
    assert told(store, paid(store), after=after) is None

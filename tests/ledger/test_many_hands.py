"""Many hands at one account, on a real database: nothing is overdrawn, nothing is lost, nothing happens twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask

from app.kernel.errors import Refused
from app.ledger import book, queries
from app.runtime.db import db, transaction
from tests.ledger.world import CA1, CA2, balances, held, open_with, yuan

HANDS = 16


def together(app: Flask, deed: Callable[[int], object]) -> Counter[object]:
    """Sixteen threads, each with an application context of its own, start at one moment. What came of it, counted."""
    start = Barrier(HANDS)

    def one(hand: int) -> object:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    return deed(hand)
            except Refused:
                return "refused"

    db.session.rollback()
    with ThreadPoolExecutor(HANDS) as pool:
        return Counter(pool.map(one, range(HANDS)))


@pytest.fixture(autouse=True)
def _world(app: Flask) -> None:
    open_with(CA1, "100.00")


def test_sixteen_hands_never_overdraw_an_account(app: Flask) -> None:
    came: Counter[object] = Counter()
    for again in range(5):
        came += together(app, lambda hand, again=again: book.reserve(CA1, f"W{again}-{hand}", yuan("7.00")))
    assert came == {None: 14, "refused": 5 * HANDS - 14}
    assert balances()[:2] == ("2.00", "98.00")
    assert queries.problems() == []


def test_a_hold_ends_once_however_many_end_it(app: Flask) -> None:
    held("W1", "50.00")

    def end(hand: int) -> str:
        if hand % 2:
            book.settle("W1", yuan("49.00"), yuan("1.00"))
            return "settled"
        book.release("W1")
        return "released"

    came = together(app, end)
    assert came["refused"] == HANDS - 1 and came["settled"] + came["released"] == 1
    assert balances() == (
        ("50.00", "0.00", "1.00", "-51.00") if came["settled"] else ("100.00", "0.00", "0.00", "-100.00")
    )
    assert queries.problems() == []


def test_a_collection_told_by_sixteen_is_posted_once(app: Flask) -> None:
    assert together(app, lambda _hand: book.collect(CA1, yuan("5.00"), number="N")) == {True: 1, False: HANDS - 1}
    assert balances()[0] == "105.00"


def test_a_return_told_by_sixteen_comes_back_once(app: Flask) -> None:
    held("W1", "50.00")
    with transaction():
        book.settle("W1", yuan("49.00"), yuan("1.00"))
    assert together(app, lambda _hand: book.reverse("W1")) == {None: 1, "refused": HANDS - 1}
    assert balances()[0] == "99.00"
    assert queries.problems() == []


def test_whole_lives_side_by_side_lose_nothing(app: Flask) -> None:
    """Several owners, all verbs, both directions over the platform's accounts: no deadlock, no fen lost."""

    def live(hand: int) -> None:
        owner, number = (CA1, CA2)[hand % 2], f"W{hand}"
        book.open_accounts(owner)
        book.collect(owner, yuan("10.00"), number=f"{owner}/{hand}")
        book.reserve(owner, number, yuan("6.00"))
        if hand % 4 < 2:
            book.settle(number, yuan("5.00"), yuan("1.00"))
        else:
            book.release(number)

    assert together(app, live) == {None: HANDS}
    assert balances()[2] == "8.00" and balances()[3] == "-220.00"  # 16 x 10 + 100 came, 8 x 5 left, 8 x 1 spent
    assert balances()[0] == "156.00" and balances(CA2)[0] == "56.00"
    assert queries.problems() == []

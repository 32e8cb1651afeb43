"""The book: what each verb moves, what it refuses, and that a refusal has moved nothing."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.kernel.errors import Refused
from app.kernel.money import ZERO
from app.ledger import book, queries
from app.ledger.chart import PLATFORM, Code
from app.runtime.db import db, transaction
from tests.ledger.world import CA1, CA2, balances, held, open_with, released, returned, settled, yuan


@pytest.fixture(autouse=True)
def _world(app: Flask) -> None:
    open_with(CA1, "1000.00")


def refuse(words: str, verb, *arguments: object) -> None:
    """The verb is refused in these words, and the transaction that went on regardless changed nothing."""
    before = balances(), balances(CA2), count()
    with transaction(), pytest.raises(Refused) as refused:
        verb(*arguments)
    assert words in str(refused.value)
    assert (balances(), balances(CA2), count()) == before


def count() -> int:
    db.session.rollback()
    return db.session.scalar(text("SELECT count(*) FROM transfer"))


STORIES = {
    # deeds                                            available   in flight  cost    outside
    "collected": ([], ("1,000.00", "0.00", "0.00", "-1,000.00")),
    "held": ([(held, "W1", "102.00")], ("898.00", "102.00", "0.00", "-1,000.00")),
    "paid": (
        [(held, "W1", "102.00"), (settled, "W1", "100.00", "2.00")],
        ("898.00", "0.00", "2.00", "-900.00"),
    ),
    "paid without a fee": (
        [(held, "W1", "100.00"), (settled, "W1", "100.00", "0.00")],
        ("900.00", "0.00", "0.00", "-900.00"),
    ),
    "not paid": ([(held, "W1", "102.00"), (released, "W1")], ("1,000.00", "0.00", "0.00", "-1,000.00")),
    "returned": (
        [(held, "W1", "102.00"), (settled, "W1", "100.00", "2.00"), (returned, "W1")],
        ("998.00", "0.00", "2.00", "-1,000.00"),
    ),
    "everything held": ([(held, "W1", "1000.00")], ("0.00", "1,000.00", "0.00", "-1,000.00")),
    "two at once": (
        [(held, "W1", "300.00"), (held, "W2", "200.00"), (released, "W1"), (settled, "W2", "199.99", "0.01")],
        ("800.00", "0.00", "0.01", "-800.01"),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_every_verb_moves_what_it_says(story: str) -> None:
    deeds, expected = STORIES[story]
    for deed, *arguments in deeds:
        deed(*arguments)
    assert balances() == expected
    assert queries.problems() == []


def test_what_is_not_there_cannot_be_held() -> None:
    refuse("可用余额不足：可用 ¥1,000.00，需要 ¥1,000.01", book.reserve, CA1, "W1", yuan("1000.01"))
    held("W1", "600.00")
    refuse("可用余额不足：可用 ¥400.00，需要 ¥401.00", book.reserve, CA1, "W2", yuan("401.00"))


def test_one_owner_cannot_spend_anothers_money() -> None:
    with transaction():
        book.open_accounts(CA2)
    refuse("可用余额不足：可用 ¥0.00，需要 ¥0.01", book.reserve, CA2, "W1", yuan("0.01"))


def test_a_hold_ends_once() -> None:
    held("W1", "102.00")
    held("W2", "102.00")
    settled("W1", "100.00", "2.00")
    released("W2")
    refuse("W1 的冻结资金已经结清", book.settle, "W1", yuan("100.00"), yuan("2.00"))
    refuse("W1 的冻结资金已经结清", book.release, "W1")
    refuse("W2 的冻结资金已经解冻", book.settle, "W2", yuan("100.00"), yuan("2.00"))
    refuse("W2 的冻结资金已经解冻", book.release, "W2")
    returned("W1")
    refuse("W1 的冻结资金已经结清", book.settle, "W1", yuan("100.00"), yuan("2.00"))


def test_only_what_left_comes_back_and_only_once() -> None:
    held("W1", "102.00")
    refuse("W1 的资金没有结清出款，不能退票", book.reverse, "W1")
    settled("W1", "100.00", "2.00")
    returned("W1")
    refuse("W1 已经退票，不能再次退票", book.reverse, "W1")
    held("W2", "102.00")
    released("W2")
    refuse("W2 的资金没有结清出款，不能退票", book.reverse, "W2")


@pytest.mark.parametrize("verb", [book.release, book.reverse, lambda number: book.settle(number, yuan("1.00"), ZERO)])
def test_nothing_happens_to_what_was_never_held(verb) -> None:
    refuse("W9 没有冻结资金", verb, "W9")


@pytest.mark.parametrize(
    ("amount", "fee"), [("100.00", "2.01"), ("100.01", "2.00"), ("102.00", "2.00"), ("102.01", "0.00")]
)
def test_a_settlement_is_the_hold_to_the_fen(amount: str, fee: str) -> None:
    held("W1", "102.00")
    with pytest.raises(AssertionError):
        settled("W1", amount, fee)
    assert balances() == ("898.00", "102.00", "0.00", "-1,000.00")


def test_a_number_is_held_once() -> None:
    held("W1", "1.00")
    with pytest.raises(IntegrityError):
        held("W1", "1.00")
    assert balances()[:2] == ("999.00", "1.00")


def test_the_same_collection_is_posted_once() -> None:
    for expected in (True, False, False):
        with transaction():
            assert book.collect(CA1, yuan("5.00"), number="CA1/20261121/500") is expected
    assert balances()[0] == "1,005.00"


@pytest.mark.parametrize(("owner", "amount"), [(CA1, "5.01"), (CA2, "5.00")])
def test_the_same_collection_is_the_same_money(owner: str, amount: str) -> None:
    with transaction():
        book.open_accounts(CA2)
        book.collect(CA1, yuan("5.00"), number="N")
    with pytest.raises(AssertionError), transaction():
        book.collect(owner, yuan(amount), number="N")


def test_accounts_are_opened_once_and_keep_what_they_hold() -> None:
    with transaction():
        book.open_accounts(CA1)
        book.open_accounts(CA2)
        book.open_accounts(CA2)
    assert balances()[0] == "1,000.00" and balances(CA2)[0] == "0.00"
    assert db.session.scalar(text("SELECT count(*) FROM ledger_account")) == 8


def test_money_needs_an_open_account() -> None:
    with pytest.raises(AssertionError, match="not open"), transaction():
        book.collect("CA9", yuan("1.00"), number="N")
    with pytest.raises(AssertionError, match="not open"), transaction():
        book.reserve("CA9", "W1", yuan("1.00"))
    assert book.balance("CA9", Code.AVAILABLE) == ZERO


@pytest.mark.parametrize("amount", [ZERO, -yuan("1.00")])
def test_nothing_and_less_than_nothing_does_not_move(amount) -> None:
    for verb in (lambda: book.collect(CA1, amount, number="N"), lambda: book.reserve(CA1, "W1", amount)):
        with pytest.raises(AssertionError), transaction():
            verb()
    held("W1", "1.00")
    with pytest.raises(AssertionError), transaction():
        book.settle("W1", yuan("1.00") - amount, amount) if amount else book.settle("W1", amount, yuan("1.00"))
    assert queries.problems() == []


def test_the_book_joins_a_transaction_and_opens_none() -> None:
    db.session.rollback()
    for verb in (
        lambda: book.open_accounts(CA1),
        lambda: book.collect(CA1, yuan("1.00"), number="N"),
        lambda: book.reserve(CA1, "W1", yuan("1.00")),
    ):
        with pytest.raises(AssertionError):
            verb()
        db.session.rollback()


def test_what_the_command_rolls_back_never_moved() -> None:
    def half_a_deed() -> None:
        with transaction():
            book.reserve(CA1, "W1", yuan("10.00"))
            book.settle("W1", yuan("9.00"), yuan("1.00"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_a_deed()
    assert balances() == ("1,000.00", "0.00", "0.00", "-1,000.00") and count() == 1


def test_a_whole_life_fits_into_one_transaction() -> None:
    with transaction():
        book.reserve(CA1, "W1", yuan("10.00"))
        book.settle("W1", yuan("9.00"), yuan("1.00"))
        book.reverse("W1")
    assert balances() == ("999.00", "0.00", "1.00", "-1,000.00")
    assert queries.problems() == []


def test_the_entries_of_a_number_tell_its_story() -> None:
    held("W1", "102.00")
    settled("W1", "100.00", "2.00")
    returned("W1")
    told = [
        (row.kind, row.source_owner, row.source_code, row.target_owner, row.target_code, str(row.amount))
        for row in queries.entries("W1")
    ]
    assert told == [
        ("hold", CA1, "available", CA1, "in_flight", "102.00"),
        ("settle", CA1, "in_flight", PLATFORM, "outside", "100.00"),
        ("fee", CA1, "in_flight", PLATFORM, "channel_cost", "2.00"),
        ("return", PLATFORM, "outside", CA1, "available", "100.00"),
    ]
    assert queries.entries("W2") == []


def test_balances_are_told_for_everybody_who_is_asked_for() -> None:
    held("W1", "102.00")
    found = queries.balances_of([CA1, "CA9"])
    assert found == {
        CA1: queries.Balances(available=yuan("898.00"), in_flight=yuan("102.00")),
        "CA9": queries.Balances(),
    }
    assert found[CA1].total == yuan("1000.00")
    overview = queries.overview()
    assert list(overview.owners) == [CA1] and overview.outside == -yuan("1000.00") and overview.total == ZERO

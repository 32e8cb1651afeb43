"""Whatever people do in whatever order, the book agrees with a child's model of it and its examiner finds nothing."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
from flask import Flask
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.ledger import book, queries
from app.ledger.chart import PLATFORM, Code
from app.ledger.models import LedgerAccount, Transfer
from app.runtime.db import Model, append_only_triggers, db, transaction

OWNERS = ("CA1", "CA2", "CA3")
PURSES = [(owner, funds) for owner in OWNERS for funds in Funds]
TABLES = [LedgerAccount.__table__, Transfer.__table__]
fen = st.one_of(st.integers(1, 500), st.integers(1, 10**12)).map(Money)


@dataclass
class Child:
    """The same thing with a few numbers on paper."""

    left: dict[tuple[str, Funds], int] = field(default_factory=lambda: dict.fromkeys(PURSES, 0))
    in_flight: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OWNERS, 0))
    cost: int = 0
    outside: int = 0
    collected: set[str] = field(default_factory=set)
    state: dict[str, str] = field(default_factory=dict)
    holds: dict[str, tuple[str, Funds, int, int]] = field(default_factory=dict)
    """number → owner, funds, amount, fee"""


class Bookkeeping(RuleBasedStateMachine):
    numbers = Bundle("numbers")

    @initialize()
    def an_empty_book(self) -> None:
        db.session.rollback()
        Model.metadata.drop_all(db.engine, tables=TABLES)
        Model.metadata.create_all(db.engine, tables=TABLES)
        with db.engine.begin() as connection:
            for statement in append_only_triggers("transfer", db.engine.dialect.name):
                connection.exec_driver_sql(statement)
        self.child = Child()
        self.made = 0
        with transaction():
            for owner in OWNERS:
                book.open_accounts(owner)

    def does(self, verb, *arguments: object, **named: object) -> bool:
        """Did the book do it? A refusal inside a transaction that goes on must leave no trace (the invariants look)."""
        with transaction():
            try:
                return verb(*arguments, **named) is not False
            except Refused:
                return False

    @rule(owner=st.sampled_from(OWNERS), funds=st.sampled_from(Funds), amount=fen, again=st.booleans())
    def collect(self, owner: str, funds: Funds, amount: Money, again: bool) -> None:
        number = f"{owner}/{funds}/{amount.minor}"
        for _ in range(2 if again else 1):
            new = number not in self.child.collected
            assert self.does(book.collect, owner, amount, number=number, funds=funds) == new
            if new:
                self.child.collected.add(number)
                self.child.left[owner, funds] += amount.minor
                self.child.outside -= amount.minor

    @rule(target=numbers, purse=st.sampled_from(PURSES), share=st.integers(0, 1200), fee=st.integers(0, 300))
    def reserve(self, purse: tuple[str, Funds], share: int, fee: int):
        """A share, in thousandths, of what there is (sometimes more than all of it, whatever the other purse holds)."""
        owner, funds = purse
        amount = self.child.left[purse] * share // 1000 + 1
        self.made += 1
        number = f"W{self.made}"
        enough = amount + fee <= self.child.left[purse]
        assert self.does(book.reserve, owner, number, Money(amount + fee), funds=funds) == enough
        if not enough:
            return multiple()
        self.child.left[purse] -= amount + fee
        self.child.in_flight[owner] += amount + fee
        self.child.state[number], self.child.holds[number] = "open", (owner, funds, amount, fee)
        return number

    @rule(number=numbers)
    def settle(self, number: str) -> None:
        owner, _funds, amount, fee = self.child.holds[number]
        may = self.child.state[number] == "open"
        assert self.does(book.settle, number, Money(amount), Money(fee)) == may
        if may:
            self.child.state[number] = "settled"
            self.child.in_flight[owner] -= amount + fee
            self.child.outside += amount
            self.child.cost += fee

    @rule(number=numbers)
    def release(self, number: str) -> None:
        owner, funds, amount, fee = self.child.holds[number]
        may = self.child.state[number] == "open"
        assert self.does(book.release, number) == may
        if may:
            self.child.state[number] = "released"
            self.child.in_flight[owner] -= amount + fee
            self.child.left[owner, funds] += amount + fee

    @rule(number=numbers)
    def reverse(self, number: str) -> None:
        owner, funds, amount, _fee = self.child.holds[number]
        may = self.child.state[number] == "settled"
        assert self.does(book.reverse, number) == may
        if may:
            self.child.state[number] = "returned"
            self.child.outside -= amount
            self.child.left[owner, funds] += amount

    @rule(number=consumes(numbers), by_one=st.sampled_from([-1, 1]))
    def settle_something_else(self, number: str, by_one: int) -> None:
        _owner, _funds, amount, fee = self.child.holds[number]
        if self.child.state[number] != "open" or amount + by_one < 1:
            return
        try:
            with transaction():
                book.settle(number, Money(amount + by_one), Money(fee))
        except AssertionError:
            return
        raise RuntimeError("a settlement that is not the hold was taken")

    @invariant()
    def the_examiner_finds_nothing(self) -> None:
        assert queries.problems() == []
        db.session.rollback()

    @invariant()
    def the_book_agrees_with_the_child(self) -> None:
        if not hasattr(self, "child"):
            return
        found = queries.balances_of(OWNERS)
        left = {(owner, funds): it.left(funds).minor for owner, it in found.items() for funds in Funds}
        assert left == self.child.left
        assert {owner: it.in_flight.minor for owner, it in found.items()} == self.child.in_flight
        assert book.balance(PLATFORM, Code.CHANNEL_COST).minor == self.child.cost
        assert book.balance(PLATFORM, Code.OUTSIDE).minor == self.child.outside
        assert queries.overview().total == ZERO
        db.session.rollback()


def test_the_book_is_right_after_every_step_of_any_story(app: Flask) -> None:
    run_state_machine_as_test(
        Bookkeeping, settings=settings(max_examples=15, stateful_step_count=20, deadline=None, database=None)
    )

"""A small world for the tests of the ledger: two channel accounts, and somebody with the database file in his hands."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from app.kernel.money import Money
from app.ledger import book
from app.ledger.chart import PLATFORM, Code
from app.runtime.db import db, transaction

CA1, CA2 = "CA2026112100001", "CA2026112100002"


def yuan(text: str) -> Money:
    return Money.parse(text)


def open_with(owner: str, amount: str) -> None:
    """The accounts of an owner, with so much collected."""
    with transaction():
        book.open_accounts(owner)
        book.collect(owner, yuan(amount), number=f"{owner}/opening")


def held(number: str, amount: str, owner: str = CA1) -> None:
    with transaction():
        book.reserve(owner, number, yuan(amount))


def settled(number: str, amount: str, fee: str) -> None:
    with transaction():
        book.settle(number, yuan(amount), yuan(fee))


def released(number: str) -> None:
    with transaction():
        book.release(number)


def returned(number: str) -> None:
    with transaction():
        book.reverse(number)


def balances(owner: str = CA1) -> tuple[str, str, str, str]:
    """Available, in flight, channel cost, outside, as people read them."""
    db.session.rollback()
    found = [book.balance(owner, code) for code in (Code.AVAILABLE, Code.IN_FLIGHT)]
    found += [book.balance(PLATFORM, code) for code in (Code.CHANNEL_COST, Code.OUTSIDE)]
    db.session.rollback()
    return tuple(str(amount) for amount in found)


@contextmanager
def burglar() -> Iterator[sqlite3.Connection]:
    """The file opened beside the house: no triggers, no unique transfers, no CHECKs, no foreign keys."""
    db.session.rollback()
    assert db.engine.url.database
    with closing(sqlite3.connect(db.engine.url.database)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for kind, name in connection.execute(
            "SELECT type, name FROM sqlite_master WHERE tbl_name = 'transfer' AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            if kind in ("trigger", "index"):
                connection.execute(f"DROP {kind} {name}")
        yield connection

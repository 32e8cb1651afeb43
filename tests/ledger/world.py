"""A small world for the tests of the ledger: two channel accounts, and somebody with the whole database in his hands."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

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
def burglar() -> Iterator[Connection]:
    """Somebody who owns the database: no triggers, no unique transfers, no CHECKs, no foreign keys."""
    db.session.rollback()
    with db.engine.connect().execution_options(writing=True) as connection:
        if db.engine.dialect.name == "sqlite":
            for pragma in ("ignore_check_constraints=ON", "foreign_keys=OFF"):
                connection.connection.driver_connection.execute(f"PRAGMA {pragma}")
        with connection.begin():
            for lock in _locks(connection):
                connection.execute(text(lock))
            yield connection
        connection.invalidate()


def _locks(connection: Connection) -> list[str]:
    if db.engine.dialect.name == "sqlite":
        found = (
            "SELECT type || ' ' || name FROM sqlite_master WHERE tbl_name = 'transfer' AND type IN ('trigger', 'index')"
        )
        return [f"DROP {it}" for it in connection.scalars(text(found))]
    constraints = (
        "SELECT conrelid::regclass || ' DROP CONSTRAINT ' || conname FROM pg_constraint WHERE contype IN ('c', 'f') "
        "AND conrelid IN ('transfer'::regclass, 'ledger_account'::regclass)"
    )
    indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'transfer' AND indexname NOT LIKE 'pk_%'"
    return [
        "ALTER TABLE transfer DISABLE TRIGGER USER",
        *(f"ALTER TABLE {it}" for it in connection.scalars(text(constraints)).all()),
        *(f"DROP INDEX {it}" for it in connection.scalars(text(indexes)).all()),
    ]

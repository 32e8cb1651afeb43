"""The database says no by itself: to changed history, to forbidden debts, to a second of what there is one of."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kernel.funds import Funds
from app.ledger.chart import CODE_LABELS, KIND_LABELS, ROUTES, Code, Kind, places_of
from app.runtime.db import db
from tests.ledger.world import CA1, held, open_with, returned, settled


@pytest.fixture(autouse=True)
def _world(app: Flask) -> None:
    open_with(CA1, "1000.00")
    held("W1", "102.00")
    settled("W1", "100.00", "2.00")
    returned("W1")


def refused(statement: str) -> str:
    db.session.rollback()
    with db.engine.connect() as connection, pytest.raises(DBAPIError) as problem:
        connection.execute(text(statement))
    return str(problem.value.orig).lower()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfer SET amount_minor = 1",
        "UPDATE transfer SET note = 'nothing much' WHERE id = 1",
        "DELETE FROM transfer",
        "DELETE FROM transfer WHERE id = 4",
    ],
)
def test_a_transfer_is_written_once(statement: str) -> None:
    assert "transfer is append-only" in refused(statement)


def test_no_account_falls_below_zero_but_the_world() -> None:
    for code in ("available", "in_flight", "channel_cost"):
        statement = f"UPDATE ledger_account SET balance_minor = -1 WHERE code = '{code}'"
        assert "not_overdrawn" in refused(statement)
    with db.engine.connect() as connection:
        connection.execute(text("UPDATE ledger_account SET balance_minor = -1 WHERE code = 'outside'"))


INSERT = (
    "INSERT INTO transfer (kind, debit_account_id, credit_account_id, amount_minor, number, hold_id, posted_at, note) "
    "SELECT {kind}, {debit}, {credit}, {amount}, {number}, {hold}, posted_at, note FROM transfer WHERE id = {like}"
)
SAME = {
    "kind": "kind",
    "debit": "debit_account_id",
    "credit": "credit_account_id",
    "amount": "amount_minor",
    "number": "number",
    "hold": "hold_id",
}


@pytest.mark.parametrize("like", range(1, 6))
def test_there_is_one_of_each(like: int) -> None:
    assert "unique constraint" in refused(INSERT.format(**SAME, like=like))


def test_a_settled_hold_is_not_released() -> None:
    assert "unique constraint" in refused(INSERT.format(**{**SAME, "kind": "'void'"}, like=3))


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"amount": "0"}, "amount_positive"),
        ({"amount": "-1"}, "amount_positive"),
        ({"credit": "debit_account_id"}, "two_accounts"),
        ({"kind": "'gift'", "hold": "2"}, "kind_known"),
        ({"hold": "2"}, "hold_named"),
        ({"kind": "'settle'"}, "hold_named"),
        ({"debit": "99"}, "foreign key"),
        ({"kind": "'fee'", "hold": "99"}, "foreign key"),
    ],
)
def test_a_transfer_without_sense_is_not_written(changed: dict[str, str], constraint: str) -> None:
    assert constraint in refused(INSERT.format(**{**SAME, "number": "'W2'", **changed}, like=1))


def test_an_account_is_opened_once() -> None:
    columns = "owner, code, may_overdraw, balance_minor"
    assert "unique constraint" in refused(
        f"INSERT INTO ledger_account ({columns}) SELECT {columns} FROM ledger_account"
    )


def test_the_chart_is_complete() -> None:
    assert set(ROUTES) == set(Funds) and all(set(routes) == set(Kind) for routes in ROUTES.values())
    assert set(KIND_LABELS) == set(Kind)
    assert set(CODE_LABELS) == {place.code for owner in (CA1, "platform") for place in places_of(owner)} == set(Code)

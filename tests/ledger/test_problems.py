"""The examiner finds every kind of tampering, and names the rows."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.ledger import queries
from app.ledger.queries import examiner
from tests.ledger.world import CA1, CA2, balances, burglar, held, open_with, released, returned, settled

PAID, FEE, RETURNED = "kind = 'settle' AND number = 'W1'", "kind = 'fee' AND number = 'W1'", "kind = 'return'"
OPEN, GONE = "kind = 'hold' AND number = 'W3'", "kind = 'void'"
COLUMNS = "kind, debit_account_id, credit_account_id, amount_minor, number, hold_id, posted_at, note"


@pytest.fixture(autouse=True)
def _world(app: Flask) -> None:
    """W1 paid and returned, W2 released, W3 open, W4 of the other owner."""
    open_with(CA1, "1000.00")
    open_with(CA2, "500.00")
    held("W1", "102.00")
    settled("W1", "100.00", "2.00")
    returned("W1")
    held("W2", "51.00")
    released("W2")
    held("W3", "10.00")
    held("W4", "20.00", owner=CA2)


def copy(where: str, **changed: str) -> str:
    values = [changed.get(column, column) for column in COLUMNS.split(", ")]
    return f"INSERT INTO transfer ({COLUMNS}) SELECT {', '.join(values)} FROM transfer WHERE {where}"


def account(owner: str, code: str) -> str:
    return f"(SELECT id FROM ledger_account WHERE owner = '{owner}' AND code = '{code}')"


def test_an_honest_book_has_no_problems() -> None:
    assert queries.problems() == []


TAMPERINGS = {
    "a balance made larger": (
        f"UPDATE ledger_account SET balance_minor = balance_minor + 1 WHERE owner = '{CA1}' AND code = 'available'",
        [
            "the balances of all accounts add up to 1 fen",
            f"available of {CA1} holds 98801 fen, its transfers say 98800",
        ],
    ),
    "money shifted between two balances": (
        "UPDATE ledger_account SET balance_minor = balance_minor + CASE owner "
        f"WHEN '{CA1}' THEN 5 ELSE -5 END WHERE owner LIKE 'CA%' AND code = 'available'",
        [f"available of {CA1} holds 98805 fen", f"available of {CA2} holds 47995 fen, its transfers say 48000"],
    ),
    "a balance beyond any money": (
        f"UPDATE ledger_account SET balance_minor = 9000000000000000000 WHERE owner = '{CA1}'",
        [f"in_flight of {CA1} holds 9000000000000000000 fen, more than any money"],
    ),
    "an account below zero": (
        f"UPDATE ledger_account SET balance_minor = -3 WHERE owner = '{CA2}' AND code = 'available'",
        [f"available of {CA2} is below zero: -3 fen"],
    ),
    "leave to be below zero": (
        f"UPDATE ledger_account SET may_overdraw = true WHERE owner = '{CA2}' AND code = 'available'",
        [f"available of {CA2} has the wrong leave to be below zero"],
    ),
    "an account nobody knows": (
        "INSERT INTO ledger_account (owner, code, may_overdraw, balance_minor) VALUES ('me', 'pocket', false, 0)",
        ["pocket of me is not an account of the chart"],
    ),
    "an amount made larger": (
        f"UPDATE transfer SET amount_minor = 10001 WHERE {PAID}",
        [
            "(W1) of 10200 fen was settled with 10001 and a fee of 200",
            "(W1) was settled with 10001 fen and returned with 10000",
            "outside of platform holds",
            f"in_flight of {CA1} holds 1000 fen, its transfers say 999",
        ],
    ),
    "an amount beyond any money": (
        f"UPDATE transfer SET amount_minor = 1000000000000000 WHERE {OPEN}",
        ["(hold W3) moves 1000000000000000 fen, more than any money"],
    ),
    "an amount below zero": (f"UPDATE transfer SET amount_minor = -5 WHERE {OPEN}", ["(hold W3) moves -5 fen"]),
    "a fee made smaller": (
        f"UPDATE transfer SET amount_minor = 199 WHERE {FEE}",
        ["(W1) of 10200 fen was settled with 10000 and a fee of 199"],
    ),
    "a fee that vanished": (
        f"DELETE FROM transfer WHERE {FEE}",
        ["(W1) of 10200 fen was settled with 10000 and a fee of 0", "channel_cost of platform holds 200 fen"],
    ),
    "a second fee": (copy(FEE), ["(W1) has 2 fees"]),
    "a fee of nothing paid": (copy(GONE, kind="'fee'"), ["(W2) has a fee without a settlement"]),
    "a settlement of what was released": (copy(GONE, kind="'settle'"), ["(W2) was resolved 2 times"]),
    "a second settlement": (copy(PAID), ["(W1) was resolved 2 times"]),
    "a release of a part": (
        f"UPDATE transfer SET amount_minor = 5000 WHERE {GONE}",
        ["(W2) of 5100 fen was released with 5000"],
    ),
    "a return of more": (
        f"UPDATE transfer SET amount_minor = 10200 WHERE {RETURNED}",
        ["(W1) was settled with 10000 fen and returned with 10200"],
    ),
    "a second return": (copy(RETURNED), ["(W1) was returned 2 times"]),
    "a return of nothing paid": (
        f"DELETE FROM transfer WHERE {PAID}",
        ["(W1) was returned without a settlement", "(W1) has a fee without a settlement"],
    ),
    "a settlement that vanished": (
        f"DELETE FROM transfer WHERE {PAID} OR {FEE} OR {RETURNED}",
        [f"in_flight of {CA1} holds 1000 fen, its open holds are 11200"],
    ),
    "a hold that vanished": (
        f"DELETE FROM transfer WHERE {OPEN}",
        [f"in_flight of {CA1} holds 1000 fen, its open holds are 0"],
    ),
    "a hold that vanished under its settlement": (
        "DELETE FROM transfer WHERE kind = 'hold' AND number = 'W1'",
        ["(settle W1) names no hold of its number: 3", "(return W1) names no hold"],
    ),
    "a settlement of another number": (
        f"UPDATE transfer SET number = 'W9' WHERE {PAID}",
        ["(settle W9) names no hold of its number: 3"],
    ),
    "a settlement without a hold": (
        f"UPDATE transfer SET hold_id = NULL WHERE {PAID}",
        ["(settle W1) names no hold of its number: None"],
    ),
    "a collection that names a hold": (
        f"UPDATE transfer SET hold_id = 3 WHERE number = '{CA1}/opening'",
        [f"(collect {CA1}/opening) names a hold: 3"],
    ),
    "a second hold of a number": (
        copy(OPEN),
        ["W3 has 2 transfers of the kind hold", f"in_flight of {CA1} holds 1000 fen, its open holds are 2000"],
    ),
    "a second collection of a number": (
        copy(f"number = '{CA2}/opening'"),
        [f"{CA2}/opening has 2 transfers of the kind collect"],
    ),
    "a settlement into one's own pocket": (
        f"UPDATE transfer SET credit_account_id = {account(CA2, 'available')} WHERE {PAID}",
        [f"goes from in_flight of {CA1} to available of {CA2}: not the route of its kind"],
    ),
    "a settlement from another's money": (
        f"UPDATE transfer SET debit_account_id = {account(CA2, 'in_flight')} WHERE {PAID}",
        [f"(settle W1) goes from {CA2} to platform: not the account of its hold"],
    ),
    "a return to somebody else": (
        f"UPDATE transfer SET credit_account_id = {account(CA2, 'available')} WHERE {RETURNED}",
        [f"(return W1) goes from platform to {CA2}: not the account of its hold"],
    ),
    "a hold between two owners": (
        f"UPDATE transfer SET credit_account_id = {account(CA2, 'in_flight')} WHERE {OPEN}",
        [f"(hold W3) goes from {CA1} to {CA2}: two owners"],
    ),
    "an account that is not there": (
        f"UPDATE transfer SET credit_account_id = 99 WHERE {OPEN}",
        ["to None of None: not the route of its kind"],
    ),
    "a kind nobody knows": (
        f"UPDATE transfer SET kind = 'gift' WHERE {OPEN}",
        ["(gift W3) goes from available"],
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_is_found_and_named(tampering: str) -> None:
    deed, sentences = TAMPERINGS[tampering]
    with burglar() as database:
        assert database.execute(text(deed)).rowcount > 0
    found = queries.problems()
    for sentence in sentences:
        assert any(sentence in problem for problem in found), (sentence, found)


def test_many_bad_rows_are_named_up_to_a_limit() -> None:
    with burglar() as database:
        for place in range(2 * examiner.MOST_ROWS_NAMED):
            database.execute(text(copy(OPEN, number=f"'X{place}'", hold_id="1")))
    assert examiner.MOST_ROWS_NAMED <= len(queries.problems()) < 2 * examiner.MOST_ROWS_NAMED
    assert balances()[1] == "10.00"

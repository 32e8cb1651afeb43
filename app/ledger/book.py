"""The book: what this room lends to the rooms above. Every verb joins the transaction of the command that calls it.

    collect   outside   → purse                          money a channel took for us, or that we paid in there
    reserve   purse     → in_flight                      the hold of a withdrawal: amount + fee
    settle    in_flight → outside, in_flight → cost      it was paid
    release   in_flight → purse                          it was not, all of it comes back
    reverse   outside   → purse                          退票: the amount came back; the fee only where the channel
                                                         gives it back (cost → purse)

The purse is `available` or `prefunded`, as the hold says: what was taken out of one comes back into that one.

A refusal has changed nothing. On PostgreSQL the number of the hold is locked before it is judged; below that, unique
indexes and CHECKs of the tables say the same things again.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, or_, update

from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.ledger import chart, queries, rules
from app.ledger.chart import Code, Kind, Place
from app.ledger.models import LedgerAccount, Transfer
from app.runtime.db import db, in_transaction, insert, table_of
from app.runtime.live_events import announce


def open_accounts(owner: str) -> None:
    """The accounts of a channel account, and the platform's, exist from here on. Again is harmless."""
    assert in_transaction(), "accounts are opened in the transaction of a command"
    rows = [
        {"owner": it.owner, "code": it.code, "may_overdraw": it.code in chart.MAY_OVERDRAW, "balance_minor": ZERO}
        for it in dict.fromkeys((*chart.places_of(chart.PLATFORM), *chart.places_of(owner)))
    ]
    # The rows beside the statement, not in it: so it is compiled once.
    db.session.connection().execute(insert(LedgerAccount).on_conflict_do_nothing(), rows)


def collect(owner: str, amount: Money, *, number: str, funds: Funds = Funds.COLLECTED, note: str = "") -> bool:
    """Money came in. The same number is the same money: False, and nothing is posted a second time."""
    queries.lock_available(owner)
    before = queries.collected(number)
    if before is None:
        _post(_Posting(owner, number, [(Kind.COLLECT, amount)], funds), note=note)
        return True
    assert before == queries.Collected(owner, amount, funds), f"{number} was collected before, and differently"
    return False


def reserve(owner: str, number: str, amount: Money, *, funds: Funds = Funds.COLLECTED, note: str = "") -> None:
    """Set amount + fee of a withdrawal aside. Refused with both figures when there is less; a number is held once."""
    _post(_Posting(owner, number, [(Kind.HOLD, amount)], funds), note=note)


def settle(number: str, amount: Money, fee: Money, *, note: str = "") -> None:
    """The channel paid: the hold leaves us, to the fen. Refused when it was settled or released before."""
    settle_all({number: (amount, fee)}, note=note)


def settle_all(paid: Mapping[str, tuple[Money, Money]], *, note: str = "") -> None:
    """The same for many, by their numbers: amount and fee. Refused for all where one is refused."""
    holds = _open_holds(list(paid))
    postings = []
    for number, (amount, fee) in paid.items():
        hold = holds[number]
        assert amount + fee == hold.amount, f"{number}: {amount} and a fee of {fee} are not the hold of {hold.amount}"
        legs = [(Kind.SETTLE, amount)] + ([(Kind.FEE, fee)] if fee else [])
        postings.append(_Posting(hold.owner, number, legs, hold.funds, hold.id))
    _post(*postings, note=note)


def release(*numbers: str, note: str = "") -> None:
    """The channel did not pay: these whole holds may be used again. Refused when one was settled or released before."""
    holds = _open_holds(numbers)
    _post(
        *(_Posting(it.owner, it.number, [(Kind.VOID, it.amount)], it.funds, it.id) for it in holds.values()), note=note
    )


def _open_holds(numbers: Sequence[str]) -> dict[str, queries.Hold]:
    """The holds of these numbers, locked. Refused when one was settled or released before."""
    holds = queries.held(numbers)
    for number, done in queries.done(holds).items():
        rules.require_open(number, done)
    return holds


def reverse(number: str, *, with_fee: bool = False, note: str = "") -> None:
    """退票: the settled amount may be used again, with the fee where the channel gives it back.

    Refused before a settlement, and a second time.
    """
    holds = queries.held([number])
    done, hold = queries.done(holds)[number], holds[number]
    rules.require_returnable(number, done)
    legs = [(Kind.RETURN, done[Kind.SETTLE])]
    if with_fee and Kind.FEE in done:
        legs.append((Kind.FEE_RETURN, done[Kind.FEE]))
    _post(_Posting(hold.owner, number, legs, hold.funds, hold.id), note=note)


def balance(owner: str, code: Code) -> Money:
    """What the account holds now. An account nobody opened holds nothing."""
    found = queries.account(Place(owner, code))
    return ZERO if found is None else found.balance


class _Posting(NamedTuple):
    """What one number moves."""

    owner: str
    number: str
    legs: Sequence[tuple[Kind, Money]]
    funds: Funds
    hold_id: int | None = None


def _post(*postings: _Posting, note: str = "") -> None:
    """The only lines in the house that write transfers and balances. Each balance is changed once, whatever goes through it."""
    assert in_transaction(), "the book joins the transaction of the command that moves money"
    changes: dict[Place, Money] = {}
    moved = []
    for posting in postings:
        for kind, amount in posting.legs:
            assert amount > ZERO, f"{posting.number}: nothing moves with a {kind} of {amount}"
            source, target = chart.route(kind, posting.owner, posting.funds)
            changes[source] = changes.get(source, ZERO) - amount
            changes[target] = changes.get(target, ZERO) + amount
            moved.append((posting, kind, amount, source, target))
    ids = {place: _change(place, changes[place]) for place in sorted(changes, key=chart.turn)}
    now = clock.now()
    rows = [
        {
            "kind": kind,
            "debit_account_id": ids[source],
            "credit_account_id": ids[target],
            "amount_minor": amount,
            "number": posting.number,
            "hold_id": posting.hold_id,
            "posted_at": now,
            "note": note,
        }
        for posting, kind, amount, source, target in moved
    ]
    db.session.connection().execute(_WRITE, rows)
    announce("ledger")


def _change(place: Place, change: Money) -> int:
    """Add to one balance where the result may stand. The id of the account."""
    named = {"its_owner": place.owner, "its_code": place.code, "change": change, "at_least": -change}
    account_id = db.session.scalar(_CHANGE, named)
    if account_id is None:
        found = queries.account(place)
        assert found is not None, f"the accounts of {place.owner} are not open"
        assert place.code in chart.PURSES.values(), f"the book is broken: {place.code} of {place.owner} lacks {-change}"
        raise rules.not_enough(place.code, found.balance, -change)
    assert isinstance(account_id, int)
    return account_id


# Built once and run as Core statements: this is the hottest path of the house.
_ACCOUNTS = table_of(LedgerAccount)
_ACCOUNT = _ACCOUNTS.c
_WRITE = table_of(Transfer).insert()
_CHANGE = (
    update(_ACCOUNTS)
    .where(_ACCOUNT.owner == bindparam("its_owner"), _ACCOUNT.code == bindparam("its_code"))
    .where(or_(_ACCOUNT.may_overdraw, _ACCOUNT.balance_minor >= bindparam("at_least")))
    .values(balance_minor=_ACCOUNT.balance_minor + bindparam("change", type_=_ACCOUNT.balance_minor.type))
    .returning(_ACCOUNT.id)
)

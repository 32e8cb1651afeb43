"""What the book says: balances, entries, and what the verbs need to know before they write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, Row, Select, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement

from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.ledger import chart
from app.ledger.chart import TAKEN_BACK, Code, Kind, Place
from app.ledger.models import LedgerAccount, Transfer
from app.ledger.rules import nothing_held
from app.runtime.db import db
from app.runtime.listing import Listing, listing


@dataclass(frozen=True, slots=True)
class Balances:
    """What one channel account has with us. Nothing where no account was opened yet."""

    available: Money = ZERO
    prefunded: Money = ZERO
    in_flight: Money = ZERO

    @property
    def total(self) -> Money:
        return self.available + self.prefunded + self.in_flight

    def left(self, funds: Funds) -> Money:
        """What a withdrawal of these funds may take."""
        return self.prefunded if funds == Funds.PREFUNDED else self.available


@dataclass(frozen=True, slots=True)
class Hold:
    id: int
    number: str
    owner: str
    amount: Money
    funds: Funds


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    balance: Money


@dataclass(frozen=True, slots=True)
class Collected:
    owner: str
    amount: Money
    funds: Funds = Funds.COLLECTED


@dataclass(frozen=True, slots=True)
class Overview:
    """Every balance there is."""

    owners: Mapping[str, Balances]
    available: Money
    prefunded: Money
    in_flight: Money
    channel_cost: Money
    outside: Money

    @property
    def total(self) -> Money:
        """Zero, or the book is broken."""
        return self.available + self.prefunded + self.in_flight + self.channel_cost + self.outside


def balances_of(owners: Iterable[str]) -> dict[str, Balances]:
    """Every owner asked for is in the answer."""
    wanted = list(owners)
    found = _balances(LedgerAccount.owner.in_(wanted))
    return {owner: _of(found.get(owner, {})) for owner in wanted}


def overview() -> Overview:
    """All channel accounts by number, the platform's accounts, and the totals."""
    found = _balances()
    platform = found.pop(chart.PLATFORM, {})
    owners = {owner: _of(found[owner]) for owner in sorted(found)}
    return Overview(
        owners=owners,
        available=sum((balances.available for balances in owners.values()), ZERO),
        prefunded=sum((balances.prefunded for balances in owners.values()), ZERO),
        in_flight=sum((balances.in_flight for balances in owners.values()), ZERO),
        channel_cost=platform.get(Code.CHANNEL_COST, ZERO),
        outside=platform.get(Code.OUTSIDE, ZERO),
    )


def entries(number: str) -> Sequence[Row[Any]]:
    """All transfers of one business number, oldest first, as rows to show (`_shown`)."""
    return db.session.execute(_shown().where(Transfer.number == number).order_by(Transfer.id)).all()


def latest(asked: Mapping[str, str]) -> Listing:
    """All transfers, newest first, a page of them."""
    return listing(_shown(), key=Transfer.__table__.c.id, asked=asked, kept={})


def account(place: Place) -> Account | None:
    found = db.session.execute(
        select(LedgerAccount.id, LedgerAccount.balance).where(
            LedgerAccount.owner == place.owner, LedgerAccount.code == place.code
        )
    ).one_or_none()
    return Account(*found) if found else None


def lock_available(owner: str) -> None:
    """Whoever decides about this owner next sees what we do now. (On SQLite the transaction itself is the lock.)"""
    db.session.execute(
        select(LedgerAccount.id)
        .where(LedgerAccount.owner == owner, LedgerAccount.code == Code.AVAILABLE)
        .with_for_update(key_share=True)
    )


def collected(number: str) -> Collected | None:
    """What was collected under this number."""
    found = db.session.execute(
        select(LedgerAccount.owner, Transfer.amount, LedgerAccount.code)
        .join(Transfer, Transfer.credit_account_id == LedgerAccount.id)
        .where(Transfer.number == number, Transfer.kind == Kind.COLLECT)
    ).one_or_none()
    return Collected(found.owner, found.amount, _FUNDS[found.code]) if found else None


def held(numbers: Sequence[str]) -> dict[str, Hold]:
    """The holds of these numbers, locked; Refused when there is one missing."""
    found = {
        row.number: Hold(row.id, row.number, row.owner, row.amount, _FUNDS[row.code])
        for row in db.session.execute(_HELD, {"its_numbers": list(numbers)})
    }
    for number in numbers:
        if number not in found:
            raise nothing_held(number)
    return found


def done(holds: Mapping[str, Hold]) -> dict[str, dict[str, Money]]:
    """What became of each hold: kind → amount. Looked for by their numbers, which have an index of their own."""
    found: dict[str, dict[str, Money]] = {number: {} for number in holds}
    for number, hold_id, kind, amount in db.session.execute(_DONE, {"its_numbers": list(holds)}):
        if hold_id == holds[number].id:
            found[number][kind] = amount
    return found


class _Locked(FunctionElement[bool]):
    """The number is ours until the transaction ends. (On SQLite the transaction itself is the lock.)

    Locking the row would need the right to change a transfer, which the console does not have (SECURITY 45).
    """

    type = Boolean()
    inherit_cache = True


@compiles(_Locked, "postgresql")
def _lock(element: Any, compiler: Any, **more: Any) -> str:
    return f"pg_advisory_xact_lock(hashtextextended({compiler.process(element.clauses, **more)}, 0)) IS NULL"


@compiles(_Locked, "sqlite")
def _no_lock(_element: Any, _compiler: Any, **_more: Any) -> str:
    return "1"


_FUNDS = {purse: funds for funds, purse in chart.PURSES.items()}
# Built once: every settlement asks both.
_NUMBERS: BindParameter[Any] = bindparam("its_numbers", expanding=True)
_HELD = (
    select(
        *(Transfer.id, Transfer.number, LedgerAccount.owner, Transfer.amount, LedgerAccount.code),
        _Locked(Transfer.number),
    )
    .join(LedgerAccount, Transfer.debit_account_id == LedgerAccount.id)
    .where(Transfer.number.in_(_NUMBERS), Transfer.kind == Kind.HOLD)
    .order_by(Transfer.id)
)
_DONE = select(Transfer.number, Transfer.hold_id, Transfer.kind, Transfer.amount).where(
    Transfer.number.in_(_NUMBERS), Transfer.hold_id.is_not(None)
)


def _shown() -> Select[*tuple[Any, ...]]:
    source, target = aliased(LedgerAccount), aliased(LedgerAccount)
    return (
        select(
            Transfer.id,
            Transfer.posted_at.label("at"),
            Transfer.kind,
            Transfer.number,
            source.owner.label("source_owner"),
            source.code.label("source_code"),
            target.owner.label("target_owner"),
            target.code.label("target_code"),
            Transfer.amount.label("amount"),
            Transfer.note,
        )
        .join(source, Transfer.debit_account_id == source.id)
        .join(target, Transfer.credit_account_id == target.id)
    )


def _balances(*conditions: ColumnElement[bool]) -> dict[str, dict[str, Money]]:
    """Owner → code → balance."""
    found: dict[str, dict[str, Money]] = {}
    rows = select(LedgerAccount.owner, LedgerAccount.code, LedgerAccount.balance).where(*conditions)
    for owner, code, balance in db.session.execute(rows):
        found.setdefault(owner, {})[code] = balance
    return found


def _of(held: Mapping[str, Money]) -> Balances:
    return Balances(
        available=held.get(Code.AVAILABLE, ZERO),
        prefunded=held.get(Code.PREFUNDED, ZERO),
        in_flight=held.get(Code.IN_FLIGHT, ZERO),
    )


def deeds() -> dict[str, dict[str, Money]]:
    """What was posted for each held number of a withdrawal, by kind: to be laid beside what asked for it."""
    return _deeds(~Transfer.number.startswith(TAKEN_BACK))


def deeds_taking_back() -> dict[str, dict[str, Money]]:
    """The same of money in that is taken back."""
    return _deeds(Transfer.number.startswith(TAKEN_BACK))


def taken_from(funds: Funds) -> set[str]:
    """The numbers of all withdrawals whose hold took of these funds."""
    mine = (
        Transfer.kind == Kind.HOLD,
        ~Transfer.number.startswith(TAKEN_BACK),
        LedgerAccount.code == chart.PURSES[funds],
    )
    found = select(Transfer.number).join(LedgerAccount, Transfer.debit_account_id == LedgerAccount.id).where(*mine)
    return set(db.session.scalars(found))


def _deeds(whose: ColumnElement[bool]) -> dict[str, dict[str, Money]]:
    found: dict[str, dict[str, Money]] = {}
    mine = select(Transfer.number, Transfer.kind, Transfer.amount).where(Transfer.kind != Kind.COLLECT, whose)
    for number, kind, amount in db.session.execute(mine):
        found.setdefault(number, {})[str(kind)] = amount
    return found

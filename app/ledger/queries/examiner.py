"""The examiner: what it finds must be empty, always.

Amounts are read as bare integers here: what was tampered with may not even be Money.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.kernel.money import LARGEST_MINOR
from app.ledger import chart
from app.ledger.chart import Code, Kind
from app.ledger.models import LedgerAccount, Transfer
from app.runtime.db import db

MOST_ROWS_NAMED = 50
"""How many bad rows one check of `problems` names: whoever reads them needs the first ones, not a million."""


def problems() -> list[str]:
    """What is wrong with the book, row by row; an empty list is the proof that nothing is.

    Each check is one statement, hence one moment in time: it may run beside people at work.
    """
    monstrous = [sentence for check in _MONSTERS for sentence in check.run()]
    return monstrous or [sentence for check in _CHECKS for sentence in check.run()]


@dataclass(frozen=True, slots=True)
class Check:
    """A statement that finds bad rows, each with a flag for each thing that may be wrong with it."""

    statement: Select[*tuple[Any, ...]]
    sentences: Mapping[str, str]
    """flag → what to say when it is up, filled from the columns of the row"""

    def run(self) -> list[str]:
        rows = db.session.execute(self.statement).mappings().all()
        return [sentence.format_map(row) for row in rows for flag, sentence in self.sentences.items() if row[flag]]


def _check(named: Select[*tuple[Any, ...]], wrong: Mapping[str, ColumnElement[bool]]) -> Check:
    """`named` are the rows to look at, with the columns that sentences need; `wrong` is sentence → condition."""
    conditions = {f"wrong_{place}": func.coalesce(condition, false()) for place, condition in enumerate(wrong.values())}
    flagged = named.add_columns(*(condition.label(flag) for flag, condition in conditions.items()))
    return Check(
        flagged.where(or_(*conditions.values())).limit(MOST_ROWS_NAMED), dict(zip(conditions, wrong, strict=True))
    )


_BALANCE = type_coerce(LedgerAccount.balance, BigInteger)
_AMOUNT = type_coerce(Transfer.amount, BigInteger)


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount), literal(0, BigInteger))


def _moved(account_id: ColumnElement[int] | InstrumentedAttribute[int]) -> Subquery:
    """What went through one side of each account, in all its transfers."""
    return select(account_id.label("id"), _sum(_AMOUNT).label("fen")).group_by(account_id).subquery()


def _monstrous_balances() -> Check:
    """Nothing is added up before every amount is one that could exist: a sum of monsters overflows."""
    return _check(
        select(LedgerAccount.owner, LedgerAccount.code, _BALANCE.label("balance")),
        {"{code} of {owner} holds {balance} fen, more than any money": _is_monstrous(_BALANCE)},
    )


def _monstrous_amounts() -> Check:
    return _check(
        select(Transfer.id, Transfer.kind, Transfer.number, _AMOUNT.label("amount")),
        {"transfer {id} ({kind} {number}) moves {amount} fen, more than any money": _is_monstrous(_AMOUNT)},
    )


def _is_monstrous(amount: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(amount > LARGEST_MINOR, amount < -LARGEST_MINOR)


def _sum_of_all_balances() -> Check:
    total = select(_sum(_BALANCE).label("total")).subquery()
    return _check(
        select(total.c.total),
        {"the balances of all accounts add up to {total} fen, not to zero": total.c.total != 0},
    )


def _accounts() -> Check:
    """Each account is one of the chart, holds what its transfers say, and is not below zero unless it may."""
    came = _moved(Transfer.credit_account_id)
    went = _moved(Transfer.debit_account_id)
    explained = func.coalesce(came.c.fen, 0) - func.coalesce(went.c.fen, 0)
    is_platform = LedgerAccount.owner == chart.PLATFORM
    return _check(
        select(LedgerAccount.owner, LedgerAccount.code, _BALANCE.label("balance"), explained.label("explained"))
        .outerjoin(came, came.c.id == LedgerAccount.id)
        .outerjoin(went, went.c.id == LedgerAccount.id),
        {
            "{code} of {owner} holds {balance} fen, its transfers say {explained}": explained != _BALANCE,
            "{code} of {owner} is below zero: {balance} fen": and_(
                _BALANCE < 0, LedgerAccount.code.not_in(chart.MAY_OVERDRAW)
            ),
            "{code} of {owner} has the wrong leave to be below zero": LedgerAccount.may_overdraw
            != LedgerAccount.code.in_(chart.MAY_OVERDRAW),
            "{code} of {owner} is not an account of the chart": case(
                (is_platform, LedgerAccount.code.not_in(chart.PLATFORM_CODES)),
                else_=LedgerAccount.code.not_in(chart.CHANNEL_ACCOUNT_CODES),
            ),
        },
    )


def _each_transfer() -> Check:
    """Each transfer takes the route of its kind, and belongs to the hold it names."""
    source, target, hold = aliased(LedgerAccount), aliased(LedgerAccount), aliased(Transfer)
    on_route = or_(
        *(
            and_(Transfer.kind == kind, source.code == code_out, target.code == code_in)
            for routes in chart.ROUTES.values()
            for kind, (code_out, code_in) in routes.items()
        )
    )
    names_a_hold = Transfer.kind.in_(chart.OF_A_HOLD)
    return _check(
        select(
            Transfer.id,
            Transfer.kind,
            Transfer.number,
            _AMOUNT.label("amount"),
            Transfer.hold_id,
            source.owner.label("source_owner"),
            source.code.label("source_code"),
            target.owner.label("target_owner"),
            target.code.label("target_code"),
        )
        .outerjoin(source, source.id == Transfer.debit_account_id)
        .outerjoin(target, target.id == Transfer.credit_account_id)
        .outerjoin(hold, hold.id == Transfer.hold_id),
        {
            "transfer {id} ({kind} {number}) moves {amount} fen": _AMOUNT <= 0,
            "transfer {id} ({kind} {number}) goes from {source_code} of {source_owner} to {target_code} of "
            "{target_owner}: not the route of its kind": func.coalesce(on_route, false()).is_(false()),
            "transfer {id} ({kind} {number}) names no hold of its number: {hold_id}": and_(
                names_a_hold,
                or_(hold.id.is_(None), hold.kind != Kind.HOLD, hold.number != Transfer.number),
            ),
            "transfer {id} ({kind} {number}) names a hold: {hold_id}": and_(
                Transfer.kind.not_in(chart.OF_A_HOLD), Transfer.hold_id.is_not(None)
            ),
            "transfer {id} ({kind} {number}) goes from {source_owner} to {target_owner}: two owners": and_(
                Transfer.kind.in_((Kind.HOLD, Kind.VOID)), source.owner != target.owner
            ),
            "transfer {id} ({kind} {number}) goes from {source_owner} to {target_owner}: not the account of its "
            "hold": or_(
                and_(
                    Transfer.kind.in_((Kind.SETTLE, Kind.FEE, Kind.VOID)),
                    Transfer.debit_account_id != hold.credit_account_id,
                ),
                and_(
                    Transfer.kind.in_((Kind.VOID, Kind.RETURN, Kind.FEE_RETURN)),
                    Transfer.credit_account_id != hold.debit_account_id,
                ),
            ),
        },
    )


def _each_number() -> Check:
    """One hold and one collection for each number."""
    times = func.count()
    twice = (
        select(Transfer.number, Transfer.kind, times.label("times"))
        .where(Transfer.kind.in_((Kind.HOLD, Kind.COLLECT)))
        .group_by(Transfer.number, Transfer.kind)
        .having(times > 1)
        .subquery()
    )
    return _check(
        select(twice.c.number, twice.c.kind, twice.c.times),
        {"{number} has {times} transfers of the kind {kind}": twice.c.times > 1},
    )


def _each_hold() -> Check:
    """A hold ends at most once, to the fen; what was returned had been settled."""
    made = _made_of_holds()
    resolved = made.c.settle_times + made.c.void_times
    amount = _AMOUNT
    return _check(
        select(Transfer.id, Transfer.number, amount.label("amount"), *made.c[1:], resolved.label("resolved"))
        .join(made, made.c.hold_id == Transfer.id)
        .where(Transfer.kind == Kind.HOLD),
        {
            "hold {id} ({number}) was resolved {resolved} times": resolved > 1,
            "hold {id} ({number}) has {fee_times} fees": made.c.fee_times > 1,
            "hold {id} ({number}) was returned {return_times} times": made.c.return_times > 1,
            "hold {id} ({number}) has a fee without a settlement": and_(made.c.fee_times > 0, made.c.settle_times == 0),
            "hold {id} ({number}) was returned without a settlement": and_(
                made.c.return_times > 0, made.c.settle_times == 0
            ),
            "hold {id} ({number}) of {amount} fen was settled with {settle_fen} and a fee of {fee_fen}": and_(
                made.c.settle_times > 0, made.c.settle_fen + made.c.fee_fen != amount
            ),
            "hold {id} ({number}) of {amount} fen was released with {void_fen}": and_(
                made.c.void_times > 0, made.c.void_fen != amount
            ),
            "hold {id} ({number}) had a fee of {fee_fen} fen, and {fee_return_fen} of it came back": and_(
                made.c.fee_return_times > 0,
                or_(made.c.fee_return_times > 1, made.c.return_times == 0, made.c.fee_return_fen != made.c.fee_fen),
            ),
            "hold {id} ({number}) was settled with {settle_fen} fen and returned with {return_fen}": and_(
                made.c.return_times > 0, made.c.return_fen != made.c.settle_fen
            ),
        },
    )


def _made_of_holds() -> Subquery:
    """For each hold, how often and with how much each kind followed it."""

    def times(kind: Kind) -> ColumnElement[int]:
        return _sum(case((Transfer.kind == kind, 1), else_=0)).label(f"{kind}_times")

    def fen(kind: Kind) -> ColumnElement[int]:
        return _sum(case((Transfer.kind == kind, _AMOUNT), else_=0)).label(f"{kind}_fen")

    return (
        select(Transfer.hold_id, *(column(kind) for kind in chart.OF_A_HOLD for column in (times, fen)))
        .where(Transfer.hold_id.is_not(None))
        .group_by(Transfer.hold_id)
        .subquery()
    )


def _in_flight() -> Check:
    """What is in flight is what is held and not resolved."""
    resolution = aliased(Transfer)
    # By number, which has an index; a resolution of another number is the business of `_each_transfer`.
    is_resolved = (
        select(resolution.id)
        .where(resolution.number == Transfer.number, resolution.hold_id == Transfer.id)
        .where(resolution.kind.in_(chart.RESOLUTIONS))
        .exists()
    )
    open_holds = (
        select(Transfer.credit_account_id.label("id"), _sum(_AMOUNT).label("fen"))
        .where(Transfer.kind == Kind.HOLD, ~is_resolved)
        .group_by(Transfer.credit_account_id)
        .subquery()
    )
    expected = func.coalesce(open_holds.c.fen, 0)
    return _check(
        select(LedgerAccount.owner, _BALANCE.label("balance"), expected.label("expected"))
        .outerjoin(open_holds, open_holds.c.id == LedgerAccount.id)
        .where(LedgerAccount.code == Code.IN_FLIGHT),
        {"in_flight of {owner} holds {balance} fen, its open holds are {expected}": expected != _BALANCE},
    )


# Built once: the statements never change, and building them costs more than running them on a small book.
_MONSTERS = (_monstrous_balances(), _monstrous_amounts())
_CHECKS = (_sum_of_all_balances(), _accounts(), _each_transfer(), _each_number(), _each_hold(), _in_flight())

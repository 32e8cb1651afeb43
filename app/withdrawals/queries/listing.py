"""The list: one page of rows by its filters, its totals, the figures on its tabs. Nothing here writes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, false, func, or_, select
from sqlalchemy.orm import aliased

from app.auth import identity
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Malformed
from app.kernel.money import ZERO, Money
from app.runtime.db import db, total
from app.runtime.listing import Listing, listing
from app.withdrawals import rules, tallies
from app.withdrawals.models import Withdrawal, WithdrawalHold, WithdrawalSheet, WithdrawalSheetRow, WithdrawalTally
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import HANGING, OPEN, WITHDRAWAL
from app.withdrawals.tallies import Totals

FILTERS = ("q", "sealed_card", "state", "account", "from", "to", "least", "most", "sheet")
SUM_LIMIT = 50_000
"""What a filter finds is added up as far as this; more is told to be more."""
LARGE = 200_000
SETTLED = tuple(sorted(WITHDRAWAL.states - set(OPEN)))
_MARGIN = timedelta(days=2)
_CALLED_MOST = 1000
"""So many withdrawals that customers call by the same number are looked for."""
_NEVER = 2**62


def problem_filter(asked: Mapping[str, str]) -> str:
    """What is wrong with the filters as typed, in the reader's words; "" when nothing is."""
    try:
        _filtered(select(Withdrawal.id), asked)
    except Malformed as problem:
        return problem.text
    return ""


def page(asked: Mapping[str, str], *, account_id: int | None) -> Listing:
    """The list: one page of rows, newest first."""
    w = Withdrawal
    statement = select(
        w.id, w.number, w.kind, w.business_day, w.made_at, w.amount, w.fee, w.holder, w.bank, w.card_masked, w.state,
        w.signed_at, w.memo, w.message, w.account_id, w.maker, w.checker, w.channel_number, w.sent_at, w.finished_at,
        w.account_type, w.funds,
        exists().where(WithdrawalHold.withdrawal_id == w.id, WithdrawalHold.closed_at.is_(None)).label("held"),
    )  # fmt: skip
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(_safe(statement, asked, account_id), key=w.id.expression, asked=asked, kept=kept)


def totals(asked: Mapping[str, str], *, account_id: int | None) -> Totals:
    """What everything that the filter finds adds up to, as far as a page may take the time to add it up."""
    if _is_everybodys(asked, account_id) and asked.get("state") != HANGING:
        if is_large():
            return _large(asked.get("state", ""))
        reading = select(func.count(), total(Withdrawal.amount), total(Withdrawal.fee))
        return tallies.totals(asked.get("state", ""), _safe(reading, asked, account_id))
    found = (
        _safe(select(Withdrawal.amount.label("amount"), Withdrawal.fee.label("fee")), asked, account_id)
        .limit(SUM_LIMIT + 1)
        .subquery()
    )
    count, amount, fee = db.session.execute(select(func.count(), total(found.c.amount), total(found.c.fee))).one()
    return Totals(SUM_LIMIT, ZERO, ZERO, is_floor=True) if count > SUM_LIMIT else Totals(count, amount, fee)


def counts(asked: Mapping[str, str], *, account_id: int | None) -> dict[str, int] | None:
    """How many of each state the other filters find: the figures on the tabs. None: more than a page counts."""
    others = {name: value for name, value in asked.items() if name != "state"}
    if _is_everybodys(asked, account_id):
        if is_large():
            return {state: count for state, (count, _amount, _fee, _at) in _settled().items()} | {
                state: count for state, (count, _amount, _fee) in _open().items()
            }
        by_state = select(Withdrawal.state, func.count()).group_by(Withdrawal.state)
        return tallies.counts(_safe(by_state, others, account_id))
    found = _safe(select(Withdrawal.state), others, account_id).limit(SUM_LIMIT + 1).subquery()
    counted = db.session.execute(select(found.c.state, func.count()).group_by(found.c.state)).all()
    by_count = {str(state): int(count) for state, count in counted}
    return None if sum(by_count.values()) > SUM_LIMIT else by_count


def is_large() -> bool:
    """So many that nobody's look counts them all: a worker does, once a minute (`WithdrawalTally`)."""
    return (db.session.scalar(select(func.max(Withdrawal.id))) or 0) > LARGE


def settled_now() -> Sequence[Row[*tuple[Any, ...]]]:
    """Count, amount and fee of each settled state: reads an index from end to end."""
    w = Withdrawal
    summed = select(w.state, func.count().label("count"), total(w.amount).label("amount"), total(w.fee).label("fee"))
    return db.session.execute(summed.where(w.state.in_(SETTLED)).group_by(w.state)).all()


def _settled() -> dict[str, tuple[int, Money, Money, datetime]]:
    return {row.state: (row.count, row.amount, row.fee, row.at) for row in db.session.scalars(select(WithdrawalTally))}


def _open() -> dict[str, tuple[int, Money, Money]]:
    w = Withdrawal
    found = select(w.state, func.count(), total(w.amount), total(w.fee)).where(w.state.in_(OPEN)).group_by(w.state)
    return {state: (count, amount, fee) for state, count, amount, fee in db.session.execute(found)}


def _large(tab: str) -> Totals:
    """The same for a large house: what is open as it is, what is settled as it was counted last."""
    if tab == "unknown":
        summed = select(func.count(), total(Withdrawal.amount), total(Withdrawal.fee))
        return Totals(*db.session.execute(_filtered(summed, {"state": tab})).one())
    states = {tab} if tab in WITHDRAWAL.states else WITHDRAWAL.states
    settled = {state: told for state, told in _settled().items() if state in states}
    parts = [told[:3] for told in settled.values()] + [told for state, told in _open().items() if state in states]
    return Totals(
        count=sum(count for count, _amount, _fee in parts),
        amount=sum((amount for _count, amount, _fee in parts), ZERO),
        fee=sum((fee for _count, _amount, fee in parts), ZERO),
        is_floor=not settled and bool(states - set(OPEN)),
        as_of=min((told[3] for told in settled.values()), default=None),
    )


def _is_everybodys(asked: Mapping[str, str], account_id: int | None) -> bool:
    """Is this the list without conditions (but for its tab), as all see it who see all channels?"""
    plain = not any(asked.get(name) for name in FILTERS if name != "state")
    return plain and account_id is None and identity.channels() is None


def named(text: str) -> Sequence[str]:
    """The numbers of withdrawals that this text is a number of (ours, the channel's or the customer's): two at most."""
    if not text or "\0" in text:
        return []
    found = select(Withdrawal.number).where(_numbered(text), channels.within_reach(Withdrawal.account_id)).limit(2)
    return db.session.scalars(found).all()


def exact(text: str) -> str | None:
    """The number of the one withdrawal that this text names, if it names one."""
    numbers = named(text)
    return numbers[0] if len(numbers) == 1 else None


def restricted(
    statement: Select[*tuple[Any, ...]],
    asked: Mapping[str, str],
    *,
    account_id: int | None,
    numbers: Sequence[str] = (),
    accounts: Collection[int] | None = None,
) -> Select[*tuple[Any, ...]]:
    """The same filter for what is done with the whole list. `numbers`: of these alone. `accounts`: no others."""
    if numbers:
        statement = statement.where(Withdrawal.number.in_(numbers))
    if accounts is not None:
        statement = statement.where(Withdrawal.account_id.in_(accounts))
    return _safe(statement, asked, account_id)


def _safe(
    statement: Select[*tuple[Any, ...]], asked: Mapping[str, str], account_id: int | None
) -> Select[*tuple[Any, ...]]:
    """The filters that can be read; those that cannot find nothing (the page says why)."""
    if account_id is not None:
        statement = statement.where(Withdrawal.account_id == account_id)
    statement = statement.where(channels.within_reach(Withdrawal.account_id))
    try:
        return _filtered(statement, asked)
    except Malformed:
        return statement.where(Withdrawal.id < 0)


def _filtered(statement: Select[*tuple[Any, ...]], asked: Mapping[str, str]) -> Select[*tuple[Any, ...]]:
    if text := asked.get("q", "").strip():
        statement = statement.where(_named(text))
    if asked.get("sealed_card"):
        statement = statement.where(Withdrawal.card_index == asked["sealed_card"].replace("\0", ""))
    if asked.get("state") == "unknown":
        statement = statement.where(Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None))
    elif asked.get("state") == HANGING:
        taken = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_not(None))
        statement = statement.where(*taken, Withdrawal.sent_at < clock.later(-rules.HANGS_AFTER_S))
    elif asked.get("state") in WITHDRAWAL.states:
        statement = statement.where(Withdrawal.state == asked["state"])
    if asked.get("sheet"):
        named = WithdrawalSheet.reference == asked["sheet"].replace("\0", "")
        statement = statement.where(Withdrawal.sheet_id == select(WithdrawalSheet.id).where(named).scalar_subquery())
    if asked.get("from"):
        first = clock.parse_day(asked["from"])
        statement = statement.where(Withdrawal.business_day >= first, Withdrawal.id > _last_id_until(first - _MARGIN))
    if asked.get("to"):
        last = clock.parse_day(asked["to"])
        statement = statement.where(Withdrawal.business_day <= last, Withdrawal.id < _first_id_from(last + _MARGIN))
    least, most = (Money.parse(asked[end].strip()) if asked.get(end) else None for end in ("least", "most"))
    if least is not None and least == most:
        return statement.where(Withdrawal.amount == least)  # an index in the order of the list, which a span has not
    if least is not None:
        statement = statement.where(Withdrawal.amount >= least)
    return statement if most is None else statement.where(Withdrawal.amount <= most)


def _last_id_until(day: date) -> ColumnElement[int]:
    """Ids grow as days do, so a span of days is a span of ids, in which a page is found at once however far back it lies.
    With a margin of a day and more, for clocks that were set back: the days themselves still decide."""
    w = aliased(Withdrawal)
    found = select(w.id).where(w.business_day <= day).order_by(w.business_day.desc(), w.id.desc()).limit(1)
    return func.coalesce(found.scalar_subquery(), 0)


def _first_id_from(day: date) -> ColumnElement[int]:
    w = aliased(Withdrawal)
    found = select(w.id).where(w.business_day >= day).order_by(w.business_day, w.id).limit(1)
    return func.coalesce(found.scalar_subquery(), _NEVER)


def _named(text: str) -> ColumnElement[bool]:
    """What people type to find one: a number of it, a name, a card's last four."""
    if "\0" in text:
        return false()  # PostgreSQL would not even look
    last_four = text.isascii() and text.isdigit() and len(text) == 4
    return or_(
        _numbered(text),
        Withdrawal.holder == text,
        *([Withdrawal.card_last4 == text] if last_four else []),
    )


def _numbered(text: str) -> ColumnElement[bool]:
    """By our number, the channel's, or the customer's (业务编号), whose rows are looked up first: each has an index."""
    row = WithdrawalSheetRow
    called = select(row.withdrawal_id).where(row.own_number == text, row.withdrawal_id.is_not(None)).limit(_CALLED_MOST)
    ids = db.session.scalars(called).all()
    return or_(
        Withdrawal.number == text,
        Withdrawal.channel_number == text,
        *([Withdrawal.id.in_(ids)] if ids else []),
    )

"""Reading statements. Nothing here writes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.channels import queries as channels
from app.channels.contract import Seen
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.kernel.money import ZERO, Money
from app.runtime.db import Model, db, total
from app.runtime.listing import Listing, listing
from app.statements.models import Statement, StatementLine
from app.statements.states import ODD, STRANGE

_S, _L = Statement, StatementLine


def _columns(table: type[Model]) -> tuple[InstrumentedAttribute[Any], ...]:
    return tuple(getattr(table, name) for name in table.__mapper__.column_attrs.keys())  # noqa: SIM118 - no dict


LINE = _columns(_L)
"""All of a line, as a row."""
SHOWN = ("all", "odd", "paid", "returned", "past")
"""Which lines of a statement a page shows."""


def statement(account_id: int, day: date) -> Statement | None:
    """None: nobody has asked for it yet."""
    mine = select(_S).where(_S.account_id == account_id, _S.business_day == day, channels.within_reach(_S.account_id))
    return db.session.scalars(mine).one_or_none()


def held(account_id: int, day: date) -> Statement:
    """The statement, locked until the transaction ends."""
    mine = select(_S).where(_S.account_id == account_id, _S.business_day == day).with_for_update()
    return db.session.scalars(mine.execution_options(populate_existing=True)).one()


def statements(asked: Mapping[str, str]) -> Listing:
    """Accounts and days, those first that nobody had asked for until last. Raises Malformed where a day cannot be read."""
    conditions = [channels.within_reach(_S.account_id)]
    if number := asked.get("account"):
        its_id = select(ChannelAccount.id).where(ChannelAccount.number == number)
        conditions.append(_S.account_id == its_id.scalar_subquery())
    if asked.get("from"):
        conditions.append(_S.business_day >= clock.parse_day(asked["from"]))
    if asked.get("to"):
        conditions.append(_S.business_day <= clock.parse_day(asked["to"]))
    if asked.get("show") == "odd":
        conditions.append((_S.odd > 0) | (_S.failure != ""))
    kept = {name: asked[name] for name in ("account", "from", "to", "show") if asked.get(name)}
    return listing(select(*_columns(_S)).where(*conditions), key=_S.id.expression, asked=asked, kept=kept)


def counts(statement_id: int) -> dict[str, int]:
    """How many lines each of `SHOWN` would show."""
    found = select(*(func.count().filter(*_shown(name)).label(name) for name in SHOWN)).where(
        _L.statement_id == statement_id
    )
    return dict(db.session.execute(found).one()._mapping)


def lines(statement_id: int, asked: Mapping[str, str]) -> Listing:
    """One page of a statement's lines, the latest first."""
    show = shown(asked)
    conditions = [_L.statement_id == statement_id, *_shown(show)]
    if number := asked.get("number", "").strip():
        conditions.append((_L.number == number) | (_L.channel_number == number))
    kept = {"show": show if show != "all" else "", "number": asked.get("number", "")}
    return listing(select(*LINE).where(*conditions), key=_L.id.expression, asked=asked, kept=kept)


def shown(asked: Mapping[str, str]) -> str:
    return asked["show"] if asked.get("show") in SHOWN else "all"


def pulled(account_ids: Sequence[int], since: date) -> dict[tuple[int, date], tuple[datetime | None, datetime | None]]:
    """By account and day, when it was last told whole, and when it last failed."""
    found = select(_S.account_id, _S.business_day, _S.pulled_at, _S.failed_at).where(
        _S.account_id.in_(account_ids), _S.business_day >= since
    )
    return {(row.account_id, row.business_day): (row.pulled_at, row.failed_at) for row in db.session.execute(found)}


def opened_on(account_ids: Sequence[int]) -> dict[int, date]:
    """The first business day of each account here."""
    found = select(ChannelAccount.id, ChannelAccount.created_at).where(ChannelAccount.id.in_(account_ids))
    return {row.id: clock.business_day(row.created_at) for row in db.session.execute(found)}


def standing(statement_id: int) -> Sequence[Row[int, str]]:
    """Id and digest of the lines that stand."""
    return db.session.execute(
        select(_L.id, _L.digest).where(_L.statement_id == statement_id, _L.last_edition.is_(None))
    ).all()


def has_begun(statement_id: int, edition: int) -> bool:
    """Is there a line that this edition was the first to tell?"""
    mine = (_L.statement_id == statement_id, _L.first_edition == edition, _L.last_edition.is_(None))
    return db.session.scalar(select(_L.id).where(*mine).limit(1)) is not None


def sums(statement_id: int) -> dict[str, object]:
    """Counts and sums over the lines that stand, by the columns of a statement."""
    grouped = (
        select(_L.seen, func.count().label("many"), total(_L.amount).label("money"), total(_L.fee).label("fees"))
        .where(_L.statement_id == statement_id, _L.last_edition.is_(None))
        .group_by(_L.seen)
    )
    rows = {row.seen: row for row in db.session.execute(grouped)}
    paid, returned = rows.get(str(Seen.PAID)), rows.get(str(Seen.RETURNED))
    return {
        "lines": sum(row.many for row in rows.values()),
        "paid": paid.many if paid else 0,
        "paid_sum": paid.money if paid else ZERO,
        "returned": returned.many if returned else 0,
        "returned_sum": returned.money if returned else ZERO,
        "fees": sum((row.fees for row in rows.values()), ZERO),
    }


def strange(statement_id: int) -> tuple[int, Money]:
    """How many lines are about none of our payments, and how much they are about."""
    mine = (_L.statement_id == statement_id, _L.last_edition.is_(None), _L.finding.in_(list(STRANGE)))
    count, amount = db.session.execute(select(func.count(), total(_L.amount)).where(*mine)).one()
    return count, amount


def odd(statement_id: int) -> int:
    """How many lines want attention."""
    mine = (_L.statement_id == statement_id, _L.last_edition.is_(None), _L.finding.in_(list(ODD)))
    return db.session.scalar(select(func.count()).where(*mine)) or 0


def _shown(show: str) -> list[ColumnElement[bool]]:
    if show == "past":
        return [_L.last_edition.is_not(None)]
    stands = _L.last_edition.is_(None)
    which: dict[str, list[ColumnElement[bool]]] = {
        "odd": [_L.finding.in_(list(ODD))],
        "paid": [_L.seen == str(Seen.PAID)],
        "returned": [_L.seen == str(Seen.RETURNED)],
    }
    return [stands, *which.get(show, [])]

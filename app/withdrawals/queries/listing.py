"""The list: one page of rows, what the whole of it adds up to, what one may search by."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, func, or_, select

from app.auth import identity
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Malformed
from app.kernel.money import Money
from app.runtime.db import db, total
from app.runtime.listing import Listing, listing
from app.withdrawals import tallies
from app.withdrawals.models import Withdrawal, WithdrawalHold, WithdrawalSheet
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import WITHDRAWAL
from app.withdrawals.tallies import Totals

FILTERS = ("q", "sealed_card", "state", "account", "from", "to", "least", "most", "sheet")


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
        w.signed_at, w.memo, w.message, w.account_id, w.maker, w.checker, w.channel_number,
        exists().where(WithdrawalHold.withdrawal_id == w.id, WithdrawalHold.closed_at.is_(None)).label("held"),
    )  # fmt: skip
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(_safe(statement, asked, account_id), key=w.id.expression, asked=asked, kept=kept)


def totals(asked: Mapping[str, str], *, account_id: int | None) -> Totals:
    reading = select(func.count(), total(Withdrawal.amount), total(Withdrawal.fee))
    reading = _safe(reading, asked, account_id)
    if _is_everybodys(asked, account_id):
        return tallies.totals(asked.get("state", ""), reading)
    return Totals(*db.session.execute(reading).one())


def counts(asked: Mapping[str, str], *, account_id: int | None) -> dict[str, int]:
    """How many of each state the other filters find: the figures on the tabs."""
    others = {name: value for name, value in asked.items() if name != "state"}
    reading = _safe(select(Withdrawal.state, func.count()).group_by(Withdrawal.state), others, account_id)
    if _is_everybodys(asked, account_id):
        return tallies.counts(reading)
    return {str(state): int(count) for state, count in db.session.execute(reading)}


def _is_everybodys(asked: Mapping[str, str], account_id: int | None) -> bool:
    """Is this the list without conditions (but for its tab), as all see it who see all channels?"""
    plain = not any(asked.get(name) for name in FILTERS if name != "state")
    return plain and account_id is None and identity.channels() is None


def exact(text: str) -> str | None:
    """The number of the one withdrawal that this text names (ours or the channel's), if it names one."""
    if not text or "\0" in text:
        return None
    named = or_(Withdrawal.number == text, Withdrawal.channel_number == text)
    found = select(Withdrawal.number).where(named, channels.within_reach(Withdrawal.account_id)).limit(2)
    numbers = db.session.scalars(found).all()
    return numbers[0] if len(numbers) == 1 else None


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
    elif asked.get("state") in WITHDRAWAL.states:
        statement = statement.where(Withdrawal.state == asked["state"])
    if asked.get("sheet"):
        named = WithdrawalSheet.reference == asked["sheet"].replace("\0", "")
        statement = statement.where(Withdrawal.sheet_id == select(WithdrawalSheet.id).where(named).scalar_subquery())
    if asked.get("from"):
        statement = statement.where(Withdrawal.business_day >= clock.parse_day(asked["from"]))
    if asked.get("to"):
        statement = statement.where(Withdrawal.business_day <= clock.parse_day(asked["to"]))
    if asked.get("least"):
        statement = statement.where(Withdrawal.amount >= Money.parse(asked["least"].strip()))
    if asked.get("most"):
        statement = statement.where(Withdrawal.amount <= Money.parse(asked["most"].strip()))
    return statement


def _named(text: str) -> ColumnElement[bool]:
    """What people type to find one: our number, the channel's, a name, a card's last four."""
    if "\0" in text:
        return false()  # PostgreSQL would not even look
    last_four = text.isascii() and text.isdigit() and len(text) == 4
    return or_(
        Withdrawal.number == text,
        Withdrawal.channel_number == text,
        Withdrawal.holder == text,
        *([Withdrawal.card_masked.endswith(text)] if last_four else []),
    )

"""The lists of payees. Nothing here writes."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, or_, select

from app.kernel import clock
from app.kernel.errors import NotThere
from app.runtime.db import db
from app.runtime.listing import Listing, listing
from app.withdrawals.models import PayeeEntry
from app.withdrawals.rules.payees import Listed, PayeeList, plain

FILTERS = ("q", "sealed_card", "show")


def listed(day: date, *, card_index: str | None = None, name: str = "") -> Listed:
    """Who stands on the lists on this day; with `card_index`, only what is about this card and this name."""
    found = _LISTED if card_index is None else _LISTED_PAYEE
    given = {"day": day, "its_card": card_index, "its_name": plain(name) or None}
    black: dict[str, str] = {}
    cards: dict[str, set[str]] = {kind: set() for kind in PayeeList}
    names: dict[str, set[str]] = {kind: set() for kind in PayeeList}
    for kind, index, called, reason in db.session.execute(found, given):
        if kind == PayeeList.BLACK:
            black[index or called] = reason
        elif index:
            cards[kind].add(index)
        else:
            names[kind].add(called)
    white_cards, white_names = cards[PayeeList.WHITE], names[PayeeList.WHITE]
    return Listed(black, white_cards, white_names, cards[PayeeList.SOURCE])


def entries(kind: PayeeList, asked: Mapping[str, str]) -> Listing:
    """One page of a list, the latest first: what counts today, or (`show=past`) what was removed or has run out."""
    e = PayeeEntry
    columns = (
        *(e.id, e.card_masked, e.name, e.reason, e.until, e.made_by, e.made_at),
        *(e.removed_by, e.removed_at, e.removed_why),
    )
    counts = _counts(clock.business_day())
    statement = select(*columns).where(e.kind == kind, ~counts if asked.get("show") == "past" else counts)
    if text := asked.get("q", "").replace("\0", "").strip():
        statement = statement.where(_named(text))
    if asked.get("sealed_card"):
        statement = statement.where(e.card_index == asked["sealed_card"].replace("\0", "?"))
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(statement, key=e.id.expression, asked=asked, kept=kept)


def held_entry(entry_id: int) -> PayeeEntry:
    """One that still stands, locked until the transaction ends; NotThere otherwise."""
    found = select(PayeeEntry).where(PayeeEntry.id == entry_id, PayeeEntry.removed_at.is_(None)).with_for_update()
    row = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotThere(str(entry_id))
    return row


def entry(entry_id: int) -> PayeeEntry:
    row = db.session.get(PayeeEntry, entry_id)
    if row is None:
        raise NotThere(str(entry_id))
    return row


def standing_entry(kind: PayeeList, *, card_index: str, name: str) -> PayeeEntry | None:
    """The row of this card or name that nobody has removed, whether or not it has run out; locked."""
    e = PayeeEntry
    found = select(e).where(e.kind == kind, e.card_index == card_index, e.name == name, e.removed_at.is_(None))
    return db.session.scalars(found.with_for_update()).one_or_none()


def _counts(day: date | BindParameter[date]) -> ColumnElement[bool]:
    return and_(PayeeEntry.removed_at.is_(None), or_(PayeeEntry.until.is_(None), PayeeEntry.until >= day))


def _named(text: str) -> ColumnElement[bool]:
    """By name, or by a card's last four."""
    last_four = text.isascii() and text.isdigit() and len(text) == 4
    return or_(PayeeEntry.name == plain(text), *([PayeeEntry.card_masked.endswith(text)] if last_four else []))


# Built once: asked before every send.
_LISTED = select(PayeeEntry.kind, PayeeEntry.card_index, PayeeEntry.name, PayeeEntry.reason).where(
    _counts(bindparam("day", type_=PayeeEntry.until.type))
)
_LISTED_PAYEE = _LISTED.where(
    or_(PayeeEntry.card_index == bindparam("its_card"), PayeeEntry.name == bindparam("its_name"))
)

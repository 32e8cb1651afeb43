"""Reading cards. Nothing here writes, and nothing here but `number_of` and `details_of` opens a seal."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from app.cards.models import Card
from app.cards.states import State
from app.channels import queries as channels
from app.kernel.bank_card import AccountType
from app.kernel.errors import NotThere, Refused
from app.kernel.id_number import mask_id
from app.kernel.payee import canonical
from app.runtime import vault
from app.runtime.db import db
from app.runtime.listing import Listing, listing

NUMBER_PURPOSE = "card number"
FILTERS = ("account", "state", "sealed_card", "holder")


def card(reference: str) -> Card:
    """By its reference; NotThere otherwise."""
    mine = select(Card).where(Card.reference == reference, channels.within_reach(Card.account_id))
    found = db.session.scalars(mine).one_or_none()
    if found is None:
        raise NotThere(reference)
    return found


def held(reference: str) -> Card:
    """The card, locked until the transaction ends."""
    found = select(Card).where(Card.id == card(reference).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def same_card(card: Card) -> Sequence[str]:
    """References under which the same number is bound at other accounts."""
    others = select(Card.reference).where(Card.number_index == card.number_index, Card.id != card.id)
    return db.session.scalars(others.order_by(Card.id)).all()


def by_id(card_id: int) -> Card:
    return db.session.get_one(Card, card_id)


def by_number(account_id: int, number_index: str) -> Card | None:
    """The card of this number at this account, if it is there and was not let go."""
    found = select(Card).where(
        Card.account_id == account_id, Card.number_index == number_index, Card.state != State.DELETED
    )
    return db.session.scalars(found).one_or_none()


def by_numbers(account_id: int, indexes: Sequence[str]) -> Sequence[Card]:
    """Those of these numbers that the account has, locked until the transaction ends."""
    found = select(Card).where(
        Card.account_id == account_id, Card.number_index.in_(indexes), Card.state != State.DELETED
    )
    return db.session.scalars(found.order_by(Card.id).with_for_update()).all()


def payees(account_id: int, indexes: Sequence[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    """State, holder and kind of those of these numbers that the account has, by their index. Nothing is locked."""
    found = select(Card.number_index, Card.state, Card.holder, Card.kind, Card.payee, Card.account_type).where(
        Card.account_id == account_id, Card.number_index.in_(indexes), Card.state != State.DELETED
    )
    return {row.number_index: row for row in db.session.execute(found)}


def indexes_of(account_id: int, references: Sequence[str]) -> dict[str, str]:
    """The index of the number behind each of these references that the account has."""
    found = select(Card.reference, Card.number_index).where(
        Card.account_id == account_id, Card.reference.in_(references), Card.state != State.DELETED
    )
    return {reference: index for reference, index in db.session.execute(found)}  # noqa: C416 (a row is no pair)


FOUND_MOST = 200
"""So many cards a search for a payee looks at: who finds more says more."""


def everywhere(number_index: str) -> Sequence[Card]:
    """The card of this number at every account within reach that has it, the newest first."""
    found = select(Card).where(Card.number_index == number_index, Card.state != State.DELETED)
    return db.session.scalars(found.where(channels.within_reach(Card.account_id)).order_by(Card.id.desc())).all()


def payees_named(text: str) -> dict[str, list[Card]]:
    """Bound cards within reach of a holder with this name, or with these last four digits: by their index, newest first."""
    text = text.replace("\0", "").strip()
    tail = text.isascii() and text.isdigit() and len(text) == 4
    named = Card.number_masked.endswith(text) if tail else Card.holder == text
    mine = select(Card).where(named, Card.state == State.BOUND, channels.within_reach(Card.account_id))
    found: dict[str, list[Card]] = {}
    for card in db.session.scalars(mine.order_by(Card.id.desc()).limit(FOUND_MOST)):
        found.setdefault(card.number_index, []).append(card)
    return found


def by_form_key(form_key: str) -> Card | None:
    return db.session.scalars(select(Card).where(Card.form_key == form_key)).one_or_none()


def bound_to(account_id: int, limit: int = 500) -> Sequence[Row[*tuple[Any, ...]]]:
    """The cards and other payees one may withdraw to, the newest first."""
    found = select(Card.id, Card.reference, Card.holder, Card.bank, Card.number_masked, Card.payee)
    mine = found.where(Card.account_id == account_id, Card.state == State.BOUND)
    return db.session.execute(mine.order_by(Card.id.desc()).limit(limit)).all()


def cards(asked: Mapping[str, str], *, account_id: int | None) -> Listing:
    """The list page: filters by account, state, holder and full card number (through the blind index)."""
    statement = select(
        Card.id,
        Card.reference,
        Card.account_id,
        Card.holder,
        Card.bank,
        Card.number_masked,
        Card.payee,
        Card.state,
        Card.message,
        Card.made_by,
        Card.made_at,
    )
    if account_id is not None:
        statement = statement.where(Card.account_id == account_id)
    statement = statement.where(channels.within_reach(Card.account_id))
    if asked.get("state") in set(State):
        statement = statement.where(Card.state == asked["state"])
    if asked.get("holder"):
        statement = statement.where(Card.holder == asked["holder"].replace("\0", "").strip())
    if asked.get("sealed_card"):
        statement = statement.where(Card.number_index == asked["sealed_card"].replace("\0", ""))
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(statement, key=Card.id.expression, asked=asked, kept=kept)


def index_of(number: str) -> str:
    """The blind index of a full number, as people write it: a card's, or what names any other account."""
    return vault.blind_index(canonical(number), purpose=NUMBER_PURPOSE)


def indexer() -> Callable[[str], bytes]:
    """`index_of` for many numbers that are digits already, or as they were read (`kernel.payee`)."""
    index = vault.blind_indexer(NUMBER_PURPOSE)
    return lambda number: index(number if number.isdigit() else canonical(number))


def safe_search(typed: Mapping[str, str]) -> dict[str, str]:
    """A search as an address may hold it: a full number goes in as its blind index."""
    found = {name: value for name, value in typed.items() if value and name not in ("card", "csrf_token")}
    return found | ({"sealed_card": index_of(typed["card"])} if typed.get("card", "").strip() else {})


def number_of(card: Card) -> str:
    """The full number, for a call to the channel and for nothing else. Refused when its owner was forgotten."""
    if not card.number_sealed:
        raise Refused("收款人资料已删除")
    return vault.unseal(card.number_sealed, table="card", column="number_sealed", row=card.reference)


def number_if_known(card: Card) -> str:
    """The full number, for a question about an order; "" when its owner was forgotten: the order has a number of its own."""
    return number_of(card) if card.number_sealed else ""


def details_of(card: Card) -> dict[str, str]:
    """The template's other columns of this card, by key."""
    if not card.details_sealed:
        return {}
    told = vault.unseal(card.details_sealed, table="card", column="details_sealed", row=card.reference)
    found: dict[str, str] = json.loads(told)
    return found


BRANCH = ("branch", "cnaps", "province", "city")


def branch_of(card: Card) -> dict[str, str]:
    """Where a company has its account, as far as it is known; nothing of a person's."""
    if card.account_type != AccountType.CORPORATE:
        return {}
    return {key: text for key, text in details_of(card).items() if key in BRANCH}


def details_shown(card: Card) -> list[tuple[str, str]]:
    """The other columns by their keys, fit for a page: every run of digits that could identify somebody is masked."""
    return [
        (key, mask_id(text) if sum(map(str.isdigit, text)) >= 8 else text) for key, text in details_of(card).items()
    ]

"""在用: the rooms above say which cards their unfinished work names. Joins the caller's transaction."""

from sqlalchemy import update

from app.cards.models import Card
from app.runtime.db import db, in_transaction


def begin(card_id: int) -> None:
    """Work with this card is under way: it cannot be let go before `end`."""
    _count(card_id, 1)


def end(card_id: int) -> None:
    _count(card_id, -1)


def _count(card_id: int, more: int) -> None:
    assert in_transaction()
    counted = update(Card).where(Card.id == card_id).values(open_work=Card.open_work + more)
    db.session.execute(counted.execution_options(synchronize_session=False))

"""The channel's list of cards beside ours. Nothing here writes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, and_, func, literal, select

from app.cards.models import Card, CardListing, ListedCard
from app.cards.states import State
from app.kernel.errors import Text, gettext_noop
from app.runtime.db import db
from app.runtime.listing import Listing
from app.runtime.listing import listing as cut

SAME, THERE, HERE, DIFFERS = "same", "there", "here", "differs"
VERDICTS: dict[str, tuple[Text, str]] = {
    SAME: (gettext_noop("一致"), "good"),
    THERE: (gettext_noop("只有渠道有"), "odd"),
    HERE: (gettext_noop("只有本系统有"), "bad"),
    DIFFERS: (gettext_noop("状态不一致"), "bad"),
}
"""How the two sides stand to each other."""


def listing(account_id: int) -> CardListing | None:
    """When this account's list was last asked for, and how that went."""
    return db.session.get(CardListing, account_id)


def compared(account_id: int, asked: Mapping[str, str]) -> Listing:
    """One page of the kind that `show` names; everything that the channel lists, without it."""
    show = asked.get("show", "")
    statement = _SIDES.get(show, _all)(account_id)
    key = Card.id.expression if show == HERE else ListedCard.id.expression
    return cut(statement, key=key, asked=asked, kept={"show": show, "account": asked.get("account", "")})


def comparison(account_id: int) -> dict[str, int]:
    """How many there are of each kind."""
    found = {
        name: db.session.scalar(select(func.count()).select_from(side(account_id).order_by(None).subquery())) or 0
        for name, side in _SIDES.items()
    }
    listed = select(func.count()).where(ListedCard.account_id == account_id)
    return found | {"": db.session.scalar(listed) or 0}


_OURS = and_(Card.account_id == ListedCard.account_id, Card.channel_card == ListedCard.channel_card)


def _listed(account_id: int) -> Select[*tuple[Any, ...]]:
    """What the channel lists, each with the card of ours that it is, if we know it."""
    return (
        select(
            ListedCard.id, ListedCard.channel_card, ListedCard.number_masked, ListedCard.holder, ListedCard.bank,
            ListedCard.state, Card.reference, Card.state.label("ours"),
        )
        .outerjoin(Card, _OURS)
        .where(ListedCard.account_id == account_id)
    )  # fmt: skip


def _all(account_id: int) -> Select[*tuple[Any, ...]]:
    return _listed(account_id)


def _there(account_id: int) -> Select[*tuple[Any, ...]]:
    return _listed(account_id).where(Card.id.is_(None))


def _differs(account_id: int) -> Select[*tuple[Any, ...]]:
    return _listed(account_id).where(Card.id.is_not(None), Card.state != ListedCard.state)


def _here(account_id: int) -> Select[*tuple[Any, ...]]:
    """Bound by our word, and not on the channel's list."""
    there = select(ListedCard.id).where(_OURS)
    return select(
        Card.id, Card.channel_card, Card.number_masked, Card.holder, Card.bank, literal("").label("state"),
        Card.reference, Card.state.label("ours"),
    ).where(Card.account_id == account_id, Card.state == State.BOUND, ~there.exists())  # fmt: skip


_SIDES = {DIFFERS: _differs, THERE: _there, HERE: _here}


def verdict(row: Any) -> str:
    """Of one row of `compared`."""
    if row.reference is None:
        return THERE
    if not row.state:
        return HERE
    return SAME if row.ours == row.state else DIFFERS

"""The channel's list of cards beside ours. Nothing here writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, select

from app.cards.models import Card, CardListing, ListedCard
from app.cards.states import State
from app.channels.contract import BindSeen
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


def known_as(account_id: int, listed: Sequence[tuple[str, str]]) -> list[str]:
    """Our references of listed cards, given as (reference, the channel's own id): a card goes by the one it was asked for
    under, and by the channel's id where that is not ours. What we do not know keeps what the channel calls it.
    """
    ours = db.session.execute(
        select(Card.reference, Card.channel_card, Card.state).where(Card.account_id == account_id)
    ).all()
    references = {card.reference for card in ours}
    left = references - {reference for reference, _ in listed}
    by_id = {
        card.channel_card: card.reference
        for card in ours
        if card.channel_card and card.reference in left and card.state != State.DELETED
    }
    return [
        reference if reference in references or not channel_card else by_id.pop(channel_card, reference)
        for reference, channel_card in listed
    ]


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


_OURS = and_(Card.account_id == ListedCard.account_id, Card.reference == ListedCard.reference)
_AGREES = {str(BindSeen.PENDING): str(State.BINDING)}
"""Our word for the channel's, where it is another."""


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
    agreed = case(_AGREES, value=ListedCard.state, else_=ListedCard.state)
    return _listed(account_id).where(Card.id.is_not(None), Card.state != agreed)


def _here(account_id: int) -> Select[*tuple[Any, ...]]:
    """Bound by our word, and not on the channel's list."""
    return (
        select(
            Card.id, Card.channel_card, Card.number_masked, Card.holder, Card.bank, literal("").label("state"),
            Card.reference, Card.state.label("ours"),
        )
        .outerjoin(ListedCard, _OURS)  # not EXISTS: without an index of their own, SQLite makes one for a join alone
        .where(Card.account_id == account_id, Card.state == State.BOUND, ListedCard.id.is_(None))
    )  # fmt: skip


_SIDES = {DIFFERS: _differs, THERE: _there, HERE: _here}


def verdict(row: Any) -> str:
    """Of one row of `compared`."""
    if row.reference is None:
        return THERE
    if not row.state:
        return HERE
    return SAME if row.ours == _AGREES.get(row.state, row.state) else DIFFERS

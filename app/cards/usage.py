"""在用: the rooms above say which cards their unfinished work names. Joins the caller's transaction."""

import json
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import bindparam, update

from app.cards import queries
from app.cards.models import Card
from app.cards.states import State
from app.kernel.payee import Payee, masked
from app.runtime import vault
from app.runtime.db import db, in_transaction, table_of


def begin(card_id: int) -> None:
    """Work with this card is under way: it cannot be let go before `end`."""
    _count({card_id: 1})


def end(*card_ids: int) -> None:
    """So much work with these cards is over; a card may be named several times."""
    _count({card_id: -count for card_id, count in Counter(card_ids).items()})


def _count(more: Mapping[int, int]) -> None:
    assert in_transaction()
    if more:  # locked in one order by everybody
        db.session.connection().execute(_COUNT, [{"its_id": it, "more": more[it]} for it in sorted(more)])


def known_again(
    *,
    reference: str,
    account_id: int,
    payee: Payee,
    number: str,
    holder: str,
    bank: str,
    account_type: str,
    branch: Mapping[str, str],
    channel_card: str,
    made_by: str,
) -> Card:
    """A bound card that a restored database has lost, as the send journal knows it. The one that is there, if it is."""
    assert in_transaction()
    index = queries.index_of(number)
    known = queries.by_number(account_id, index)
    if known is not None:
        return known
    details = json.dumps(dict(branch), ensure_ascii=False)
    card = Card(
        reference=reference,
        account_id=account_id,
        payee=payee,
        holder=holder,
        bank=bank,
        account_type=account_type,
        details_sealed=vault.seal(details, table="card", column="details_sealed", row=reference) if branch else "",
        number_sealed=vault.seal(number, table="card", column="number_sealed", row=reference),
        number_index=index,
        number_masked=masked(payee, number),
        state=State.BOUND,
        channel_card=channel_card,
        made_by=made_by,
    )
    db.session.add(card)
    db.session.flush()
    return card


_CARDS = table_of(Card)
_COUNT = (
    update(_CARDS).where(_CARDS.c.id == bindparam("its_id")).values(open_work=_CARDS.c.open_work + bindparam("more"))
)

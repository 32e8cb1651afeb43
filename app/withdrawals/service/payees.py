"""A payee is forgotten."""

from sqlalchemy import func, select, update

from app.channels import log as channel_log
from app.runtime import live_events
from app.runtime.db import db, in_transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal, WithdrawalSheetRow
from app.withdrawals.service.movement import TOPIC


def payee_forgotten(card_id: int, word: str) -> int:
    """The name goes out of a card's withdrawals; amounts, numbers, traces and postings stay. Joins the card's transaction.

    Refused while one of them is open or waits for a person. How many there were.
    """
    assert in_transaction(), "copies are forgotten together with the card"
    numbers, open_ones = queries.of_card(card_id)
    rules.require_nothing_open(open_ones)
    w, r = Withdrawal, WithdrawalSheetRow
    theirs = select(w.holder).where(w.id == r.withdrawal_id).scalar_subquery()
    named = update(r).values(own_number=func.substr(func.replace(r.own_number, theirs, word), 1, 40))
    of_card = r.withdrawal_id.in_(select(w.id).where(w.card_id == card_id))
    db.session.execute(named.where(of_card).execution_options(synchronize_session=False))
    gone = update(w).values(
        holder=word,
        bank=word,
        card_masked=word,
        card_last4="",
        card_index=f"forgotten:{card_id}",
        memo=func.substr(func.replace(w.memo, w.holder, word), 1, 100),
        message=func.replace(w.message, w.holder, word),
    )
    db.session.execute(gone.where(w.card_id == card_id).execution_options(synchronize_session=False))
    channel_log.drop_bodies(numbers)
    live_events.announce(TOPIC, "")
    return len(numbers)

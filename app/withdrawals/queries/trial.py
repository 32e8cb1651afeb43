"""A draft tried on last week's withdrawals: they are read in blocks, columns only, and nothing is kept but what they add
up to."""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import func, select

from app.cards.models import Card
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.runtime.db import db
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries import limits
from app.withdrawals.queries.payees import listed
from app.withdrawals.rules.rulebook import Rulebook
from app.withdrawals.rules.trial import DAYS, Past, Replay, Trial

BLOCK = 5_000


def tried(draft: Rulebook, active: Rulebook) -> Trial:
    """What each of the two would have made of the last seven business days, today included, with the
    limits that the accounts have now."""
    last = clock.business_day()
    first = last - timedelta(days=DAYS - 1)
    own_days = limits.own_days()
    before, after = Replay(active, own_days), Replay(draft, own_days)
    total = 0
    for past in _past(first, last):
        before.see(past)
        after.see(past)
        total += 1
    return Trial(first=first, last=last, total=total, before=before.outcome(), after=after.outcome())


def _past(first: date, today: date) -> Iterator[Past]:
    """In the order they were made. Payees stand where they stand on the lists today."""
    known, w = listed(today), Withdrawal
    of_week = w.business_day >= first
    reached = (db.session.scalar(select(func.min(w.id)).where(of_week)) or 0) - 1
    statement = (
        select(
            *(w.id, w.number, w.amount, w.made_at, w.business_day, w.card_index, w.holder, w.state),
            *(ChannelAccount.number.label("account"), Card.kind.label("card_kind")),
        )
        .join(ChannelAccount, ChannelAccount.id == w.account_id)
        .join(Card, Card.id == w.card_id)
        .where(of_week)
        .order_by(w.id)
        .limit(BLOCK)
    )
    while True:
        rows = db.session.execute(statement.where(w.id > reached)).all()
        for row in rows:
            yield Past(
                number=row.number,
                amount=row.amount,
                at=row.made_at,
                day=row.business_day,
                account=row.account,
                card_index=row.card_index,
                card_kind=row.card_kind,
                standing=known.standing(row.card_index, row.holder),
                stays=row.state not in limits.UNDONE,
            )
        if len(rows) < BLOCK:
            return
        reached = rows[-1].id

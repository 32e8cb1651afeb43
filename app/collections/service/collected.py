"""What channels say they collected is posted. One transaction."""

from datetime import date, timedelta

from sqlalchemy import func, select, update

from app.channels import queries as channels
from app.collections import queries, rules
from app.collections.models import CollectedDay
from app.kernel.money import ZERO, Money
from app.ledger import book
from app.runtime import live_events
from app.runtime.db import changed, db, insert, transaction


def book_collected(number: str) -> None:
    """Bring the ledger up to the channel's figures, day by day. Doing it twice posts once."""
    with transaction():
        account = channels.account(number)
        figures = channels.latest_figures([account.id]).get(account.id)
        if figures is None:
            return
        book.open_accounts(number)
        today = figures.business_day
        first = db.session.scalar(
            select(func.min(CollectedDay.business_day)).where(CollectedDay.account_id == account.id)
        )
        if first is None:
            first = today - timedelta(days=1)
            before = rules.opening(settleable=figures.settleable, today=figures.today)
            if before and not queries.was_entered(account.id):  # people said before the channel did
                book.collect(number, before, number=f"{number}/opening")
            _bring_up(account.id, number, first, figures.yesterday, post=False)  # the opening has it in it
        since = max(first, today - timedelta(days=rules.LOOK_BACK_DAYS))
        rows = channels.figures_since([account.id], since)[account.id]
        reported = rules.reported([(row.business_day, row.today, row.yesterday) for row in rows], since=since)
        known = select(CollectedDay.business_day, CollectedDay.booked).where(
            CollectedDay.account_id == account.id, CollectedDay.business_day >= since
        )
        booked = {row.business_day: row.booked for row in db.session.execute(known)}
        for day in sorted(reported):
            if reported[day] > booked.get(day, ZERO):
                _bring_up(account.id, number, day, reported[day])
        live_events.announce("channels", number)


def _bring_up(account_id: int, number: str, day: date, reported: Money, *, post: bool = True) -> None:
    row = insert(CollectedDay).values(account_id=account_id, business_day=day, booked=ZERO)
    db.session.execute(row.on_conflict_do_nothing())
    mine = (CollectedDay.account_id == account_id, CollectedDay.business_day == day)
    booked = db.session.scalar(select(CollectedDay.booked).where(*mine).with_for_update())
    assert booked is not None
    more = rules.newly_collected(reported=reported, booked=booked)
    if not more:
        return
    total = booked + more
    if changed(update(CollectedDay).where(*mine, CollectedDay.booked == booked).values(booked=total)) and post:
        book.collect(number, more, number=f"{number}/{day:%Y%m%d}/{total.minor}")

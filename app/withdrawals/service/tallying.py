"""What a large house counts once a minute, for everybody who looks."""

from sqlalchemy import delete

from app.kernel import clock
from app.kernel.money import ZERO
from app.runtime.db import db, let_go, transaction
from app.withdrawals.models import WithdrawalTally
from app.withdrawals.queries import listing


def count_settled() -> None:
    """The clock's part. A house that is small counts when somebody looks, and needs none of this."""
    if not listing.is_large():
        return
    found = listing.settled_now()
    let_go()
    now = clock.now()
    told = {row.state: (row.count, row.amount, row.fee) for row in found}
    with transaction():
        db.session.execute(delete(WithdrawalTally))
        for state in listing.SETTLED:
            count, amount, fee = told.get(state, (0, ZERO, ZERO))
            db.session.add(WithdrawalTally(state=state, count=count, amount=amount, fee=fee, at=now))

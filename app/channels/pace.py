"""How fast an account may send: so many a second as its channel bears, over all processes. Joins the caller's transaction."""

from datetime import timedelta

from sqlalchemy import bindparam, select, update

from app.channels.models import ChannelAccount
from app.runtime.db import db, in_transaction, lease_now

_AHEAD_S = 1.0
"""A second's worth may leave at once; after that one by one."""
_PACE = select(ChannelAccount.send_per_s).where(ChannelAccount.id == bindparam("its_id"))


def wait_s(account_id: int) -> float:
    """0: take the place and send. Otherwise seconds until it is worth asking again; no place was taken."""
    assert in_transaction()
    per_s = db.session.scalar(_PACE, {"its_id": account_id})
    if not per_s:
        return 0
    mine = ChannelAccount.id == account_id
    # Only a limited account pays for a lock: everybody who wants to send from it stands in one row.
    next_at = db.session.scalar(select(ChannelAccount.next_send_at).where(mine).with_for_update(key_share=True))
    now = lease_now()
    due = max(next_at or now, now)
    ahead = (due - now).total_seconds()
    if ahead >= _AHEAD_S:
        return ahead
    taken = update(ChannelAccount).where(mine).values(next_send_at=due + timedelta(seconds=1 / per_s))
    db.session.execute(taken.execution_options(synchronize_session=False))
    return 0

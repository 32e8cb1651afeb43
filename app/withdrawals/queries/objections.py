"""What was allowed when it was made may be forbidden by the time it is to leave."""

from sqlalchemy import select

from app.kernel import clock
from app.kernel.errors import Text
from app.runtime.db import db
from app.withdrawals import rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries.outcomes import proposal
from app.withdrawals.queries.payees import listed
from app.withdrawals.queries.rows import is_waiting
from app.withdrawals.states import State


def objection(withdrawal: Withdrawal, *, lock: bool = False) -> Text | None:
    """Why this one must not leave now, as things stand. `lock`: what it is made in place of stays as it is until the
    transaction ends."""
    index, name = withdrawal.card_index, withdrawal.holder
    standing = listed(clock.business_day(), card_index=index, name=name).standing(index, name)
    old_is_certain = not withdrawal.replaces or _is_certain(withdrawal.replaces, lock=lock)
    return rules.objection(black=standing.black, old_is_certain=old_is_certain)


def _is_certain(number: str, *, lock: bool) -> bool:
    """Whatever anybody may see of it: is it certain that this one was not paid and never will be?"""
    found = select(Withdrawal).where(Withdrawal.number == number)
    found = found.with_for_update() if lock else found
    old = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if old is None:
        return False  # a restored house has lost it
    open_question = is_waiting(old.id) or proposal(old.id) is not None
    return State(old.state) in rules.REPLACEABLE and not open_question

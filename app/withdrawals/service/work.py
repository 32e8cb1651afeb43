"""人工待办: what no rule may decide has an owner, and an end that somebody answers for."""

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.kernel.errors import NotThere, Refused
from app.runtime.db import changed, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import WithdrawalHold
from app.withdrawals.service import movement


def take(hold_id: int, *, actor: Actor) -> None:
    """It is mine from now on; taking it from somebody else is written down."""
    with transaction():
        hold, number = _open(hold_id)
        before = hold.owner
        owned = {"owner_id": actor.operator_id, "owner": actor.display_name}
        still = (WithdrawalHold.id == hold.id, WithdrawalHold.closed_at.is_(None))
        if not changed(update(WithdrawalHold).where(*still).values(owned)):
            raise Refused("这项待办刚刚办完了")
        audit.record(actor, "work.take", number, before={"owner": before}, after={"owner": actor.display_name})
        movement.announce(number)
        movement.work_changes()


def resolve(hold_id: int, *, reason: str, actor: Actor) -> None:
    """Seen and settled, in one person's words: only where no money depends on it."""
    with transaction():
        hold, number = _open(hold_id)
        if hold.reason not in rules.ACKNOWLEDGED:
            raise Refused("这项待办关系到钱，要由两个人认定", advice="请打开这笔提现，提出人工认定")
        withdrawal = queries.held(number)
        if movement.close_holds(withdrawal, hold.reason, by=actor.display_name, why=reason):
            movement.note(withdrawal, "resolve", actor.username, why=reason)
        audit.record(actor, "work.resolve", number, why=reason, after={"reason": hold.reason})


def _open(hold_id: int) -> tuple[WithdrawalHold, str]:
    found = queries.open_hold(hold_id)
    if found is None:
        raise NotThere(str(hold_id))
    return found

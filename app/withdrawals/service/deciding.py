"""The second pair of eyes."""

from app.auth import audit
from app.auth.identity import Actor
from app.kernel import signing
from app.kernel.errors import Refused
from app.runtime.db import transaction
from app.withdrawals import queries, rules
from app.withdrawals.service import movement


def approve(number: str, *, seen: str, actor: Actor) -> None:
    """A second pair of eyes lets the withdrawal go. `seen` is the digest of what was on the screen."""
    with transaction():
        withdrawal = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=withdrawal.maker_id, checker_id=actor.operator_id)
        digest = queries.digest(withdrawal)
        if not signing.same(seen, digest):
            raise Refused("这笔提现在您打开页面后有变化，请核对后再审批", advice="请刷新页面")
        movement.move(
            withdrawal,
            "approve",
            actor.username,
            checker_id=actor.operator_id,
            checker=actor.display_name,
            approval=digest,
        )
        audit.record(actor, "withdrawal.approve", number, after={"approval": digest})


def reject(number: str, *, reason: str, actor: Actor) -> None:
    """The second person says no; the money is available again."""
    with transaction():
        withdrawal = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=withdrawal.maker_id, checker_id=actor.operator_id)
        movement.move(
            withdrawal, "reject", actor.username, why=reason, checker_id=actor.operator_id, checker=actor.display_name
        )
        audit.record(actor, "withdrawal.reject", number, why=reason)

"""The second pair of eyes, and the third where the amount asks for it; the maker's way back."""

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock, signing
from app.kernel.errors import Refused, Text, gettext_noop
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal, WithdrawalApproval
from app.withdrawals.service import movement
from app.withdrawals.states import State


class Changed(Refused):
    """What was on the screen is not what would be approved."""


def approve(number: str, *, seen: str, actor: Actor) -> int:
    """A second pair of eyes lets the withdrawal go. `seen` is the digest of what was on the screen.

    Returns how many more it needs: 0 when it was the last one, and it is on its way. Refused to its maker, to who has
    approved it already, and (Changed) when it is not what they saw.
    """
    with transaction():
        withdrawal = queries.held(number)
        stand = _standing(withdrawal)
        rules.require_another_pair_of_eyes(
            maker_id=withdrawal.maker_id,
            checker_id=actor.operator_id,
            approved_by=[approval.operator_id for approval in stand],
        )
        digest = queries.digest(withdrawal)
        if not signing.same(seen, digest):
            raise Changed(
                gettext_noop("这笔提现在您打开页面后有变化，请核对后再审批"), advice=gettext_noop("请刷新页面")
            )
        if objection := queries.objection(withdrawal, lock=True):
            raise Refused.saying(objection, Text("请驳回，或先查清"))
        left = withdrawal.checkers - len(stand) - 1
        if left > 0 and withdrawal.state == State.REVIEW:
            movement.note(withdrawal, "approve_first", actor.username)
        else:
            _let_go(withdrawal, actor.username, checker_id=actor.operator_id, checker=actor.display_name, digest=digest)
        db.session.add(
            WithdrawalApproval(
                withdrawal_id=withdrawal.id, operator_id=actor.operator_id, name=actor.display_name, digest=digest
            )
        )
        db.session.flush()
        audit.record(actor, "withdrawal.approve", number, after={"approval": digest, "left": max(left, 0)})
        return max(left, 0)


def let_go_by_rule(withdrawal: Withdrawal) -> None:
    """So small that nobody needs to look. Joins the transaction that made it."""
    _let_go(withdrawal, movement.RULE, checker_id=None, checker="", digest=queries.digest(withdrawal))


def _let_go(withdrawal: Withdrawal, actor: str, *, checker_id: int | None, checker: str, digest: str) -> None:
    movement.move(
        withdrawal, "approve", actor, checker_id=checker_id, checker=checker, approval=digest, approved_at=clock.now()
    )


def _standing(withdrawal: Withdrawal) -> list[WithdrawalApproval]:
    """The approvals that count; the others are void from now on."""
    good = queries.standing_approvals(withdrawal)
    if void := [it.id for it in queries.approvals(withdrawal.id) if it not in good]:
        mine = update(WithdrawalApproval).where(WithdrawalApproval.id.in_(void))
        db.session.execute(mine.values(voided_at=clock.now()))
    return good


def reject(number: str, *, reason: str, actor: Actor) -> None:
    """The second person says no; the money is available again."""
    with transaction():
        withdrawal = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=withdrawal.maker_id, checker_id=actor.operator_id)
        movement.move(
            withdrawal, "reject", actor.username, why=reason, checker_id=actor.operator_id, checker=actor.display_name
        )
        audit.record(actor, "withdrawal.reject", number, why=reason)


def cancel(number: str, *, actor: Actor) -> None:
    """The maker takes it back, as long as it was never sent; the money is available again."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.maker_id != actor.operator_id:
            raise Refused("只有创建人可以撤销", advice="审批人可以驳回")
        rules.require_never_sent(attempts=withdrawal.attempts)
        movement.move(withdrawal, "cancel", actor.username)
        audit.record(actor, "withdrawal.cancel", number)


def send_back(number: str, *, reason: str, actor: Actor) -> None:
    """退回审批: it waits to be sent, and somebody who may approve wants it looked at again. Nothing has left."""
    with transaction():
        withdrawal = queries.held(number)
        movement.send_back(withdrawal, actor.username, why=reason)
        movement.close_holds(withdrawal, "approval_broken", by=actor.display_name, why=reason)
        audit.record(actor, "withdrawal.send-back", number, why=reason)

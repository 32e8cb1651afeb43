"""冲正: a booked top-up that was none is taken out of the book. One person says why, another lets it go; meanwhile its money
is set aside, so that nobody pays with what is not there.
"""

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.channels import queries as channels
from app.collections import queries, rules
from app.collections.models import TopUp, TopUpReversal
from app.collections.service.top_ups import TOPIC, move
from app.collections.states import REVERSAL, ReversalState, State
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import ZERO
from app.kernel.numbers import new_number
from app.ledger import book
from app.ledger import queries as ledger
from app.ledger.chart import PURSES, TAKEN_BACK
from app.runtime import live_events
from app.runtime.db import changed, db, transaction


def ask(number: str, *, reason: str, actor: Actor) -> str:
    """Set the money of a booked top-up aside until another person has looked. Returns the number that it goes by in the book.

    Refused where the money is no longer there, and while somebody else has asked the same.
    """
    with transaction():
        found = queries.held(number)
        if found.state != State.BOOKED:
            raise Refused("只有已入账的才能冲正")
        if any(it.state == ReversalState.WAITING for it in queries.reversals(found.id)):
            raise Refused("这笔入账的冲正正在等待审批")
        source = channels.account_by_id(found.account_id)
        ledger.lock_available(source.number)
        rules.require_still_there(
            available=book.balance(source.number, PURSES[Funds(found.funds)]), amount=found.amount
        )
        its_number = new_number(TAKEN_BACK)
        db.session.add(
            TopUpReversal(
                number=its_number,
                top_up_id=found.id,
                reason=reason,
                state=ReversalState(REVERSAL.initial),
                maker_id=actor.operator_id,
                maker=actor.display_name,
            )
        )
        db.session.flush()
        book.reserve(source.number, its_number, found.amount, funds=Funds(found.funds), note=number)
        told = {"account": source.number, "amount": found.amount.yuan, "reversal": its_number}
        audit.record(actor, "reversal.ask", number, after=told, why=reason)
        _tell(found, source)
    return its_number


def approve(number: str, *, actor: Actor) -> None:
    """The money leaves the book, under the reversal's own number; the top-up says so. Refused for whoever asked."""
    with transaction():
        found, reversal, source = _held(number)
        rules.require_another_to_reverse(maker_id=reversal.maker_id, checker_id=actor.operator_id)
        _move(reversal, "approve", actor)
        move(found, "reverse")
        book.settle(reversal.number, found.amount, ZERO, note=number)
        told = {"account": source.number, "amount": found.amount.yuan, "reversal": reversal.number}
        audit.record(actor, "reversal.approve", number, after=told)
        _tell(found, source)


def reject(number: str, *, reason: str, actor: Actor) -> None:
    """It stays in the book, and its money may be used again."""
    with transaction():
        found, reversal, source = _held(number)
        rules.require_another_to_reverse(maker_id=reversal.maker_id, checker_id=actor.operator_id)
        _move(reversal, "reject", actor, why=reason)
        book.release(reversal.number, note=number)
        audit.record(actor, "reversal.reject", number, why=reason)
        _tell(found, source)


def withdraw(number: str, *, actor: Actor) -> None:
    """Whoever asked thinks better of it."""
    with transaction():
        found, reversal, source = _held(number)
        rules.require_own_reversal(maker_id=reversal.maker_id, actor_id=actor.operator_id)
        _move(reversal, "withdraw", None)
        book.release(reversal.number, note=number)
        audit.record(actor, "reversal.withdraw", number)
        _tell(found, source)


def _held(number: str) -> tuple[TopUp, TopUpReversal, channels.Account]:
    found = queries.held(number)
    return found, queries.held_reversal(found), channels.account_by_id(found.account_id)


def _move(reversal: TopUpReversal, verb: str, checker: Actor | None, *, why: str = "") -> None:
    """The only line in the room that changes top_up_reversal.state."""
    step = REVERSAL.move(reversal.state, verb)
    decided: dict[str, object] = {"decided_at": clock.now(), "why": why}
    if checker is not None:
        decided |= {"checker_id": checker.operator_id, "checker": checker.display_name}
    mine = update(TopUpReversal).where(TopUpReversal.id == reversal.id, TopUpReversal.state == reversal.state)
    if not changed(mine.values(state=step.target, **decided)):
        raise Refused("这笔冲正的状态刚刚变了，请刷新后再试")


def _tell(found: TopUp, source: channels.Account) -> None:
    live_events.announce(TOPIC, found.number)
    live_events.announce("channels", source.number)

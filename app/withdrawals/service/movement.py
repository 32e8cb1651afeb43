"""How a withdrawal moves: one line changes its state, with its event, its posting and its next job."""

from sqlalchemy import update

from app.cards import usage
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.errors import Refused
from app.ledger import book
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, insert
from app.withdrawals import rules, tallies
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold
from app.withdrawals.states import OPEN, WITHDRAWAL, State

TOPIC = "withdrawals"
BOOK = {
    "settle": lambda withdrawal: book.settle(withdrawal.number, withdrawal.amount, withdrawal.fee),
    "release": lambda withdrawal: book.release(withdrawal.number),
    "reverse": lambda withdrawal: book.reverse(withdrawal.number),
}


def move(withdrawal: Withdrawal, verb: str, actor: str, *, why: str = "", **more: object) -> None:
    """The only line in the house that changes withdrawal.state: conditional, with its event, its posting and its next job."""
    edge = WITHDRAWAL.move(withdrawal.state, verb)
    if edge.target in WITHDRAWAL.final or edge.target == State.PAID:
        more["finished_at"] = clock.now()
    ends = withdrawal.state in OPEN and edge.target not in OPEN
    hit = changed(
        update(Withdrawal)
        .where(Withdrawal.id == withdrawal.id, Withdrawal.state == withdrawal.state, Withdrawal.seq == withdrawal.seq)
        .values(state=edge.target, seq=Withdrawal.seq + 1, **more)
        .execution_options(synchronize_session=False)
    )
    if not hit:
        raise Refused("这笔提现的状态刚刚变了，请刷新后再试")
    db.session.refresh(withdrawal)
    _write_event(withdrawal, verb, actor, why)
    if ends:
        usage.end(withdrawal.card_id)
    if edge.book:
        BOOK[edge.book](withdrawal)
        live_events.announce("channels", "")
    if edge.wakes:
        jobs.promise(edge.wakes, withdrawal.number, after_s=_first_wait(withdrawal, verb))
    announce(withdrawal.number)


def _first_wait(withdrawal: Withdrawal, verb: str) -> float:
    """When the job that the new state needs is due, in seconds."""
    first, *_ = channel_rules.waits(channels.account_by_id(withdrawal.account_id).query_waits_s)
    return {
        "send": rules.HTTP_TOTAL_S + first,  # for the case that this worker does not live to hear the answer
        "wait": first,
        "unsent": min(2.0 ** min(withdrawal.attempts, 10), 300),
    }.get(verb, 0)


def begin(withdrawal: Withdrawal, actor: str) -> None:
    """A new withdrawal is written, with the first line of its trace."""
    withdrawal.seq = 1
    db.session.add(withdrawal)
    db.session.flush()
    _write_event(withdrawal, "create", actor, "")
    announce(withdrawal.number)


def note(withdrawal: Withdrawal, verb: str, actor: str, why: str = "") -> None:
    """An event that changes no state."""
    db.session.execute(
        update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(seq=Withdrawal.seq + 1)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    db.session.refresh(withdrawal)
    _write_event(withdrawal, verb, actor, why)
    announce(withdrawal.number)


def _write_event(withdrawal: Withdrawal, verb: str, actor: str, why: str) -> None:
    db.session.add(
        WithdrawalEvent(
            withdrawal_id=withdrawal.id,
            seq=withdrawal.seq,
            verb=verb,
            state=withdrawal.state,
            actor=actor,
            why=why[:300],
        )
    )
    db.session.flush()


def announce(number: str) -> None:
    """After this transaction pages look again, and what was counted before it is forgotten by then."""
    tallies.forget()
    live_events.announce(TOPIC, number)


def hold(withdrawal: Withdrawal, reason: str, detail: str) -> None:
    """A person must look; nothing moves by itself. Once per reason while it is open."""
    row = insert(WithdrawalHold).values(
        withdrawal_id=withdrawal.id, reason=reason, detail=detail[:300], opened_at=clock.now()
    )
    if changed(row.on_conflict_do_nothing()):
        note(withdrawal, "hold", "rule", why=reason)

"""How a withdrawal moves: one line changes its state, with its event, its posting and its next job."""

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm.attributes import set_committed_value

from app.cards import usage
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.ledger import book
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, insert, table_of
from app.withdrawals import rules, tallies
from app.withdrawals.models import LONGEST_SENTENCE, Withdrawal, WithdrawalApproval, WithdrawalEvent, WithdrawalHold
from app.withdrawals.service import admission
from app.withdrawals.states import OPEN, WATCH, WITHDRAWAL, State

TOPIC = "withdrawals"
RULE = "rule"
"""Who acts when no person does: a rule of the house. Its sentences are kept as `Text.kept`."""


def _reverse(withdrawal: Withdrawal) -> None:
    with_fee = channels.account_by_id(withdrawal.account_id).return_refunds_fee
    book.reverse(rules.late(withdrawal.number) if withdrawal.paid_late else withdrawal.number, with_fee=with_fee)


def _pay_late(withdrawal: Withdrawal) -> None:
    """Its own hold was released long ago: what the payment cost is held and settled under a number beside it."""
    number, account = rules.late(withdrawal.number), channels.account_by_id(withdrawal.account_id)
    book.reserve(account.number, number, withdrawal.amount + withdrawal.fee)
    book.settle(number, withdrawal.amount, withdrawal.fee)


BOOK = {
    "settle": lambda withdrawal: book.settle(withdrawal.number, withdrawal.amount, withdrawal.fee),
    "release": lambda withdrawal: book.release(withdrawal.number),
    "reverse": _reverse,
    "pay_late": _pay_late,
}


def move(withdrawal: Withdrawal, verb: str, actor: str, *, why: str = "", **more: object) -> None:
    """The only line in the house that changes withdrawal.state: conditional, with its event, its posting and its next job."""
    edge = WITHDRAWAL.move(withdrawal.state, verb)
    if edge.target not in OPEN:
        more["finished_at"] = clock.now()
    if verb == "declare_late":
        more["paid_late"] = True
    if edge.wakes == WATCH:
        more["watched"] = 0
    ends = withdrawal.state in OPEN and edge.target not in OPEN
    uncounted = withdrawal.counted and edge.book == "release"
    if uncounted:
        more["counted"] = False
    if not _change(withdrawal, {"state": edge.target, **more}):
        raise Refused("这笔提现的状态刚刚变了，请刷新后再试")
    _write_event(withdrawal, verb, actor, why)
    if ends:
        usage.end(withdrawal.card_id)
        _close_by_itself(withdrawal)
    if uncounted:
        admission.give_back(withdrawal)
    if edge.book:
        BOOK[edge.book](withdrawal)
        live_events.announce("channels", "")
    if edge.wakes and (wait := _first_wait(withdrawal, verb, edge.wakes)) is not None:
        jobs.promise(edge.wakes, withdrawal.number, after_s=wait)
    if edge.target == State.RETURNED:
        hold(withdrawal, "returned", why)
    announce(withdrawal.number)


def _first_wait(withdrawal: Withdrawal, verb: str, wakes: str) -> float | None:
    """When the job that the new state needs is due, in seconds; None: it needs none."""
    account = channels.account_by_id(withdrawal.account_id)
    first, *_ = channel_rules.waits(account.query_waits_s)
    if wakes == WATCH:
        watch = channel_rules.waits(account.return_waits_s)
        return watch[0] if watch else None
    return {
        "send": rules.HTTP_TOTAL_S + first,  # for the case that this worker does not live to hear the answer
        "wait": first,
        "unsent": min(2.0 ** min(withdrawal.attempts, 10), 300),
    }.get(verb, 0)


def send_back(withdrawal: Withdrawal, actor: str, *, why: str) -> None:
    """退回审批: what was approved counts no more. Only before the first send."""
    rules.require_never_sent(attempts=withdrawal.attempts)
    mine = (WithdrawalApproval.withdrawal_id == withdrawal.id, WithdrawalApproval.voided_at.is_(None))
    db.session.execute(update(WithdrawalApproval).where(*mine).values(voided_at=clock.now()))
    move(withdrawal, "lapse", actor, why=why, checker_id=None, checker="", approval="", approved_at=None)


def begin(withdrawal: Withdrawal, actor: str) -> None:
    """A new withdrawal is written, with the first line of its trace."""
    withdrawal.seq = 1
    db.session.add(withdrawal)
    db.session.flush()
    _write_event(withdrawal, "create", actor, "")
    announce(withdrawal.number)


def note(withdrawal: Withdrawal, verb: str, actor: str, why: str = "") -> None:
    """An event that changes no state."""
    is_held = _change(withdrawal, {})
    assert is_held, f"{withdrawal.number} is not as it was read: who notes something holds it"
    _write_event(withdrawal, verb, actor, why)
    announce(withdrawal.number)


def _change(withdrawal: Withdrawal, new: dict[str, object]) -> bool:
    """Write these columns and the next `seq`, if it still is as it was read: False, and nothing is written otherwise."""
    new["seq"] = withdrawal.seq + 1
    read = {"its_id": withdrawal.id, "its_state": withdrawal.state, "its_seq": withdrawal.seq}
    if not db.session.connection().execute(_CHANGE, read | new).rowcount:
        return False
    for name, value in new.items():
        set_committed_value(withdrawal, name, value)
    return True


def _write_event(withdrawal: Withdrawal, verb: str, actor: str, why: str) -> None:
    words = why.kept(LONGEST_SENTENCE) if actor == RULE and isinstance(why, Text) else why[:LONGEST_SENTENCE]
    event = {"withdrawal_id": withdrawal.id, "seq": withdrawal.seq, "verb": verb, "state": withdrawal.state}
    db.session.connection().execute(_WRITE_EVENT, event | {"actor": actor, "why": str(words)})


def announce(number: str) -> None:
    """After this transaction pages look again, and what was counted before it is forgotten by then."""
    tallies.forget()
    live_events.announce(TOPIC, number)


def hold(withdrawal: Withdrawal, reason: str, detail: str) -> None:
    """A person must look; nothing moves by itself. Once per reason while it is open."""
    row = insert(WithdrawalHold).values(
        withdrawal_id=withdrawal.id, reason=reason, detail=detail[:300], opened_at=clock.now(), owner="", closed_by="",
        closing="",
    )  # fmt: skip
    if changed(row.on_conflict_do_nothing()) or _says_more(withdrawal, reason, detail[:300]):
        note(withdrawal, "hold", RULE, why=reason)


def _says_more(withdrawal: Withdrawal, reason: str, detail: str) -> bool:
    """It waits already, and there is news about it: whoever decides must have seen that."""
    h = WithdrawalHold
    mine = (h.withdrawal_id == withdrawal.id, h.reason == reason, h.closed_at.is_(None), h.detail != detail)
    return bool(changed(update(h).where(*mine).values(detail=detail)))


def close_holds(withdrawal: Withdrawal, *reasons: str, by: str, why: str) -> int:
    """Nobody needs to look any more; without reasons: for none of them. How many there were."""
    mine = [WithdrawalHold.withdrawal_id == withdrawal.id, WithdrawalHold.closed_at.is_(None)]
    mine += [WithdrawalHold.reason.in_(reasons)] if reasons else []
    return changed(
        update(WithdrawalHold).where(*mine).values(closed_at=clock.now(), closed_by=by[:60], closing=why[:300])
    )


def _close_by_itself(withdrawal: Withdrawal) -> None:
    if db.session.scalar(_WAITS, {"its_id": withdrawal.id}) is not None:
        close_holds(withdrawal, *rules.CLOSES_ITSELF, by=RULE, why="")


# Built once and run as Core statements: every withdrawal passes here several times. What is set is what is given.
_ROWS = table_of(Withdrawal)
_CHANGE = update(_ROWS).where(
    _ROWS.c.id == bindparam("its_id"), _ROWS.c.state == bindparam("its_state"), _ROWS.c.seq == bindparam("its_seq")
)
_WRITE_EVENT = table_of(WithdrawalEvent).insert()
_WAITS = (
    select(WithdrawalHold.id)
    .where(WithdrawalHold.withdrawal_id == bindparam("its_id"), WithdrawalHold.closed_at.is_(None))
    .limit(1)
)

"""How a withdrawal moves: one line changes its state, with its event, its posting and its next job."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm.attributes import set_committed_value

from app.cards import usage
from app.channels import queries as channels
from app.channels.rules.asking import Asking
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.kernel.funds import Funds
from app.ledger import book
from app.runtime import jobs, live_events
from app.runtime.db import after_commit, changed, db, insert, table_of, transaction
from app.withdrawals import rules, tallies
from app.withdrawals.models import LONGEST_SENTENCE, Withdrawal, WithdrawalApproval, WithdrawalEvent, WithdrawalHold
from app.withdrawals.service import admission
from app.withdrawals.states import LOOK_AT_WORK, OPEN, WATCH, WITHDRAWAL, State, WithdrawalMove

TOPIC = "withdrawals"
RULE = "rule"
"""Who acts when no person does: a rule of the house. Its sentences are kept as `Text.kept`."""


def _reverse(withdrawal: Withdrawal) -> None:
    with_fee = channels.account_by_id(withdrawal.account_id).asking.return_refunds_fee
    book.reverse(rules.late(withdrawal.number) if withdrawal.paid_late else withdrawal.number, with_fee=with_fee)


def _pay_late(withdrawal: Withdrawal) -> None:
    """Its own hold was released long ago: what the payment cost is held and settled under a number beside it."""
    number, account = rules.late(withdrawal.number), channels.account_by_id(withdrawal.account_id)
    book.reserve(account.number, number, withdrawal.amount + withdrawal.fee, funds=Funds(withdrawal.funds))
    book.settle(number, withdrawal.amount, withdrawal.fee)


def _one_by_one(post: Callable[[Withdrawal], None]) -> Callable[[Sequence[Withdrawal]], None]:
    def post_all(withdrawals: Sequence[Withdrawal]) -> None:
        for withdrawal in withdrawals:
            post(withdrawal)

    return post_all


BOOK: Mapping[str, Callable[[Sequence[Withdrawal]], None]] = {
    "settle": lambda withdrawals: book.settle_all({it.number: (it.amount, it.fee) for it in withdrawals}),
    "release": lambda withdrawals: book.release(*(it.number for it in withdrawals)),
    "reverse": _one_by_one(_reverse),
    "pay_late": _one_by_one(_pay_late),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One move of one withdrawal, which its transaction holds. `more`: what else is known of it from now on."""

    withdrawal: Withdrawal
    verb: str
    actor: str
    why: str = ""
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def edge(self) -> WithdrawalMove:
        return WITHDRAWAL.move(self.withdrawal.state, self.verb)


def move(withdrawal: Withdrawal, verb: str, actor: str, *, why: str = "", **more: object) -> None:
    """`move_all` of one."""
    move_all([Step(withdrawal, verb, actor, why, more)])


def move_all(steps: Sequence[Step]) -> None:
    """The only line in the house that changes withdrawal.state: conditional, with its event, its posting and its next job.

    Of each withdrawal one step. All of them, or none: one that cannot be made undoes the others.
    """
    if not steps:
        return
    made = [(step, step.edge) for step in steps]
    ended = [it.withdrawal for it, edge in made if it.withdrawal.state in OPEN and edge.target not in OPEN]
    uncounted = [it.withdrawal for it, edge in made if it.withdrawal.counted and edge.book == "release"]
    if not _change([(it.withdrawal, {"state": edge.target, **_learned(it, edge)}) for it, edge in made]):
        raise Refused("这笔提现的状态刚刚变了，请刷新后再试")
    _write_events(steps)
    usage.end(*(it.card_id for it in ended))
    _close_by_themselves(ended)
    for withdrawal in uncounted:
        admission.give_back(withdrawal)
    for word, post in BOOK.items():
        if posted := [step.withdrawal for step, edge in made if edge.book == word]:
            post(posted)
            live_events.announce("channels", "")
    _promise_what_follows(made)
    for step, edge in made:
        if edge.target == State.RETURNED:
            hold(step.withdrawal, "returned", step.why)
    announce(*(step.withdrawal.number for step in steps))


def _learned(step: Step, edge: WithdrawalMove) -> dict[str, object]:
    """What else this step writes."""
    new = dict(step.more)
    if edge.target not in OPEN:
        new["finished_at"] = clock.now()
    if step.verb == "declare_late":
        new["paid_late"] = True
    if edge.wakes == WATCH:
        new["watched"] = 0
    if step.withdrawal.counted and edge.book == "release":
        new["counted"] = False
    return new


def _promise_what_follows(made: Sequence[tuple[Step, WithdrawalMove]]) -> None:
    """The jobs that the new states need."""
    waking = [(step, edge) for step, edge in made if edge.wakes]
    asking = {it: channels.account_by_id(it).asking for it in {step.withdrawal.account_id for step, _ in waking}}
    promised = []
    for step, edge in waking:
        wait = _first_wait(step, edge.wakes, asking[step.withdrawal.account_id])
        if wait is not None:
            promised.append(jobs.Promise(edge.wakes, step.withdrawal.number, after_s=wait))
    jobs.promise_all(promised)


def _first_wait(step: Step, wakes: str, asking: Asking) -> float | None:
    """When the job that the new state needs is due, in seconds; None: it needs none."""
    if wakes == WATCH:
        return asking.return_waits_s[0] if asking.return_waits_s else None
    first = min(asking.query_waits_s[0], rules.AGED_AFTER_S)
    return {
        "send": rules.HTTP_TOTAL_S + first,  # for the case that this worker does not live to hear the answer
        "wait": first,
        "unsent": min(2.0 ** min(step.withdrawal.attempts, 10), 300),
    }.get(step.verb, 0)


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
    _write_events([Step(withdrawal, "create", actor)])
    announce(withdrawal.number)


def note(withdrawal: Withdrawal, verb: str, actor: str, why: str = "") -> None:
    """An event that changes no state."""
    is_held = _change([(withdrawal, {})])
    assert is_held, f"{withdrawal.number} is not as it was read: who notes something holds it"
    _write_events([Step(withdrawal, verb, actor, why)])
    announce(withdrawal.number)


def _change(changes: Sequence[tuple[Withdrawal, dict[str, object]]]) -> bool:
    """Write these columns and the next `seq` of each, if it still is as it was read: False where one of them is not."""
    alike: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for withdrawal, new in changes:
        new["seq"] = withdrawal.seq + 1
        read = {"its_id": withdrawal.id, "its_state": withdrawal.state, "its_seq": withdrawal.seq}
        alike.setdefault(tuple(sorted(new)), []).append(read | new)
    if any(db.session.connection().execute(_CHANGE, rows).rowcount != len(rows) for rows in alike.values()):
        return False
    for withdrawal, new in changes:
        for name, value in new.items():
            set_committed_value(withdrawal, name, value)
    return True


def _write_events(steps: Sequence[Step]) -> None:
    """A line of the trace for each, which stands as it is by now."""
    rows = [
        {
            "withdrawal_id": it.withdrawal.id,
            "seq": it.withdrawal.seq,
            "verb": it.verb,
            "state": it.withdrawal.state,
            "actor": it.actor,
            "why": str(_words(it)),
        }
        for it in steps
    ]
    db.session.connection().execute(_WRITE_EVENT, rows)


def _words(step: Step) -> str:
    if step.actor == RULE and isinstance(step.why, Text):
        return step.why.kept(LONGEST_SENTENCE)
    return step.why[:LONGEST_SENTENCE]


def announce(*numbers: str) -> None:
    """After this transaction pages look again, and what was counted before it is forgotten by then."""
    tallies.forget()
    for number in numbers:
        live_events.announce(TOPIC, number)


def hold(withdrawal: Withdrawal, reason: str, detail: str) -> None:
    """A person must look; nothing moves by itself. Once per reason while it is open."""
    row = insert(WithdrawalHold).values(
        withdrawal_id=withdrawal.id, reason=reason, detail=detail[:300], opened_at=clock.now(), owner="", closed_by="",
        closing="",
    )  # fmt: skip
    if changed(row.on_conflict_do_nothing()) or _says_more(withdrawal, reason, detail[:300]):
        note(withdrawal, "hold", RULE, why=reason)
        if reason in rules.AT_ONCE:
            work_changes()


def _says_more(withdrawal: Withdrawal, reason: str, detail: str) -> bool:
    """It waits already, and there is news about it: whoever decides must have seen that."""
    h = WithdrawalHold
    mine = (h.withdrawal_id == withdrawal.id, h.reason == reason, h.closed_at.is_(None), h.detail != detail)
    return bool(changed(update(h).where(*mine).values(detail=detail)))


def close_holds(withdrawal: Withdrawal, *reasons: str, by: str, why: str) -> int:
    """Nobody needs to look any more; without reasons: for none of them. How many there were."""
    mine = [WithdrawalHold.withdrawal_id == withdrawal.id, WithdrawalHold.closed_at.is_(None)]
    mine += [WithdrawalHold.reason.in_(reasons)] if reasons else []
    closed = changed(
        update(WithdrawalHold).where(*mine).values(closed_at=clock.now(), closed_by=by[:60], closing=why[:300])
    )
    if closed:
        work_changes()
    return closed


def work_changes() -> None:
    """Whoever rings for work looks as soon as this is written. Not with it: all that opens or ends work would wait in line
    for one row, in whatever order it holds others. Lost between the two it costs a minute, until the clock's own look."""
    after_commit(_look_at_work)


def _look_at_work() -> None:
    with transaction():
        jobs.promise(LOOK_AT_WORK)


def _close_by_themselves(ended: Sequence[Withdrawal]) -> None:
    if not ended:
        return
    waiting = set(db.session.scalars(_WAITING, {"its_ids": [it.id for it in ended]}))
    for withdrawal in ended:
        if withdrawal.id in waiting:
            close_holds(withdrawal, *rules.CLOSES_ITSELF, by=RULE, why="")


# Built once and run as Core statements: every withdrawal passes here several times. What is set is what is given.
_ROWS = table_of(Withdrawal)
_CHANGE = update(_ROWS).where(
    _ROWS.c.id == bindparam("its_id"), _ROWS.c.state == bindparam("its_state"), _ROWS.c.seq == bindparam("its_seq")
)
_WRITE_EVENT = table_of(WithdrawalEvent).insert()
_WAITING = select(WithdrawalHold.withdrawal_id).where(
    WithdrawalHold.withdrawal_id.in_(bindparam("its_ids", expanding=True)), WithdrawalHold.closed_at.is_(None)
)

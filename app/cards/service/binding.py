"""批量绑卡, the worker's part: hand row after row to the channel and keep what became of each.

A row becomes a card, and a call is announced, in one transaction that also moves the run's cursor; then the channel is
asked; then the answers are kept. Killed between any two of these, the run goes on with the rows that have no answer: asking
again under the same reference binds nothing twice.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from app.cards import queries, rules
from app.cards.models import BindingRow, BindingRun, Card
from app.cards.queries import runs
from app.cards.service.cards import (
    BIND,
    NOTHING_TO_ASK,
    RUNS,
    TOPIC,
    Put,
    Wanted,
    as_channel_sees,
    move,
    put,
    put_again,
    tell_run,
)
from app.cards.states import OUTCOME_OF, RUN, RowState, RunState, State
from app.channels import gateway
from app.channels import queries as channels
from app.channels.contract import BindObservation, BindSeen, CardToBind, Interface
from app.channels.manners import abilities
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused, gettext_noop
from app.kernel.payee import Destination, PayeeAccount, read
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, transaction
from app.runtime.queue import Line
from app.uploads import queries as uploads

RESULT = "app.cards.jobs.write_result"
SLICE_S = 15.0
"""How long a worker stays with a run before others get their turn: well within a job's lease."""
ROWS_AT_ONCE = 48
CALLERS = 8
AT_ONCE = 1000
"""Cards in one statement."""
WAIT_TURN_S = 5
SILENT_FIRST_S, SILENT_LONGEST_S = 5, 120
ALREADY = gettext_noop("此前已绑定，没有再次提交")
ELSEWHERE = gettext_noop("正在由别人绑定或解绑，没有再次提交")


@dataclass(frozen=True, slots=True)
class Handed:
    """Rows on their way to the channel, as values: their calls are announced."""

    run_id: int
    cards: Sequence[tuple[int, CardToBind]]
    calls: Sequence[gateway.Call]
    at_once: bool
    per_s: int


def work(reference: str) -> jobs.Again | None:
    """Hand on rows for a while. Says when to come again; nothing, when there is nothing more to do."""
    until = time.monotonic() + SLICE_S
    with ThreadPoolExecutor(CALLERS, thread_name_prefix="bind") as callers:
        pace = _Pace()
        while True:
            handed = _hand_on(reference)
            if not isinstance(handed, Handed):
                return handed
            answers = _ask(callers, pace, reference, handed)
            if silent_for_s := _keep(reference, handed, answers):
                return jobs.Again(min(max(silent_for_s / 2, SILENT_FIRST_S), SILENT_LONGEST_S))
            if time.monotonic() >= until:
                return jobs.Again(0)


def _hand_on(reference: str) -> Handed | jobs.Again | None:
    with transaction():
        run = runs.held_run(reference)
        if run.state != RunState.RUNNING:
            return None
        if runs.waits_for(run) is not None:
            return jobs.Again(WAIT_TURN_S)
        account = channels.account_by_id(run.account_id)
        if not account.usable:
            move_run(run, "pause", why="")  # nobody's deed: the page says why
            return None
        if not account.can.binds:
            return _register(run)
        setting_id = channels.active_setting_id(account.id)
        assert setting_id is not None, f"{account.number} has no settings"
        many = abilities(account.adapter).cards_at_once
        # After silence a few are asked singly: a channel that is gone is not stormed, and an answer to a batch that
        # spoke of none of its cards is silence too.
        at_once = many > 1 and run.silent_since is None
        cards = _cards(run, CALLERS if run.silent_since else max(many, ROWS_AT_ONCE))
        if not cards:
            _finish(run)
            return None
        if at_once:
            subjects, interface = [reference], Interface.BIND_CARDS
        else:
            subjects, interface = [card.reference for _id, card in cards], Interface.BIND_CARD
        calls = [
            gateway.announce(interface, account_id=account.id, setting_id=setting_id, subject=subject)
            for subject in subjects
            if account.can.binds
        ]
        return Handed(run.id, cards, calls, at_once, account.bind_per_s)


def _finish(run: BindingRun) -> None:
    move_run(run, "finish", ended_at=clock.now())
    jobs.promise(RESULT, run.reference, line=Line.SHEETS)


def _register(run: BindingRun) -> jobs.Again | None:
    """The channel binds none: the next rows are registered here, and nobody is asked."""
    cards = _cards(run, AT_ONCE)
    if not cards:
        _finish(run)
        return None
    _settle(run.id, {card_id: BindObservation(seen=BindSeen.BOUND) for card_id, _card in cards})
    live_events.announce(RUNS, run.reference)
    live_events.announce(TOPIC, "")
    return jobs.Again(0)


def _cards(run: BindingRun, limit: int) -> list[Put]:
    """The next cards to ask for: first those that have no answer, then new ones, at most so many."""
    waiting = [row.card_id for row in runs.asking(run.id, limit)]
    known = db.session.scalars(select(Card).where(Card.id.in_(waiting)).order_by(Card.id))
    cards = [(card.id, as_channel_sees(card)) for card in known]
    if run.began_at is None:
        run.began_at = clock.now()
    while len(cards) < limit and (rows := _next_rows(run, limit - len(cards))):
        cards += _put(run, rows)
    db.session.flush()
    return cards


def _next_rows(run: BindingRun, count: int) -> list[tuple[int, Wanted]]:
    """The next good rows of the sheet, up to so many; the cursor stands behind them."""
    upload = uploads.by_id(run.upload_id)
    columns, mapping = queries.template_by_id(upload.form_id).columns, uploads.mapping(upload)
    decisions = uploads.decisions(upload)
    found: list[tuple[int, Wanted]] = []
    for block in uploads.blocks(upload, after_row=run.cursor):
        for one in block:
            if len(found) >= count:
                return found
            if one.is_good(decisions):
                wish = rules.wish(one.texts(columns, mapping, decisions))
                found.append((one.row, _wanted(wish, of_payees=columns is rules.OF_PAYEES)))
            run.cursor = one.row
    return found


def _wanted(wish: rules.Wish, *, of_payees: bool) -> Wanted:
    number: Destination
    if of_payees:
        number = read(wish.number, corporate=wish.corporate)
    else:
        number = (BankCard.parse_corporate if wish.corporate else BankCard.parse)(wish.number)
    return Wanted(
        number=number,
        holder=wish.holder,
        bank=number.institution if isinstance(number, PayeeAccount) else wish.bank,
        phone=wish.phone,
        corporate=wish.corporate,
        details=wish.details,
    )


def _put(run: BindingRun, rows: Sequence[tuple[int, Wanted]]) -> list[Put]:
    """These rows' cards, being bound from now on; rows whose card is known already are only noted."""
    by_index = {queries.index_of(wanted.number.number): (row, wanted) for row, wanted in rows}
    account_id, put_now, noted = run.account_id, list[tuple[int, Put]](), list[dict[str, Any]]()
    for card in queries.by_numbers(account_id, list(by_index)):
        row, wanted = by_index.pop(card.number_index)
        if card.state == State.REFUSED:
            put_now.append((row, put_again(card, wanted)))
        else:
            told = ALREADY if card.state == State.BOUND else ELSEWHERE
            noted.append({"row": row, "card_id": card.id, "state": RowState.KNOWN, "message": told})
    run.known += len(noted)
    new = list(by_index.values())
    put_now += zip([row for row, _ in new], put(account_id, [wanted for _, wanted in new], run.maker), strict=True)
    noted += [{"row": row, "card_id": it[0], "state": RowState.ASKING, "message": ""} for row, it in put_now]
    now = clock.now()
    if noted:
        db.session.execute(insert(BindingRow), [one | {"run_id": run.id, "at": now} for one in noted])
    return [it for _row, it in sorted(put_now, key=lambda one: one[0])]


class _Pace:
    """So many starts a second, evenly."""

    def __init__(self) -> None:
        self._next, self._lock, self._never = 0.0, Lock(), Event()

    def wait(self, per_s: int) -> None:
        with self._lock:
            now = time.monotonic()
            begin = max(self._next, now)
            self._next = begin + 1 / per_s
        if begin > now:
            self._never.wait(begin - now)


def _ask(callers: ThreadPoolExecutor, pace: _Pace, reference: str, handed: Handed) -> Mapping[str, BindObservation]:
    if not handed.calls:
        return {card.reference: NOTHING_TO_ASK for _id, card in handed.cards}
    if handed.at_once:
        pace.wait(1)
        return gateway.bind_cards(handed.calls[0], reference, [card for _id, card in handed.cards])

    def ask(call: gateway.Call, card: CardToBind) -> BindObservation:
        pace.wait(handed.per_s)
        return gateway.bind_card(call, card)

    wanted = [card for _id, card in handed.cards]
    return dict(
        zip([card.reference for card in wanted], callers.map(jobs.inside(ask), handed.calls, wanted), strict=True)
    )


def _keep(reference: str, handed: Handed, answers: Mapping[str, BindObservation]) -> float:
    """Write down what the channel said. Returns for how long it has said nothing at all (seconds); 0: it answers."""
    told = {card_id: answers[card.reference] for card_id, card in handed.cards}
    silent = not any(it.signed or it.seen is not BindSeen.PENDING for it in told.values())
    with transaction():
        run = runs.held_run(reference)
        if silent:
            since = run.silent_since or clock.now()
            run.silent_since = since
            live_events.announce(RUNS, reference)
            return max((clock.now() - since).total_seconds(), 0.1)
        run.silent_since = None
        settled = {card_id: it for card_id, it in told.items() if it.seen is not BindSeen.PENDING}
        _settle(run.id, settled)
        leave_to_cards(run.id, [card_id for card_id in told if card_id not in settled])
        live_events.announce(RUNS, reference)
        live_events.announce(TOPIC, "")
    return 0


def _settle(run_id: int, told: Mapping[int, BindObservation]) -> None:
    """What `cards.move` and `tell_run` do for one card, for many: the states are the same table's."""
    if not told:
        return
    now = clock.now()
    values = [
        {
            "its_id": card_id,
            "its_state": OUTCOME_OF[it.seen].value,
            "its_message": it.message[:300],
            "its_card": it.channel_card[:64],
        }
        for card_id, it in told.items()
    ]
    connection = db.session.connection()
    # Only what still waits: a card's own job, or somebody else, may have been quicker.
    binding = select(Card.id).where(Card.id.in_(told), Card.state == State.BINDING)
    waiting = set(db.session.scalars(binding.order_by(Card.id).with_for_update()))
    asking = BindingRow.run_id == run_id, BindingRow.card_id.in_(waiting), BindingRow.state == RowState.ASKING
    at_once = set(db.session.scalars(select(BindingRow.card_id).where(*asking)))
    for card in db.session.scalars(select(Card).where(Card.id.in_(waiting - at_once))).all():
        it = told[card.id]  # stopped meanwhile: its row was left to the card already
        verb = "bind" if it.seen is BindSeen.BOUND else "refuse"
        move(card, verb, message=it.message, channel_card=it.channel_card[:64])
    mine = [one for one in values if one["its_id"] in at_once]
    cards, rows = Card.__table__, BindingRow.__table__
    if mine:
        connection.execute(
            update(cards)  # type: ignore[arg-type]
            .where(cards.c.id == bindparam("its_id"), cards.c.state == State.BINDING.value)
            .values(
                state=bindparam("its_state"),
                message=bindparam("its_message"),
                channel_card=bindparam("its_card"),
                settled_at=now,
            ),
            mine,
        )
        connection.execute(
            update(rows)  # type: ignore[arg-type]
            .where(
                rows.c.run_id == run_id, rows.c.card_id == bindparam("its_id"), rows.c.state == RowState.ASKING.value
            )
            .values(state=bindparam("its_state"), message=bindparam("its_message"), at=now),
            mine,
        )
    counted = [one["its_state"] for one in mine]
    count(run_id, bound=counted.count("bound"), refused=counted.count("refused"))


def leave_to_cards(run_id: int, card_ids: Sequence[int]) -> None:
    """The channel looks at these, or nothing is known of them: each is followed to its answer by a job of its own."""
    if len(card_ids) > AT_ONCE:
        for at in range(0, len(card_ids), AT_ONCE):
            leave_to_cards(run_id, card_ids[at : at + AT_ONCE])
        return
    mine = BindingRow.run_id == run_id, BindingRow.card_id.in_(card_ids), BindingRow.state == RowState.ASKING
    rows = db.session.scalars(select(BindingRow.card_id).where(*mine)).all()
    if not rows:
        return
    db.session.execute(update(BindingRow).where(*mine).values(state=RowState.PENDING, at=clock.now()))
    count(run_id, pending=len(rows))
    for card in db.session.scalars(select(Card).where(Card.id.in_(rows))):
        if card.state == State.BINDING:
            jobs.promise(BIND, card.reference, after_s=5)
        else:  # answered meanwhile
            tell_run(card.id, RowState(card.state) if card.state in set(RowState) else RowState.KNOWN, card.message)


def count(run_id: int, **more: int) -> None:
    """So many more rows of each kind."""
    values = {name: getattr(BindingRun, name) + count for name, count in more.items() if count}
    if values:
        db.session.flush()
        db.session.execute(update(BindingRun).where(BindingRun.id == run_id).values(**values))


def move_run(run: BindingRun, verb: str, **values: object) -> None:
    """The only line in the room that changes binding_run.state."""
    step = RUN.move(run.state, verb)
    db.session.flush()
    mine = update(BindingRun).where(BindingRun.id == run.id, BindingRun.state == run.state)
    if not changed(mine.values(state=step.target, **values)):
        raise Refused("这次批量绑卡的状态刚刚变了，请刷新后再试")
    live_events.announce(RUNS, run.reference)

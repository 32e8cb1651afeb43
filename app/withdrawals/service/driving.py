"""What workers do: hand it to the channel, ask what became of it, and take in everything that is learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import literal, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.channels import breaker, gateway, mailbox, opening, pace, versions
from app.channels import queries as channels
from app.channels.contract import Interface, Observation, Order, Seen
from app.channels.manners import abilities
from app.channels.rules.asking import wait_after
from app.kernel import clock, signing
from app.kernel.errors import Refused, gettext_noop
from app.kernel.funds import Funds
from app.kernel.payee import Payee
from app.runtime import jobs, journal, live_events
from app.runtime.db import db, transaction
from app.runtime.work import Begun, all_or_each
from app.withdrawals import queries, rules
from app.withdrawals.models import LONGEST_SENTENCE, Withdrawal
from app.withdrawals.rules.payees import Listed
from app.withdrawals.service import movement, restoring
from app.withdrawals.states import ASK, Kind, State

STOPPED_S = 60.0
"""How long a withdrawal waits before it looks again whether sending was let go; `stops.close_stop` does not wait for it."""
LOOKED_AT_MOST_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Send:
    """What may leave, once it is in the send journal."""

    call: gateway.Call
    order: Order
    line: journal.Line
    sent_at: datetime


def begin_submits(numbers: Sequence[str]) -> Begun[Send]:
    """Intend to hand these withdrawals to their channels; those that must not leave now are answered.

    `sending` and the calls' rows are committed before the first byte leaves, so a crash leaves traces, not doubts; the jobs
    that ask what became of them are promised in that same transaction. Then all are in the send journal, then each is sent.
    """
    begun = all_or_each(numbers, _intend)
    sends = {number: it for number, it in begun.items() if isinstance(it, Send)}
    answers = {number: it for number, it in begun.items() if number not in sends}
    try:
        journal.append(*(send.line for send in sends.values()))
    except OSError as problem:  # what cannot be written down is not sent
        never = Observation(seen=Seen.NOT_SENT)
        all_or_each(sends, lambda some: _take_in([News(it, never, "submit", sends[it].call) for it in some]))
        return Begun({}, answers | dict.fromkeys(sends, problem))
    return Begun(sends, answers)


def submit(send: Send) -> gateway.Heard | None:
    """Hand one withdrawal to its channel, with no transaction open."""
    if (clock.now() - send.sent_at).total_seconds() > rules.SEND_WITHIN_S:
        return None  # this process slept too long after its last look: the job that asks will find out and decide
    return gateway.submit(send.call, send.order)


def end_submits(heard: Mapping[str, gateway.Heard | None]) -> Mapping[str, object]:
    """What the channels said, and what follows from it, is written down."""
    said = {number: it for number, it in heard.items() if it is not None}

    def write(numbers: Sequence[str]) -> Mapping[str, None]:
        gateway.complete(said[number] for number in numbers)
        return _take_in([News(it, said[it].seen, "submit", said[it].call) for it in numbers])

    answers = all_or_each(said, write)
    if lost := [said[number] for number, answer in answers.items() if answer is not None]:
        with transaction():  # what was said is kept, whatever cannot be done with it
            gateway.complete(lost)
    return dict.fromkeys(heard) | answers


def _intend(numbers: Sequence[str]) -> dict[str, Send | jobs.Again | None]:
    """Those that may leave are `sending` now. Joins the caller's transaction."""
    held = queries.held_all(numbers)
    lists, senders = queries.lists_about(held.values()), dict[int, _Sender]()
    answers = dict[str, Send | jobs.Again | None]()
    leaving = list[tuple[Withdrawal, _Sender]]()
    for number, withdrawal in held.items():
        sender = senders.get(withdrawal.account_id) or _sender(withdrawal.account_id)
        senders[withdrawal.account_id] = sender
        if stays := _stays(withdrawal, sender, lists):
            answers[number] = stays.answer
        else:
            leaving.append((withdrawal, sender))
    return answers | _set_out(leaving)


@dataclass(frozen=True, slots=True)
class _Sender:
    """An account, as all that leave it together find it."""

    account: channels.Account
    setting_id: int | None
    is_stopped: bool
    stands: opening.Opening


def _sender(account_id: int) -> _Sender:
    return _Sender(
        channels.account_by_id(account_id),
        channels.active_setting_id(account_id),
        queries.stop_of(account_id) is not None,
        opening.now(account_id),
    )


class _Stays(NamedTuple):
    """It does not leave now."""

    answer: jobs.Again | None = None


def _stays(withdrawal: Withdrawal, sender: _Sender, lists: Listed) -> _Stays | None:
    """Look at one that is about to leave, and deal with what keeps it; None: it may."""
    if withdrawal.state != State.QUEUED:
        return _Stays()
    if sender.is_stopped:
        return _Stays(jobs.Again(STOPPED_S))
    if sender.stands.wait_s:
        return _Stays(jobs.Again(sender.stands.wait_s))
    if not signing.same(withdrawal.approval, queries.digest(withdrawal)):
        movement.hold(withdrawal, "approval_broken", "")
        return _Stays()
    if not withdrawal.attempts and rules.is_stale(withdrawal.approved_at, now=clock.now()):
        movement.send_back(withdrawal, movement.RULE, why=gettext_noop("审批已超过 24 小时，请重新审批"))
        return _Stays()
    if objection := queries.objection(withdrawal, lists=lists, lock=True):
        if withdrawal.attempts:
            movement.hold(withdrawal, "objection", "")
        else:
            movement.send_back(withdrawal, movement.RULE, why=objection)
        return _Stays()
    if sender.account.send_per_s and (wait := pace.wait_s(withdrawal.account_id)):
        return _Stays(jobs.Again(wait))
    if sender.stands.is_trying and not breaker.take(withdrawal.account_id, withdrawal.number):
        return _Stays(jobs.Again(opening.LONGEST_WAIT_S))
    return None


def _set_out(leaving: Sequence[tuple[Withdrawal, _Sender]]) -> dict[str, Send]:
    """The calls are announced, the withdrawals are `sending`. Joins the caller's transaction."""
    if not leaving:
        return {}
    calls = gateway.announce_all([_about(withdrawal, sender) for withdrawal, sender in leaving])
    sent_at = clock.now()
    steps = []
    for (withdrawal, sender), call in zip(leaving, calls, strict=True):
        intended = {
            "setting_id": sender.setting_id,
            "call_id": call.id,
            "sent_at": sent_at,
            "attempts": withdrawal.attempts + 1,
            "not_found": 0,
            "first_not_found_at": None,
        }
        steps.append(movement.Step(withdrawal, "send", "worker", more=intended))
    movement.move_all(steps)
    sends = {}
    for (withdrawal, sender), call in zip(leaving, calls, strict=True):
        card = cards.by_id(withdrawal.card_id)
        order = _order(withdrawal, cards.number_of(card), cards.branch_of(card))
        line = restoring.line_of(
            withdrawal,
            account=sender.account.number,
            card_number=order.card_number,
            reference=card.reference,
            branch=order.branch,
        )
        sends[withdrawal.number] = Send(call, order, line, sent_at)
    return sends


def _about(withdrawal: Withdrawal, sender: _Sender) -> gateway.About:
    assert sender.setting_id is not None, f"{withdrawal.number}: its account has no settings"
    settles = withdrawal.kind == Kind.SETTLEMENT and abilities(sender.account.adapter).settles
    interface = Interface.SETTLE if settles else Interface.SUBMIT
    return gateway.About(interface, withdrawal.account_id, sender.setting_id, withdrawal.number)


def ask(number: str) -> jobs.Again | None:
    """Ask the channel what became of it, and say when to ask again. Never gives up, never decides by itself."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state not in (State.SENDING, State.PENDING) and not queries.is_lost(number):
            return None
        call, order = _question(withdrawal, asked=Withdrawal.asked + 1)
        asked, sent_at, now = withdrawal.asked, withdrawal.sent_at, clock.now()
        account = channels.account_by_id(withdrawal.account_id)
        schedule = account.asking.query_waits_s
        if sent_at is not None and (now - sent_at).total_seconds() >= rules.AGED_AFTER_S:
            movement.hold(withdrawal, "aged", "")
    observe(number, gateway.query(call, order), source="query", call=call)
    still_out = queries.by_number(number).state in (State.SENDING, State.PENDING) or queries.is_lost(number)
    wait_s = rules.ask_again_s(wait_after(schedule, asked), sent_at=sent_at, now=now)
    return jobs.Again(wait_s) if still_out else None


def watch(number: str) -> jobs.Again | None:
    """Ask once more about what has an end: a bank may have sent back what was paid (退票), and people may have erred.
    Ends with the schedule.
    """
    with transaction():
        withdrawal = queries.held(number)
        waits = channels.account_by_id(withdrawal.account_id).asking.return_waits_s
        if withdrawal.state not in (State.PAID, State.FAILED) or withdrawal.watched >= len(waits):
            return None
        call, order = _question(withdrawal, watched=Withdrawal.watched + 1)
        watched = withdrawal.watched + 1
    observe(number, gateway.query(call, order), source="query", call=call)
    return jobs.Again(waits[watched] - waits[watched - 1]) if watched < len(waits) else None


def _question(withdrawal: Withdrawal, **counted: object) -> tuple[gateway.Call, Order]:
    """Announce the query. Joins the caller's transaction."""
    # What was never sent has none of its own; a channel that speaks of it all the same is asked with those of today.
    setting_id = versions.to_ask_with(withdrawal.account_id, withdrawal.setting_id, withdrawal.number)
    assert setting_id is not None, f"{withdrawal.number}: its account has no settings"
    call = gateway.announce(
        Interface.QUERY,
        account_id=withdrawal.account_id,
        setting_id=setting_id,
        subject=withdrawal.number,
    )
    order = _order(withdrawal, cards.number_if_known(cards.by_id(withdrawal.card_id)))
    mine = update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(asked_at=clock.now(), **counted)
    db.session.execute(mine.execution_options(synchronize_session=False))
    return call, order


def look(number: str) -> None:
    """Somebody opens its page: while its fate is unknown the channel is asked now, every ten seconds at most."""
    known = queries.by_number(number)
    recent = known.asked_at is not None and (clock.now() - known.asked_at).total_seconds() < LOOKED_AT_MOST_EVERY_S
    if recent or not queries.is_unknown(known):
        return
    with transaction():
        jobs.hasten(ASK, select(literal(number)))


def ask_now(number: str, *, actor: Actor) -> None:
    """A person wants to know now: the next question is asked at once."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state not in (State.SENDING, State.PENDING):
            raise Refused("这笔提现已有结果，无需再查询")
        jobs.promise(ASK, number)
        audit.record(actor, "withdrawal.ask", number)


def read_callback(inbox_id: int) -> None:
    """The worker's part of a callback: what it says enters by the same door as everything else."""
    seen = mailbox.read(inbox_id)
    account_id = channels.account_of_callback(inbox_id)
    known = queries.find(seen.number)
    if known is None or known.account_id != account_id:
        live_events.publish(movement.TOPIC)  # nothing of ours: it stays in the inbox, where people can find it
        return
    # Unlike replies, a callback is read before it is known whom it is about; its words go into a trace that is for ever.
    told = seen.message.replace(known.holder, f"{known.holder[:1]}**")
    observe(seen.number, replace(seen, message=told), source="callback")


class News(NamedTuple):
    """What was seen of a withdrawal, and how. `call`: the one that was answered so."""

    number: str
    seen: Observation
    source: str
    call: gateway.Call | None = None


def observe(number: str, seen: Observation, *, source: str, call: gateway.Call | None = None) -> None:
    """Everything we ever learn about a withdrawal comes in by this door: reply, query, callback, statement."""
    with transaction():
        _take_in([News(number, seen, source, call)])


def _take_in(news: Sequence[News]) -> dict[str, None]:
    """`observe`, of each withdrawal one thing. Joins the caller's transaction."""
    held = queries.held_all([it.number for it in news])
    judged = [(held[it.number], it, _verdict(held[it.number], it)) for it in news]
    taken = [(withdrawal, it, verdict) for withdrawal, it, verdict in judged if verdict is not None]
    for turn in range(max((len(verdict.verbs) for _, _, verdict in taken), default=0)):
        movement.move_all(
            [
                movement.Step(withdrawal, verdict.verbs[turn], it.source, it.seen.message, _learned(it.seen, verdict))
                for withdrawal, it, verdict in taken
                if turn < len(verdict.verbs)
            ]
        )
    for withdrawal, it, verdict in taken:
        _keep(withdrawal, it, verdict)
    return dict.fromkeys(held)


def _verdict(withdrawal: Withdrawal, news: News) -> rules.Verdict | None:
    """What follows from it; None: nothing, or a person must look, and will."""
    seen, call = news.seen, news.call
    if seen.seen is Seen.NOT_SENT and (call is None or withdrawal.call_id != call.id):
        return None  # only the latest sender knows that its own request never left
    known = rules.Known(
        number=withdrawal.number,
        state=State(withdrawal.state),
        amount=withdrawal.amount,
        attempts=withdrawal.attempts,
    )
    verdict = rules.verdict(known, seen)
    if verdict.hold:
        told = rules.heard(known, verdict.hold, seen)
        movement.hold(withdrawal, verdict.hold, told.kept(LONGEST_SENTENCE) if told else "")
        live_events.announce(movement.TOPIC, withdrawal.number)
        return None
    return verdict


def _learned(seen: Observation, verdict: rules.Verdict) -> dict[str, object]:
    """What we know of the withdrawal from now on."""
    learned: dict[str, object] = {}
    if seen.signed and not seen.vague and seen.seen is not Seen.NOT_FOUND:
        learned = {"signed_at": clock.now(), "not_found": 0, "first_not_found_at": None}
    if seen.channel_number:
        learned["channel_number"] = seen.channel_number[:64]
    if seen.message or verdict.verbs:  # what was said with an earlier state does not explain this one
        learned["message"] = seen.message[:300]
    return learned


def _keep(withdrawal: Withdrawal, news: News, verdict: rules.Verdict) -> None:
    """What was seen and moves nothing; and that it was seen."""
    seen, call, learned = news.seen, news.call, _learned(news.seen, verdict)
    # A signed "the time-stamp is too old" proves nothing either way; the order's own number in it is the channel's word.
    heard_again = seen.number and withdrawal.not_found and learned.get("not_found") == 0
    if not verdict.verbs and learned:
        db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**learned))
        if heard_again:  # what somebody was shown as evidence is none any more
            movement.note(withdrawal, "heard", news.source)
        movement.announce(withdrawal.number)
    live_events.announce(movement.TOPIC, withdrawal.number)  # that it was asked, and is asked again, is news by itself
    is_absent = seen.seen is Seen.NOT_FOUND and seen.signed
    is_open = withdrawal.state in (State.SENDING, State.PENDING)
    if is_absent and call is not None and (is_open or queries.is_only_declared(withdrawal)):
        _weigh_absence(withdrawal, news.source, asked_at=call.at)


def _weigh_absence(withdrawal: Withdrawal, source: str, *, asked_at: datetime) -> None:
    """The channel says it does not know the order. Count it when it counts; send again only with the full proof.

    It did not know it when it was asked: who slept with the answer in hand must not take it for news of this moment.
    Of what people say was paid it proves nothing, but they must hear of it.
    """
    account, sent_at = channels.account_by_id(withdrawal.account_id), withdrawal.sent_at
    if sent_at and rules.could_still_arrive(sent_at=sent_at, window_s=account.asking.resend_window_s, now=asked_at):
        return
    if withdrawal.state == State.PAID:
        movement.hold(withdrawal, "contradiction", rules.SAYS[Seen.NOT_FOUND].kept(LONGEST_SENTENCE))
        return
    first = withdrawal.first_not_found_at or asked_at
    count = withdrawal.not_found + 1
    evidence = {"not_found": count, "first_not_found_at": first}
    db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**evidence))
    if count == 1:
        movement.note(withdrawal, "not_found", source)
    if not rules.is_proof_of_absence(not_found=count, first_not_found_at=first, now=asked_at):
        return
    if channels.deduplicates(account.adapter):
        movement.move(withdrawal, "resend", source)
    else:
        movement.hold(withdrawal, "no_resend", "")


def _order(withdrawal: Withdrawal, card_number: str, branch: Mapping[str, str] | None = None) -> Order:
    """What the channel is asked to do: a plain value, safe to carry out of the transaction, the same at every send."""
    return Order(
        number=withdrawal.number,
        amount=withdrawal.amount,
        card_number=card_number,
        holder=withdrawal.holder,
        bank=withdrawal.bank,
        made_at=withdrawal.made_at,
        sent_at=withdrawal.sent_at,
        kind=withdrawal.kind,
        payee=Payee(withdrawal.payee),
        funds=Funds(withdrawal.funds),
        account_type=withdrawal.account_type,
        branch=branch or {},
    )

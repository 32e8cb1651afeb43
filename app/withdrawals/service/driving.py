"""What workers do: hand it to the channel, ask what became of it, and take in everything that is learned."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import literal, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.channels import gateway, pace, versions
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.contract import Interface, Observation, Order, Seen
from app.channels.manners import abilities
from app.kernel import clock, signing
from app.kernel.errors import Refused, gettext_noop
from app.kernel.payee import Payee
from app.runtime import jobs, journal, live_events
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import LONGEST_SENTENCE, Withdrawal
from app.withdrawals.service import movement, restoring
from app.withdrawals.states import ASK, Kind, State

STOPPED_S = 60.0
"""How long a withdrawal waits before it looks again whether sending was let go; `stops.close_stop` does not wait for it."""
LOOKED_AT_MOST_EVERY_S = 10


def submit(number: str) -> jobs.Again | None:
    """Hand the withdrawal to its channel.

    `sending` and the call's row are committed before the first byte leaves, so a crash leaves a trace, not a doubt; the
    job that asks what became of it is promised in that same transaction. Then it is in the send journal, then it is sent.
    """
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state != State.QUEUED:
            return None
        if queries.stop_of(withdrawal.account_id) is not None:
            return jobs.Again(STOPPED_S)
        if not signing.same(withdrawal.approval, queries.digest(withdrawal)):
            movement.hold(withdrawal, "approval_broken", "")
            return None
        if not withdrawal.attempts and rules.is_stale(withdrawal.approved_at, now=clock.now()):
            movement.send_back(withdrawal, movement.RULE, why=gettext_noop("审批已超过 24 小时，请重新审批"))
            return None
        if objection := queries.objection(withdrawal, lock=True):
            if withdrawal.attempts:
                movement.hold(withdrawal, "objection", "")
            else:
                movement.send_back(withdrawal, movement.RULE, why=objection)
            return None
        if wait := pace.wait_s(withdrawal.account_id):
            return jobs.Again(wait)
        account = channels.account_by_id(withdrawal.account_id)
        setting_id = channels.active_setting_id(withdrawal.account_id)
        assert setting_id is not None, f"{number}: its account has no settings"
        settles = withdrawal.kind == Kind.SETTLEMENT and abilities(account.adapter).settles
        interface = Interface.SETTLE if settles else Interface.SUBMIT
        call = gateway.announce(interface, account_id=withdrawal.account_id, setting_id=setting_id, subject=number)
        sent_at = clock.now()
        movement.move(
            withdrawal,
            "send",
            "worker",
            setting_id=setting_id,
            call_id=call.id,
            sent_at=sent_at,
            attempts=withdrawal.attempts + 1,
            not_found=0,
            first_not_found_at=None,
        )
        card = cards.by_id(withdrawal.card_id)
        order = _order(withdrawal, cards.number_of(card))
        line = restoring.line_of(
            withdrawal, account=account.number, card_number=order.card_number, reference=card.reference
        )
    try:
        journal.append(line)
    except OSError:  # what cannot be written down is not sent
        observe(number, Observation(seen=Seen.NOT_SENT), source="submit", call=call)
        raise
    if (clock.now() - sent_at).total_seconds() > rules.SEND_WITHIN_S:
        return None  # this process slept too long after its last look: the job that asks will find out and decide
    observe(number, gateway.submit(call, order), source="submit", call=call)
    return None


def ask(number: str) -> jobs.Again | None:
    """Ask the channel what became of it, and say when to ask again. Never gives up, never decides by itself."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state not in (State.SENDING, State.PENDING) and not queries.is_lost(number):
            return None
        call, order = _question(withdrawal, asked=Withdrawal.asked + 1)
        asked, now = withdrawal.asked, clock.now()
        account = channels.account_by_id(withdrawal.account_id)
        schedule = channel_rules.waits(account.query_waits_s)
        if withdrawal.sent_at is not None and (now - withdrawal.sent_at).total_seconds() >= rules.AGED_AFTER_S:
            movement.hold(withdrawal, "aged", "")
    observe(number, gateway.query(call, order), source="query", call=call)
    still_out = queries.by_number(number).state in (State.SENDING, State.PENDING) or queries.is_lost(number)
    return jobs.Again(channel_rules.wait_after(schedule, asked)) if still_out else None


def watch(number: str) -> jobs.Again | None:
    """Ask once more about what has an end: a bank may have sent back what was paid (退票), and people may have erred.
    Ends with the schedule.
    """
    with transaction():
        withdrawal = queries.held(number)
        waits = channel_rules.waits(channels.account_by_id(withdrawal.account_id).return_waits_s)
        if withdrawal.state not in (State.PAID, State.FAILED) or withdrawal.watched >= len(waits):
            return None
        call, order = _question(withdrawal, watched=Withdrawal.watched + 1)
        watched = withdrawal.watched + 1
    observe(number, gateway.query(call, order), source="query", call=call)
    return jobs.Again(waits[watched] - waits[watched - 1]) if watched < len(waits) else None


def _question(withdrawal: Withdrawal, **counted: object) -> tuple[gateway.Call, Order]:
    """Announce the query. Joins the caller's transaction."""
    # What was never sent has none of its own; a channel that speaks of it all the same is asked with those of today.
    setting_id = versions.to_ask_with(withdrawal.account_id, withdrawal.setting_id)
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
    seen = gateway.read_callback(inbox_id)
    account_id = channels.account_of_callback(inbox_id)
    known = queries.find(seen.number)
    if known is None or known.account_id != account_id:
        live_events.publish(movement.TOPIC)  # nothing of ours: it stays in the inbox, where people can find it
        return
    # Unlike replies, a callback is read before it is known whom it is about; its words go into a trace that is for ever.
    told = seen.message.replace(known.holder, f"{known.holder[:1]}**")
    observe(seen.number, replace(seen, message=told), source="callback")


def observe(number: str, seen: Observation, *, source: str, call: gateway.Call | None = None) -> None:
    """Everything we ever learn about a withdrawal comes in by this door: reply, query, callback."""
    with transaction():
        withdrawal = queries.held(number)
        if seen.seen is Seen.NOT_SENT and (call is None or withdrawal.call_id != call.id):
            return  # only the latest sender knows that its own request never left
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
            live_events.announce(movement.TOPIC, number)
            return
        learned: dict[str, object] = {}
        if seen.signed and not seen.vague and seen.seen is not Seen.NOT_FOUND:
            learned = {"signed_at": clock.now(), "not_found": 0, "first_not_found_at": None}
        if seen.channel_number:
            learned["channel_number"] = seen.channel_number[:64]
        if seen.message or verdict.verbs:  # what was said with an earlier state does not explain this one
            learned["message"] = seen.message[:300]
        for verb in verdict.verbs:
            movement.move(withdrawal, verb, source, why=seen.message, **learned)
        # A signed "the time-stamp is too old" proves nothing either way; the order's own number in it is the channel's word.
        heard_again = seen.number and withdrawal.not_found and learned.get("not_found") == 0
        if not verdict.verbs and learned:
            db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**learned))
            if heard_again:  # what somebody was shown as evidence is none any more
                movement.note(withdrawal, "heard", source)
            movement.announce(number)
        live_events.announce(movement.TOPIC, number)  # that it was asked, and is asked again, is news by itself
        is_absent = seen.seen is Seen.NOT_FOUND and seen.signed
        is_open = withdrawal.state in (State.SENDING, State.PENDING)
        if is_absent and call is not None and (is_open or queries.is_only_declared(withdrawal)):
            _weigh_absence(withdrawal, source, asked_at=call.at)


def _weigh_absence(withdrawal: Withdrawal, source: str, *, asked_at: datetime) -> None:
    """The channel says it does not know the order. Count it when it counts; send again only with the full proof.

    It did not know it when it was asked: who slept with the answer in hand must not take it for news of this moment.
    Of what people say was paid it proves nothing, but they must hear of it.
    """
    account, sent_at = channels.account_by_id(withdrawal.account_id), withdrawal.sent_at
    if sent_at and rules.could_still_arrive(sent_at=sent_at, window_s=account.resend_window_s, now=asked_at):
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


def _order(withdrawal: Withdrawal, card_number: str) -> Order:
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
    )

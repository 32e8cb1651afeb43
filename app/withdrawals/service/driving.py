"""What workers do: hand it to the channel, ask what became of it, and take in everything that is learned."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.channels import gateway
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.adapters import abilities
from app.channels.contract import Interface, Observation, Order, Seen
from app.kernel import clock, signing
from app.kernel.errors import Refused
from app.runtime import jobs, live_events
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.service import movement
from app.withdrawals.states import ASK, Kind, State


def submit(number: str) -> None:
    """Hand the withdrawal to its channel.

    `sending` and the call's row are committed before the first byte leaves, so a crash leaves a trace, not a doubt; the
    job that asks what became of it is promised in that same transaction.
    """
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state != State.QUEUED:
            return
        if not signing.same(withdrawal.approval, queries.digest(withdrawal)):
            movement.hold(withdrawal, "approval_broken", "")
            return
        setting_id = channels.active_setting_id(withdrawal.account_id)
        assert setting_id is not None, f"{number}: its account has no settings"
        adapter = channels.account_by_id(withdrawal.account_id).adapter
        settles = withdrawal.kind == Kind.SETTLEMENT and abilities(adapter).settles
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
            attempts=Withdrawal.attempts + 1,
            not_found=0,
            first_not_found_at=None,
        )
        order = _order(withdrawal)
    if (clock.now() - sent_at).total_seconds() > rules.SEND_WITHIN_S:
        return  # this process slept too long after its last look: the job that asks will find out and decide
    observe(number, gateway.submit(call, order), source="submit", call=call)


def ask(number: str) -> jobs.Again | None:
    """Ask the channel what became of it, and say when to ask again. Never gives up, never decides by itself."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.state not in (State.SENDING, State.PENDING):
            return None
        assert withdrawal.setting_id is not None
        call = gateway.announce(
            Interface.QUERY, account_id=withdrawal.account_id, setting_id=withdrawal.setting_id, subject=number
        )
        db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(asked=Withdrawal.asked + 1))
        asked = withdrawal.asked
        schedule = channel_rules.waits(channels.account_by_id(withdrawal.account_id).query_waits_s)
        order = _order(withdrawal)
    observe(number, gateway.query(call, order), source="query", call=call)
    still_out = queries.by_number(number).state in (State.SENDING, State.PENDING)
    return jobs.Again(channel_rules.wait_after(schedule, asked)) if still_out else None


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
            movement.hold(withdrawal, verdict.hold, f"{source}: {seen.seen} {seen.amount or ''} {seen.message}")
            return
        learned: dict[str, object] = {}
        if seen.signed and seen.seen is not Seen.NOT_FOUND:
            learned = {"signed_at": clock.now(), "not_found": 0, "first_not_found_at": None}
        if seen.channel_number:
            learned["channel_number"] = seen.channel_number[:64]
        if seen.message:
            learned["message"] = seen.message[:300]
        for verb in verdict.verbs:
            movement.move(withdrawal, verb, source, why=seen.message, **learned)
        if not verdict.verbs and learned:
            db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**learned))
            movement.announce(number)
        is_absent = seen.seen is Seen.NOT_FOUND and seen.signed
        if is_absent and call is not None and withdrawal.state in (State.SENDING, State.PENDING):
            _weigh_absence(withdrawal, source, asked_at=call.at)


def _weigh_absence(withdrawal: Withdrawal, source: str, *, asked_at: datetime) -> None:
    """The channel says it does not know the order. Count it when it counts; send again only with the full proof.

    It did not know it when it was asked: who slept with the answer in hand must not take it for news of this moment.
    """
    account = channels.account_by_id(withdrawal.account_id)
    assert withdrawal.sent_at is not None
    if rules.could_still_arrive(sent_at=withdrawal.sent_at, window_s=account.resend_window_s, now=asked_at):
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


def _order(withdrawal: Withdrawal) -> Order:
    """What the channel is asked to do: a plain value, safe to carry out of the transaction, the same at every send."""
    return Order(
        number=withdrawal.number,
        amount=withdrawal.amount,
        card_number=cards.number_of(cards.by_id(withdrawal.card_id)),
        holder=withdrawal.holder,
        bank=withdrawal.bank,
        made_at=withdrawal.made_at,
        kind=withdrawal.kind,
    )

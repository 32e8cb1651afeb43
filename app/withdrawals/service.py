"""Everything that can be done to a withdrawal. Each command is one transaction; the call to the channel is in none."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import func, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries as cards
from app.cards import usage
from app.cards.states import State as CardState
from app.channels import claims, gateway
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.adapters import abilities
from app.channels.contract import Interface, Observation, Order, Seen
from app.kernel import clock, signing
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.kernel.numbers import new_number
from app.ledger import book
from app.runtime import jobs, live_events
from app.runtime.db import changed, db, in_transaction, insert, transaction
from app.withdrawals import queries, rules, tallies
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold
from app.withdrawals.states import ASK, OPEN, WITHDRAWAL, Kind, State

TOPIC = "withdrawals"

BOOK = {
    "settle": lambda withdrawal: book.settle(withdrawal.number, withdrawal.amount, withdrawal.fee),
    "release": lambda withdrawal: book.release(withdrawal.number),
    "reverse": lambda withdrawal: book.reverse(withdrawal.number),
}


def create(
    *,
    account: str,
    card: str,
    amount: Money,
    memo: str,
    fence: int,
    form_key: str,
    actor: Actor,
    kind: Kind = Kind.PAYOUT,
) -> str:
    """Record the wish to pay and set the money aside for it (amount + fee). Returns the number.

    The same form sent twice is one withdrawal. Refused in words: claim not held, account disabled, card not bound,
    limit exceeded, not enough available, and a form that was sent before with something else in it.
    """
    with transaction():
        source, payee = channels.account(account), cards.card(card)
        if payee.account_id != source.id:
            raise NotThere(card)
        wish = {"maker_id": actor.operator_id, "card_id": payee.id, "amount": amount, "memo": memo, "kind": kind}
        if made := _made_before(form_key, wish):
            return made
        channel_rules.require_enabled(channel=source.channel_enabled, account=source.enabled, name=source.title)
        claims.require(source.id, fence=fence, actor=actor)
        if made := _made_before(form_key, wish):  # a double click: the second one waited for the first at the claim
            return made
        payee = cards.held(card)
        if payee.state != CardState.BOUND:
            raise Refused("这张卡还没有绑定成功，不能提现", advice="请等绑定完成，或换一张已绑定的卡")
        rules.require_amount(amount, limit=source.single_limit)
        rules.require_clean_memo(memo)
        fee = channel_rules.fee(amount, fixed=source.fee_fixed, rate_ppm=source.fee_rate_ppm)
        number = new_number("W")
        book.open_accounts(source.number)
        book.reserve(source.number, number, amount + fee)
        usage.begin(payee.id)
        withdrawal = Withdrawal(
            number=number,
            form_key=form_key,
            kind=kind,
            account_id=source.id,
            card_id=payee.id,
            holder=payee.holder,
            bank=payee.bank,
            card_masked=payee.number_masked,
            card_index=payee.number_index,
            amount=amount,
            fee=fee,
            memo=memo,
            maker_id=actor.operator_id,
            maker=actor.display_name,
            business_day=clock.business_day(),
        )
        db.session.add(withdrawal)
        db.session.flush()
        _note(withdrawal, "create", actor.username)
        audit.record(actor, "withdrawal.create", number, after={"amount": amount.yuan, "card": payee.number_masked})
        _announce(number)
        live_events.announce("channels", source.number)
    return number


def _made_before(form_key: str, wish: Mapping[str, object]) -> str | None:
    """The number of what this form made already. Somebody who went back and changed it gets no silent success."""
    made = queries.by_form_key(form_key)
    if made is None:
        return None
    if any(getattr(made, name) != value for name, value in wish.items()):
        raise Refused(
            "这张表单已经提交过，生成了提现 %(number)s，改动后的内容没有提交",
            number=made.number,
            advice="要再提一笔，请重新打开“新建提现”",
        )
    return made.number


def approve(number: str, *, seen: str, actor: Actor) -> None:
    """A second pair of eyes lets the withdrawal go. `seen` is the digest of what was on the screen."""
    with transaction():
        withdrawal = queries.held(number)
        rules.require_another_pair_of_eyes(maker_id=withdrawal.maker_id, checker_id=actor.operator_id)
        digest = queries.digest(withdrawal)
        if not signing.same(seen, digest):
            raise Refused("这笔提现在您打开页面后有变化，请核对后再审批", advice="请刷新页面")
        _move(
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
        _move(
            withdrawal, "reject", actor.username, why=reason, checker_id=actor.operator_id, checker=actor.display_name
        )
        audit.record(actor, "withdrawal.reject", number, why=reason)


def cancel(number: str, *, actor: Actor) -> None:
    """The maker takes it back before anybody approved it."""
    with transaction():
        withdrawal = queries.held(number)
        if withdrawal.maker_id != actor.operator_id:
            raise Refused("只有创建人可以撤销", advice="审批人可以驳回")
        _move(withdrawal, "cancel", actor.username)
        audit.record(actor, "withdrawal.cancel", number)


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
            _hold(withdrawal, "approval_broken", "")
            return
        setting_id = channels.active_setting_id(withdrawal.account_id)
        assert setting_id is not None, f"{number}: its account has no settings"
        adapter = channels.account_by_id(withdrawal.account_id).adapter
        settles = withdrawal.kind == Kind.SETTLEMENT and abilities(adapter).settles
        interface = Interface.SETTLE if settles else Interface.SUBMIT
        call = gateway.announce(interface, account_id=withdrawal.account_id, setting_id=setting_id, subject=number)
        sent_at = clock.now()
        _move(
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
        live_events.publish(TOPIC)  # nothing of ours: it stays in the inbox, where people can find it
        return
    # Unlike replies, a callback is read before it is known whom it is about; its words go into a trace that is for ever.
    told = seen.message.replace(known.holder, f"{known.holder[:1]}**")
    observe(seen.number, replace(seen, message=told), source="callback")


def payee_forgotten(card_id: int, word: str) -> int:
    """The name goes out of a card's withdrawals; amounts, numbers, traces and postings stay. Joins the card's transaction.

    Refused while one of them is open or waits for a person. How many there were.
    """
    assert in_transaction(), "copies are forgotten together with the card"
    numbers, open_ones = queries.of_card(card_id)
    rules.require_nothing_open(open_ones)
    w = Withdrawal
    gone = update(w).values(
        holder=word,
        bank=word,
        card_masked=word,
        card_index=f"forgotten:{card_id}",
        memo=func.substr(func.replace(w.memo, w.holder, word), 1, 100),
        message=func.replace(w.message, w.holder, word),
    )
    db.session.execute(gone.where(w.card_id == card_id).execution_options(synchronize_session=False))
    gateway.drop_bodies(numbers)
    live_events.announce(TOPIC, "")
    return len(numbers)


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
            _hold(withdrawal, verdict.hold, f"{source}: {seen.seen} {seen.amount or ''} {seen.message}")
            return
        learned: dict[str, object] = {}
        if seen.signed and seen.seen is not Seen.NOT_FOUND:
            learned = {"signed_at": clock.now(), "not_found": 0, "first_not_found_at": None}
        if seen.channel_number:
            learned["channel_number"] = seen.channel_number[:64]
        if seen.message:
            learned["message"] = seen.message[:300]
        for verb in verdict.verbs:
            _move(withdrawal, verb, source, why=seen.message, **learned)
        if not verdict.verbs and learned:
            db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**learned))
            _announce(number)
        if seen.seen is Seen.NOT_FOUND and seen.signed and withdrawal.state in (State.SENDING, State.PENDING):
            _weigh_absence(withdrawal, source)


def _weigh_absence(withdrawal: Withdrawal, source: str) -> None:
    """The channel says it does not know the order. Count it when it counts; send again only with the full proof."""
    now = clock.now()
    account = channels.account_by_id(withdrawal.account_id)
    assert withdrawal.sent_at is not None
    if rules.could_still_arrive(sent_at=withdrawal.sent_at, window_s=account.resend_window_s, now=now):
        return
    first = withdrawal.first_not_found_at or now
    count = withdrawal.not_found + 1
    evidence = {"not_found": count, "first_not_found_at": first}
    db.session.execute(update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(**evidence))
    if count == 1:
        _note(withdrawal, "not_found", source)
    if not rules.is_proof_of_absence(not_found=count, first_not_found_at=first, now=now):
        return
    if channels.deduplicates(account.adapter):
        _move(withdrawal, "resend", source)
    else:
        _hold(withdrawal, "no_resend", "")


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


def _move(withdrawal: Withdrawal, verb: str, actor: str, *, why: str = "", **more: object) -> None:
    """The only line in the house that changes withdrawal.state: conditional, with its event, its posting and its next job."""
    move = WITHDRAWAL.move(withdrawal.state, verb)
    if move.target in WITHDRAWAL.final or move.target == State.PAID:
        more["finished_at"] = clock.now()
    ends = withdrawal.state in OPEN and move.target not in OPEN
    hit = changed(
        update(Withdrawal)
        .where(Withdrawal.id == withdrawal.id, Withdrawal.state == withdrawal.state, Withdrawal.seq == withdrawal.seq)
        .values(state=move.target, seq=Withdrawal.seq + 1, **more)
        .execution_options(synchronize_session=False)
    )
    if not hit:
        raise Refused("这笔提现的状态刚刚变了，请刷新后再试")
    db.session.refresh(withdrawal)
    _write_event(withdrawal, verb, actor, why)
    if ends:
        usage.end(withdrawal.card_id)
    if move.book:
        BOOK[move.book](withdrawal)
        live_events.announce("channels", "")
    if move.wakes:
        jobs.promise(move.wakes, withdrawal.number, after_s=_first_wait(withdrawal, verb))
    _announce(withdrawal.number)


def _first_wait(withdrawal: Withdrawal, verb: str) -> float:
    """When the job that the new state needs is due, in seconds."""
    first, *_ = channel_rules.waits(channels.account_by_id(withdrawal.account_id).query_waits_s)
    return {
        "send": rules.HTTP_TOTAL_S + first,  # for the case that this worker does not live to hear the answer
        "wait": first,
        "unsent": min(2.0 ** min(withdrawal.attempts, 10), 300),
    }.get(verb, 0)


def _note(withdrawal: Withdrawal, verb: str, actor: str, why: str = "") -> None:
    """An event that changes no state."""
    db.session.execute(
        update(Withdrawal).where(Withdrawal.id == withdrawal.id).values(seq=Withdrawal.seq + 1)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    db.session.refresh(withdrawal)
    _write_event(withdrawal, verb, actor, why)
    _announce(withdrawal.number)


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


def _announce(number: str) -> None:
    """After this transaction pages look again, and what was counted before it is forgotten by then."""
    tallies.forget()
    live_events.announce(TOPIC, number)


def _hold(withdrawal: Withdrawal, reason: str, detail: str) -> None:
    """A person must look; nothing moves by itself. Once per reason while it is open."""
    row = insert(WithdrawalHold).values(
        withdrawal_id=withdrawal.id, reason=reason, detail=detail[:300], opened_at=clock.now()
    )
    if changed(row.on_conflict_do_nothing()):
        _note(withdrawal, "hold", "rule", why=reason)

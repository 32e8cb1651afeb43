"""What can be done to a single card. Each command is one transaction."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from app.auth import audit
from app.auth.identity import Actor
from app.cards import queries
from app.cards.models import BindingRow, BindingRun, Card
from app.cards.queries import runs
from app.cards.states import CARD, RowState, State
from app.channels import claims, gateway, rules
from app.channels import log as channel_log
from app.channels import queries as channels
from app.channels.contract import BindObservation, BindSeen, CardToBind, Interface
from app.kernel import bins, clock
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.limit import Limit
from app.kernel.numbers import new_number
from app.kernel.payee import Destination, Payee, kind_of
from app.runtime import jobs, live_events, throttle, vault
from app.runtime.db import changed, db, transaction

TOPIC, RUNS = "cards", "runs"
NOTHING_TO_ASK = BindObservation(seen=BindSeen.BOUND)
"""Of a channel that pays to cards which nobody bound there."""
REVEALS = Limit(20, within_s=3600, shut_s=3600)
"""How many full numbers one person may look at."""
BIND = "app.cards.jobs.bind"
ASK_AGAIN_S, ASK_SELDOM_S = 5, 3600
"""A channel may take days to look at a card: the longer it took so far, the longer until it is asked again."""
NOBODY = str(gettext_noop("已删除"))
"""What stands where somebody's data was."""


def bind(
    *,
    account: str,
    number: Destination,
    holder: str,
    bank: str,
    phone: str,
    fence: int,
    form_key: str,
    actor: Actor,
    corporate: bool = False,
    details: Mapping[str, str] | None = None,
) -> str:
    """Ask the channel to bind a card to the account that the actor holds. Returns the card's reference. Where the channel
    binds none, the card (or the account that is none) is registered here, and may be paid at once.

    The same form sent twice is one card. Refused when the claim is not the actor's, the card is bound already, the channel
    does not pay to accounts of this kind, or the form was sent before with another card in it.
    """
    with transaction():
        held, index = channels.account(account), queries.index_of(number.number)
        wish = {"account_id": held.id, "number_index": index, "holder": holder}
        if made := _made_before(form_key, wish):
            return made
        rules.require_enabled(channel=held.channel_enabled, account=held.enabled, name=held.title)
        claims.require(held.id, fence=fence, actor=actor)
        if made := _made_before(form_key, wish):  # a double click: the second one waited for the first at the claim
            return made
        rules.require_pays_to(kind_of(number), held.can.pays_to, name=held.title)
        missing = lacks(held, kind_of(number), corporate=corporate, bank=bank, details=details or {})
        rules.require_complete(missing, name=held.title)
        known = queries.by_number(held.id, index)
        if known is not None and known.state != State.REFUSED:
            raise Refused("%(card)s 已绑定在该渠道账号上", card=known.number_masked, advice="可直接用它发起提现")
        wanted = Wanted(
            number=number,
            holder=holder,
            bank=bank,
            phone=phone,
            corporate=corporate,
            details=details or {},
            form_key=form_key,
        )
        if known is None:
            _id, asked = put(held.id, [wanted], actor.display_name)[0]
        else:
            _id, asked = put_again(known, wanted)
        reference = asked.reference
        told = {"account": account, "card": number.masked}
        if held.can.binds:
            audit.record(actor, "card.bind", reference, after=told)
            jobs.promise(BIND, reference)
        else:
            move(queries.held(reference), "register", message="")
            audit.record(actor, "card.register", reference, after=told)
        live_events.announce(TOPIC, reference)
    return reference


def lacks(
    account: channels.Account, kind: Payee, *, corporate: bool, bank: str, details: Mapping[str, str]
) -> Text | None:
    """Why this account's channel could not pay to a company's account at this bank and branch; None: it can, or it is none."""
    if kind is not Payee.BANK_CARD or not corporate:
        return None
    return channels.adapter_class(account).lacks(bank=bank, branch=details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A card as somebody wants it bound."""

    number: Destination
    holder: str
    bank: str
    phone: str
    corporate: bool
    details: Mapping[str, str]
    form_key: str = ""

    def __repr__(self) -> str:
        return f"Wanted({self.number})"


Put = tuple[int, CardToBind]
"""A card that is being bound: its id, and what the channel is to be asked, to be carried out of the transaction."""


def put(account_id: int, wanted: Sequence[Wanted], made_by: str) -> list[Put]:
    """New cards of numbers that the account does not have, being bound from now on. Joins the caller's transaction.

    A card that was let go is another card: at the channel its old reference stands for what is gone.
    """
    rows = [
        _values(new_number("K"), one) | {"account_id": account_id, "state": CARD.initial, "made_by": made_by}
        for one in wanted
    ]
    now = clock.now()
    for row, one in zip(rows, wanted, strict=True):
        number = one.number
        row["number_sealed"] = vault.seal(
            number.number, table="card", column="number_sealed", row=str(row["reference"])
        )
        row |= {"number_index": queries.index_of(number.number), "number_masked": number.masked, "made_at": now}
    if not rows:
        return []
    made = db.session.execute(insert(Card).returning(Card.reference, Card.id), rows)
    ids = {reference: card_id for reference, card_id in made}  # noqa: C416 (rows with types)
    references = [str(row["reference"]) for row in rows]
    return [(ids[it], _asked(it, one)) for it, one in zip(references, wanted, strict=True)]


def put_again(known: Card, wanted: Wanted) -> Put:
    """A card that was refused before: the same one, asked for once more under its own reference, as it is written now."""
    for name, value in _values(known.reference, wanted).items():
        setattr(known, name, value)
    db.session.flush()
    move(known, "retry", message="")
    return known.id, _asked(known.reference, wanted)


def _values(reference: str, wanted: Wanted) -> dict[str, object]:
    details = json.dumps(dict(wanted.details), ensure_ascii=False) if wanted.details else ""
    is_private_card = kind_of(wanted.number) is Payee.BANK_CARD and not wanted.corporate
    return {
        "reference": reference,
        "payee": kind_of(wanted.number),
        "holder": wanted.holder,
        "bank": wanted.bank,
        "phone": wanted.phone,
        "account_type": _account_type(wanted),
        "kind": bins.look_up(wanted.number.number).kind if is_private_card else "",
        "details_sealed": details and vault.seal(details, table="card", column="details_sealed", row=reference),
        "form_key": wanted.form_key,
    }


def _asked(reference: str, wanted: Wanted) -> CardToBind:
    return CardToBind(
        reference=reference,
        card_number=wanted.number.number,
        holder=wanted.holder,
        bank=wanted.bank,
        phone=wanted.phone,
        account_type=_account_type(wanted),
        details=dict(wanted.details),
    )


def _account_type(wanted: Wanted) -> str:
    return "corporate" if wanted.corporate else "private"


def _made_before(form_key: str, wish: Mapping[str, object]) -> str | None:
    """The reference of what this form asked for already. Somebody who went back and changed it gets no silent success."""
    made = queries.by_form_key(form_key)
    if made is None:
        return None
    if any(getattr(made, name) != value for name, value in wish.items()):
        raise Refused("这张表单已经提交过，改动后的内容没有提交", advice="要再绑一张卡，请重新打开“绑定银行卡”")
    return made.reference


def ask_channel(reference: str) -> jobs.Again | None:
    """The worker's part: hand the card to the channel and keep what it said. Not knowing means asking again."""
    with transaction():
        card = queries.card(reference)
        if card.state != State.BINDING:
            return None
        account = channels.account_by_id(card.account_id)
        setting_id = channels.active_setting_id(account.id)
        assert setting_id is not None, f"{account.number} has no settings"
        waited_s = (clock.now() - (card.settled_at or card.made_at)).total_seconds()
        wait = min(max(waited_s / 4, ASK_AGAIN_S), ASK_SELDOM_S)
        call = None
        if account.can.binds:
            call = gateway.announce(
                Interface.BIND_CARD, account_id=account.id, setting_id=setting_id, subject=reference
            )
        wanted = as_channel_sees(card)
    told = gateway.bind_card(call, wanted) if call else NOTHING_TO_ASK
    if told.seen is BindSeen.PENDING:
        return jobs.Again(wait)
    with transaction():
        card = queries.card(reference)
        if card.state == State.BINDING:
            verb = "bind" if told.seen is BindSeen.BOUND else "refuse"
            move(card, verb, message=told.message, channel_card=told.channel_card)
            audit.record("worker", f"card.{verb}", reference, after={"message": told.message})
    return None


def as_channel_sees(card: Card) -> CardToBind:
    """The card as a plain value, to be carried out of the transaction."""
    return CardToBind(
        reference=card.reference,
        card_number=queries.number_of(card),
        holder=card.holder,
        bank=card.bank,
        phone=card.phone,
        account_type=card.account_type,
        details=queries.details_of(card),
    )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done: how many copies above lost the name, and where the same number is still bound."""

    copies: int
    same_card: Sequence[str]


def forget(reference: str, *, why: str, above: Callable[[int, str], int], actor: Actor | str) -> Forgotten:
    """Remove number, index, holder, bank and phone of a card for good (个人信息保护法 §47).

    `above(card id, word)`: what the room above does, in this same transaction, with the copies it made; it refuses while
    work with the card is open. What the channel itself keeps, and backups, are not ours to reach from here.
    """
    with transaction():
        card = queries.held(reference)
        if not card.number_sealed:
            raise Refused("收款人资料已删除")
        same_card = queries.same_card(card)
        copies = above(card.id, NOBODY)
        move(card, "forget", message="")
        gone = dict.fromkeys(("phone", "number_sealed", "details_sealed", "channel_card"), "")
        gone |= dict.fromkeys(("holder", "bank", "number_masked"), NOBODY)
        # Not empty: an account has each index once.
        gone["number_index"] = f"forgotten:{reference}"
        db.session.execute(update(Card).where(Card.id == card.id).values(**gone))
        channel_log.drop_bodies([reference, *(row.reference for row in runs.of_card(card.id))])
        audit.record(actor, "card.forget", reference, after={"withdrawals": copies}, why=why)
    return Forgotten(copies, same_card)


def reveal(reference: str, *, reason: str, actor: Actor) -> str:
    """The full number, told once to the person at the screen. Counted, and written down with the reason."""
    try:
        throttle.take(f"reveal:{actor.operator_id}", REVEALS)
    except throttle.Shut as shut:
        raise Refused("查看完整号码的次数太多，请于 %(until)s 后再试", until=shut.until) from None
    with transaction():
        card = queries.card(reference)
        if not card.number_sealed:
            raise Refused("资料已删除，没有号码可看")
        number = queries.number_of(card)
        audit.record(actor, "card.reveal", reference, after={"card": card.number_masked}, why=reason)
    return number


def move(card: Card, verb: str, *, message: str, channel_card: str | None = None) -> None:
    """The only line in the room that changes card.state. What a run waits to hear of it, is told to the run."""
    step = CARD.move(card.state, verb)
    if verb in OUTCOMES:
        _hold_run(card.id)
    more: dict[str, object] = {"message": message[:300], "settled_at": clock.now()}
    if channel_card is not None:
        more["channel_card"] = channel_card
    if not changed(update(Card).where(Card.id == card.id, Card.state == card.state).values(state=step.target, **more)):
        raise Refused("这张卡的状态刚刚变了，请刷新后再试")
    if verb in OUTCOMES:
        tell_run(card.id, OUTCOMES[verb], message)
    live_events.announce(TOPIC, card.reference)


def _hold_run(card_id: int) -> None:
    """First the run, then its card, like the run's worker: two who lock in different orders wait for each other."""
    mine = select(BindingRow.run_id).where(BindingRow.card_id == card_id, BindingRow.state.in_(_WAITING))
    db.session.execute(select(BindingRun.id).where(BindingRun.id.in_(mine)).with_for_update()).all()


_WAITING = (RowState.ASKING, RowState.PENDING)
OUTCOMES = {"bind": RowState.BOUND, "refuse": RowState.REFUSED}


def tell_run(card_id: int, outcome: RowState, message: str) -> None:
    """The row of a sheet that waits for this card has its answer."""
    row = db.session.execute(
        select(BindingRow.id, BindingRow.run_id, BindingRow.state)
        .where(BindingRow.card_id == card_id, BindingRow.state.in_(_WAITING))
        .with_for_update()
    ).one_or_none()
    if row is None:
        return
    answered = update(BindingRow).where(BindingRow.id == row.id, BindingRow.state == row.state)
    db.session.execute(answered.values(state=outcome, message=message[:300], at=clock.now()))
    count = {outcome.value: getattr(BindingRun, outcome.value) + 1}
    if row.state == RowState.PENDING:
        count["pending"] = BindingRun.pending - 1
    db.session.execute(update(BindingRun).where(BindingRun.id == row.run_id).values(**count))
    reference = db.session.scalar(select(BindingRun.reference).where(BindingRun.id == row.run_id))
    live_events.announce(RUNS, str(reference))

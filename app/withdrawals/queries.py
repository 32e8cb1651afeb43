"""Reading withdrawals. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select

from app.auth import identity
from app.channels import queries as channels
from app.channels.rules import INTERFACES, OUTCOMES, told
from app.kernel import clock
from app.kernel.errors import Malformed, NotThere, Text
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import vault
from app.runtime.db import db, total
from app.runtime.jobs import Job
from app.runtime.listing import Listing, listing
from app.withdrawals import rules, tallies
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold
from app.withdrawals.rules import HOLDS
from app.withdrawals.states import ASK, SUBMIT, VERBS, WITHDRAWAL, Kind, State
from app.withdrawals.tallies import Totals as Totals

OUT = (State.SENDING, State.PENDING)
FILTERS = ("q", "sealed_card", "state", "account", "from", "to", "least", "most")


def held(number: str) -> Withdrawal:
    """The withdrawal, locked until the transaction ends; NotThere when there is none."""
    found = select(Withdrawal).where(Withdrawal.number == number).with_for_update()
    withdrawal = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if withdrawal is None:
        raise NotThere(number)
    channels.require_reach(withdrawal.account_id, number)
    return withdrawal


def by_number(number: str) -> Withdrawal:
    found = find(number)
    if found is None:
        raise NotThere(number)
    return found


def find(number: str) -> Withdrawal | None:
    mine = select(Withdrawal).where(Withdrawal.number == number, channels.within_reach(Withdrawal.account_id))
    return db.session.scalars(mine).one_or_none()


def numbers_of(account_id: int) -> Sequence[str]:
    """The numbers of all withdrawals of an account."""
    return db.session.scalars(select(Withdrawal.number).where(Withdrawal.account_id == account_id)).all()


def by_form_key(form_key: str) -> Withdrawal | None:
    return db.session.scalars(select(Withdrawal).where(Withdrawal.form_key == form_key)).one_or_none()


def of_card(card_id: int) -> tuple[list[str], list[str]]:
    """The numbers of all withdrawals to this card, and of those that are open or wait for a person."""
    waits = exists().where(WithdrawalHold.withdrawal_id == Withdrawal.id, WithdrawalHold.closed_at.is_(None))
    found = select(Withdrawal.number, Withdrawal.state, waits.label("waits")).where(Withdrawal.card_id == card_id)
    rows = db.session.execute(found.order_by(Withdrawal.id)).all()
    done = {*WITHDRAWAL.final, State.PAID}
    return [row.number for row in rows], [row.number for row in rows if row.waits or row.state not in done]


def digest(withdrawal: Withdrawal) -> str:
    """What an approval is about: number, amount, fee, payee, card and account, in one unambiguous form (I-13)."""
    parts = (
        withdrawal.number,
        str(withdrawal.amount.minor),
        str(withdrawal.fee.minor),
        withdrawal.holder,
        withdrawal.bank,
        withdrawal.card_index,
        str(withdrawal.card_id),
        str(withdrawal.account_id),
        str(withdrawal.maker_id),
        # A payout's form is the one it had before there were settlements: what was approved then still holds.
        *([] if withdrawal.kind == Kind.PAYOUT else [withdrawal.kind]),
    )
    data = b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)
    return vault.mac(data, purpose="approvals")


def events(withdrawal_id: int) -> Sequence[WithdrawalEvent]:
    """The trace, oldest first."""
    found = select(WithdrawalEvent).where(WithdrawalEvent.withdrawal_id == withdrawal_id)
    return db.session.scalars(found.order_by(WithdrawalEvent.seq)).all()


def holds(withdrawal_id: int) -> Sequence[WithdrawalHold]:
    """What waits for a person."""
    found = select(WithdrawalHold).where(WithdrawalHold.withdrawal_id == withdrawal_id)
    return db.session.scalars(found.where(WithdrawalHold.closed_at.is_(None)).order_by(WithdrawalHold.id)).all()


def next_look(number: str) -> datetime | None:
    """When the worker looks at it next, if it does."""
    mine = Job.dedup_key.in_([f"{kind}:{number}" for kind in (SUBMIT, ASK)])
    return db.session.scalar(select(func.min(Job.due_at)).where(mine, Job.done_at.is_(None)))


def problem_filter(asked: Mapping[str, str]) -> str:
    """What is wrong with the filters as typed, in the reader's words; "" when nothing is."""
    try:
        _filtered(select(Withdrawal.id), asked)
    except Malformed as problem:
        return problem.text
    return ""


def page(asked: Mapping[str, str], *, account_id: int | None) -> Listing:
    """The list: one page of rows, newest first."""
    w = Withdrawal
    statement = select(
        w.id, w.number, w.kind, w.business_day, w.made_at, w.amount, w.fee, w.holder, w.bank, w.card_masked, w.state,
        w.signed_at, w.memo, w.message, w.account_id, w.maker, w.checker, w.channel_number,
        exists().where(WithdrawalHold.withdrawal_id == w.id, WithdrawalHold.closed_at.is_(None)).label("held"),
    )  # fmt: skip
    kept = {name: asked[name] for name in FILTERS if asked.get(name)}
    return listing(_safe(statement, asked, account_id), key=w.id.expression, asked=asked, kept=kept)


def totals(asked: Mapping[str, str], *, account_id: int | None) -> Totals:
    reading = select(func.count(), total(Withdrawal.amount), total(Withdrawal.fee))
    reading = _safe(reading, asked, account_id)
    if _is_everybodys(asked, account_id):
        return tallies.totals(asked.get("state", ""), reading)
    return Totals(*db.session.execute(reading).one())


def counts(asked: Mapping[str, str], *, account_id: int | None) -> dict[str, int]:
    """How many of each state the other filters find: the figures on the tabs."""
    others = {name: value for name, value in asked.items() if name != "state"}
    reading = _safe(select(Withdrawal.state, func.count()).group_by(Withdrawal.state), others, account_id)
    if _is_everybodys(asked, account_id):
        return tallies.counts(reading)
    return {str(state): int(count) for state, count in db.session.execute(reading)}


def _is_everybodys(asked: Mapping[str, str], account_id: int | None) -> bool:
    """Is this the list without conditions (but for its tab), as all see it who see all channels?"""
    plain = not any(asked.get(name) for name in FILTERS if name != "state")
    return plain and account_id is None and identity.channels() is None


def exact(text: str) -> str | None:
    """The number of the one withdrawal that this text names (ours or the channel's), if it names one."""
    if not text or "\0" in text:
        return None
    named = or_(Withdrawal.number == text, Withdrawal.channel_number == text)
    found = select(Withdrawal.number).where(named, channels.within_reach(Withdrawal.account_id)).limit(2)
    numbers = db.session.scalars(found).all()
    return numbers[0] if len(numbers) == 1 else None


def in_transit(account_ids: Sequence[int]) -> dict[int, tuple[int, Money]]:
    """How many are on their way for each account, and how much."""
    found = (
        select(Withdrawal.account_id, func.count(), total(Withdrawal.amount))
        .where(Withdrawal.account_id.in_(account_ids), Withdrawal.state.in_((State.QUEUED, *OUT)))
        .group_by(Withdrawal.account_id)
    )
    return {account_id: (count, amount) for account_id, count, amount in db.session.execute(found)}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Money whose fate nobody knows: out, and without a signed word of the channel."""

    count: int
    amount: Money
    since: datetime | None


def unknown() -> Unknown:
    count, amount, since = db.session.execute(
        select(func.count(), total(Withdrawal.amount), func.min(Withdrawal.sent_at)).where(
            Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), channels.within_reach(Withdrawal.account_id)
        )
    ).one()
    return Unknown(count, amount, since)


def unknown_by_account() -> list[tuple[int, int, Money, Withdrawal]]:
    """For each account that has some: how many, how much, and the oldest of them."""
    reach = channels.within_reach(Withdrawal.account_id)
    open_ended = (Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None), reach)
    groups = (
        select(Withdrawal.account_id, func.count().label("count"), total(Withdrawal.amount).label("amount"),
               func.min(Withdrawal.id).label("oldest"))
        .where(*open_ended)
        .group_by(Withdrawal.account_id)
        .subquery()
    )  # fmt: skip
    found = select(groups.c.account_id, groups.c.count, groups.c.amount, Withdrawal)
    found = found.join(Withdrawal, Withdrawal.id == groups.c.oldest).order_by(groups.c.oldest.desc())
    return [(account_id, count, amount, oldest) for account_id, count, amount, oldest in db.session.execute(found)]


def waiting_for_review() -> int:
    waiting = (Withdrawal.state == State.REVIEW, channels.within_reach(Withdrawal.account_id))
    return db.session.scalar(select(func.count()).where(*waiting)) or 0


def problems() -> list[str]:
    """Broken promises of this room, for `paydesk check`: traces with gaps, open work that nobody will look at."""
    found: list[str] = []
    last = (
        select(
            WithdrawalEvent.withdrawal_id,
            func.count().label("lines"),
            func.max(WithdrawalEvent.seq).label("last"),
        )
        .group_by(WithdrawalEvent.withdrawal_id)
        .subquery()
    )
    gaps = select(Withdrawal.number).outerjoin(last, last.c.withdrawal_id == Withdrawal.id)
    gaps = gaps.where(or_(last.c.lines.is_(None), last.c.lines != Withdrawal.seq, last.c.last != Withdrawal.seq))
    found += [f"{number}: its trace has a gap" for number in db.session.scalars(gaps)]
    told = select(Withdrawal.number, Withdrawal.state, WithdrawalEvent.state.label("told")).join(
        WithdrawalEvent, and_(WithdrawalEvent.withdrawal_id == Withdrawal.id, WithdrawalEvent.seq == Withdrawal.seq)
    )
    differs = db.session.execute(told.where(WithdrawalEvent.state != Withdrawal.state))
    found += [f"{row.number}: is {row.state}, its last event says {row.told}" for row in differs]
    for states, kind in (((State.QUEUED,), SUBMIT), (OUT, ASK)):
        cared_for = exists().where(Job.dedup_key == f"{kind}:" + Withdrawal.number, Job.done_at.is_(None))
        held_up = exists().where(
            WithdrawalHold.withdrawal_id == Withdrawal.id, WithdrawalHold.reason == "approval_broken"
        )
        lost = select(Withdrawal.number, Withdrawal.state).where(Withdrawal.state.in_(states), ~cared_for, ~held_up)
        found += [f"{row.number}: is {row.state} and no job will look at it" for row in db.session.execute(lost)]
    return found


def against_ledger() -> list[str]:
    """Withdrawals and ledger, laid side by side: each has the entries its state asks for, and no entry is nobody's."""
    deeds = ledger.deeds()
    found = []
    for row in db.session.execute(select(Withdrawal.number, Withdrawal.state, Withdrawal.amount, Withdrawal.fee)):
        wanted = rules.entries(State(row.state), amount=row.amount, fee=row.fee)
        if (booked := deeds.pop(row.number, {})) != wanted:
            found.append(f"{row.number}: is {row.state}, the ledger has {_plain(booked)} instead of {_plain(wanted)}")
    return found + [f"{number}: the ledger holds money for a withdrawal that does not exist" for number in deeds]


def _plain(entries: Mapping[str, Money]) -> str:
    return ", ".join(f"{kind} {amount}" for kind, amount in sorted(entries.items())) or "nothing"


def _safe(
    statement: Select[*tuple[Any, ...]], asked: Mapping[str, str], account_id: int | None
) -> Select[*tuple[Any, ...]]:
    """The filters that can be read; those that cannot find nothing (the page says why)."""
    if account_id is not None:
        statement = statement.where(Withdrawal.account_id == account_id)
    statement = statement.where(channels.within_reach(Withdrawal.account_id))
    try:
        return _filtered(statement, asked)
    except Malformed:
        return statement.where(Withdrawal.id < 0)


def _filtered(statement: Select[*tuple[Any, ...]], asked: Mapping[str, str]) -> Select[*tuple[Any, ...]]:
    if text := asked.get("q", "").strip():
        statement = statement.where(_named(text))
    if asked.get("sealed_card"):
        statement = statement.where(Withdrawal.card_index == asked["sealed_card"].replace("\0", ""))
    if asked.get("state") == "unknown":
        statement = statement.where(Withdrawal.state.in_(OUT), Withdrawal.signed_at.is_(None))
    elif asked.get("state") in WITHDRAWAL.states:
        statement = statement.where(Withdrawal.state == asked["state"])
    if asked.get("from"):
        statement = statement.where(Withdrawal.business_day >= clock.parse_day(asked["from"]))
    if asked.get("to"):
        statement = statement.where(Withdrawal.business_day <= clock.parse_day(asked["to"]))
    if asked.get("least"):
        statement = statement.where(Withdrawal.amount >= Money.parse(asked["least"].strip()))
    if asked.get("most"):
        statement = statement.where(Withdrawal.amount <= Money.parse(asked["most"].strip()))
    return statement


def _named(text: str) -> ColumnElement[bool]:
    """What people type to find one: our number, the channel's, a name, a card's last four."""
    if "\0" in text:
        return false()  # PostgreSQL would not even look
    last_four = text.isascii() and text.isdigit() and len(text) == 4
    return or_(
        Withdrawal.number == text,
        Withdrawal.channel_number == text,
        Withdrawal.holder == text,
        *([Withdrawal.card_masked.endswith(text)] if last_four else []),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One thing that happened, from whichever table it comes. `title` and `note` are catalogue keys or plain words."""

    at: datetime
    title: str
    who: str = ""
    note: str = ""
    tone: str = "neutral"
    icon: str = "check"
    call_id: int | None = None


_TONES = {
    "succeed": "good",
    "fail": "bad",
    "reject": "bad",
    "return": "odd",
    "hold": "odd",
    "not_found": "odd",
    "resend": "wait",
}
_ICONS = {
    "succeed": "circle-check",
    "fail": "alert-circle",
    "hold": "alert-triangle",
    "return": "arrow-back-up",
    "send": "send",
}


def trace(withdrawal: Withdrawal) -> list[TraceLine]:
    """Events, calls and callbacks of one withdrawal in the order of time."""
    lines = [
        TraceLine(
            at=event.at,
            title=VERBS[event.verb],
            who=event.actor,
            note=HOLDS.get(event.why, event.why),
            tone=_TONES.get(event.verb, "info"),
            icon=_ICONS.get(event.verb, "check"),
        )
        for event in events(withdrawal.id)
    ]
    for call in channels.calls_about(withdrawal.number):
        outcome, tone = OUTCOMES[call.outcome]
        what = _joined(outcome, call.word, told(call.outcome, call.message))
        lines.append(
            TraceLine(
                at=call.at,
                title=INTERFACES[call.interface],
                note=what,
                tone=tone,
                icon="plug-connected",
                call_id=call.id,
            )
        )
    for callback in channels.callbacks_about(withdrawal.number):
        outcome, tone = OUTCOMES[callback.outcome]
        times = f"× {callback.times}" if callback.times > 1 else ""
        what = _joined(outcome, callback.word, told(callback.outcome, callback.message), times)
        lines.append(
            TraceLine(at=callback.received_at, title=INTERFACES["callback"], note=what, tone=tone, icon="bell")
        )
    return sorted(lines, key=lambda line: line.at)


def _joined(*parts: str) -> str:
    """What there is of these, each in its own language: ours in the reader's, the channel's as it came."""
    there = {f"part{number}": part for number, part in enumerate(parts) if part}
    return Text(" · ".join(f"%({name})s" for name in there), **there)


def is_unknown(withdrawal: Withdrawal) -> bool:
    """Out, and without a signed word of the channel."""
    return withdrawal.state in OUT and withdrawal.signed_at is None


def steps(withdrawal: Withdrawal) -> int:
    """How far along 创建 → 审批 → 发送 → 结果 it is: 0 … 4."""
    return {State.REVIEW: 1, State.QUEUED: 2, State.SENDING: 2, State.PENDING: 3}.get(State(withdrawal.state), 4)

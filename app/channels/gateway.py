"""The window: the only place that speaks to a channel. Never called with a transaction open, and it asserts so.

Each call is a row before it leaves and is completed after. What comes back is a value of the contract; anything that
proves nothing is "pending, not signed": time-outs, resets, 5xx, HTML, bad signatures, unlisted words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import structlog

from app.channels import queries, rules
from app.channels.contract import (
    BindObservation,
    BindsCards,
    BindSeen,
    BindsManyCards,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    ListsCards,
    Observation,
    Order,
    ReadsFigures,
    ReadsStatements,
    Reply,
    Request,
    Seen,
    Settles,
    StatementLine,
    StatementPage,
    UnbindObservation,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.channels.rules import Cover
from app.channels.speaking import About, Call, Told, announce, announce_all, exchange, private, speak
from app.channels.speaking import adapter as adapter_of
from app.channels.speaking import complete as complete_all
from app.kernel.bank_card import mask_runs
from app.kernel.errors import gettext_noop
from app.runtime import http
from app.runtime.db import transaction

__all__ = [
    "About",
    "Call",
    "Heard",
    "NoAnswer",
    "announce",
    "announce_all",
    "bind_card",
    "bind_cards",
    "complete",
    "figures",
    "list_cards",
    "query",
    "settings",
    "statement",
    "submit",
    "unbind_card",
]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a call about an order, and what its row is completed with."""

    call: Call
    seen: Observation
    record: Mapping[str, object]


class NoAnswer(Exception):
    """A question about figures, cards or a statement was not answered. The reason is for people."""


def submit(call: Call, order: Order) -> Heard:
    """Hand the order to its channel. NOT_SENT only when not a byte left us. Whoever writes down what follows from it
    completes the call in the same transaction.
    """
    adapter = adapter_of(call.setting_id)
    is_settlement = order.kind == "settlement"
    write = adapter.write_settle if is_settlement and isinstance(adapter, Settles) else adapter.write_submit
    return _hear(call, order, write, adapter.read_submit)


def complete(heard: Iterable[Heard]) -> None:
    """What became of these calls. Joins the caller's transaction."""
    complete_all([(it.call, it.record) for it in heard])


def query(call: Call, order: Order) -> Observation:
    """Ask what became of the order. An unsent question is PENDING: it says nothing about the money."""
    adapter = adapter_of(call.setting_id)
    heard = _hear(call, order, adapter.write_query, adapter.read_query)
    with transaction():
        complete([heard])
    return replace(heard.seen, seen=Seen.PENDING) if heard.seen.seen is Seen.NOT_SENT else heard.seen


def bind_card(call: Call, card: CardToBind) -> BindObservation:
    """Ask the channel to bind a card. PENDING when it is not known whether it did; binding again is harmless."""
    adapter = adapter_of(call.setting_id)
    assert isinstance(adapter, BindsCards), "ask `abilities` first"
    cover = Cover(private(adapter) | rules.of_card(card))
    request = adapter.write_bind(card)
    try:
        answer = exchange(
            call,
            adapter,
            request,
            lambda reply: adapter.read_bind(card, reply),
            cover,
            lambda it: Told(message=it.message),
        )
    except (http.NotSent, http.Unanswered, Unreadable):
        return BindObservation(seen=BindSeen.PENDING)
    return replace(answer, message=cover.over(answer.message))


def bind_cards(call: Call, batch: str, cards: Sequence[CardToBind]) -> Mapping[str, BindObservation]:
    """Ask the channel to bind many cards at once. Each reference has its answer: PENDING, not signed, if nothing is proved."""
    adapter = adapter_of(call.setting_id)
    assert isinstance(adapter, BindsManyCards), "ask `abilities` first"
    assert 0 < len({card.reference for card in cards}) == len(cards) <= adapter.cards_at_once
    cover = Cover(private(adapter) | {key: it for card in cards for key, it in rules.of_card(card).items()})
    request = adapter.write_bind_many(batch, cards)
    try:
        told = exchange(
            call, adapter, request, lambda reply: adapter.read_bind_many(cards, reply), cover, _all_messages
        )
    except (http.NotSent, http.Unanswered, Unreadable):
        told = {}
    unknown = BindObservation(seen=BindSeen.PENDING)
    answers = {card.reference: told.get(card.reference, unknown) for card in cards}
    return {reference: replace(it, message=cover.over(it.message)) for reference, it in answers.items()}


def list_cards(call: Call, after: str) -> CardPage:
    """One page of the cards that the channel says are bound, or NoAnswer. `after`: "" or the `next` of the page before."""
    adapter = adapter_of(call.setting_id)
    if not isinstance(adapter, ListsCards):
        raise NoAnswer(gettext_noop("该渠道没有查询已绑卡的接口"))
    request, hidden = adapter.write_list(after), private(adapter)

    def read(reply: Reply) -> CardPage:
        page = adapter.read_list(after, reply)
        for card in page.cards:
            hidden.update({card.number_masked: rules.masked_again(card.number_masked)} | rules.of_names(card.holder))
        return page

    try:
        # Only a page that was read tells whom it names: any other is not kept.
        page = exchange(call, adapter, request, read, Cover(hidden), lambda _: Told(), keeps_unread=False)
    except (http.NotSent, http.Unanswered, Unreadable) as problem:
        raise NoAnswer(str(problem)) from problem
    return replace(
        page, cards=[replace(card, number_masked=rules.masked_again(card.number_masked)) for card in page.cards]
    )


def unbind_card(call: Call, card: CardToUnbind) -> UnbindObservation:
    """Ask the channel to let a card go. PENDING when it is not known whether it did; asking again is harmless."""
    adapter = adapter_of(call.setting_id)
    assert isinstance(adapter, UnbindsCards), "ask `abilities` first"
    cover = Cover(private(adapter, card.card_number, card.holder))
    request = adapter.write_unbind(card)
    try:
        answer = exchange(
            call,
            adapter,
            request,
            lambda reply: adapter.read_unbind(card, reply),
            cover,
            lambda it: Told(message=it.message),
        )
    except (http.NotSent, http.Unanswered, Unreadable):
        return UnbindObservation(seen=UnbindSeen.PENDING)
    return replace(answer, message=cover.over(answer.message))


def figures(call: Call, day: date) -> Figures:
    """The channel's own totals and balance for this business day, or NoAnswer."""
    adapter = adapter_of(call.setting_id)
    if not isinstance(adapter, ReadsFigures):
        raise NoAnswer(gettext_noop("该渠道没有余额与汇总接口"))
    request, cover = adapter.write_figures(day), Cover(private(adapter))
    try:
        return exchange(call, adapter, request, lambda reply: adapter.read_figures(day, reply), cover, lambda _: Told())
    except (http.NotSent, http.Unanswered, Unreadable) as problem:
        raise NoAnswer(str(problem)) from problem


def statement(call: Call, day: date, after: str) -> StatementPage:
    """One page of the channel's own statement of this business day, or NoAnswer. `after`: "" or the `next` of the last page."""
    adapter = adapter_of(call.setting_id)
    if not isinstance(adapter, ReadsStatements):
        raise NoAnswer(gettext_noop("该渠道没有对账单接口"))
    request, cover = adapter.write_statement(day, after), Cover(private(adapter))

    def read(reply: Reply) -> StatementPage:
        page = adapter.read_statement(day, after, reply)
        assert all(line.seen in _STATED for line in page.lines), "a statement tells what happened"
        return page

    try:
        # Whom its other columns name is not known here. What was read of it is kept line by line; the page itself is not.
        page = exchange(call, adapter, request, read, cover, lambda _: Told(), keeps_reply=False)
    except (http.NotSent, http.Unanswered, Unreadable) as problem:
        raise NoAnswer(str(problem)) from problem
    return replace(page, lines=[_without_cards(line) for line in page.lines])


_STATED = frozenset({Seen.PENDING, Seen.PAID, Seen.FAILED, Seen.RETURNED})


def _without_cards(line: StatementLine) -> StatementLine:
    return replace(line, word=mask_runs(line.word), message=mask_runs(line.message))


def settings(account_id: int) -> Mapping[str, str]:
    """The active parameters, open: for the house's own set-up, never for a page."""
    setting_id = queries.active_setting_id(account_id)
    assert setting_id is not None, "an account is opened with its settings"
    return adapter_of(setting_id).given


def _hear(
    call: Call, order: Order, write: Callable[[Order], Request], read: Callable[[Order, Reply], Observation]
) -> Heard:
    record: dict[str, object] = {}
    try:
        return Heard(call, _ask_about_order(call, order, write, read, record), record)
    except Exception:  # a fault of ours: nobody else will complete its row
        if record:
            with transaction():
                complete_all([(call, record)])
        raise


def _ask_about_order(
    call: Call,
    order: Order,
    write: Callable[[Order], Request],
    read: Callable[[Order, Reply], Observation],
    record: dict[str, object],
) -> Observation:
    adapter = adapter_of(call.setting_id)
    assert order.payee in adapter.pays_to, f"{adapter.code} does not pay to {order.payee}"
    assert order.funds in adapter.funds, f"{adapter.code} does not pay of {order.funds} funds"
    request = write(order)
    cover = Cover(private(adapter) | rules.of_payee(order) | dict.fromkeys(request.hidden, rules.HIDDEN))
    try:
        seen = speak(
            adapter,
            request,
            lambda reply: read(order, reply),
            cover,
            lambda seen: Told("" if seen.vague else seen.seen, seen.word, seen.message, seen.channel_number),
            record,
        )
        return replace(seen, word=cover.over(seen.word), message=cover.over(seen.message))
    except http.NotSent:
        return Observation(seen=Seen.NOT_SENT)  # why is in the call log: `message` is what the channel says
    except (http.Unanswered, Unreadable):
        return Observation(seen=Seen.PENDING)


def _all_messages(told: Mapping[str, BindObservation]) -> Told:
    """What the channel said about a batch, each sentence once."""
    return Told(message="；".join(dict.fromkeys(it.message for it in told.values() if it.message)))

"""The window: the only place that speaks to a channel. Never called with a transaction open, and it asserts so.

Each call is a row before it leaves and is completed after. What comes back is a value of the contract; anything that
proves nothing is "pending, not signed": time-outs, resets, 5xx, HTML, bad signatures, unlisted words.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeVar

import structlog

from app.channels import intake, manners, platforms, queries, rules, versions
from app.channels.contract import (
    Adapter,
    BadSignature,
    BindObservation,
    BindsCards,
    BindSeen,
    BindsManyCards,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    Interface,
    KickedOut,
    ListsCards,
    Observation,
    Order,
    RawCallback,
    ReadsFigures,
    Reply,
    Request,
    Seen,
    Settles,
    UnbindObservation,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.channels.models import CallbackInbox
from app.channels.rules import Cover
from app.kernel import clock
from app.kernel.bank_card import mask, mask_runs
from app.kernel.errors import gettext_noop
from app.runtime import http, jobs
from app.runtime.db import db, in_transaction, let_go, transaction

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An announced call: its row is committed before the first byte leaves."""

    id: int
    interface: Interface
    setting_id: int
    at: datetime


class Told(NamedTuple):
    """What an answer is written down as."""

    seen: str = ""
    word: str = ""
    message: str = ""
    channel_number: str = ""


class NoAnswer(Exception):
    """A question about figures or cards was not answered. The reason is for people."""


def announce(interface: Interface, *, account_id: int, setting_id: int, subject: str) -> Call:
    """Write down that this call is about to be made. Joins the caller's transaction: intention and deed stay together."""
    assert in_transaction()
    at = clock.now()
    row = intake.announce(
        account_id=account_id, setting_id=setting_id, interface=str(interface), subject=subject, at=at
    )
    return Call(id=row, interface=interface, setting_id=setting_id, at=at)


def submit(call: Call, order: Order) -> Observation:
    """Hand the order to its channel. NOT_SENT only when not a byte left us."""
    adapter = _adapter(call.setting_id)
    is_settlement = order.kind == "settlement"
    write = adapter.write_settle if is_settlement and isinstance(adapter, Settles) else adapter.write_submit
    return _ask_about_order(call, order, write, adapter.read_submit)


def query(call: Call, order: Order) -> Observation:
    """Ask what became of the order. An unsent question is PENDING: it says nothing about the money."""
    adapter = _adapter(call.setting_id)
    seen = _ask_about_order(call, order, adapter.write_query, adapter.read_query)
    return replace(seen, seen=Seen.PENDING) if seen.seen is Seen.NOT_SENT else seen


def bind_card(call: Call, card: CardToBind) -> BindObservation:
    """Ask the channel to bind a card. PENDING when it is not known whether it did; binding again is harmless."""
    adapter = _adapter(call.setting_id)
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
    adapter = _adapter(call.setting_id)
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
    adapter = _adapter(call.setting_id)
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
    adapter = _adapter(call.setting_id)
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
    adapter = _adapter(call.setting_id)
    if not isinstance(adapter, ReadsFigures):
        raise NoAnswer(gettext_noop("该渠道没有余额与汇总接口"))
    request, cover = adapter.write_figures(day), Cover(private(adapter))
    try:
        return exchange(call, adapter, request, lambda reply: adapter.read_figures(day, reply), cover, lambda _: Told())
    except (http.NotSent, http.Unanswered, Unreadable) as problem:
        raise NoAnswer(str(problem)) from problem


def take_callback(account: queries.Account, raw: RawCallback) -> tuple[int, bool]:
    """Verify a callback over its raw bytes and put it into the inbox. Joins the caller's transaction.

    Returns the inbox row's id and whether it was accepted. Key and algorithm come from our settings alone: the active
    version and, while their keys overlap with it, those before it.
    """
    assert in_transaction()
    body_hash = sha256(raw.body).hexdigest()
    seen: Observation | None = None
    proved_by: int | None = None
    reason, outcome = "", "unreadable"
    for setting_id in versions.counting(account.id):
        try:
            seen = _adapter(setting_id).read_callback(raw)
            outcome, proved_by = "taken", setting_id
            break
        except BadSignature as problem:
            reason, outcome = problem.reason, "bad_signature"
        except Unreadable as problem:
            reason = problem.reason
    if outcome == "bad_signature":
        reason = _keys_that_are_over(account, raw) or reason
    found = {
        "setting_id": proved_by,
        "sealed": intake.seal(account.number, body_hash, raw),
        "outcome": outcome,
        "number": seen.number[:64] if seen else "",
        "seen": str(seen.seen) if seen else "",
        "word": mask_runs(seen.word)[:60] if seen else "",
        "message": mask_runs(seen.message if seen else reason)[:300],
        "channel_number": mask_runs(seen.channel_number)[:64] if seen else "",
    }
    inbox_id = intake.put(
        account_id=account.id, body_hash=body_hash, at=clock.now(), told=found, is_good=seen is not None
    )
    return inbox_id, seen is not None


def _keys_that_are_over(account: queries.Account, raw: RawCallback) -> str:
    """Why it is refused, where it is signed with keys of ours that count no more; "" where it is not."""
    for setting in versions.over(account.id, most=2):
        with suppress(Unreadable):
            _adapter(setting.id).read_callback(raw)
            log.warning("callback_signed_with_retired_keys", account=account.number, version=setting.version)
            return BadSignature("签名用的是已失效的密钥", f"v{setting.version}").reason
    return ""


def read_callback(inbox_id: int) -> Observation:
    """What an accepted callback says, read again from its sealed bytes."""
    row = db.session.get_one(CallbackInbox, inbox_id)
    account = queries.account_by_id(row.account_id)
    raw = intake.unseal(account.number, row.body_hash, row.sealed)
    # It was proved when it came, and stays so whatever became of that version since. Older rows do not say which it was.
    for setting_id in [row.setting_id] if row.setting_id else versions.ever_used(account.id):
        try:
            seen = _adapter(setting_id).read_callback(raw)
        except Unreadable:
            continue
        return replace(seen, word=mask_runs(seen.word), message=mask_runs(seen.message))
    raise Unreadable("回调的签名现在验不过")


def settings(account_id: int) -> Mapping[str, str]:
    """The active parameters, open: for the house's own set-up, never for a page."""
    setting_id = queries.active_setting_id(account_id)
    assert setting_id is not None, "an account is opened with its settings"
    return _adapter(setting_id).given


def _ask_about_order(
    call: Call,
    order: Order,
    write: Callable[[Order], Request],
    read: Callable[[Order, Reply], Observation],
) -> Observation:
    adapter = _adapter(call.setting_id)
    assert order.payee in adapter.pays_to, f"{adapter.code} does not pay to {order.payee}"
    request = write(order)
    cover = Cover(private(adapter) | rules.of_payee(order) | dict.fromkeys(request.hidden, rules.HIDDEN))
    try:
        seen = exchange(
            call,
            adapter,
            request,
            lambda reply: read(order, reply),
            cover,
            lambda seen: Told("" if seen.vague else seen.seen, seen.word, seen.message, seen.channel_number),
        )
        return replace(seen, word=cover.over(seen.word), message=cover.over(seen.message))
    except http.NotSent:
        return Observation(seen=Seen.NOT_SENT)  # why is in the call log: `message` is what the channel says
    except (http.Unanswered, Unreadable):
        return Observation(seen=Seen.PENDING)


def exchange(
    call: Call,
    adapter: Adapter,
    request: Request,
    read: Callable[[Reply], T],
    cover: Cover,
    told: Callable[[T], Told],
    *,
    keeps_unread: bool = True,
) -> T:
    """Send, read, and complete the call's row whatever happens. Raises what http and the adapter raise."""
    let_go()
    started = time.monotonic()
    record: dict[str, object] = {"outcome": "unreadable"}
    reply: Reply | None = None
    is_kicked_out = False
    try:
        answer = http.send(
            request.method,
            adapter.given["base_url"].rstrip("/") + request.path,
            body=request.body,
            headers={"Content-Type": request.content_type, **request.headers},
        )
        reply = Reply(status=answer.status, body=answer.body, headers=answer.headers)
        record["http_status"] = answer.status
        result = read(reply)
        record["outcome"] = "ok"
        said = Told(*map(cover.over, told(result)))
        record |= {"seen": said.seen[:20], "word": said.word[:60], "message": said.message[:300]}
        record["channel_number"] = said.channel_number[:64]
        return result
    except http.NotSent as problem:
        record |= {"outcome": "not_sent", "message": str(problem)[:300]}
        raise
    except http.Unanswered as problem:
        record |= {"outcome": "unanswered", "message": str(problem)[:300]}
        raise
    except Unreadable as problem:
        outcome = "bad_signature" if isinstance(problem, BadSignature) else "unreadable"
        record |= {"outcome": outcome, "message": cover.over(problem.reason)[:300]}
        is_kicked_out = isinstance(problem, KickedOut)
        raise
    finally:
        kept = reply if keeps_unread or record["outcome"] == "ok" else None
        head = (f"{request.method} {request.path}", *(f"{name}: {it}" for name, it in request.headers.items()))
        record["duration_ms"] = int((time.monotonic() - started) * 1000)
        record |= {
            "request": cover.over("\n".join((*head, "", _text(request.body)))),
            "signed_text": cover.over(request.signed_text),
            "reply": cover.over(_text(kept.body)) if kept else "",
        }
        with transaction():
            intake.complete(call.id, record)
            if is_kicked_out and call.interface is not Interface.TRY:  # parameters on trial may be of another seat
                _promise_to_free_the_seat(call)


def _promise_to_free_the_seat(call: Call) -> None:
    """Of whoever holds it at this moment; who takes it from now on has signed in anew."""
    account = queries.account_by_id(versions.by_id(call.setting_id).account_id)
    newest = platforms.newest_claim(account.id)
    if newest is not None:
        jobs.promise("app.channels.jobs.free_seat", f"{account.number}/{newest}")


def _text(body: bytes) -> str:
    return body.decode(errors="backslashreplace")


def _all_messages(told: Mapping[str, BindObservation]) -> Told:
    """What the channel said about a batch, each sentence once."""
    return Told(message="；".join(dict.fromkeys(it.message for it in told.values() if it.message)))


def private(adapter: Adapter, card_number: str = "", *names: str) -> dict[str, str]:
    """What must not be shown of this call, and what stands in its place."""
    hidden = dict.fromkeys(adapter.secrets(), rules.HIDDEN)
    return {card_number: mask(card_number)} | rules.of_names(*names) | hidden


def _adapter(setting_id: int) -> Adapter:
    # A version that is or was in use never changes, so its adapter (with its parsed keys) is kept.
    return _built(db.engine.url.render_as_string(), setting_id)


@lru_cache(maxsize=512)
def _built(_database: str, setting_id: int) -> Adapter:
    return build(setting_id)


def build(setting_id: int) -> Adapter:
    """The adapter of a version as it is at this moment: of a draft there is a new one after every change."""
    setting = versions.by_id(setting_id)
    account = queries.account_by_id(setting.account_id)
    return manners.adapter(manners.pinned(account.adapter, setting.template_version))(
        versions.given(account.number, setting)
    )

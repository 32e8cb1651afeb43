"""One call after another: announced, spoken, completed. What `gateway` is made of, and `trial`; nobody else speaks here."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeVar

from app.channels import breaker, intake, manners, platforms, queries, rules, versions
from app.channels.contract import Adapter, BadSignature, Interface, KickedOut, Reply, Request, Unreadable
from app.channels.rules import Cover
from app.channels.rules.health import Ended
from app.kernel import clock
from app.kernel.bank_card import mask
from app.runtime import http, jobs
from app.runtime.db import db, in_transaction, lease_now, let_go, transaction

T = TypeVar("T")
_KICKED_OUT = "kicked_out"
"""Beside what the row is completed with: the channel said that somebody else sits there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An announced call: its row is committed before the first byte leaves."""

    id: int
    interface: Interface
    account_id: int
    setting_id: int
    subject: str
    at: datetime
    began: float = field(default_factory=time.monotonic, compare=False)
    """Of this process alone: how long ago it was announced, whatever becomes of the clock."""


class About(NamedTuple):
    """What a call is about to be made about."""

    interface: Interface
    account_id: int
    setting_id: int
    subject: str


class Told(NamedTuple):
    """What an answer is written down as."""

    seen: str = ""
    word: str = ""
    message: str = ""
    channel_number: str = ""


def announce(interface: Interface, *, account_id: int, setting_id: int, subject: str) -> Call:
    """Write down that this call is about to be made. Joins the caller's transaction: intention and deed stay together."""
    return announce_all([About(interface, account_id, setting_id, subject)])[0]


def announce_all(calls: Sequence[About]) -> list[Call]:
    """The same for many, in their order."""
    assert in_transaction()
    at = clock.now()
    rows = intake.announce([it._asdict() | {"interface": str(it.interface)} for it in calls], at=at)
    return [Call(id=row, at=at, **it._asdict()) for row, it in zip(rows, calls, strict=True)]


def complete(ended: Sequence[tuple[Call, Mapping[str, object]]]) -> None:
    told = [(call, dict(record)) for call, record in ended]
    for call, record in told:
        # Parameters on trial may be of another seat.
        if record.pop(_KICKED_OUT, False) and call.interface is not Interface.TRY:
            _promise_to_free_the_seat(call)
    intake.complete({call.id: record for call, record in told})
    breaker.learn(
        breaker.Learnt(
            call.account_id, Ended(call.interface, call.subject, str(record["outcome"]), str(record.get("seen", "")))
        )
        for call, record in told
    )


def _promise_to_free_the_seat(call: Call) -> None:
    """Of whoever held it when the call was announced and holds it still; who took it since then has signed in anew, and the
    channel's word is about somebody before them."""
    announced_at = lease_now() - timedelta(seconds=time.monotonic() - call.began)
    newest = platforms.newest_claim(call.account_id, since=announced_at)
    if newest is not None:
        jobs.promise("app.channels.jobs.free_seat", f"{queries.account_by_id(call.account_id).number}/{newest}")


def exchange(
    call: Call,
    adapter: Adapter,
    request: Request,
    read: Callable[[Reply], T],
    cover: Cover,
    told: Callable[[T], Told],
    *,
    keeps_unread: bool = True,
    keeps_reply: bool = True,
) -> T:
    """Send, read, and complete the call's row whatever happens. Raises what http and the adapter raise."""
    record: dict[str, object] = {}
    try:
        return speak(adapter, request, read, cover, told, record, keeps_unread=keeps_unread, keeps_reply=keeps_reply)
    finally:
        with transaction():
            complete([(call, record)])


def speak(
    adapter: Adapter,
    request: Request,
    read: Callable[[Reply], T],
    cover: Cover,
    told: Callable[[T], Told],
    record: dict[str, object],
    *,
    keeps_unread: bool = True,
    keeps_reply: bool = True,
) -> T:
    """Send and read. Whatever happens, what its row is completed with is in `record` then."""
    let_go()
    started = time.monotonic()
    record["outcome"] = "unreadable"
    reply: Reply | None = None
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
        if isinstance(problem, KickedOut):
            record[_KICKED_OUT] = True
        raise
    finally:
        kept = reply if keeps_reply and (keeps_unread or record["outcome"] == "ok") else None
        head = (f"{request.method} {request.path}", *(f"{name}: {it}" for name, it in request.headers.items()))
        record["duration_ms"] = int((time.monotonic() - started) * 1000)
        record |= {
            "request": cover.over("\n".join((*head, "", _text(request.body)))),
            "signed_text": cover.over(request.signed_text),
            "reply": cover.over(_text(kept.body)) if kept else "",
        }


def _text(body: bytes) -> str:
    return body.decode(errors="backslashreplace")


def private(adapter: Adapter, card_number: str = "", *names: str) -> dict[str, str]:
    """What must not be shown of this call, and what stands in its place."""
    hidden = dict.fromkeys(adapter.secrets(), rules.HIDDEN)
    return {card_number: mask(card_number)} | rules.of_names(*names) | hidden


def adapter(setting_id: int) -> Adapter:
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

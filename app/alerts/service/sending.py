"""Telling robots: one message after the other, each by its ladder, and never more in a minute than they take.

A try is written down before it leaves, and is sent again when nothing came of it: a robot may hear something twice, and the
message's number says so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import update

from app.alerts import bell, hooks, letters, posting, robots, rules
from app.alerts.models import AlertHook, AlertMessage, AlertTry
from app.alerts.robots import Post
from app.alerts.rules import Event, Severity
from app.alerts.states import MESSAGE, State
from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.bank_card import mask_runs
from app.kernel.errors import NotThere, Refused, Text
from app.runtime import http, live_events
from app.runtime.db import changed, db, in_transaction, transaction
from app.runtime.jobs import Again

SLICE_S = 45.0
"""A run sends for so long and then lets others to the line; well within its job's lease."""
LONGEST_ANSWER = 300
HIDDEN = "******"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try that is written down and may leave now."""

    try_id: int
    message_id: int
    kind: str
    post: Post
    private: tuple[str, ...]
    """What must not stand in an answer that is kept."""


class Result(NamedTuple):
    outcome: str
    said: Text
    duration_ms: int
    status: int | None = None


def send(reference: str) -> Again | None:
    """The worker's part: whatever is due for this hook. None when nothing waits any more."""
    until = time.monotonic() + SLICE_S
    while isinstance(found := _next(reference), Attempt):
        _finish(reference, found, _exchange(found))
        if time.monotonic() >= until:
            return Again(0)
    return found


def test(reference: str, *, actor: Actor) -> Result:
    """Somebody wants to see whether it arrives: tried once, now, whether the hook is switched on or not."""
    with transaction():
        hook = hooks.held(reference)
        if len(_recent(hook)) >= rules.MOST_A_MINUTE:
            raise Refused("一分钟内已发满 %(count)s 条，请稍后再试", count=rules.MOST_A_MINUTE)
        message = posting.new_message(hook, Event.TEST, severity=Severity.NOTICE, said=letters.TEST)
        audit.record(actor, "alert-hook.test", reference)
        attempt = _attempt(hook, message)
    result = _exchange(attempt)
    _finish(reference, attempt, result, again=False)
    return result


def _next(reference: str) -> Attempt | Again | None:
    """The next message that may leave, written down as tried; or when to look again."""
    with transaction():
        try:
            hook = hooks.held(reference)
        except NotThere:
            return None  # removed, and what waited was dropped with it
        now = clock.now()
        waiting = hooks.due(hook.id, now)
        if not waiting:
            after = hooks.next_due(hook.id)
            return Again((after - now).total_seconds()) if after else None
        recent = _recent(hook)
        if len(recent) >= rules.MOST_A_MINUTE:
            return Again((recent[0] + timedelta(seconds=rules.A_MINUTE) - now).total_seconds())
        message = waiting[0]
        if len(waiting) > 1 and len(recent) == rules.MOST_A_MINUTE - 1:
            message = _sum(hook, list(waiting))
        return _attempt(hook, message)


def _recent(hook: AlertHook) -> Sequence[datetime]:
    return hooks.tries_since(hook.id, clock.now() - timedelta(seconds=rules.A_MINUTE))


def _sum(hook: AlertHook, many: list[AlertMessage]) -> AlertMessage:
    """One message in the place of all these."""
    count = sum(it.count for it in many)
    for it in many:
        move(it, "sum")
    severity = rules.gravest([it.severity for it in many])
    said = Text(letters.SUM.template, count=count)
    return posting.new_message(hook, Event.SUM, severity=severity, said=said, count=count)


def _attempt(hook: AlertHook, message: AlertMessage) -> Attempt:
    now, address, secret = clock.now(), hooks.address_of(hook), hooks.secret_of(hook)
    letter = letters.letter(message, hook, hooks.alert_of(message))
    message.tries += 1
    message.due_at = now + timedelta(seconds=rules.SENDS_WITHIN_S)
    tried = AlertTry(hook_id=hook.id, message_id=message.id, at=now)
    db.session.add(tried)
    db.session.flush()
    post = robots.ROBOTS[robots.Kind(hook.kind)].write(letter, address, secret, now)
    private = (address, secret, *robots.tokens(address))
    return Attempt(try_id=tried.id, message_id=message.id, kind=hook.kind, post=post, private=private)


def _exchange(attempt: Attempt) -> Result:
    """With no transaction open."""
    begun = time.monotonic()

    def result(outcome: str, said: Text, status: int | None = None) -> Result:
        return Result(outcome, _covered(said, attempt.private), int((time.monotonic() - begun) * 1000), status)

    try:
        answer = http.send("POST", attempt.post.url, body=attempt.post.body, headers=attempt.post.headers)
    except (http.NotSent, http.Unanswered) as problem:
        # What stands behind the colon is the machine's own, in no language of ours.
        what = Text(str(problem).partition("：")[0])
        return result("not_sent" if isinstance(problem, http.NotSent) else "unanswered", what)
    why = robots.why_not(attempt.kind, answer.status, answer.body)
    words = answer.body[:LONGEST_ANSWER].decode(errors="replace")
    return result("refused" if why else "ok", why or Text("%(answer)s", answer=words), answer.status)


def _covered(said: Text, private: Sequence[str]) -> Text:
    """What others wrote, without a secret that they echo, without a card number, and as the database can hold it."""
    values = {}
    for name, value in said.values.items():
        text = str(value).replace("\0", "")[:LONGEST_ANSWER]
        for it in private:
            text = text.replace(it, HIDDEN) if it else text
        values[name] = mask_runs(text)
    return Text(said.template, **values)


def _finish(reference: str, attempt: Attempt, result: Result, *, again: bool = True) -> None:
    """How it went; what was not taken is tried `again` after its wait, and when there is none more it is given up."""
    arrived = result.outcome == "ok"
    with transaction():
        told = {"outcome": result.outcome, "said": result.said.kept(), "http_status": result.status}
        tried = update(AlertTry).where(AlertTry.id == attempt.try_id)
        db.session.execute(tried.values(**told, duration_ms=result.duration_ms))
        message = db.session.get_one(AlertMessage, attempt.message_id, with_for_update=True)
        wait = rules.wait_after(message.tries) if again else None
        if message.state != State.WAITING:
            pass  # it was dropped while it was under way
        elif arrived:
            move(message, "arrive")
        elif wait is not None:
            message.due_at = clock.later(wait)
        else:
            move(message, "give_up")
        if again and (arrived or wait is None):
            _tell_people(reference, arrived=arrived)
        live_events.announce(rules.HOOKS_TOPIC, reference)


def _tell_people(reference: str, *, arrived: bool) -> None:
    """That a robot is deaf is trouble like any other: the others are told, and whoever looks at the console."""
    if arrived:
        bell.hush("hook", reference, said=Text("又有消息送达了"))
        return
    name = hooks.hook(reference).name
    said = Text("告警推送“%(name)s”送不到，一条消息试了 %(count)s 次后放弃", name=name, count=len(rules.LADDER_S) + 1)
    path = f"/alerts/hooks/{reference}"
    bell.ring("hook", reference, severity=Severity.WARNING, said=said, path=path)


def move(message: AlertMessage, verb: str) -> None:
    """The only line in the room that changes message.state."""
    assert in_transaction()
    step = MESSAGE.move(message.state, verb)
    db.session.flush()
    still = (AlertMessage.id == message.id, AlertMessage.state == message.state)
    hit = changed(update(AlertMessage).where(*still).values(state=step.target, ended_at=clock.now()))
    assert hit, "its hook is held, or it is"
    db.session.refresh(message)

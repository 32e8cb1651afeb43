"""Everything that happened to one withdrawal, from whichever table it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.channels import queries as channels
from app.channels.contract import Interface, Seen
from app.channels.rules import INTERFACES, KICKED_OUT, OUTCOMES, SEEN, reason
from app.kernel.errors import Text
from app.runtime.db import db
from app.withdrawals.models import Withdrawal, WithdrawalEvent, WithdrawalHold
from app.withdrawals.queries.outcomes import heard
from app.withdrawals.queries.rows import events
from app.withdrawals.rules import HOLDS
from app.withdrawals.states import VERBS


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
    hint: str = ""
    """What one should know who waits for the outcome, as long as it is the latest that was heard."""


UNHEARD = "unheard"
"""In the place of who did it: nobody was heard."""
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
    happened = events(withdrawal.id)
    holds = select(WithdrawalHold).where(WithdrawalHold.withdrawal_id == withdrawal.id).order_by(WithdrawalHold.id)
    told = {hold.reason: heard(hold) for hold in db.session.scalars(holds)}
    asked = channels.calls_about(withdrawal.number)
    lines = [
        TraceLine(
            at=event.at,
            title=VERBS[event.verb],
            who=UNHEARD if _is_unheard(event, asked) else event.actor,
            note=_why(event, told),
            tone=_TONES.get(event.verb, "info"),
            icon=_ICONS.get(event.verb, "check"),
        )
        for event in happened
    ]
    sends = [event.at for event in happened if event.verb == "send"]
    adapter = channels.account_by_id(withdrawal.account_id).adapter
    calls = []
    for call in asked:
        _outcome, tone = OUTCOMES[call.outcome]
        line = TraceLine(
            at=call.at,
            title=INTERFACES[call.interface],
            note=_said(call),
            tone=tone,
            icon="plug-connected",
            call_id=call.id,
            hint=_hint(call, adapter),
        )
        # A submit is announced just before the move that sends it, and is told as a part of it.
        began = (
            call.at if call.interface == Interface.QUERY else min((at for at in sends if at > call.at), default=call.at)
        )
        calls.append((began, line))
    for callback in channels.callbacks_about(withdrawal.number):
        _outcome, tone = OUTCOMES[callback.outcome]
        times = f"× {callback.times}" if callback.times > 1 else ""
        note = _said(callback, times)
        calls.append(
            (
                callback.received_at,
                TraceLine(
                    at=callback.received_at,
                    title=INTERFACES["callback"],
                    note=note,
                    tone=tone,
                    icon="bell",
                    hint=_hint(callback, adapter),
                ),
            )
        )
    placed = [(line.at, line) for line in lines] + calls
    return [line for _place, line in sorted(placed, key=lambda it: it[0])]


def _why(event: WithdrawalEvent, told: Mapping[str, Text | None]) -> str:
    # Only a rule of the house writes sentences that are said in the reader's language; what people write is theirs.
    if event.actor == "rule" and event.why not in HOLDS:
        return Text.told(event.why)
    return _joined(HOLDS[event.why], told.get(event.why) or "") if event.why in HOLDS else event.why


def latest_hint(trace: Sequence[TraceLine]) -> str:
    """The hint of what was heard last; "" where that needs none."""
    return next((line.hint for line in reversed(trace) if line.icon in ("plug-connected", "bell")), "")


def _hint(it: Any, adapter: str) -> str:
    if _is_kicked_out(it):
        return Text(
            "第三方已有他人登录，这个账号的领取随之结束：要继续用它，请重新领取。这笔不必重新提交，系统会按原单号再问。"
        )
    is_open = it.outcome in ("ok", "taken") and it.seen == Seen.PENDING
    if is_open and it.word and not channels.knows_word(adapter, it.word):
        return Text("渠道说“%(word)s”，系统不认识这个词，按还没有结果处理，会继续查询。", word=it.word)
    return ""


def _is_kicked_out(it: Any) -> bool:
    return bool(it.outcome == "unreadable" and it.message.partition("：")[0] == KICKED_OUT)


def _is_unheard(event: WithdrawalEvent, asked: Sequence[Any]) -> bool:
    """Is it out because nothing came back that one could read? Then it is not the channel's answer that moved it."""
    if event.verb != "wait" or event.actor != "submit":
        return False
    sent = [call for call in asked if call.interface != Interface.QUERY and call.at <= event.at]
    return bool(sent) and sent[-1].outcome != "ok" and not _is_kicked_out(sent[-1])


def _said(it: Any, *more: str) -> str:
    """How it went, what it means, and the channel's own words; of a failure what happened."""
    outcome, _tone = OUTCOMES[it.outcome]
    if _is_kicked_out(it):
        code = it.message.partition("：")[2]
        return _joined(OUTCOMES["ok"][0], Text("第三方已有他人登录，领取随之结束；会按原单号再问"), code, *more)
    if it.outcome not in ("ok", "taken"):
        # What the network's library says of a broken line is for technicians.
        what = it.message.partition("：")[0] if it.outcome in ("unanswered", "not_sent") else it.message
        return _joined(outcome, reason(what) if what != outcome else "", *more)
    said = it.message if it.message != it.seen else ""  # a call without words has what it means in their place
    return _joined(outcome, SEEN.get(it.seen, ""), it.word, said, *more)


def _joined(*parts: str) -> str:
    """What there is of these, each in its own language: ours in the reader's, the channel's as it came."""
    there = {f"part{number}": part for number, part in enumerate(parts) if part}
    return Text(" · ".join(f"%({name})s" for name in there), **there)

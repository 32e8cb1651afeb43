"""Everything that happened to one withdrawal, from whichever table it comes."""

from dataclasses import dataclass
from datetime import datetime

from app.channels import queries as channels
from app.channels.rules import INTERFACES, OUTCOMES, told
from app.kernel.errors import Text
from app.withdrawals.models import Withdrawal
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

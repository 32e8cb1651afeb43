"""Workers for the stories about killing: the real worker, with a clock that runs faster and a point at which it dies.

`python -m tests.processes BEGAN RATE POINT [LINE]`; POINT is one of `POINTS` or `ROUND_POINTS` or, on the sheets' line,
of `RUN_POINTS` or `SHEET_POINTS`; `-` is a worker that lives.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import worker
from app.cards.service import binding
from app.channels import gateway
from app.kernel import clock
from app.runtime import http, jobs, journal
from app.runtime.queue import Line
from app.withdrawals.service import movement, sheet_making, sheet_orders


def faster(began: float, rate: float) -> Callable[[], datetime]:
    """A clock that started at `began` and runs `rate` times as fast; all processes of a story share it."""
    return lambda: datetime.fromtimestamp(began + (time.time() - began) * rate, UTC)


def die() -> None:
    """kill -9, the parent first: nobody tidies up."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def orphan() -> None:
    """kill -9 of the parent alone: its work-horse works on, and a second worker may meet it."""
    os.kill(os.getppid(), signal.SIGKILL)


def before(
    module: Any, name: str, deed: Callable[[], None], when: Callable[..., bool] = lambda *_a, **_k: True
) -> None:
    original = getattr(module, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if when(*arguments, **named):
            deed()
        return original(*arguments, **named)

    setattr(module, name, wrapped)


def after_send() -> None:
    """The answer has come, nobody has read it."""
    original = http.send

    def wrapped(*arguments: Any, **named: Any) -> Any:
        answer = original(*arguments, **named)
        die()
        return answer

    before(gateway, "submit", lambda: setattr(http, "send", wrapped))


def at_answer(count: int) -> None:
    """So many answers have come, one of them nobody has read; others may be on their way."""
    original, heard = http.send, iter(range(count - 1))

    def wrapped(*arguments: Any, **named: Any) -> Any:
        answer = original(*arguments, **named)
        if next(heard, None) is None:
            die()
        return answer

    http.send = wrapped


def at_call(module: Any, name: str, count: int) -> None:
    """Before it does this for the so-manieth time."""
    calls = iter(range(count - 1))
    before(module, name, die, lambda *_a, **_k: next(calls, None) is None)


def is_submit(calls: Sequence[gateway.About]) -> bool:
    return calls[0].interface == gateway.Interface.SUBMIT


def is_outcome(steps: Sequence[movement.Step]) -> bool:
    return steps[0].actor == "submit"


def is_ended(made: Sequence[tuple[movement.Step, object]]) -> bool:
    return is_outcome([step for step, _ in made])


POINTS: dict[str, Callable[[], None]] = {
    "-": lambda: None,
    "before the intent": lambda: before(gateway, "announce_all", die, is_submit),
    "after the intent": lambda: before(gateway, "submit", die),
    "after the send": after_send,
    "before the final commit": lambda: before(movement, "_write_events", die, is_outcome),
    "an orphan sends": lambda: before(gateway, "submit", orphan),
}
ROUND_POINTS: dict[str, Callable[[], None]] = {
    "intended, not in the journal": lambda: before(journal, "append", die),
    "some have left": lambda: at_call(http, "send", 4),
    "some are answered": lambda: at_answer(4),
    "half of the outcomes in the transaction": lambda: before(movement, "_promise_what_follows", die, is_ended),
    "written, not finished": lambda: before(jobs, "_settle", die, bool),
}
"""Where many withdrawals are under way together."""

RUN_POINTS: dict[str, Callable[[], None]] = {
    "rows handed on, nothing asked": lambda: before(binding, "_ask", die),
    "asked once": lambda: at_answer(1),
    "some answers came": lambda: at_answer(5),
    "answered, nothing kept": lambda: before(binding, "_keep", die),
    "half kept": lambda: before(binding, "count", die, lambda *_a, **more: "bound" in more),
    "kept, not finished": lambda: before(binding, "move_run", die, lambda _run, verb, **_more: verb == "finish"),
    "an orphan asks": lambda: before(binding, "_ask", orphan),
}

SHEET_POINTS: dict[str, Callable[[], None]] = {
    "a row begun": lambda: at_call(sheet_making, "put", 1),
    "in the middle of a transaction": lambda: at_call(sheet_making, "put", 30),
    "a row made, not settled": lambda: at_call(sheet_making, "_row", 45),
    "before the end": lambda: at_call(sheet_making, "move_sheet", 1),
    "an orphan makes": lambda: before(sheet_making, "put", orphan),
    "one approved": lambda: at_call(sheet_orders, "approve", 2),
    "some approved, nothing kept": lambda: before(sheet_orders, "_keep", die),
    "all kept, not ended": lambda: before(sheet_orders, "_end", die),
}


if __name__ == "__main__":
    began, rate, point = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    with clock.replaced(faster(began, rate)):
        (POINTS | ROUND_POINTS | RUN_POINTS | SHEET_POINTS)[point]()
        worker.work(Line(sys.argv[4]) if len(sys.argv) > 4 else Line.CHANNEL)

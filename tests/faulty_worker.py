"""Workers for the stories about faults: the real worker, on a clock that a story sets, and with a place where it stands still.

`python -m tests.faulty_worker CLOCK PLACE LEASES`: CLOCK is a file that holds how many seconds our clock is off; PLACE is
one of `PLACES`, `-` is a worker like any other; LEASES is `theirs` (on PostgreSQL the database's clock measures them, as in
production) or `ours`.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import worker
from app.channels import gateway
from app.kernel import clock
from app.runtime import http, jobs, work
from app.runtime.queue import Line
from tests.processes import before


def off_by(file: Path) -> Callable[[], datetime]:
    """The system's clock, as far off as the file says at that moment."""
    return lambda: datetime.fromtimestamp(time.time() + float(file.read_text() or 0), UTC)


def set_clock(file: Path, seconds: float) -> None:
    """All at once: no reader ever sees half of it."""
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)


def stop_here() -> None:
    """SIGSTOP: the whole process stands still until somebody lets it go on, and then knows nothing of the time between."""
    os.kill(os.getpid(), signal.SIGSTOP)


def inside_the_send() -> None:
    """Connected, the channel waits for the first byte, and every check of ours lies behind."""
    original = http._Checked.send

    def once(self: Any, data: Any) -> None:
        http._Checked.send = original  # type: ignore[method-assign]
        stop_here()
        original(self, data)

    before(gateway, "submit", lambda: setattr(http._Checked, "send", once))


def stop_to_be_traced() -> None:
    """As above; and whoever wants to may trace this process, where otherwise only a parent may (Yama)."""
    ctypes.CDLL(None).prctl(*_ANYBODY_MAY_TRACE_ME, 0, 0, 0)
    stop_here()


def at_row(name: str) -> None:
    """At the beginning of a row of this kind, once a process."""
    first = iter([stop_to_be_traced])

    def is_of_it(rows: Sequence[jobs.Claimed]) -> bool:
        return any(job.kind.endswith(f".{name}") for job in rows)

    before(work, "begin", lambda: next(first, lambda: None)(), is_of_it)


STANDS: dict[str, Callable[[], None]] = {
    "inside the send": inside_the_send,
    "after the intention": lambda: before(gateway, "submit", stop_here),
}
BEGINNINGS: dict[str, Callable[[], None]] = {
    "drain": lambda: before(jobs, "drain", stop_to_be_traced),
    "submit": lambda: at_row("submit"),
    "ask": lambda: at_row("ask"),
    "callback": lambda: at_row("read_callback"),
}
"""Where a tracer is waited for, so that it counts from there."""
PLACES = {"-": lambda: None} | STANDS | BEGINNINGS
_ANYBODY_MAY_TRACE_ME = 0x59616D61, ctypes.c_ulong(-1)  # PR_SET_PTRACER, PR_SET_PTRACER_ANY


if __name__ == "__main__":
    # In the place of the system's clock itself: on PostgreSQL leases are measured with the database's, as in production.
    clock._source = off_by(Path(sys.argv[1]))
    if sys.argv[3] == "theirs":
        clock._system = clock._source
    PLACES[sys.argv[2]]()
    worker.work(Line.CHANNEL)

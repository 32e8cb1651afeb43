"""Workers for the stories about faults: the real worker, on a clock that a story sets, and with a place where it stands still.

`python -m tests.faulty_worker CLOCK PLACE`: CLOCK is a file that holds how many seconds our clock is off; PLACE is one of
`PLACES`, `-` is a worker like any other.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import worker
from app.channels import gateway
from app.kernel import clock
from app.runtime import http
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


PLACES: dict[str, Callable[[], None]] = {
    "-": lambda: None,
    "inside the send": inside_the_send,
    "after the intention": lambda: before(gateway, "submit", stop_here),
}


if __name__ == "__main__":
    # In the place of the system's clock itself: on PostgreSQL leases are measured with the database's, as in production.
    clock._system = clock._source = off_by(Path(sys.argv[1]))
    PLACES[sys.argv[2]]()
    worker.work(Line.CHANNEL)

"""kill -9 before each system call with which one withdrawal leaves its process: what is written, synced, connected, sent, read.

strace takes the work-horse away at the entry of the call, and the next place is the one after it: every state in which a
process can die is tried, and after each of them a new worker brings the withdrawal to its end, paid once (I-1, I-14).
"""

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from app.config import Config
from tests.sandbox.third_party import ThirdParty
from tests.stories.faults import Faults, a_world_of_faults, children, injected, stopped_child

pytestmark = pytest.mark.slow
SAMPLED = {
    "the intention is synced": ("submit", "fdatasync", 1, "queued"),
    "the journal is synced": ("submit", "fsync", 1, "sending"),
    "the channel is called": ("submit", "connect", 1, "sending"),
    "the outcome is synced": ("submit", "fdatasync", 2, "sending"),
}
"""In CI, on SQLite, whose commits are calls of the worker's own; with the state in which the withdrawal is left."""
AMOUNTS = {"ask": "10.13"}
"""What makes a row of this kind needed: nobody calls back, so the channel is asked. Others belong to every withdrawal."""
OF_BOTH = {
    "drain": ("sendto",),
    "submit": ("write", "fsync", "connect", "sendto", "recvfrom"),
    "ask": ("connect", "sendto"),
    "callback": ("sendto",),
}
"""What is sent goes to the channel, to Redis, and on PostgreSQL to the database: a commit is one of these."""
EACH = [
    *(("sqlite", row, call) for row, calls in OF_BOTH.items() for call in (*calls, "pwrite64", "fdatasync")),
    *(
        pytest.param("postgresql", row, call, marks=pytest.mark.postgres)
        for row, calls in OF_BOTH.items()
        for call in calls
    ),
]


@pytest.fixture
def faults(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[Faults]:
    with a_world_of_faults(config, redis_url, third_party) as world:
        yield world


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("row", "call", "place", "left"), SAMPLED.values(), ids=SAMPLED)
def test_a_worker_killed_before_a_system_call_pays_once(
    faults: Faults, row: str, call: str, place: int, left: str, tmp_path: Path
) -> None:
    number, killed = _killed_before(faults, row, call, place, tmp_path / "strace")
    assert killed, "it never came to this call"
    assert faults.state(number) == left
    faults.pays(number)


@pytest.mark.soak
@pytest.mark.parametrize(("database_url", "row", "call"), EACH, indirect=["database_url"])
def test_a_worker_killed_before_any_system_call_pays_once(faults: Faults, row: str, call: str, tmp_path: Path) -> None:
    """From the first of these calls in this row's work to the last: the one after it kills nobody."""
    account = faults.account()
    for place in count(1):
        number, killed = _killed_before(faults, row, call, place, tmp_path / f"strace {place}", account)
        faults.pays(number)
        if not killed:
            break
    assert place > 1, "it never came to this call"


def _killed_before(faults: Faults, row: str, call: str, place: int, log: Path, account: str = "") -> tuple[str, bool]:
    """A withdrawal whose worker died before it made this call for the so-manieth time in this row's work; whether it did."""
    (number,) = faults.queued(1, account, AMOUNTS.get(row, "10.00"))
    with faults.worker(row, leases="ours") as worker:
        horse = faults.wait(lambda: stopped_child(worker), "the worker comes to the row", hurry_s=1)
        with injected([horse], f"{call}:signal=KILL:when={place}", log):
            os.kill(horse, signal.SIGCONT)
            faults.wait(lambda: horse not in children(worker.pid), "its end")
    return number, "killed by SIGKILL" in log.read_text()

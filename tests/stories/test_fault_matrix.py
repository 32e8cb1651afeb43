"""The lines of RELIABILITY's fault matrix that take more than a kill: who stands still, clocks that step, Redis and PostgreSQL
that die, disks that are full. After each of them everything drains, and nothing is paid twice.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from app.config import Config
from app.runtime import embedded, jobs, queue
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals import queries
from tests.faulty_worker import STANDS, set_clock
from tests.sandbox.third_party import ThirdParty
from tests.stories.faults import Faults, a_world_of_faults, children, stopped_child

pytestmark = pytest.mark.slow
SOAK = ("after the intention",)
# They wait for leases on the database's own clock, or for a Redis whose faults are the same there.
SOAK_ON_POSTGRES = ("stood_still", "step_two_hours", "time_out", "out_of_memory")
TWO_HOURS = 7200.0


@contextmanager
def _redis(folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the embedded Redis; again, when it is dead."""
    folder.mkdir()
    child, started = embedded.server(folder), []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(child.argv, stdout=subprocess.DEVNULL))
        while not child.ready():
            assert started[-1].poll() is None, "Redis does not start"
            time.sleep(0.02)
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait(10)


@pytest.fixture
def faults(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[Faults]:
    with a_world_of_faults(config, redis_url, third_party) as world:
        yield world


@pytest.mark.parametrize("place", STANDS)
def test_a_worker_that_stood_still_inside_the_send_pays_nothing_twice(faults: Faults, place: str) -> None:
    """Its lease runs out, a second worker proves that nothing arrived and sends again; then the first one wakes up."""
    (number,) = faults.queued(1)
    with faults.worker(place) as zombie, ExitStack() as others:
        stopped = faults.wait(lambda: stopped_child(zombie), "the worker stands still")
        assert faults.state(number) == "sending"
        others.enter_context(faults.worker())
        faults.wait_for(number, hurry_s=10)
        assert queries.by_number(number).attempts == 2
        (account,) = faults.terms
        assert faults.paid_by_sandbox(account)["submits"] == 1
        os.kill(stopped, signal.SIGCONT)
        faults.wait(lambda: stopped not in children(zombie.pid), "the zombie comes to its end")
        if place == "inside the send":
            assert faults.paid_by_sandbox(account)["submits"] == 2, "it was past every check of ours"
    assert faults.state(number) == "paid"
    faults.all_is_well()


def test_clocks_that_step_two_hours_pay_nothing_twice(faults: Faults) -> None:
    """Two workers; their clocks go ahead and back while they work, and those of PostgreSQL's two machines differ besides."""
    other = faults.clock.with_name("other")
    set_clock(other, TWO_HOURS)
    is_one_machine = db.engine.dialect.name == "sqlite"
    account = faults.account()
    numbers = [
        *faults.queued(3, account),
        *faults.queued(1, account, "10.04"),
        *faults.queued(1, account, "10.05"),
        *faults.queued(1, account, "10.10"),
    ]
    with faults.worker(), faults.worker(clock_file=faults.clock if is_one_machine else other):
        for step in (TWO_HOURS, -TWO_HOURS, 0):
            faults.set_clock(step)
            before = _calls()
            with suppress(AssertionError):  # a clock that was set back may leave nothing to do
                _soon(faults, lambda before=before: _calls() > before)
        set_clock(other, 0)
        # What was put on the list by a clock that went ahead is due when the right one comes there.
        faults.set_clock(0 if is_one_machine else TWO_HOURS)
        faults.wait_for(*numbers, hurry_s=30)
    faults.all_is_well()


def _calls() -> int:
    db.session.rollback()
    return int(db.session.scalar(text("SELECT count(*) FROM channel_call WHERE outcome <> 'open'")) or 0)


def _soon(faults: Faults, held: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3
    while not held():
        assert time.monotonic() < deadline
        jobs.sweep()
        time.sleep(0.05)


def test_a_time_out_of_the_queue_inside_the_send_leaves_no_doubt(faults: Faults, tmp_path: Path) -> None:
    """RQ interrupts the work-horse while the channel is still thinking. The answer is heard all the same, or asked for."""
    slow = ThirdParty(tmp_path / "slow.db", **{"slow-s": "3"})
    try:
        faults.third = slow
        (number,) = faults.queued(1, amount="10.03")
        faults.app.extensions["redis"].flushall()
        queue.queue(Line.CHANNEL).enqueue("app.runtime.jobs.drain", Line.CHANNEL, job_timeout=1, failure_ttl=60)
        with faults.worker():
            faults.wait(lambda: queue.queue(Line.CHANNEL).failed_job_registry.count, "the time-out")
            faults.wait_for(number)
        assert faults.paid_by_sandbox(next(iter(faults.terms)))["submits"] == 1
        faults.all_is_well()
    finally:
        slow.stop()


def test_redis_out_of_memory_and_killed_costs_time_and_no_money(
    config: Config, third_party: ThirdParty, tmp_path: Path
) -> None:
    folder = tmp_path / "redis of its own"
    with _redis(folder) as start, ExitStack() as stack:
        server = start()
        faults = stack.enter_context(a_world_of_faults(config, embedded.url(folder), third_party))
        numbers = faults.queued(4)
        redis = faults.app.extensions["redis"]
        redis.config_set("maxmemory", "1")  # and the policy is "noeviction": every write is refused
        numbers += faults.queued(2, next(iter(faults.terms)))
        # Its supervisor starts a worker again whenever it ends, and without Redis it ends.
        for _ in range(2):
            with faults.worker() as worker, suppress(subprocess.TimeoutExpired):
                worker.wait(2)
        server.kill()
        server.wait(10)
        numbers += faults.queued(2, next(iter(faults.terms)))
        assert {faults.state(number) for number in numbers[-2:]} == {"queued"}
        start()
        with faults.worker():
            faults.wait_for(*numbers)
        faults.all_is_well()

"""Worlds of the stories about faults: the work is done by processes of their own, on a clock that the story sets."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.config import Config
from app.kernel import clock
from app.runtime import jobs
from app.runtime.db import db
from tests.faulty_worker import off_by, set_clock
from tests.sandbox.third_party import ThirdParty
from tests.world import PATIENCE_S, World

TOP = Path(__file__).resolve().parents[2]


class Faults(World):
    """A world whose work is done by processes of its own, on a clock that the story sets."""

    def __enter__(self) -> "Faults":
        super().__enter__()
        self.clock = Path(self.app.extensions["paydesk.config"].data_dir) / "clock"
        self.set_clock(0)
        self._stack.enter_context(clock.replaced(off_by(self.clock)))
        return self

    def set_clock(self, seconds: float) -> None:
        self.off = seconds
        set_clock(self.clock, seconds)

    @contextmanager
    def worker(
        self, place: str = "-", *, clock_file: Path | None = None, leases: str = "theirs"
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`leases`: PostgreSQL measures them with its own clock ("theirs"), as in production, or with the story's ("ours")."""
        argv = [sys.executable, "-m", "tests.faulty_worker", str(clock_file or self.clock), place, leases]
        process = subprocess.Popen(argv, cwd=TOP, env=self.environment(), stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            _end(process)

    def wait(self, held: Callable[[], Any], what: str, *, hurry_s: float = 0) -> Any:
        """Nudge the workers until it holds. `hurry_s`: how far the clock goes on each time it does not."""
        deadline, pause = time.monotonic() + PATIENCE_S, 0.05
        while True:
            db.session.rollback()
            if found := held():
                return found
            assert time.monotonic() < deadline, f"{what}: it did not happen"
            jobs.sweep()
            time.sleep(pause)
            self.set_clock(self.off + hurry_s)

    def wait_for(self, *numbers: str, state: str = "paid", hurry_s: float = 1) -> None:
        self.wait(lambda: {self.state(number) for number in numbers} == {state}, f"{state}", hurry_s=hurry_s)

    def pass_leases(self) -> None:
        """Whoever held a row and died holds it no more. All at once: a clock that runs too fast is a worker that sleeps."""
        self.set_clock(self.off + jobs.LEASE_S + 1)

    def pays(self, number: str) -> None:
        """A new worker brings it to its end."""
        self.pass_leases()
        with self.worker(leases="ours"):
            self.wait_for(number)
        self.all_is_well()

    def queued(self, count: int, account: str = "", amount: str = "10.00") -> list[str]:
        """So many approved withdrawals, nobody at work on them."""
        account = account or self.account()
        card = self.card(account)
        numbers = [self.withdrawal(amount, account=account, card=card) for _ in range(count)]
        for number in numbers:
            self.approve(number)
        return numbers


@contextmanager
def a_world_of_faults(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[Faults]:
    app: Flask = create_app(config.model_copy(update={"redis_url": redis_url}))
    with app.app_context(), Faults(app, third_party) as world:
        app.extensions["redis"].flushall()
        yield world
        db.session.remove()
        db.engine.dispose()


@contextmanager
def injected(pids: Sequence[int], fault: str, log: Path) -> Iterator[None]:
    """These processes, which stand still or wait, meet it at their system calls; counted for each thread from here on.

    `fault` as strace writes it: `fsync:error=ENOSPC`, `connect:signal=KILL:when=2`. What they met is in the log.
    """
    strace = shutil.which("strace")
    if strace is None:
        assert not os.environ.get("CI"), "strace is missing"
        pytest.skip("no strace here: apt install strace")
    options = ["-f", "-qq", "-e", f"trace={fault.partition(':')[0]}", "-e", f"inject={fault}", "-o", str(log)]
    whom = [option for pid in pids for option in ("-p", str(pid))]
    tracer = subprocess.Popen([strace, *options, *whom], stderr=subprocess.PIPE, text=True)
    try:
        while not all(_is_traced(pid) for pid in pids):
            if tracer.poll() is not None:
                assert tracer.stderr is not None
                told = tracer.stderr.read()
                if "not permitted" in told:  # a container without the right to; everything else would be our own fault
                    pytest.skip(f"nobody may trace a process here: {told}")
                pytest.fail(f"strace cannot attach to a process of ours: {told}")
            time.sleep(0.01)
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=10)


def _is_traced(pid: int) -> bool:
    """All of its threads are, or some would not be counted."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0" not in (task / "status").read_text() for task in tasks)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def stopped_child(process: subprocess.Popen[bytes]) -> int | None:
    for child in children(process.pid):
        with suppress(OSError):
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return child
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Work-horses too: one that stands still would outlive its parent."""
    for child in children(process.pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.kill()
    process.wait(20)

"""kill -9 of the sheets' worker at each step of a run: every row is bound once, none is lost, the counters are right."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from app import create_app
from app.config import Config
from app.runtime import jobs
from app.runtime.db import db, lease_now
from app.runtime.queue import Line
from tests.cards import sheets
from tests.sandbox.third_party import ThirdParty
from tests.stories.test_kills import RATE, TOP, Kills

pytestmark = pytest.mark.slow
SOAK = ("egret-asked once", "dolphin-kept, not finished")
SOAK_ON_POSTGRES = ("again_and_again", "egret")
FATES = ("01", "02", "03", "03", "06")
GOOD = 60
COUNTED = {"total": GOOD + 5, "bound": GOOD + 3, "refused": 2, "known": 0, "pending": 0}


class RunKills(Kills):
    """Its workers are told their line."""

    @contextmanager
    def worker(self, point: str = "-", line: Line = Line.SHEETS) -> Iterator[subprocess.Popen[bytes]]:
        argv = [sys.executable, "-m", "tests.processes", str(self.began), str(RATE), point, line]
        process = subprocess.Popen(argv, cwd=TOP, env=self.environment(), stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)

    def killed(self, point: str) -> None:
        """One worker that came so far and no further."""
        with self.worker(point) as doomed:
            assert doomed.wait(60) == -9

    def until_worked_off(self, held: Callable[[], object]) -> None:
        """Workers of both lines, woken as the clock would wake them."""
        with ExitStack() as workers:
            for line in Line:
                workers.enter_context(self.worker(line=line))
            deadline, pause = time.monotonic() + 90, threading.Event()
            while not held():
                assert time.monotonic() < deadline, "it did not happen"
                jobs.sweep()
                pause.wait(0.1)
                db.session.rollback()


@pytest.fixture
def kills(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[RunKills]:
    app = create_app(config.model_copy(update={"redis_url": redis_url}))
    with app.app_context(), RunKills(app, third_party) as world:
        app.extensions["redis"].flushall()
        yield world
        db.session.remove()
        db.engine.dispose()


def answered(reference: str) -> bool:
    db.session.rollback()
    found = sheets.run(reference)
    return found.state == "finished" and not found.pending


def each_row_once(kills: RunKills, account: str, reference: str) -> None:
    assert sheets.told(reference) == COUNTED
    lines = sheets.lines(reference)
    assert [line.row for line in lines] == list(range(2, GOOD + 7))
    there = sheets.at_sandbox(kills, account)
    assert len(there) == len({one["card_id"] for one in there}) == GOOD + 5
    assert {line.reference: line.state for line in lines} == {one["reference"]: one["state"] for one in there}


@pytest.mark.parametrize(
    ("manner", "point"),
    [
        ("dolphin", "rows handed on, nothing asked"),
        ("dolphin", "kept, not finished"),
        ("egret", "asked once"),
        ("egret", "answered, nothing kept"),
        ("egret", "an orphan asks"),
    ],
)
def test_a_worker_killed_anywhere_in_a_run_binds_each_row_once(kills: RunKills, manner: str, point: str) -> None:
    account = sheets.account(kills, manner)
    upload = sheets.checked(kills, account, [*sheets.good(GOOD), *(sheets.row(ending=it) for it in FATES)])
    kills.start()
    reference = sheets.confirmed(kills, account, upload)
    kills.killed(point)
    kills.until_worked_off(lambda: answered(reference))
    each_row_once(kills, account, reference)


def test_a_worker_killed_again_and_again_binds_each_row_once(kills: RunKills) -> None:
    """Between two answers, before they are kept, and while they are."""
    account = sheets.account(kills)
    upload = sheets.checked(kills, account, [*sheets.good(GOOD), *(sheets.row(ending=it) for it in FATES)])
    kills.start()
    reference = sheets.confirmed(kills, account, upload)
    kills.killed("some answers came")
    for point in ("answered, nothing kept", "half kept"):
        due = lease_now().timestamp() + jobs.LEASE_S + 1
        pause = threading.Event()
        while lease_now().timestamp() < due:
            pause.wait(0.05)
        jobs.sweep()
        kills.killed(point)
    kills.until_worked_off(lambda: answered(reference))
    each_row_once(kills, account, reference)

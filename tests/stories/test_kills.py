"""kill -9 of a worker at each step of a submit; Redis emptied: nothing is paid twice, nothing is lost (I-1, I-2, I-14)."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.config import Config
from app.kernel import clock
from app.runtime import jobs
from app.runtime.db import db
from tests.processes import POINTS, ROUND_POINTS, faster
from tests.sandbox.third_party import ThirdParty
from tests.world import World

pytestmark = pytest.mark.slow
RATE = 20.0
SOAK = ("HTTP 500, taken", "before the intent")  # the simulator comes by there all the time
SOAK_ON_POSTGRES = (
    *(
        "after the intent",
        "an orphan sends",
        "before the final commit",
        "after the send",
    ),
    *("emptied_at_any_time", "does_not_deduplicate", "some have left", "written, not finished"),
)
TOP = Path(__file__).resolve().parents[2]


class Kills(World):
    """A world whose work is done by processes of its own, on a clock that runs twenty times as fast."""

    def start(self) -> None:
        self.began = time.time()
        self._stack.enter_context(clock.replaced(faster(self.began, RATE)))

    @contextmanager
    def worker(self, point: str = "-") -> Iterator[subprocess.Popen[bytes]]:
        argv = [sys.executable, "-m", "tests.processes", str(self.began), str(RATE), point]
        process = subprocess.Popen(argv, cwd=TOP, env=self.environment(), stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)

    def sweep_until_state(self, number: str, *states: str) -> str:
        deadline = time.monotonic() + 60
        while self.state(number) not in states:
            assert time.monotonic() < deadline, f"{number} is still {self.state(number)}"
            jobs.sweep()
            time.sleep(0.05)
        return self.state(number)


@pytest.fixture
def kills(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[Kills]:
    app: Flask = create_app(config.model_copy(update={"redis_url": redis_url}))
    with app.app_context(), Kills(app, third_party) as world:
        app.extensions["redis"].flushall()
        yield world
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("point", [point for point in POINTS if point != "-"])
def test_a_worker_killed_anywhere_in_a_submit_pays_once(kills: Kills, point: str) -> None:
    number = kills.withdrawal("100.00")
    kills.start()
    kills.approve(number)
    with kills.worker(point) as doomed:
        assert doomed.wait(30) == -9
    with kills.worker():
        assert kills.sweep_until_state(number, "paid") == "paid"
    kills.all_is_well()


@pytest.mark.parametrize("point", ROUND_POINTS)
def test_a_worker_killed_anywhere_in_a_round_of_many_pays_each_once(kills: Kills, point: str) -> None:
    account = kills.account()
    card = kills.card(account)
    numbers = [kills.withdrawal("10.00", account=account, card=card) for _ in range(10)]
    kills.start()
    for number in numbers:
        kills.approve(number)
    with kills.worker(point) as doomed:
        assert doomed.wait(30) == -9
    with kills.worker():
        for number in numbers:
            assert kills.sweep_until_state(number, "paid") == "paid"
    kills.all_is_well()


@pytest.mark.parametrize("amount", ["10.05", "10.06"], ids=["answer dropped", "HTTP 500, taken"])
def test_a_kill_on_top_of_a_lost_answer_pays_once(kills: Kills, amount: str) -> None:
    number = kills.withdrawal(amount)
    kills.start()
    kills.approve(number)
    with kills.worker("before the final commit") as doomed:
        assert doomed.wait(30) == -9
    with kills.worker():
        assert kills.sweep_until_state(number, "paid") == "paid"
    kills.all_is_well()


def test_redis_may_be_emptied_at_any_time(kills: Kills) -> None:
    account = kills.account()
    card = kills.card(account)
    numbers = [kills.withdrawal("10.00", account=account, card=card) for _ in range(5)]
    kills.start()
    for number in numbers:
        kills.approve(number)
    redis = kills.app.extensions["redis"]
    redis.flushall()
    with kills.worker():
        deadline = time.monotonic() + 60
        while {kills.state(number) for number in numbers} != {"paid"}:
            assert time.monotonic() < deadline
            redis.flushall()
            jobs.sweep()
            time.sleep(0.2)
    kills.all_is_well()


def test_a_channel_that_does_not_deduplicate_is_asked_not_sent_to_again(kills: Kills) -> None:
    account = kills.account("spruce")
    number = kills.withdrawal("100.00", account=account)
    kills.start()
    kills.approve(number)
    with kills.worker("after the send") as doomed:
        assert doomed.wait(30) == -9
    with kills.worker():
        assert kills.sweep_until_state(number, "paid") == "paid"
    assert kills.paid_by_sandbox(account)["submits"] == 1
    kills.all_is_well()

"""Ten withdrawals a second while the processes of a real console are killed in turn, and at the end all of them at once:
accepted by the sandbox = settled in the ledger, to the cent, nothing twice (RELIABILITY I-1, I-2, I-14).

The console is `paydesk up` with all its processes, on a clock that runs five times as fast, so that a dead worker's lease
ends in 24 s.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from app.config import Config
from app.kernel import clock
from app.runtime import embedded
from app.runtime.db import db
from app.withdrawals.models import Withdrawal
from tests.postgres import free_port
from tests.processes import faster
from tests.sandbox.third_party import ThirdParty
from tests.world import World

pytestmark = pytest.mark.slow
SOAK_ON_POSTGRES = ("",)
RATE, KILL_EVERY_S, ALIVE_WITHIN_S, PATIENCE_S = 5.0, 10.0, 60.0, 180.0
TOP = Path(__file__).resolve().parents[2]
ENDINGS = (*range(30, 99), *(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 23) * 2)
"""Last digits of amounts: two thirds are paid plainly, of the others each goes wrong in its way (`app/sandbox/faults.py`)."""
KINDS = {
    "worker": "worker.py channel",
    "redis": "valkey-server",
    "web": "gunicorn",
    "clock": "main() clock",
    "sheets": "worker.py sheets",
}


class Console(World):
    """A world whose work is done by a console of its own."""

    def prepare(self) -> None:
        """Callbacks go to the console's own door, which is not open yet."""
        self.port = free_port()
        self.door = SimpleNamespace(server_port=self.port)  # type: ignore[assignment]
        self.fates = random.Random(20261121)
        self.counter = 0

    def open(self) -> None:
        self.began = time.time()
        self._stack.enter_context(clock.replaced(faster(self.began, RATE)))
        self.start()
        self._stack.callback(self.end)

    def start(self) -> None:
        config = self.app.extensions["paydesk.config"]
        environment = self.environment() | {"PAYDESK_PORT": str(self.port)}
        del environment["PAYDESK_REDIS_URL"]  # with the Redis that comes with it: of the world's own it knows nothing
        argv = [sys.executable, "-m", "tests.console", str(self.began), str(RATE)]
        with (config.data_dir / "console.log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=TOP, env=environment, stdout=log, stderr=log)
        self.wait(self.is_ready, "the console is ready")

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "the console gave up"
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).status_code == 200
        return False

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)

    def wait(self, held: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not held():
            assert time.monotonic() < deadline, f"{what}: not within {patience_s:.0f} s; {self.states()}"
            time.sleep(0.2)

    def states(self) -> Counter[str]:
        db.session.rollback()
        found = db.session.execute(select(Withdrawal.state, func.count()).group_by(Withdrawal.state)).all()
        return Counter({row.state: row[1] for row in found})

    def all_ended(self) -> bool:
        return set(self.states()) <= {"paid", "failed"}

    def send_one(self) -> str:
        self.counter += 1
        amount = f"{5 + self.counter // 50 % 90}.{self.fates.choice(ENDINGS):02}"
        number = self.withdrawal(amount, account=self.fates.choice(list(self.terms)))
        self.approve(number)
        return number

    def kill(self, kind: str) -> None:
        """kill -9; a worker together with whatever it is doing."""
        if kind == "sandbox":
            port = urlsplit(self.third.url).port
            self.third.kill()
            assert port is not None
            self.third.start(port)
            return
        for pid in _children(self.process.pid):
            if KINDS[kind] in _words(pid):
                for victim in (pid, *_children(pid)):
                    _kill(victim)

    def kill_everything(self) -> None:
        for pid in (self.process.pid, *list(_below(self.process.pid))):
            _kill(pid)
        self.process.wait(20)


def _children(parent: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return []


def _below(parent: int) -> Iterator[int]:
    for child in _children(parent):
        yield from _below(child)
        yield child


def _words(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def console(config: Config, tmp_path: Path) -> Iterator[Console]:
    third = ThirdParty(tmp_path / "sandbox.db", **{"slow-s": "6"})
    app: Flask = create_app(config.model_copy(update={"redis_url": embedded.url(config.data_dir)}))
    try:
        with app.app_context(), Console(app, third) as world:
            world.prepare()
            for _ in range(2):  # of a channel that looks at no time-stamps: its clock is not as fast as ours
                world.card(world.account("dolphin", balance="9000000.00"))
            world.open()
            yield world
            db.session.remove()
            db.engine.dispose()
    finally:
        third.stop()


@pytest.mark.parametrize(("seconds", "a_second"), [(60, 2), pytest.param(600, 10, marks=pytest.mark.soak)])
def test_whatever_is_killed_the_money_is_right(console: Console, seconds: int, a_second: int) -> None:
    began = time.monotonic()
    next_send, next_kill, kills = began, began + KILL_EVERY_S / 2, 0
    kinds = [*KINDS, "sandbox"]
    console.fates.shuffle(kinds)
    while time.monotonic() < began + seconds:
        console.send_one()
        if time.monotonic() >= next_kill:
            console.kill(kinds[kills % len(kinds)])
            kills, next_kill = kills + 1, next_kill + KILL_EVERY_S
        next_send += 1 / a_second
        time.sleep(max(0, next_send - time.monotonic()))
    assert console.counter >= 0.8 * seconds * a_second, "it was not made to work hard"
    console.wait(console.all_ended, "all come to an end")
    console.all_is_well()

    number = console.withdrawal("10.88", account=next(iter(console.terms)))
    console.kill_everything()
    console.approve(number)
    dead = time.monotonic()
    console.start()
    console.wait(
        lambda: console.state(number) == "paid", "after everything was killed, the first one moves", ALIVE_WITHIN_S
    )
    assert time.monotonic() - dead < ALIVE_WITHIN_S
    console.all_is_well()


@pytest.mark.soak
@pytest.mark.parametrize("count", [300, 10_000])
def test_what_queued_while_the_channel_was_gone_is_paid_once(console: Console, count: int) -> None:
    port = urlsplit(console.third.url).port
    assert port is not None
    console.third.kill()
    gone = clock.now()
    for _ in range(count):
        console.send_one()
    console.wait(lambda: (clock.now() - gone).total_seconds() > 600, "ten minutes pass")
    assert set(console.states()) <= {"queued", "sending", "pending"}, (
        "the last word of a dying channel may be half a word"
    )
    console.third.start(port)
    console.wait(console.all_ended, "all come to an end", 60 + count / 5)
    console.all_is_well()

"""PostgreSQL is stopped at once, as a power cut would, while workers are at their work, and started again: no intention is
forgotten, nothing is paid twice, nothing needs a repair by hand (I-1, I-14).
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.config import Config
from app.runtime import migrations
from app.runtime.db import db
from tests import postgres
from tests.conftest import KEYS
from tests.sandbox.third_party import ThirdParty, until
from tests.stories.faults import Faults, a_world_of_faults, children, injected, stopped_child

CUTS = 12
AMOUNTS = ("10.00", "10.04", "10.05", "10.06", "10.07", "10.10", "10.13")
"""Paid plainly, dropped before and after, an error after and before, not found and found, never called back."""
pytestmark = [pytest.mark.slow, pytest.mark.postgres]


class Server:
    """One that keeps what it promised: with fsync. What it has is in a database of its own."""

    def __init__(self, address: str) -> None:
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE paydesk"))
            self._data = str(connection.scalar(text("SHOW data_directory")))
        engine.dispose()
        self.url = make_url(address).set(database="paydesk").render_as_string(hide_password=False)

    @property
    def pid(self) -> int:
        return int((Path(self._data) / "postmaster.pid").read_text().split()[0])

    @contextmanager
    def down(self) -> Iterator[None]:
        """No process says good-bye, and the next start recovers from the log."""
        db.session.remove()  # the story's own connection would be cut too
        postgres.control(self._data, "stop", "--mode=immediate")
        try:
            yield
        finally:
            postgres.control(self._data, "restart")

    def end(self) -> None:
        postgres.control(self._data, "stop", "--mode=fast")


@pytest.fixture
def server() -> Iterator[Server]:
    with postgres.wanted_cluster(durable=True) as address:
        server = Server(address)
        yield server
        server.end()


@pytest.fixture
def faults(server: Server, redis_url: str, third_party: ThirdParty, tmp_path: Path) -> Iterator[Faults]:
    config = Config(data_dir=tmp_path, database_url=server.url, private_targets="127.0.0.1:*", **KEYS)
    with create_app(config).app_context():
        migrations.upgrade()
        db.session.remove()
        db.engine.dispose()
    with a_world_of_faults(config, redis_url, third_party) as world:
        yield world


def test_an_intention_outlives_its_database(server: Server, faults: Faults) -> None:
    """It was committed, the channel is paying, and its answer finds no database. Afterwards the channel is asked, not paid."""
    (number,) = faults.queued(1)
    (account,) = faults.terms
    with faults.worker("inside the send", leases="ours") as worker:
        horse = faults.wait(lambda: stopped_child(worker), "the first byte is about to leave")
        with server.down():
            os.kill(horse, signal.SIGCONT)
            until(lambda: faults.paid_by_sandbox(account)["submits"], "the send")
            until(lambda: horse not in children(worker.pid), "the end of who could not write down the answer")
        assert faults.state(number) == "sending"
        faults.pass_leases()
        faults.wait_for(number)
    assert faults.paid_by_sandbox(account)["submits"] == 1
    faults.all_is_well()


@pytest.mark.soak
def test_a_database_that_is_cut_off_again_and_again_loses_nothing(server: Server, faults: Faults) -> None:
    """Whatever was under way: an intention, an answer, a question, a callback."""
    account, numbers = faults.account(), []
    with faults.worker(leases="ours"):
        for _, amount in zip(range(CUTS), cycle(AMOUNTS)):
            numbers += faults.queued(1, account, amount)
            before = _calls()
            faults.wait(lambda before=before: _calls() > before, "the channel is asked something", hurry_s=1)
            with server.down():
                pass
            faults.pass_leases()
        faults.wait_for(*numbers)
    faults.all_is_well()


@pytest.mark.soak
def test_a_server_without_room_for_its_log_loses_nothing(server: Server, faults: Faults, tmp_path: Path) -> None:
    """Its disk is full when the intention is committed: it panics, recovers, and nothing has left."""
    (number,) = faults.queued(1)
    (account,) = faults.terms

    def state() -> str:
        with suppress(DBAPIError):  # while it recovers
            return faults.state(number)
        return ""

    with faults.worker("submit", leases="ours") as worker:
        horse = faults.wait(lambda: stopped_child(worker), "the worker comes to the row")
        with injected(children(server.pid), "pwrite64:error=ENOSPC", tmp_path / "strace"):
            os.kill(horse, signal.SIGCONT)
            until(lambda: horse not in children(worker.pid), "its end")
        assert "No space left on device" in (tmp_path / "strace").read_text()
        until(lambda: state() == "queued", "the recovery")
        assert faults.paid_by_sandbox(account)["submits"] == 0
    faults.pays(number)


def _calls() -> int:
    return int(db.session.scalar(text("SELECT count(*) FROM channel_call")) or 0)

"""The disk is full: what cannot be written down is not sent, and goes on when there is room again (I-1, I-9, I-14).

Each write of the worker is answered as a full disk answers it, by the kernel's own interface: no root, no small file system.
How PostgreSQL takes it is in `test_postgres_cut.py`.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Config
from app.withdrawals import queries
from tests.sandbox.third_party import ThirdParty
from tests.stories.faults import Faults, a_world_of_faults, children, injected, stopped_child

pytestmark = pytest.mark.slow
SOAK = ("noticed when it is synced",)
FULL = {
    "the intention": ("pwrite64:error=ENOSPC", 0),
    "the line of the journal": ("write:error=ENOSPC:when=1", 1),
    "the journal, noticed when it is synced": ("fsync:error=ENOSPC", 1),
}
"""No room for what; and how often it was tried afterwards. An intention without its line is taken back: it never left."""


@pytest.fixture
def faults(config: Config, redis_url: str, third_party: ThirdParty) -> Iterator[Faults]:
    with a_world_of_faults(config, redis_url, third_party) as world:
        yield world


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("fault", "tried"), FULL.values(), ids=FULL)
def test_what_finds_no_room_is_not_sent(faults: Faults, fault: str, tried: int, tmp_path: Path) -> None:
    (number,) = faults.queued(1)
    (account,) = faults.terms
    with faults.worker("submit", leases="ours") as worker:
        horse = faults.wait(lambda: stopped_child(worker), "the worker comes to the row")
        with injected([horse], fault, tmp_path / "strace"):
            os.kill(horse, signal.SIGCONT)
            faults.wait(lambda: horse not in children(worker.pid), "its end")
        assert "No space left on device" in (tmp_path / "strace").read_text()
        assert faults.paid_by_sandbox(account)["submits"] == 0
        assert (faults.state(number), queries.by_number(number).attempts) == ("queued", tried)
    faults.pays(number)

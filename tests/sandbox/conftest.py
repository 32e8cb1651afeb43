"""One sandbox for the whole run; tests that kill it start their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.sandbox.manners import MANNERS
from tests.sandbox.third_party import Line, Receiver, ThirdParty


@pytest.fixture(scope="session")
def third(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThirdParty]:
    third = ThirdParty(tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    yield third
    assert third.stop() == 0


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def new_line(third: ThirdParty, receiver: Receiver) -> Callable[..., Line]:
    """A fresh merchant of a manner, with terms of its own."""
    return lambda code, **terms: Line(third, receiver, code, **terms)


@pytest.fixture(params=sorted(MANNERS))
def line(request: pytest.FixtureRequest, new_line: Callable[..., Line]) -> Line:
    """A fresh merchant, once for every manner."""
    return new_line(request.param)


@pytest.fixture
def own_third(tmp_path: Path) -> Iterator[ThirdParty]:
    """A sandbox to be killed."""
    third = ThirdParty(tmp_path / "own.db")
    yield third
    if third.process.poll() is None:
        third.stop()

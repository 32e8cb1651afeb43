"""A world whose third party may be amended."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.sandbox.third_party import ThirdParty
from tests.statements.relay import Relay
from tests.world import World


@pytest.fixture
def relay(third_party: ThirdParty) -> Iterator[Relay]:
    with Relay(third_party) as relay:
        yield relay


@pytest.fixture
def world(app: Flask, relay: Relay) -> Iterator[World]:
    with World(app, relay) as world:  # type: ignore[arg-type]
        yield world

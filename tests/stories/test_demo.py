"""The demo: made by the commands that people use, and finished by the next start when one was interrupted."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app, demo, examine
from app.auth import service as auth
from app.auth.models import Operator
from app.auth.permissions import Role
from app.cards.models import Card
from app.channels.models import ChannelAccount, DailyFigures
from app.config import Config
from app.ledger import queries as ledger
from app.runtime.db import db
from tests.sandbox.third_party import ThirdParty


@pytest.fixture
def empty(config: Config, third_party: ThirdParty) -> Iterator[Flask]:
    app = create_app(config.model_copy(update={"demo": True, "sandbox_url": third_party.url}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def counted() -> dict[str, int]:
    tables = (Operator, ChannelAccount, DailyFigures, Card)
    found = {table.__tablename__: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    db.session.rollback()
    return found


SOAK_ON_POSTGRES = ("interrupted_demo",)  # in CI on SQLite alone
WHOLE = {"operator": 6, "channel_account": 6, "daily_figures": 180, "card": 9}


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        "_account",
        pytest.param("_history", marks=pytest.mark.soak),
        "_a_colleague_at_work",
        "_payees_of_several",
        "_templates",
    ],
)
def test_an_interrupted_demo_is_finished_by_the_next_start(
    empty: Flask, config: Config, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The power goes after the first time this step was done."""
    real: Callable[..., Any] = getattr(demo, step)

    def once(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, step, once)
    with pytest.raises(KeyboardInterrupt):
        demo.seed()
    monkeypatch.undo()
    assert not (config.data_dir / demo.ACCOUNTS_FILE).exists()
    db.session.remove()
    demo.seed()
    assert counted() == WHOLE
    accounts = config.data_dir / demo.ACCOUNTS_FILE
    assert accounts.stat().st_mode & 0o777 == 0o600
    for person in json.loads(accounts.read_text()):
        auth.sign_in(person["username"], person["password"], address="127.0.0.1", user_agent="test")
    assert all(balance.available for balance in ledger.balances_of([demo._number("880100231")]).values())
    assert examine() == []
    demo.seed()
    assert counted() == WHOLE, "a later start makes nothing anew"


def test_in_somebody_elses_house_nothing_is_made(empty: Flask, config: Config) -> None:
    auth.create_operator(username="boss", display_name="Boss", role=Role.ADMINISTRATOR, actor="test")
    demo.seed()
    assert counted() == {"operator": 1, "channel_account": 0, "daily_figures": 0, "card": 0}
    assert not (config.data_dir / demo.ACCOUNTS_FILE).exists()

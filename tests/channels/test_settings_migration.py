"""Migration 0010 on a house that has rotated its keys before: every version has its state, and nothing else moved."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from flask import Flask
from sqlalchemy import create_engine, text

from app import create_app
from app.channels import queries, versions
from app.channels.rules.asking import Chosen
from app.config import Config
from app.runtime import migrations
from app.runtime.db import db
from tests.conftest import ENGINES, KEYS

MADE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=ENGINES)
def before(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A house as migration 0009 left it."""
    folder = tmp_path_factory.mktemp("before")
    url = f"sqlite:///{folder / 'paydesk.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres")("template1")
    app = create_app(Config(data_dir=folder, database_url=url, **KEYS))
    with app.app_context():
        command.upgrade(migrations._alembic(), "0009")
        yield app
        db.session.remove()
        db.engine.dispose()


def test_versions_from_before_get_their_lives(before: Flask) -> None:
    sqlite = db.engine.dialect.name == "sqlite"

    def at(days: int) -> object:
        moment = MADE + timedelta(days=days)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else moment

    engine = create_engine(db.engine.url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO channel (id, code, name, adapter, enabled, query_waits_s, resend_window_s, created_at)"
                " VALUES (1, 'd', 'D', 'dolphin', :yes, '1', 1, :at)"
            ),
            {"yes": True, "at": at(0)},
        )
        for account in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO channel_account (id, number, channel_id, name, merchant_no, enabled, fence,"
                    " single_limit_minor, fee_fixed_minor, fee_rate_ppm, bind_per_s, figures_failure, created_at)"
                    " VALUES (:id, :number, 1, 'A', :number, :yes, 0, 1, 0, 0, 1, '', :at)"
                ),
                {"id": account, "number": f"C{account}", "yes": True, "at": at(0)},
            )
        for account, version, active in ((1, 1, False), (1, 2, False), (1, 3, True), (2, 1, True)):
            connection.execute(
                text(
                    "INSERT INTO channel_setting (account_id, version, active, sealed, shown, created_at, created_by)"
                    " VALUES (:account, :version, :active, 'k1:00', '{}', :at, 'keeper')"
                ),
                {"account": account, "version": version, "active": active, "at": at(version)},
            )
        connection.execute(
            text(
                "INSERT INTO channel_call (account_id, setting_id, interface, subject, at, outcome, seen, word, message,"
                " request, signed_text, reply) SELECT 1, id, 'query', 'W1', :at, 'ok', '', '', '', '', '', ''"
                " FROM channel_setting WHERE account_id = 1 AND version = 2"
            ),
            {"at": at(5)},
        )
    engine.dispose()
    asked = datetime.now(UTC)
    migrations.upgrade()
    found = {(it.account_id, it.version): it for account in (1, 2) for it in queries.settings_of(account)}
    assert {key: it.state for key, it in found.items()} == {
        (1, 1): "retired", (1, 2): "retired", (1, 3): "active", (2, 1): "active",
    }  # fmt: skip
    assert [found[1, version].activated_at for version in (1, 2, 3)] == [
        MADE + timedelta(days=day) for day in (1, 2, 3)
    ]
    assert found[1, 1].retired_at == found[1, 1].overlap_until == MADE + timedelta(days=2)
    until = found[1, 2].overlap_until
    assert until is not None and timedelta(days=7) <= until - asked < timedelta(days=7, minutes=10)
    assert found[1, 3].retired_at is found[2, 1].retired_at is None
    assert [it.sealed for it in found.values()] == ["k1:00"] * 4
    assert list(versions.counting(1)) == [found[1, 3].id, found[1, 2].id] and found[1, 3].based_on == 2
    assert queries.active_setting_id(2) == found[2, 1].id
    assert [versions.by_id(call.setting_id).version for call in queries.calls_about("W1")] == [2]
    assert queries.account("C1").chosen == Chosen(), "nobody ever set what stood there: it is the adapter's own"
    assert queries.account("C1").asking.resend_window_s == 60 and queries.account("C1").day_amount is None

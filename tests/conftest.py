"""Fixtures. Every database is made by the migrations, once a session; every test gets a copy of its own."""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.config import Config
from app.runtime import migrations
from app.runtime.db import db

os.environ.setdefault("TZ", "UTC")
KEYS = {
    "secret_key": "tests-only-secret-tests-only-secret-tests",
    "field_keys": "k1:" + base64.b64encode(b"1" * 32).decode(),
}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all migrations, to copy."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app(Config(data_dir=folder, **KEYS))
    with app.app_context():
        migrations.upgrade()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return folder / "paydesk.db"


@pytest.fixture
def config(tmp_path: Path, migrated: Path) -> Config:
    """A database of this test's own; no Redis (nudges are lost, which must never matter)."""
    shutil.copy(migrated, tmp_path / "paydesk.db")
    return Config(data_dir=tmp_path, **KEYS)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    app = create_app(config)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()

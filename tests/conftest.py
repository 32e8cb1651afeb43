"""Fixtures. Every database is made by the migrations, once a session; every test gets a copy of its own.

`app` comes on SQLite and, where a PostgreSQL server was asked for (`./test --all`), on PostgreSQL: a test written against
it is run on both.
"""

import base64
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from werkzeug.routing import Rule

from app import create_app
from app.auth.service import passwords
from app.channels import speaking
from app.config import Config
from app.runtime import embedded, migrations
from app.runtime.db import db
from app.runtime.supervisor import Supervisor
from tests import postgres as server
from tests.sandbox.third_party import ThirdParty
from tests.world import World

os.environ.setdefault("TZ", "UTC")
settings.register_profile("house", deadline=None)  # a busy machine is no defect
settings.load_profile("house")
KEYS = {
    "secret_key": "tests-only-secret-tests-only-secret-tests",
    "field_keys": "k1:" + base64.b64encode(b"1" * 32).decode(),
}
REAL_HASHES = passwords._ARGON2
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.hookimpl(tryfirst=True)  # before items are chosen by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A module that says `ONE_ENGINE = True` is about pages: what differs between databases is proved below them.

    `SOAK_ON_POSTGRES` names the cases (parts of their ids) that CI proves on SQLite alone, and `./test --soak` on both;
    `SOAK` those that are left to it altogether, where neighbours of theirs prove nearly the same.
    """
    for item in items:
        if any(case in item.name for case in getattr(_module(item), "SOAK", ())):
            item.add_marker(pytest.mark.soak)
        if item.get_closest_marker("postgres") and any(
            case in item.name for case in getattr(_module(item), "SOAK_ON_POSTGRES", ())
        ):
            item.add_marker(pytest.mark.soak)
    spared = {it for it in items if it.get_closest_marker("postgres") and getattr(_module(it), "ONE_ENGINE", False)}
    if spared:
        config.hook.pytest_deselected(items=list(spared))
        items[:] = [it for it in items if it not in spared]


def pytest_collection_finish() -> None:
    """Every test builds an application and drops it: going through all that was imported each time is a quarter of the work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _module(item: pytest.Item) -> object:
    return getattr(item, "module", None)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> None:
    """Thousands of people are made here. How dear a real hash is, has its own test."""
    passwords._ARGON2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class _Compiled(BytecodeCache):
    """Templates are compiled once for all the applications of this process, not once for each."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._kept[bucket.key, bucket.checksum] = bucket.code


def _compiled_once(compile_builder: Callable[..., Any]) -> Callable[..., Any]:
    """Likewise the functions that write addresses: nearly all that building an application costs."""
    kept: dict[tuple[object, ...], Any] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Any:
        key = (append_unknown, tuple(rule._trace), str(rule.defaults))
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    return compiled


Rule._compile_builder = _compiled_once(Rule._compile_builder)  # type: ignore[method-assign]
Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}


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


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a server of this session's own."""
    with server.wanted_cluster() as address:
        yield address


@pytest.fixture(scope="session")
def new_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes databases with all migrations."""
    url = make_url(postgres_url)
    admin = create_engine(url, isolation_level="AUTOCOMMIT")

    def new(template: str = "migrated") -> str:
        name = f"test_{uuid4().hex[:12]}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return url.set(database=name).render_as_string(hide_password=False)

    empty = new("template1")
    app = create_app(Config(data_dir=tmp_path_factory.mktemp("pg"), database_url=empty, **KEYS))
    with app.app_context():
        migrations.upgrade()
        db.session.remove()
        db.engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {make_url(empty).database} RENAME TO migrated"))
    yield new
    admin.dispose()


@pytest.fixture(scope="session")
def lent_postgres(new_postgres: Callable[[], str]) -> Iterator[server.Lent]:
    """One database for one test after the other: making one takes longer than most tests do."""
    with server.Lent(new_postgres) as lent:
        yield lent


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database, on each engine in turn."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "paydesk.db")
        yield f"sqlite:///{tmp_path / 'paydesk.db'}"
        return
    lent: server.Lent = request.getfixturevalue("lent_postgres")
    speaking._built.cache_clear()  # its settings are kept by the address of their database, which is lent again
    yield lent.take()
    lent.give_back()


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Config:
    """No Redis: nudges are lost, which must never matter."""
    return Config(data_dir=tmp_path, database_url=database_url, private_targets="127.0.0.1:*", **KEYS)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    app = create_app(config)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded Redis of this session's own."""
    folder = tmp_path_factory.mktemp("redis")
    with Supervisor(folder / "log", cwd=folder) as supervisor:
        supervisor.start(embedded.server(folder))
        yield embedded.url(folder)


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThirdParty]:
    """The sandbox as a real process, quick; every test registers merchants of its own."""
    third = ThirdParty(tmp_path_factory.mktemp("third") / "sandbox.db", **{"slow-s": "30"})
    yield third
    third.stop()


@pytest.fixture
def world(app: Flask, third_party: ThirdParty) -> Iterator[World]:
    """People, a channel account at the sandbox, and a real door for its callbacks."""
    with World(app, third_party) as world:
        yield world

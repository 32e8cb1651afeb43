"""The database, and the one way to change what is in it.

SQLite is set up as measured (RELIABILITY.md): writers begin IMMEDIATE, WAL, synchronous FULL, foreign keys on, ten seconds
of patience; the driver's own transaction handling lost three updates of four. PostgreSQL runs READ COMMITTED with
conditional UPDATEs and CHECKs.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    event,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from app.kernel import clock
from app.kernel.money import ZERO, Money

M = TypeVar("M", bound="Model")
log = structlog.get_logger(__name__)


class Instant(TypeDecorator[datetime]):
    """A point in time: aware and UTC in Python, `timestamptz` on PostgreSQL, UTC text on SQLite."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object] | None:
        """SQLite's own writes the same text, but takes five times as long."""
        return _utc_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = _utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(value: datetime) -> datetime:
    assert value.tzinfo is not None, "a time without a zone is a mistake"
    return value.astimezone(UTC)


def _utc_text(value: datetime | None) -> str | None:
    return None if value is None else _utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


class MoneyColumn(TypeDecorator[Money]):
    """One BIGINT of fen, read and written as Money."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        assert isinstance(value, Money), f"{value!r} is not Money"
        return value.minor

    def process_result_value(self, value: int | None, dialect: Dialect) -> Money | None:
        return None if value is None else Money(int(value))


Key = BigInteger().with_variant(Integer, "sqlite")
"""A primary key: BIGINT, and SQLite's own ROWID type there."""


class Model(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, Money: MoneyColumn}  # noqa: RUF012 (SQLAlchemy's own way to declare it)


db = SQLAlchemy()
"""The session and the engine. Tables derive from `Model` above, which mypy can read."""


def init(app: Flask, url: str) -> None:
    """Bind the application to its database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    # What a failing statement carried (names, sealed numbers) must not end in logs, job rows and RQ's failure registry.
    options = {"pool_size": 20, "max_overflow": 80, "pool_pre_ping": True, "hide_parameters": True}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    if url.startswith("sqlite"):
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] |= {"connect_args": {"timeout": 10}, "pool_pre_ping": False}
    db.init_app(app)
    with app.app_context():
        set_up(db.engine)


def set_up(engine: Engine) -> None:
    """Give an engine the transactions described above."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin or commit by itself
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
    for pragma in (*pragmas, "secure_delete=ON"):  # what is deleted is not left lying in the file
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


Afterwards = list[tuple[Callable[..., Any], tuple[Any, ...]]]
"""What is to be done once a change is safely written."""


@contextmanager
def transaction(left_for: Afterwards | None = None) -> Iterator[None]:
    """All or nothing. Commands open one; nothing inside a command opens another.

    What was read before is forgotten: a command reads again inside, under the lock. What is to be done after the commit is
    done here, or left for who asks for it and calls `do_afterwards`.
    """
    session = db.session()
    info = session.info
    assert "after_commit" not in info, "a transaction is already open: only the command opens it"
    assert not session.new and not session.dirty and not session.deleted, "something was changed outside a transaction"
    if session.in_transaction():
        session.rollback()
    info["after_commit"] = []
    try:
        session.connection(execution_options={"writing": True})
        yield
        session.commit()
        waiting = info.pop("after_commit")
    except BaseException:
        info.pop("after_commit", None)
        session.rollback()
        raise
    if left_for is None:
        do_afterwards(waiting)
    else:
        left_for += waiting


def do_afterwards(waiting: Afterwards) -> None:
    """Nothing of it is worth an error: the change is written."""
    for call, arguments in waiting:
        try:
            call(*arguments)
        except Exception:
            log.warning("after_commit_failed", call=call.__qualname__, exc_info=True)


@contextmanager
def snapshot() -> Iterator[None]:
    """Read many things as they were at one moment, while others write. For examiners; nothing may be written inside.

    SQLite reads so by itself; on PostgreSQL every statement would see another moment.
    """
    session = db.session()
    assert "after_commit" not in session.info, "a snapshot is not part of a command"
    session.rollback()
    if db.engine.dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        yield
    finally:
        session.rollback()


def changed(statement: Any) -> int:
    """Run a changing statement and say how many rows it hit: the answer to every conditional UPDATE and INSERT."""
    # Without the option SQLAlchemy does not ask psycopg after an INSERT: -1, which reads as "yes, it hit".
    found = int(db.session.execute(statement, execution_options={"preserve_rowcount": True}).rowcount)  # type: ignore[attr-defined]
    assert found >= 0, "this driver does not say how many rows were hit"
    return found


def insert(table: type[Model]) -> Any:
    """INSERT in the engine's own dialect, for `on_conflict_do_…`, which SQLite and PostgreSQL write alike."""
    return (postgresql if db.engine.dialect.name == "postgresql" else sqlite).insert(table)


def table_of(model: type[Model]) -> Table:
    """For statements that are built once and run as Core: the ORM's way costs three times as much."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def total(amounts: Any) -> Any:
    """The sum of a money column; nothing adds up to zero."""
    return func.coalesce(func.sum(amounts), literal(ZERO, MoneyColumn()))


def in_transaction() -> bool:
    """Is a command's transaction open here? Tools assert it."""
    return "after_commit" in db.session.info


def after_commit(call: Callable[..., Any], *arguments: Any) -> None:
    """Do this once the change is safely written, and not at all if it is not. The same call is made once."""
    waiting = db.session.info["after_commit"]
    if (call, arguments) not in waiting:
        waiting.append((call, arguments))


def after_commit_together(call: Callable[[Iterable[Any]], Any], said: Hashable) -> None:
    """The same, for what is told in one breath: `call` gets everything that was said for it, once, in its order."""
    waiting = db.session.info["after_commit"]
    known = next((arguments[0] for wanted, arguments in waiting if wanted == call), None)
    if known is None:
        waiting.append((call, ({said: None},)))
    else:
        known[said] = None


def let_go() -> None:
    """Give the connection back before waiting on the outside world."""
    assert not in_transaction(), "never wait on a channel with a transaction open"
    db.session.close()


def lease_now() -> datetime:
    """The time that leases are measured with: the database's where several machines share one, ours otherwise."""
    if db.engine.dialect.name == "postgresql" and not clock.is_replaced():
        stamp = db.session.scalar(select(func.clock_timestamp()))
        assert isinstance(stamp, datetime)
        return stamp.astimezone(UTC)
    return clock.now()


def append_only(table: type[M]) -> type[M]:
    """Class decorator: rows of this table are written once. Its migration adds `append_only_triggers`; a house test looks."""
    table.metadata.tables[table.__tablename__].info["append_only"] = True
    return table


def append_only_triggers(table: str, dialect: str) -> list[str]:
    """The DDL that makes the database itself refuse UPDATE and DELETE on a table (and TRUNCATE on PostgreSQL)."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for deed in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()",
    ]

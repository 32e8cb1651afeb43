"""A PostgreSQL server for one test session: this machine's own binaries, a folder of its own, thrown away afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.runtime.supervisor import end_with

READY_WITHIN_S = 60.0
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Absent(Exception):
    """This machine has no PostgreSQL server."""


@contextmanager
def start_cluster(*, durable: bool = False) -> Iterator[str]:
    """The address of a running server on which one may make databases. `durable` for tests that end it by force."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="paydesk-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "max_connections": 200,
        }
        settings |= {} if durable else QUICK
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        with (folder / "log").open("wb") as log:
            started = {"stdout": log, "stderr": log, "cwd": folder, **_as_somebody_else()}
            subprocess.run([binaries / "initdb", *_initdb_options(folder)], check=True, **started)
            argv = [
                binaries / "postgres",
                "-D",
                folder / "data",
                *(f"--{key}={value}" for key, value in settings.items()),
            ]
            me = os.getpid()
            server = subprocess.Popen(argv, preexec_fn=lambda: end_with(me), **started)
        try:
            _wait_for(binaries / "pg_isready", port, server, folder / "log")
            yield f"postgresql+psycopg://paydesk@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # fast: who is still connected is let go
            server.wait(30)


@contextmanager
def wanted_cluster(*, durable: bool = False) -> Iterator[str]:
    """`start_cluster` for tests: skipped where there is no PostgreSQL, but never in CI."""
    try:
        _binaries()
    except Absent as absent:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(absent))
    with start_cluster(durable=durable) as address:
        yield address


def control(data: str, *arguments: str) -> None:
    """`pg_ctl` on the server whose files lie there. `restart` starts a stopped one, as it was started before."""
    argv = [str(_binaries() / "pg_ctl"), f"--pgdata={data}", "--silent", "--wait", f"--log={data}/log", *arguments]
    subprocess.run(
        argv, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as_somebody_else()
    )


class Lent:
    """A database that is given to one test after the other, each time as the migrations left it.

    What a test wrote is deleted and what the migrations wrote put back; a test that changed more than rows (a trigger, a
    grant, a table) leaves a database that nobody gets again.
    """

    def __init__(self, new: Callable[[], str]) -> None:
        self._new, self._url = new, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._forget()

    def take(self) -> str:
        if not self._url:
            self._url = self._new()
            self._engine = create_engine(self._url, poolclass=NullPool)
            with self._engine.connect() as connection:
                tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
                self._rows = {table: connection.execute(text(f'SELECT * FROM "{table}"')).all() for table in tables}
                self._shape = self._look(connection)
        return self._url

    def give_back(self) -> None:
        """Whoever still holds a connection loses it."""
        try:
            with self._engine.begin() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                connection.execute(text(others + " AND pid <> pg_backend_pid()"))
                if self._look(connection) == self._shape:
                    self._wipe(connection)
                    return
        except DBAPIError:
            pass  # a test stopped the server, or broke the database: the next one gets another
        self._forget()

    def _wipe(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # past append-only triggers
        asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in self._rows)
        for table in connection.scalars(text(asked)).all():
            connection.execute(text(f'DELETE FROM "{table}"'))
        for table, rows in self._rows.items():
            if rows:
                columns = rows[0]._fields
                into = ", ".join(f'"{column}"' for column in columns)
                values = ", ".join(f":{column}" for column in columns)
                given = [dict(row._mapping) for row in rows]
                connection.execute(text(f'INSERT INTO "{table}" ({into}) VALUES ({values})'), given)
        connection.execute(text(_SEQUENCES))

    @staticmethod
    def _look(connection: Connection) -> str:
        return str(connection.scalar(text(_SHAPE)))

    def _forget(self) -> None:
        if self._url:
            url = make_url(self._url)
            admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
            with suppress(DBAPIError), admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
            self._url = ""


_SHAPE = """
SELECT md5(concat(
  (SELECT string_agg(concat(oid, relname, relacl), ',' ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(concat(oid, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(concat(oid, pg_get_constraintdef(oid)), ',' ORDER BY oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace),
  (SELECT string_agg(concat(oid, md5(prosrc)), ',' ORDER BY oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
  (SELECT string_agg(concat(attrelid, attname, attnotnull, attisdropped), ',' ORDER BY attrelid, attnum) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
  (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'),
  (SELECT version_num FROM alembic_version)))
"""
_SEQUENCES = """
SELECT setval(seq::regclass, greatest((xpath('/row/top/text()',
         query_to_xml(format('SELECT coalesce(max(id), 0) AS top FROM %I', tab), false, true, '')))[1]::text::bigint, 1),
       (xpath('/row/top/text()',
         query_to_xml(format('SELECT coalesce(max(id), 0) AS top FROM %I', tab), false, true, '')))[1]::text::bigint > 0)
FROM (SELECT tablename AS tab, pg_get_serial_sequence(format('%I', tablename), 'id') AS seq
      FROM pg_tables JOIN information_schema.columns ON table_name = tablename AND column_name = 'id'
      WHERE schemaname = 'public' AND table_schema = 'public') AS them
WHERE seq IS NOT NULL
"""


def _initdb_options(folder: Path) -> list[str]:
    return [
        f"--pgdata={folder / 'data'}",
        "--username=paydesk",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]


def _as_somebody_else() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _wait_for(pg_isready: Path, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while subprocess.run([pg_isready, "--quiet", "--host=127.0.0.1", f"--port={port}"], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _binaries() -> Path:
    """Debian keeps the server's programs off the path, one folder a version; the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise Absent("no PostgreSQL server here: apt install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])

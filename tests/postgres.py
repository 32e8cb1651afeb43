"""A PostgreSQL server for one test session: this machine's own binaries, a folder of its own, thrown away afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        port = _free_port()
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])

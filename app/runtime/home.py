"""The data folder of `paydesk up`: ours alone, with keys.json, which nothing can replace, and home.json, which says how
the last start was made, so that `paydesk check` in a second terminal meets the same console.
"""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from sqlalchemy import make_url

from app.config import Config, load, new_keys
from app.runtime import embedded
from app.runtime.supervisor import Broken

TOP = Path(__file__).resolve().parents[2]
ACCOUNTS = "demo-accounts.json"
PATIENCE_S = 3.0
SECRETS = ("PAYDESK_SECRET_KEY", "PAYDESK_FIELD_KEYS")


def data_folder() -> Path:
    return Path(os.environ.get("PAYDESK_DATA_DIR") or TOP / "var").expanduser().absolute()


@contextmanager
def only_one(data_dir: Path) -> Iterator[Path]:
    """The folder, ours alone: for other users by its mode, for other runs by a lock that ends with this process and
    its children."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    with (data_dir / "paydesk.lock").open("a+") as lock:
        if not comes_true(lambda: _is_locked(lock)):
            lock.seek(0)
            raise Broken(f"it already runs on {data_dir} (process {lock.read().strip()})")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield data_dir


def _is_locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def comes_true(wanted: Callable[[], bool]) -> bool:
    """What an earlier run left behind, a lock or a port, may need a moment to let go."""
    deadline = time.monotonic() + PATIENCE_S
    while not (true := wanted()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return true


def configure(data_dir: Path, demo: bool) -> Config:
    """Complete this process's environment, which its children inherit. What was said from outside wins."""
    before = _last_start(data_dir)
    demo = demo and before.get("begun") != "empty"  # what was begun without the demo never gets its data
    here = {"PAYDESK_DATA_DIR": str(data_dir), "PAYDESK_DEMO": "1" if demo else "0", "PYTHONUNBUFFERED": "1"}
    found = {**_keys(data_dir), "PAYDESK_REDIS_URL": embedded.url(data_dir)}
    if demo:
        found["PAYDESK_SANDBOX_URL"] = f"http://127.0.0.1:{_sandbox_port(before)}"
    os.environ.update({**found, **os.environ, **here})
    config = load()
    os.environ["PAYDESK_DATABASE_URL"] = config.sqlalchemy_url
    return config


def is_settled(config: Config) -> bool:
    """The demo is complete, and both its sides are where they were: nothing to seed."""
    has_database = config.database_url or (config.data_dir / "paydesk.db").exists()
    has_accounts = (config.data_dir / ACCOUNTS).exists()
    return bool(has_database and has_accounts) and _last_start(config.data_dir) == _this_start(config)


def remember(config: Config) -> None:
    _write(config.data_dir / "home.json", _this_start(config))


def _this_start(config: Config) -> dict[str, str]:
    return {
        "begun": _last_start(config.data_dir).get("begun", "demo" if config.demo else "empty"),
        "database": make_url(config.sqlalchemy_url).render_as_string(hide_password=True),
        "PAYDESK_DEMO": str(int(config.demo)),
        "PAYDESK_HOST": config.host,
        "PAYDESK_PORT": str(config.port),
        "PAYDESK_REDIS_URL": config.redis_url,
        "PAYDESK_SANDBOX_URL": config.sandbox_url,
    }


def _last_start(data_dir: Path) -> dict[str, str]:
    path = data_dir / "home.json"
    return _read(path) if path.exists() else {}


def _keys(data_dir: Path) -> dict[str, str]:
    path = data_dir / "keys.json"
    if all(name in os.environ for name in SECRETS):
        return {}
    if not path.exists():
        if (data_dir / "paydesk.db").exists():
            # New keys would start well, and then no card number could be read any more.
            raise Broken(f"{path} is gone, and what is in {data_dir / 'paydesk.db'} cannot be read without it")
        _write(path, new_keys())
    return _read(path)


def _sandbox_port(before: dict[str, str]) -> int:
    """The one that was asked for, else the last one, else any free one."""
    if asked := os.environ.get("PAYDESK_SANDBOX_PORT"):
        return int(asked)
    last = urlsplit(before.get("PAYDESK_SANDBOX_URL", "")).port
    if last and is_free("127.0.0.1", last):
        return last
    with socket.create_server(("127.0.0.1", 0)) as any_free:
        return int(any_free.getsockname()[1])


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except ValueError:
        raise Broken(f"{path} cannot be read: it is not what was written there") from None
    assert isinstance(found, dict)
    return found


def _write(path: Path, content: dict[str, str]) -> None:
    """Whole or not at all, and readable by nobody else."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    with new.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return False
        raise

"""`paydesk up`: the whole console on one machine, out of one folder, for one terminal.

Production starts the same processes with the tools of its own; nothing else in the house depends on this file.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn, TextIO
from urllib.parse import urlsplit

from app.config import Config
from app.runtime import embedded, home
from app.runtime.queue import Line
from app.runtime.supervisor import Asked, Broken, Child, Supervisor, fresh_log


def up(*, demo: bool = True, setup_only: bool = False) -> NoReturn:
    """Everything, until somebody asks to stop. Ends the process: with 0 when asked, with 1 when something cannot be done."""
    code = 0
    try:
        with home.only_one(home.data_folder()) as data_dir, Supervisor(data_dir / "log", cwd=home.TOP) as supervisor:
            config = home.configure(data_dir, demo)
            if setup_only:
                supervisor.once(_command("migrate"))
                _say(f"Set up. Start with ./run; the data is in {data_dir}")
            else:
                _start(supervisor, config)
                _say(_ready_block(config))
                _watch(supervisor)
    except Asked:
        _say("Stopped.")
    except (Broken, OSError) as problem:
        _say(f"Paydesk cannot run: {problem}", to=sys.stderr)
        code = 1
    # All has stopped. Taking the house's modules apart, as an ordinary end does, would take as long again.
    os._exit(code)


def _start(supervisor: Supervisor, config: Config) -> None:
    _wait_for_port(config.host, config.port)
    if os.environ["PAYDESK_REDIS_URL"] == embedded.url(config.data_dir):
        if not home.comes_true(lambda: not embedded.answers(config.data_dir)):
            raise Broken(f"an earlier run's Redis still answers at {embedded.url(config.data_dir)}; end that process")
        supervisor.start(embedded.server(config.data_dir))
    settled = home.is_settled(config)
    supervisor.once(_command("migrate"))
    if config.demo and not settled:
        supervisor.start(*_sandbox(config))
        _say("Making the demo's data …")
        supervisor.once(_command("seed-demo"))
        supervisor.start(*_children(config))
    else:
        supervisor.start(*_sandbox(config), *_children(config))
    home.remember(config)


def _watch(supervisor: Supervisor) -> None:
    try:
        supervisor.watch()
    except Asked:
        _say("\nStopping; Ctrl-C once more kills.")
        raise


# The processes


def _children(config: Config) -> Iterator[Child]:
    yield _command("clock", stops=1, killed_after_s=0.8)
    yield Child(
        "web",
        [
            *(sys.executable, "-m", "gunicorn", "wsgi:app", "--no-control-socket"),
            *("--worker-class", "gthread", "--workers", "1", "--threads", "64", "--graceful-timeout", "2"),
            *("--bind", f"{config.host}:{config.port}"),
            *("--access-logfile", str(fresh_log(config.data_dir / "log" / "access.log"))),
            *("--logger-class", "app.runtime.access_log.AccessLog"),
        ],
        os.environ,
        warm=True,
        stops=2,
        killed_after_s=2.7,
        ready=lambda: _is_ready(config),
    )
    for line in Line:
        argv = [sys.executable, str(home.TOP / "worker.py"), line]
        yield Child(f"worker-{line}", argv, os.environ, warm=True, stops=3, killed_after_s=3.6)


def _sandbox(config: Config) -> Iterator[Child]:
    """The third party of the demo, unless it runs elsewhere. It is told nothing of our keys and our database."""
    address = urlsplit(config.sandbox_url)
    port = address.port
    if not config.demo or address.hostname != "127.0.0.1" or not port:
        return
    yield Child(
        "sandbox",
        [sys.executable, "-m", "app.sandbox", "--port", str(port), "--data", str(config.data_dir / "sandbox.db")],
        {name: value for name, value in os.environ.items() if name not in (*home.SECRETS, "PAYDESK_DATABASE_URL")},
        warm=True,
        stops=4,
        killed_after_s=3.9,
        ready=lambda: _accepts(port),
    )


def _command(name: str, *, stops: int = 0, killed_after_s: float = 4.0) -> Child:
    """`paydesk <name>`, also where the command itself is not on the path."""
    argv = [sys.executable, "-c", "from app.cli import main; main()", name]
    return Child(name, argv, os.environ, warm=True, stops=stops, killed_after_s=killed_after_s)


# Ports


def _wait_for_port(host: str, port: int) -> None:
    if not home.comes_true(lambda: home.is_free(host, port)):
        other = next(number for number in range(port + 1, port + 100) if home.is_free(host, number))
        raise Broken(f"port {port} is taken by another program. Take another one: PAYDESK_PORT={other} ./run")


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _is_ready(config: Config) -> bool:
    host = "127.0.0.1" if config.host == "0.0.0.0" else config.host  # noqa: S104  comparing, not binding
    line = http.client.HTTPConnection(host, config.port, timeout=5)
    try:
        line.request("GET", "/readyz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


# What is said


def _ready_block(config: Config) -> str:
    lines = ["", f"Paydesk 提现工作台   http://{config.host}:{config.port}", ""]
    accounts = config.data_dir / home.ACCOUNTS
    if config.demo and accounts.exists():
        rows = [(it["role"], it["username"], it["password"]) for it in json.loads(accounts.read_text())]
        lines += [f"  {_padded(role, 24)}{_padded(name, 16)}{password}" for role, name, password in rows]
    else:
        lines += [f"  {line}" for line in _first_link()]
    return "\n".join([*lines, "", f"Data and logs: {config.data_dir}", "Stop: Ctrl-C", ""])


def _first_link() -> list[str]:
    """The way in to an empty house. Straight to the terminal: no log file may hold what opens the door."""
    asked = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "first-link"],
        cwd=home.TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:  # there is an administrator, who lets the others in
        return ["Sign in with the accounts you have made."]
    return ["The first administrator's link, good once and for 15 minutes:", asked.stdout.strip()]


def _padded(text: str, columns: int) -> str:
    """A Chinese character takes two columns of a terminal."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return text + " " * max(1, columns - len(text) - wide)


def _say(text: str, to: TextIO | None = None) -> None:
    with suppress(OSError):  # the terminal may be gone; that must not keep us from stopping in order
        print(text, file=to, flush=True)

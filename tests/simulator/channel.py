"""The third party in this process: the sandbox's own program behind a wire that the seed may cut at any place.

The wire stands in the place of urllib3's pools, so that everything of the house is real down to `app.runtime.http.send`; the
sandbox is its WSGI application without its thread, on true time, whatever the clock of the house says.
"""

import io
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPResponse
from werkzeug.test import Client

from app.runtime import http
from app.sandbox.house import House
from app.sandbox.pace import Pace
from app.sandbox.postman import Postman
from app.sandbox.store import Store
from app.sandbox.web import create_app
from tests.simulator.actors import pause

PACE = Pace(slow_s=0, early_answer_s=0, long_s=300)
"""Slowness here is an actor that stands still; the program itself never sleeps."""
HOST = "third.party"
LATEST_ARRIVAL_S = 55.0
"""A request that was given up may still arrive: within the window that the channel has promised."""


class _Plug:
    """The socket under a request. Shut down, nothing more of the answer leaves."""

    is_shut = False

    def shutdown(self, _how: int) -> None:
        self.is_shut = True


@dataclass(frozen=True, slots=True)
class Letter:
    """A callback as it travels."""

    row: Any
    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """One request that reached the third party and what was answered: the truth, whatever the house got to see of it."""

    at: float  # true time
    ours: float  # the house's clock
    interface: str
    number: str
    answer: bytes


class ThirdParty:
    """One sandbox on one file; thrown away after its story."""

    def __init__(self) -> None:
        self._app = create_app(None, PACE, None, host="simulator")  # type: ignore[arg-type]
        self._client = Client(self._app)

    def open(self, path: Path) -> None:
        self.store = Store(path)
        self.store._connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug of this machine
        self.postman = Postman(self.store, PACE)
        self._app.extensions["sandbox"] = House(self.store, PACE, self.postman)

    def close(self) -> None:
        self.store.close()

    def call(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """An answer, or None where the connection was closed."""
        plug = _Plug()
        response = self._client.open(
            target,
            method=method,
            data=body,
            headers=dict(headers or {}),
            environ_overrides={"werkzeug.socket": plug, "REQUEST_URI": target},
        )
        content = response.get_data()
        return None if plug.is_shut else (response.status_code, dict(response.headers), content)

    def letters(self) -> list[Letter]:
        """The callbacks that are due, in the order the third party would send them."""
        found = []
        for row in self.postman.due(200):
            merchant, said = self.postman.letter(row)
            headers = {"Content-Type": said.content_type, **said.headers}
            found.append(Letter(row, urlsplit(merchant.callback_url).path, said.body, headers))
        return found

    def payouts(self) -> list[Any]:
        with self.store.reading() as tx:
            return tx.execute("SELECT * FROM payouts ORDER BY id").fetchall()

    def submits(self) -> dict[str, int]:
        with self.store.reading() as tx:
            return {row["order_no"]: row["submits"] for row in tx.execute("SELECT order_no, submits FROM orders")}

    def next_due(self) -> float | None:
        """When something happens here by itself."""
        with self.store.reading() as tx:
            found: float | None = tx.execute(
                "SELECT min(due_at) FROM (SELECT due_at FROM steps UNION ALL SELECT due_at FROM callbacks)"
            ).fetchone()[0]
            return found


class Wire:
    """Carries one request. `fate` draws what becomes of it; `deliver` hands it over on true time."""

    def __init__(
        self,
        fate: Callable[[], str],
        deliver: Callable[[str, str, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes] | None],
        later: Callable[[Callable[[], object]], None],
        leaves: Callable[[bytes, str], None],
        of_another: Callable[[], tuple[int, Mapping[str, str], bytes] | None],
    ) -> None:
        self._fate, self._deliver, self._later = fate, deliver, later
        self._leaves, self._of_another = leaves, of_another

    def urlopen(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **_options: Any
    ) -> HTTPResponse:
        """In the place of urllib3's pools."""
        parts = urlsplit(url)
        assert parts.hostname == HOST
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        sent = body or b""

        def deliver() -> tuple[int, Mapping[str, str], bytes] | None:
            return self._deliver(method, target, sent, headers)

        pause("before the first byte")
        fate = self._fate()
        if fate == "refused":
            raise ConnectionRefusedError("refused")
        self._leaves(sent, target)
        pause("on its way")
        if fate == "lost":
            raise self._broken()
        if fate == "late":
            self._later(deliver)
            raise self._broken()
        answer = (500, {}, b"Internal Server Error") if fate == "error" else deliver()
        pause("answered")
        if fate == "unheard" or answer is None:
            raise self._broken()
        if fate == "error_after":
            answer = (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
        if fate == "garbage":
            answer = (200, answer[1], answer[2][: len(answer[2]) // 2] + b"\xff{")
        if fate == "of_another":
            answer = self._of_another() or answer
        return _response(*answer)

    @staticmethod
    def _broken() -> Exception:
        http._wire.touched = True  # actors share one thread: whoever slept finds what others left there
        return ConnectionResetError("the connection broke")


FATES = {
    "fine": 60,
    "refused": 6,
    "lost": 6,
    "late": 5,
    "unheard": 8,
    "error": 4,
    "error_after": 4,
    "garbage": 4,
    "of_another": 3,
}
"""What becomes of a request on the wire, and how often of a hundred. The sandbox has faults of its own besides."""


def _response(status: int, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
    return HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)


@contextmanager
def no_network() -> Iterator[None]:
    """A simulator that reached a real network would be neither quick nor repeatable."""

    def refuse(*_: object) -> None:
        raise AssertionError("the simulator opened a socket")

    original, socket.socket.connect = socket.socket.connect, refuse  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        socket.socket.connect = original  # type: ignore[method-assign]

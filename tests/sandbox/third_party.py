"""The sandbox as a real process, and the other end of its callbacks, over real HTTP."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import requests

from app.channels.adapters import ADAPTERS
from app.channels.contract import (
    Adapter,
    Observation,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    Unreadable,
)
from app.kernel import numbers, signing
from app.kernel.money import Money

ROOT = Path(__file__).parents[2]
CARD = "6222020200112233458"
PATIENCE_S = 20.0
QUICK = {
    "pay-after-s": "0.05",
    "pay-spread-s": "0.05",
    "callback-delay-s": "0.05",
    "late-s": "2.5",
    "return-after-s": "0.5",
    "slow-s": "1.5",
    "early-answer-s": "0.6",
    "long-s": "3600",
    "retry-waits-s": "0.1,0.2,0.4,0.8,1.6",
}
OURS = signing.new_rsa_pair()
T = TypeVar("T")


def until(found: Callable[[], T | bool | None], what: str = "it") -> T:
    """Ask again and again until the answer is something; fail when patience ends."""
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer  # type: ignore[return-value]
        pause.wait(0.01)
    raise AssertionError(f"{what} did not happen in {PATIENCE_S} s")


class ThirdParty:
    """One running sandbox program; `kill` and `start` again keep its data."""

    def __init__(self, data: Path, **pace: str) -> None:
        self.data, self.pace = data, {**QUICK, **pace}
        self.start()

    def start(self, port: int = 0) -> None:
        options = [part for name, value in self.pace.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.sandbox", "--port", str(port), "--data", str(self.data), *options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        found = re.search(r"http://[0-9.:]+", self.process.stdout.readline())
        assert found is not None
        self.url = found.group()

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(timeout=PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, path: str, **arguments: object) -> Any:
        reply = requests.get(f"{self.url}{path}", params=arguments, timeout=PATIENCE_S)  # type: ignore[arg-type]
        reply.raise_for_status()
        return reply.json()

    def post(self, path: str, json: Mapping[str, object] | None = None) -> requests.Response:
        return requests.post(f"{self.url}{path}", json=json, timeout=PATIENCE_S)


@dataclass
class Inbox:
    """What was posted to one merchant. `refusing` answers with the wrong word so many times."""

    channel: Adapter | None = None
    raw: list[RawCallback] = field(default_factory=list)
    refusing: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, raw: RawCallback) -> str:
        assert self.channel is not None
        with self.lock:
            self.raw.append(raw)
            if self.refusing:
                self.refusing -= 1
                return "not now"
            return self.channel.callback_answer

    def heard(self, number: str) -> list[Observation]:
        """What could be read about the order, in the order of arrival; the unreadable is left out."""
        assert self.channel is not None
        found = []
        for raw in list(self.raw):
            try:
                found.append(self.channel.read_callback(raw))
            except Unreadable:
                continue
        return [observation for observation in found if observation.number == number]

    def unreadable(self, number: str) -> int:
        return len([raw for raw in self.raw if number.encode() in raw.body]) - len(self.heard(number))


class Receiver:
    """A small real HTTP server: `POST /<name>` lands in the inbox of that name."""

    def __init__(self) -> None:
        inboxes: dict[str, Inbox] = {}
        self.inboxes = inboxes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): text for name, text in self.headers.items()}
                raw = RawCallback(body=body, content_type=headers["content-type"], headers=headers)
                answer = inboxes[self.path.strip("/")].take(raw).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


_names = count(1)


class Line:
    """One merchant of one manner: its adapter, its way to the third party, its inbox."""

    def __init__(self, third: ThirdParty, receiver: Receiver, code: str, **terms: object) -> None:
        self.third, self.code = third, code
        self.name = f"{code}{next(_names)}{numbers.random_text(6)}"
        self.inbox = receiver.inboxes[self.name] = Inbox()
        self.terms: dict[str, object] = {
            "manner": code,
            "merchant_no": self.name,
            "keys": {
                "dolphin": {"key": f"key of {self.name}"},
                "egret": {"public_key": OURS[1]},
                "spruce": {"api_key": f"spk_{self.name}", "api_secret": f"secret of {self.name}"},
            }[code],
            "callback_url": receiver.address(self.name),
            "starting_balance_minor": 10**10,
            "starting_total_minor": 10**11,
            "growth_minor_per_minute": 60_000,
            **terms,
        }
        told = self.register()
        self.settings = {
            "base_url": third.url + told["base_path"],
            "merchant_no": self.name,
            "key": f"key of {self.name}",
            "private_key": OURS[0],
            "channel_public_key": told.get("channel_public_key", ""),
            "api_key": f"spk_{self.name}",
            "api_secret": f"secret of {self.name}",
        }
        self.channel = self.inbox.channel = ADAPTERS[code](self.settings)

    def register(self, **changes: object) -> Any:
        reply = self.third.post("/control/merchants", {**self.terms, **changes})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def call(self, request: Request, timeout: float = PATIENCE_S) -> Reply:
        reply = requests.request(
            request.method,
            f"{self.third.url}/{self.code}{request.path}",
            data=request.body,
            headers={"Content-Type": request.content_type, **request.headers},
            timeout=timeout,
        )
        headers = {name.lower(): text for name, text in reply.headers.items()}
        return Reply(status=reply.status_code, body=reply.content, headers=headers)

    def submit(self, order: Order, timeout: float = PATIENCE_S) -> Observation:
        return self.channel.read_submit(order, self.call(self.channel.write_submit(order), timeout))

    def query(self, order: Order) -> Observation:
        return self.channel.read_query(order, self.call(self.channel.write_query(order)))

    def until_seen(self, order: Order, seen: Seen) -> Observation:
        def look() -> Observation | None:
            observation = self.query(order)
            return observation if observation.seen is seen else None

        return until(look, f"{order.number} being {seen}")

    def until_called(self, order: Order, *seen: Seen) -> list[Observation]:
        """Wait until exactly these were called back, in any order."""

        def called() -> bool:
            return sorted(one.seen for one in self.inbox.heard(order.number)) == sorted(seen)

        until(called, f"{order.number} being called back as {seen}")
        return self.inbox.heard(order.number)

    def rows(self, order: Order) -> list[dict[str, Any]]:
        found = self.third.get("/control/payouts", manner=self.code, merchant=self.name, order=order.number)
        rows: list[dict[str, Any]] = found["payouts"]
        return rows

    def summary(self) -> dict[str, Any]:
        [row] = self.third.get("/control/summary", manner=self.code, merchant=self.name)["merchants"]
        assert isinstance(row, dict)
        return row


def new_order(amount_minor: int = 10_000, *, card_number: str = CARD, holder: str = "张三") -> Order:
    return Order(
        number=numbers.new_number("W"),
        amount=Money(amount_minor),
        card_number=card_number,
        holder=holder,
        bank="中国工商银行",
        made_at=datetime.now(UTC),
    )

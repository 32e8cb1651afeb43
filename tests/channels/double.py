"""The other side of a real channel on loopback, over real HTTP, made of other people's code; and the console talking to it."""

import base64
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import rsa
from cryptography.hazmat.primitives import serialization
from flask import Flask

from app.channels import gateway, mailbox, queries, service
from app.channels.contract import Figures, Interface, Observation, Order
from app.channels.models import ChannelCall
from app.kernel.money import Money
from app.runtime.db import db, transaction


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Said:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] | None = None


class Double(ABC):
    """A server that answers as `answer` says. What went wrong in it comes up when it is left."""

    def __enter__(self) -> Self:
        self.problems: list[Exception] = []
        outer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                lowered = {name.lower(): text for name, text in self.headers.items()}
                try:
                    said = outer.answer(Asked(self.command, self.path, lowered, body))
                except Exception as problem:
                    outer.problems.append(problem)
                    said = Said(b"it broke", 500)
                self.send_response(said.status)
                for name, text in (said.headers or {}).items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_problem: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        for problem in self.problems:
            raise problem

    @abstractmethod
    def answer(self, asked: Asked) -> Said: ...


def submitted(call: gateway.Call, order: Order) -> Observation:
    """The order is handed over, and its call completed."""
    heard = gateway.submit(call, order)
    with transaction():
        gateway.complete([heard])
    return heard.seen


class Console:
    """One account of the console at a double, with a real database behind it."""

    def __init__(self, app: Flask, adapter: str, settings: Mapping[str, str]) -> None:
        self.app = app
        service.open_channel(code=adapter, name=adapter, adapter=adapter, actor="test")
        self.number = service.open_account(
            channel=adapter,
            name="test",
            settings=settings,
            single_limit=Money.parse("5000.00"),
            fee_fixed=Money(0),
            fee_rate_ppm=0,
            actor="test",
        )

    def submit(self, order: Order) -> Observation:
        return submitted(self._announce(Interface.SUBMIT, order.number), order)

    def query(self, order: Order) -> Observation:
        return gateway.query(self._announce(Interface.QUERY, order.number), order)

    def figures(self, day: date) -> Figures:
        return gateway.figures(self._announce(Interface.FIGURES, self.number), day)

    def call_back(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Through the front door, as the third party posts it."""
        reply = self.app.test_client().post(f"/callbacks/{self.number}", data=body, headers=dict(headers))
        db.session.rollback()
        return reply.status_code, reply.get_data(as_text=True)

    def heard(self, order: Order) -> list[str]:
        """What the accepted callbacks about an order say, read again by the job's way."""
        return [str(mailbox.read(row.id).seen) for row in queries.callbacks_about(order.number)]

    def calls(self, subject: str) -> list[ChannelCall]:
        db.session.rollback()
        return list(queries.calls_about(subject))

    def _announce(self, interface: Interface, subject: str) -> gateway.Call:
        with transaction():
            account = queries.account(self.number)
            setting = queries.active_setting_id(account.id)
            assert setting is not None
            return gateway.announce(interface, account_id=account.id, setting_id=setting, subject=subject)


# Other people's signatures: RSA in pure Python, and the openssl command


@cache
def pkcs1(private_pem: str) -> rsa.PrivateKey:
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return rsa.PrivateKey.load_pkcs1(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def rsa2(text: bytes, private_pem: str, algorithm: str = "SHA-256") -> str:
    """As `alipay.aop.api.util.SignatureUtils.sign_with_rsa2` of their SDK."""
    return base64.b64encode(rsa.sign(text, pkcs1(private_pem), algorithm)).decode()


def is_rsa2(text: bytes, signature: str, public_pem: str) -> bool:
    """As their `verify_with_rsa`; `rsa` says which algorithm it was."""
    found: str = rsa.verify(
        text, base64.b64decode(signature), rsa.PublicKey.load_pkcs1_openssl_pem(public_pem.encode())
    )
    return found == "SHA-256"


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout

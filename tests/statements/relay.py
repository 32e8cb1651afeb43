"""A house of relay before the sandbox: everything passes, and what its egret says of a day may be amended on the way.

What is amended is signed anew with the sandbox's own key, so it proves as much as what was said.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests

from app.kernel import signing
from tests.channels.double import Asked, Double, Said
from tests.sandbox.third_party import ThirdParty
from tests.world import _pair

Lines = list[dict[str, Any]]


class Relay(Double):
    def __init__(self, third: ThirdParty) -> None:
        self.third = third
        self.amend: Callable[[Lines], Lines] = lambda lines: lines
        self.finish: Callable[[dict[str, Any]], object] = lambda data: None
        """What else is changed of the page itself."""
        self.down = False
        self.first_page_only = False
        """Of the sandbox: it does not know the places of pages that are cut here."""
        self.asked: list[str] = []

    def get(self, path: str, **arguments: object) -> Any:
        return self.third.get(path, **arguments)

    def post(self, path: str, json: Any = None) -> requests.Response:
        return self.third.post(path, json)

    def answer(self, asked: Asked) -> Said:
        is_statement = asked.path.endswith("/openapi/bill/list")
        if is_statement:
            self.asked.append(json.loads(asked.body)["after"])
            if self.down:
                return Said(b"<html>", 502)
        if is_statement and self.first_page_only:
            asked = self._of_the_first_page(asked)
        passed = {name: text for name, text in asked.headers.items() if name.startswith(("egret-", "content-type"))}
        reply = requests.request(asked.method, self.third.url + asked.path, data=asked.body, headers=passed, timeout=20)
        told = {name: reply.headers[name] for name in ("Egret-Timestamp", "Egret-Signature") if name in reply.headers}
        if not is_statement or reply.json()["code"] != "OK":
            return Said(reply.content, reply.status_code, told)
        envelope = reply.json()
        envelope["data"]["lines"] = self.amend(envelope["data"]["lines"])
        self.finish(envelope["data"])
        body = json.dumps(envelope, ensure_ascii=False).encode()
        signature = signing.rsa_sign(told["Egret-Timestamp"].encode() + b"\n" + body, self._key(envelope["merchantNo"]))
        return Said(body, 200, told | {"Egret-Signature": signature})

    def _of_the_first_page(self, asked: Asked) -> Asked:
        """Our own key is the one of the world's accounts, so the question can be signed anew."""
        body = json.dumps(json.loads(asked.body) | {"after": ""}).encode()
        signature = signing.rsa_sign(asked.headers["egret-timestamp"].encode() + b"\n" + body, _pair[0])
        return replace(asked, body=body, headers={**asked.headers, "egret-signature": signature})

    def _key(self, merchant_no: str) -> str:
        with sqlite3.connect(self.third.data) as books:
            (keys,) = books.execute("SELECT keys FROM merchants WHERE merchant_no = ?", (merchant_no,)).fetchone()
        found = json.loads(keys)["channel_private_key"]
        assert isinstance(found, str)
        return found

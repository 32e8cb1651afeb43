"""Signing an order and posting it, and nothing else: what any program that pays must do. The peer of `bench.withdrawals`."""

import requests
from requests.adapters import HTTPAdapter

from app.channels.adapters.egret import Egret
from app.channels.contract import Order, Reply
from app.kernel import clock
from app.kernel.money import Money
from bench.channel import MERCHANT

CONNECTIONS = 32
_adapter: Egret
_http: requests.Session
_url: str


def set_up(url: str, ours: str, theirs: str) -> None:
    """`ours`: our private key; `theirs`: the channel's public one. A process forked after this has it all."""
    global _adapter, _http, _url
    _url = url
    _adapter = Egret({"base_url": url, "merchant_no": MERCHANT, "private_key": ours, "channel_public_key": theirs})
    _http = requests.Session()
    _http.trust_env = False
    _http.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))


def sign_and_post(row: int) -> None:
    order = Order(
        number=f"W{row:012}", amount=Money(1000 + row), card_number="6222021001116245777", holder="张三",
        bank="中国工商银行", made_at=clock.now(),
    )  # fmt: skip
    read(order, post(order))


def post(order: Order) -> requests.Response:
    request = _adapter.write_submit(order)
    headers = {"Content-Type": request.content_type, **request.headers}
    return _http.post(_url + request.path, data=request.body, headers=headers, timeout=30)


def read(order: Order, answer: requests.Response) -> None:
    """It was paid, and the channel's signature says so."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    seen = _adapter.read_submit(order, Reply(status=answer.status_code, body=answer.content, headers=headers))
    assert seen.seen == "paid", seen

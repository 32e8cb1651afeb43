"""云杉支付: JSON and HMAC over five lines."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import ClassVar

import pytest

from app.channels.adapters.spruce import Spruce
from app.channels.contract import (
    BadSignature,
    BindSeen,
    Figures,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    Unreadable,
)
from app.kernel.money import Money
from tests.channels.contract import (
    ORDER,
    BindsCardsContract,
    ChannelContract,
    Message,
    ReadsFiguresContract,
    TakesCards,
    TellsFigures,
    Them,
)

SECRET = "spruce-test-secret"
PATHS = {"submit": "/v1/payouts", "query": "/v1/payouts/{number}", "callback": "/v1/payouts"}


class SpruceThem(Them, TellsFigures, TakesCards):
    settings: ClassVar = {
        "base_url": "https://spruce.test",
        "merchant_no": "SP-3301",
        "api_key": "spk_test",
        "api_secret": SECRET,
    }
    other_settings: ClassVar = {"api_secret": "another-secret"}

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount = changes.get("amount", order.amount)
        code = changes.get("code", "")
        fields = {
            "order_id": changes.get("number", order.number),
            "amount": f"{Decimal(amount.minor) / 100:.2f}" if isinstance(amount, Money) else "",
            "status": word,
            "error": code,
            "new_field": changes.get("more", ""),
        }
        return self.seal(interface, self.body(**fields), order, status=422 if code else 200)

    def figures(self, figures: Figures, day_said: date) -> Reply:
        body = self.body(
            day=day_said.isoformat(),
            total=figures.total.yuan,
            yesterday=figures.yesterday.yuan,
            today=figures.today.yuan,
            settled=figures.settled.yuan,
            settleable=figures.settleable.yuan,
        )
        # They answer the path that was asked for, whatever day they then speak of.
        return Reply(status=200, body=body, headers=self.sign("ANSWER", "/v1/account/figures?day=2026-11-21", body))

    def bind(self, reference: str, word: str) -> Reply:
        body = self.body(bind_id=reference, status=word)
        return Reply(status=201, body=body, headers=self.sign("ANSWER", "/v1/cards", body))

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "arrived")
        probe = {**fair.headers, "x-spruce-signature": "WECHATPAY/SIGNTEST/AAAA"}
        twice = self.seal("callback", fair.body.replace(b'{"merchant_no"', b'{"status":"arrived","merchant_no"'), order)
        assert isinstance(twice, RawCallback)
        return {
            "probe signature": RawCallback(body=fair.body, content_type="", headers=probe),
            "repeated parameter": twice,
        }

    def amount_in(self, request: Request) -> int:
        amount = json.loads(request.body)["amount"]
        assert isinstance(amount, str)
        assert amount[-3] == "."
        return int(Decimal(amount) * 100)

    def seal(self, interface: str, body: bytes, order: Order, status: int = 200) -> Message:
        path = PATHS[interface].format(number=order.number)
        headers = self.sign("NOTIFY" if interface == "callback" else "ANSWER", path, body)
        if interface == "callback":
            return RawCallback(body=body, content_type="application/json", headers=headers)
        return Reply(status=status, body=body, headers=headers)

    def body(self, **fields: object) -> bytes:
        given = {"merchant_no": "SP-3301", **{name: text for name, text in fields.items() if text}}
        return json.dumps(given, ensure_ascii=False).encode()

    def sign(self, verb: str, path: str, body: bytes) -> dict[str, str]:
        text = b"\n".join([verb.encode(), path.encode(), b"1795224600", b"NONCE", body, b""])
        return {
            "x-spruce-timestamp": "1795224600",
            "x-spruce-nonce": "NONCE",
            "x-spruce-signature": hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest(),
        }


class TestSpruce(ReadsFiguresContract, BindsCardsContract, ChannelContract):
    adapter = Spruce
    them = SpruceThem()
    volatile_headers = frozenset({"X-Spruce-Timestamp", "X-Spruce-Nonce", "X-Spruce-Signature"})
    sample_settings: ClassVar = {
        "base_url": "https://spruce.test",
        "merchant_no": "SP-3301",
        "api_key": "spk_sample",
        "api_secret": "spruce-sample-secret",
    }
    sample_figures = Figures(
        day=date(2026, 11, 21),
        total=Money(6309175591),
        yesterday=Money(172259979),
        today=Money(59086140),
        settled=Money(6004783769),
        settleable=Money(280396927),
    )
    samples: ClassVar = {
        "submit.accepted": Seen.PENDING,
        "submit.balance": Seen.FAILED,
        "submit.bad_card": Seen.FAILED,
        "submit.name": Seen.FAILED,
        "submit.not_bound": Seen.FAILED,
        "submit.unknown_word": Seen.PENDING,
        "submit.busy": Seen.PENDING,
        "submit.error_500": Unreadable,
        "submit.web_page": Unreadable,
        "submit.badly_signed": BadSignature,
        "query.processing": Seen.PENDING,
        "query.paid": Seen.PAID,
        "query.failed": Seen.FAILED,
        "query.returned": Seen.RETURNED,
        "query.not_found": Seen.NOT_FOUND,
        "callback.paid": Seen.PAID,
        "callback.failed": Seen.FAILED,
        "callback.returned": Seen.RETURNED,
        "callback.unknown_word": Seen.PENDING,
        "callback.badly_signed": BadSignature,
        "bind_card.bound": BindSeen.BOUND,
        "bind_card.refused": BindSeen.REFUSED,
        "bind_card.in_review": BindSeen.PENDING,
        "figures.no_day": Unreadable,
    }

    def test_it_never_claims_to_pay_a_number_only_once(self) -> None:
        assert Spruce.deduplicates is False

    def test_the_answer_to_one_query_is_not_the_answer_to_another(self) -> None:
        """The path that was asked is part of the signed text."""
        fair = self.them.say("query", ORDER, "arrived")
        assert isinstance(fair, Reply)
        other = replace(ORDER, number="W20261121OTHER")
        with pytest.raises(BadSignature):
            Spruce(self.them.settings).read_query(other, fair)

    @pytest.mark.parametrize(
        "amount", ["100", "100.0", "100.000", "1e2", "-1.00", "1,000.00", " 1.00", "１.00", "9" * 14 + ".00", 100]
    )
    def test_an_amount_is_yuan_with_two_decimals(self, amount: object) -> None:
        body = self.them.body(order_id=ORDER.number, amount=amount, status="arrived")
        with pytest.raises(Unreadable):
            Spruce(self.them.settings).read_query(ORDER, self.them.seal("query", body, ORDER))

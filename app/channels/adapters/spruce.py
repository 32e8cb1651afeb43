"""云杉支付: JSON, HMAC-SHA256 over five lines (method, path, timestamp, nonce, body), amounts in yuan as text.

Their document is §3 of `app/sandbox/README.md`; the section numbers below are its. They pay whatever arrives: a number
sent twice is paid twice (§3.3), so nothing may ever be sent again without people.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import ClassVar
from urllib.parse import quote

from app.channels.adapters._reading import json_object, text_of, yuan_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    BindObservation,
    BindsCards,
    BindSeen,
    CardToBind,
    Figures,
    KickedOut,
    Observation,
    Order,
    RawCallback,
    ReadsFigures,
    Reply,
    Request,
    Seen,
    Setting,
    Shape,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.errors import gettext_noop
from app.kernel.numbers import random_text

# §3.6: the statuses they answer with, all of them signed. Anything else comes from a machine in between.
STATUSES = frozenset({200, 201, 404, 422})
DETAILS = ("id_number", "branch", "cnaps", "province", "city")  # §3.7: their names are ours


class Spruce(Adapter, BindsCards, ReadsFigures):
    code = "spruce"
    title = gettext_noop("云杉支付")
    settings = (
        Setting(name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://api.spruce.example"),
        Setting(name="merchant_no", label=gettext_noop("商户号"), example="SP-3301"),
        Setting(name="api_key", label="API Key", example="spk_live_7Q2M"),
        Setting(name="api_secret", label="API Secret", secret=True),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        "accepted": Seen.PENDING,
        "remitting": Seen.PENDING,
        "arrived": Seen.PAID,
        "rejected": Seen.FAILED,
        "bounced": Seen.RETURNED,
    }
    # §3.6: refused before anything moved. `system_busy` and all others prove nothing.
    submit_codes: ClassVar[Mapping[str, Seen]] = {
        "balance_not_enough": Seen.FAILED,
        "card_invalid": Seen.FAILED,
        "card_name_mismatch": Seen.FAILED,
        "card_not_bound": Seen.FAILED,
    }
    query_codes: ClassVar[Mapping[str, Seen]] = {"payout_not_found": Seen.NOT_FOUND}
    bind_words: ClassVar[Mapping[str, BindSeen]] = {
        "bound": BindSeen.BOUND,
        "refused": BindSeen.REFUSED,
        "in_review": BindSeen.PENDING,
    }
    kicked_out_words = frozenset({"session_replaced"})
    deduplicates = False
    query_waits_s = (2, 3, 5, 10, 30, 60)
    resend_window_s = 60
    callback_answer = "OK"

    def write_submit(self, order: Order) -> Request:
        return self._write(
            "POST",
            "/v1/payouts",
            order_id=order.number,
            amount=order.amount.yuan,
            card_no=order.card_number,
            card_name=order.holder,
            bank_name=order.bank,
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer("/v1/payouts", reply), self.submit_codes)

    def write_query(self, order: Order) -> Request:
        return self._write("GET", _payout(order.number))

    def read_query(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(_payout(order.number), reply), self.query_codes)

    def read_callback(self, raw: RawCallback) -> Observation:
        return self._observe(self._verified("NOTIFY", "/v1/payouts", raw.body, raw.headers), {})

    def write_bind(self, card: CardToBind) -> Request:
        return self._write(
            "POST",
            "/v1/cards",
            bind_id=card.reference,
            card_no=card.card_number,
            card_name=card.holder,
            bank_name=card.bank,
            mobile=card.phone,
            account_type=card.account_type,
            **{name: text for name, text in card.details.items() if name in DETAILS and text},
        )

    def read_bind(self, card: CardToBind, reply: Reply) -> BindObservation:
        fields = self._answer("/v1/cards", reply)
        if "error" in fields:  # too busy, or not understood: that says nothing about the card
            return BindObservation(seen=BindSeen.PENDING, message=text_of(fields, "error_text"))
        if text_of(fields, "bind_id") != card.reference:
            raise Unreadable("应答的绑卡流水号不是我们的")
        word = text_of(fields, "status")
        return BindObservation(
            seen=self.bind_words.get(word, BindSeen.PENDING),
            signed=word in self.bind_words,
            channel_card=text_of(fields, "card_id"),
            message=text_of(fields, "status_text"),
        )

    def write_figures(self, day: date) -> Request:
        return self._write("GET", _figures(day))

    def read_figures(self, day: date, reply: Reply) -> Figures:
        fields = self._answer(_figures(day), reply)
        if "error" in fields or fields.get("day") != day.isoformat():
            raise Unreadable("没有这一天的数据", text_of(fields, "error"))
        return Figures(
            day=day,
            total=yuan_of(fields, "total"),
            yesterday=yuan_of(fields, "yesterday"),
            today=yuan_of(fields, "today"),
            settled=yuan_of(fields, "settled"),
            settleable=yuan_of(fields, "settleable"),
        )

    def _write(self, method: str, path: str, **fields: str) -> Request:
        body = b""
        if method == "POST":
            given = {"merchant_no": self.given["merchant_no"], **fields}
            body = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp, nonce = str(int(clock.now().timestamp())), random_text(16)
        text = _signed(method, path, timestamp, nonce, body)
        return Request(
            method=method,
            path=path,
            body=body,
            content_type="application/json",
            headers={
                "X-Spruce-Key": self.given["api_key"],
                "X-Spruce-Timestamp": timestamp,
                "X-Spruce-Nonce": nonce,
                "X-Spruce-Signature": signing.hmac_sha256(text, self.given["api_secret"].encode()),
            },
            signed_text=text.decode(),
        )

    def _answer(self, path: str, reply: Reply) -> dict[str, object]:
        if reply.status not in STATUSES:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        fields = self._verified("ANSWER", path, reply.body, reply.headers)
        if (error := text_of(fields, "error")) in self.kicked_out_words:
            raise KickedOut("第三方已有他人登录", error)
        return fields

    def _verified(self, verb: str, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, object]:
        text = _signed(verb, path, headers.get("x-spruce-timestamp", ""), headers.get("x-spruce-nonce", ""), body)
        expected = signing.hmac_sha256(text, self.given["api_secret"].encode())
        if not signing.same(headers.get("x-spruce-signature", ""), expected):
            raise BadSignature("签名不符")
        fields = json_object(body)
        if fields.get("merchant_no") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        return fields

    def _observe(self, fields: Mapping[str, object], codes: Mapping[str, Seen]) -> Observation:
        error = text_of(fields, "error")
        word = error or text_of(fields, "status")
        seen = codes.get(error, Seen.PENDING) if error else self.read_word(word)
        number = text_of(fields, "order_id")
        amount = yuan_of(fields, "amount") if "amount" in fields else None
        if seen is not Seen.PENDING and not number:
            raise Unreadable("没有说是哪一笔", word)
        if seen in (Seen.PAID, Seen.FAILED, Seen.RETURNED) and amount is None:
            raise Unreadable("没有说是多少钱", word)
        return Observation(
            seen=seen,
            signed=True,
            vague=bool(error) and error not in codes,
            number=number,
            amount=amount,
            channel_number=text_of(fields, "payout_id"),
            word=word,
            message=text_of(fields, "error_text") or text_of(fields, "status_text"),
        )


def _payout(number: str) -> str:
    return f"/v1/payouts/{quote(number, safe='')}"


def _figures(day: date) -> str:
    return f"/v1/account/figures?day={day.isoformat()}"


def _signed(verb: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """§3.2: five lines. Answers say ANSWER and the path they answer; callbacks say NOTIFY: none passes for another."""
    return f"{verb}\n{path}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"

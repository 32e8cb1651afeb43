"""云杉支付, their side: `README.md` §3. They pay what arrives, as often as it arrives."""

from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from app.kernel import clock, numbers, signing
from app.kernel.errors import Malformed
from app.kernel.money import Money
from app.sandbox.cards import Card, CardToBind
from app.sandbox.growth import Account
from app.sandbox.manners.manner import (
    DETAILS,
    PROBLEMS,
    Asked,
    AskFigures,
    Incoming,
    Manner,
    Outgoing,
    Query,
    Rejected,
    Voice,
    check_clock,
    day_of,
    json_bytes,
    json_object,
    one_of,
    text_of,
)
from app.sandbox.merchants import Merchant
from app.sandbox.payouts import Payout, Submit
from app.sandbox.states import State

WORDS = {
    State.PROCESSING: "remitting",
    State.STRANGE: "under_water",  # listed nowhere
    State.PAID: "arrived",
    State.FAILED: "rejected",
    State.RETURNED: "bounced",
    State.REFUSED: "rejected",
}
CODES = {
    "balance": "balance_not_enough",
    "card": "card_invalid",
    "name": "card_name_mismatch",
    "card_not_bound": "card_not_bound",
    "different": "order_conflict",
    "not_found": "payout_not_found",
    "no_day": "day_not_available",
    "signature": "signature_invalid",
    "malformed": "parameter_invalid",
    "clock": "timestamp_expired",
    "busy": "system_busy",
    "kicked_out": "session_replaced",
}
ACCOUNT_TYPES = {"": "private", "private": "private", "corporate": "corporate"}
CARD_WORDS = {"bound": "bound", "refused": "refused", "in_review": "in_review"}


class Spruce(Manner):
    code = "spruce"
    title = "云杉支付"
    deduplicates = False
    keys = ("api_key", "api_secret")
    interfaces: ClassVar = {
        "POST /v1/payouts": "submit",
        "GET /v1/payouts/": "query",
        "GET /v1/account/figures": "figures",
        "POST /v1/cards": "bind_card",
    }

    def caller(self, incoming: Incoming) -> tuple[str, str]:
        return "api_key", incoming.headers.get("x-spruce-key", "")

    def read(self, incoming: Incoming, interface: str, merchant: Merchant) -> Asked:
        timestamp = incoming.headers.get("x-spruce-timestamp", "")
        nonce = incoming.headers.get("x-spruce-nonce", "")
        expected = _signature(merchant, incoming.method, incoming.path, timestamp, nonce, incoming.body)
        if not nonce or not signing.same(incoming.headers.get("x-spruce-signature", ""), expected):
            raise Rejected("signature")
        check_clock(timestamp)
        parts = urlsplit(incoming.path)
        if interface == "figures":
            return AskFigures(day=day_of("".join(parse_qs(parts.query).get("day", []))))
        if interface == "query":
            return Query(order_no=unquote(parts.path.removeprefix("/v1/payouts/")))
        fields = json_object(incoming.body)
        if fields.get("merchant_no") != merchant.merchant_no:
            raise Rejected("malformed")
        if interface == "bind_card":
            return CardToBind(
                reference=text_of(fields, "bind_id"),
                card_number=text_of(fields, "card_no"),
                holder=text_of(fields, "card_name"),
                bank=text_of(fields, "bank_name", optional=True),
                phone=text_of(fields, "mobile", optional=True),
                account_type=one_of(ACCOUNT_TYPES, text_of(fields, "account_type", optional=True)),
                details={name: text_of(fields, name, optional=True) for name in DETAILS if name in fields},
            )
        try:
            amount = Money.parse(text_of(fields, "amount"))
        except Malformed as problem:
            raise Rejected("malformed") from problem
        return Submit(
            order_no=text_of(fields, "order_id"),
            amount_minor=amount.minor,
            card_number=text_of(fields, "card_no"),
            holder=text_of(fields, "card_name"),
            bank=text_of(fields, "bank_name", optional=True),
        )

    def payout(self, voice: Voice, payout: Payout) -> Outgoing:
        return _say(voice, 200, **_about(payout))

    def problem(self, voice: Voice, problem: str, *, order_no: str = "", amount_minor: int | None = None) -> Outgoing:
        fields = {"error": CODES[problem], "error_text": PROBLEMS[problem], "order_id": order_no}
        if amount_minor is not None:
            fields["amount"] = Money(amount_minor).yuan
        return _say(voice, 404 if problem == "not_found" else 422, **fields)

    def card(self, voice: Voice, card: Card) -> Outgoing:
        token = card.token if card.state == "bound" else ""
        return _say(
            voice, 201, bind_id=card.reference, status=CARD_WORDS[card.state], status_text=card.reason, card_id=token
        )

    def figures(self, voice: Voice, account: Account) -> Outgoing:
        return _say(
            voice,
            200,
            day=account.day.isoformat(),
            total=Money(account.total_minor).yuan,
            yesterday=Money(account.yesterday_minor).yuan,
            today=Money(account.today_minor).yuan,
            settled=Money(account.settled_minor).yuan,
            settleable=Money(account.settleable_minor).yuan,
        )

    def callback(self, voice: Voice, payout: Payout) -> Outgoing:
        return _say(voice, 200, "NOTIFY", "/v1/payouts", **_about(payout))

    def satisfied(self, answer: bytes) -> bool:
        return answer.strip() == b"OK"


def _about(payout: Payout) -> dict[str, str]:
    return {
        "order_id": payout.order_no,
        "payout_id": payout.channel_no,
        "amount": Money(payout.amount_minor).yuan,
        "status": WORDS[payout.state],
    }


def _say(voice: Voice, http_status: int, verb: str = "ANSWER", path: str = "", /, **fields: str) -> Outgoing:
    given = {"merchant_no": voice.merchant.merchant_no, **{name: text for name, text in fields.items() if text}}
    body = json_bytes(given)
    timestamp, nonce = str(int(clock.now().timestamp())), numbers.random_text(16)
    signature = _signature(voice.merchant, verb, path or voice.path, timestamp, nonce, body)
    return Outgoing(
        status=http_status,
        body=body,
        content_type="application/json; charset=utf-8",
        headers={
            "X-Spruce-Timestamp": timestamp,
            "X-Spruce-Nonce": nonce,
            "X-Spruce-Signature": voice.sign(signature),
        },
    )


def _signature(merchant: Merchant, verb: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    text = f"{verb}\n{path}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"
    return signing.hmac_sha256(text, merchant.keys["api_secret"].encode())

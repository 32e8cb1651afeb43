"""白鹭支付, their side: `README.md` §2."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from app.kernel import clock, signing
from app.kernel.funds import Funds
from app.sandbox.cards import BindMany, Card, CardToBind, ListCards, Page, Unbind, Unbound
from app.sandbox.growth import Account
from app.sandbox.manners.manner import (
    ACCOUNT_TYPES,
    PROBLEMS,
    Asked,
    AskFigures,
    BindsMany,
    Incoming,
    KeepsCards,
    KeepsStatements,
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
from app.sandbox.statements import AskStatement, Statement
from app.sandbox.states import State

WORDS = {
    State.PROCESSING: "DEALING",
    State.STRANGE: "CLEARING_HOUSE_REVIEW",  # listed nowhere
    State.PAID: "SUCCESS",
    State.FAILED: "FAIL",
    State.RETURNED: "REFUND",
    State.REFUSED: "FAIL",
}
CODES = {
    "balance": "BALANCE_NOT_ENOUGH",
    "card": "CARD_NO_INVALID",
    "name": "PAYEE_NAME_MISMATCH",
    "card_not_bound": "CARD_NOT_BOUND",
    "different": "TRADE_NO_CONFLICT",
    "not_found": "TRADE_NOT_EXIST",
    "no_day": "DATE_NOT_AVAILABLE",
    "signature": "SIGN_ERROR",
    "malformed": "PARAM_ERROR",
    "clock": "TIMESTAMP_EXPIRED",
    "busy": "SYSTEM_ERROR",
    "kicked_out": "KICKED_OUT",
    "no_card": "CARD_NOT_EXIST",
}
CARD_WORDS = {"bound": "VALID", "refused": "INVALID", "in_review": "CHECKING"}
UNBIND_WORDS = {"gone": "REMOVED", "refused": "REFUSED", "in_review": "CHECKING"}
DETAILS = {"id_number": "certNo", "branch": "branchName", "cnaps": "cnaps", "province": "province", "city": "city"}
FUNDS = {"": Funds.COLLECTED, "SETTLEABLE": Funds.COLLECTED, "DEPOSIT": Funds.PREFUNDED}
LARGEST_BATCH = 500


class Egret(Manner, BindsMany, KeepsCards, KeepsStatements):
    code = "egret"
    title = "白鹭支付"
    deduplicates = True
    takes_deposits = True
    keys = ("public_key",)
    page_size = 500
    lines_a_page = 200
    interfaces: ClassVar = {
        "POST /openapi/transfer/submit": "submit",
        "POST /openapi/transfer/query": "query",
        "POST /openapi/account/overview": "figures",
        "POST /openapi/card/bind": "bind_card",
        "POST /openapi/card/batchBind": "bind_cards",
        "POST /openapi/card/list": "list_cards",
        "POST /openapi/card/unbind": "unbind_card",
        "POST /openapi/transfer/settle": "settle",
        "POST /openapi/bill/list": "statement",
    }

    def complete_keys(self, given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
        """Their own pair is made at the first registration and kept for ever."""
        if "channel_private_key" in known:
            return {**known, **given}
        private, public = signing.new_rsa_pair()
        return {**given, "channel_private_key": private, "channel_public_key": public}

    def told(self, keys: Mapping[str, str]) -> dict[str, str]:
        return {"channel_public_key": keys["channel_public_key"]}

    def caller(self, incoming: Incoming) -> tuple[str, str]:
        return "merchant_no", incoming.headers.get("egret-merchant", "")

    def read(self, incoming: Incoming, interface: str, merchant: Merchant) -> Asked:
        timestamp = incoming.headers.get("egret-timestamp", "")
        signed = timestamp.encode() + b"\n" + incoming.body
        if not signing.rsa_verify(signed, incoming.headers.get("egret-signature", ""), merchant.keys["public_key"]):
            raise Rejected("signature")
        check_clock(timestamp, per_second=1000)
        fields = json_object(incoming.body)
        if fields.get("merchantNo") != merchant.merchant_no:
            raise Rejected("malformed")
        if interface == "figures":
            return AskFigures(day=day_of(text_of(fields, "bizDate")))
        if interface == "statement":
            return AskStatement(day=day_of(text_of(fields, "bizDate")), after=text_of(fields, "after", optional=True))
        if interface == "query":
            return Query(order_no=text_of(fields, "outTradeNo"))
        if interface == "bind_card":
            return _to_bind(fields)
        if interface == "bind_cards":
            return BindMany(batch=text_of(fields, "batchNo"), cards=_batch(fields.get("cards")))
        if interface == "list_cards":
            return ListCards(after=text_of(fields, "after", optional=True))
        if interface == "unbind_card":
            return _unbind(fields)
        amount = fields.get("tradeAmount")
        if type(amount) is not int or not 0 < amount < 10**15:
            raise Rejected("malformed")
        source = text_of(fields, "fundSource", optional=True) if interface == "submit" else ""
        return Submit(
            order_no=text_of(fields, "outTradeNo"),
            amount_minor=amount,
            card_number=text_of(fields, "payeeCardNo"),
            holder=text_of(fields, "payeeName"),
            bank=text_of(fields, "payeeBank", optional=True),
            kind="settlement" if interface == "settle" else "payout",
            funds=one_of(FUNDS, source),
        )

    def payout(self, voice: Voice, payout: Payout) -> Outgoing:
        return _say(voice, code="OK", msg="成功", data=_about(payout))

    def problem(self, voice: Voice, problem: str, *, order_no: str = "", amount_minor: int | None = None) -> Outgoing:
        data: dict[str, object] = {}
        if order_no:
            data["outTradeNo"] = order_no
        if amount_minor is not None:
            data["tradeAmount"] = amount_minor
        return _say(voice, code=CODES[problem], msg=PROBLEMS[problem], data=data)

    def card(self, voice: Voice, card: Card) -> Outgoing:
        return _say(voice, code="OK", msg=card.reason or "成功", data=_bound(card))

    def cards(self, voice: Voice, batch: str, cards: Sequence[Card]) -> Outgoing:
        each = [_bound(card) | ({"msg": card.reason} if card.reason else {}) for card in cards]
        return _say(voice, code="OK", msg="成功", data={"batchNo": batch, "cards": each})

    def card_page(self, voice: Voice, page: Page) -> Outgoing:
        cards = [
            {
                "cardToken": card.token,
                "outBindNo": card.reference,
                "cardNo": card.number_masked,
                "cardHolder": card.holder_masked,
                "bankName": card.bank,
                "cardState": CARD_WORDS[card.state],
            }
            for card in page.cards
        ]
        return _say(voice, code="OK", msg="成功", data={"after": page.after, "cards": cards, "next": page.next})

    def unbound(self, voice: Voice, unbound: Unbound) -> Outgoing:
        data = {"cardToken": unbound.asked.token, "outBindNo": unbound.asked.reference}
        if unbound.problem:
            return _say(voice, code=CODES[unbound.problem], msg=PROBLEMS[unbound.problem], data=data)
        data["unbindState"] = UNBIND_WORDS[unbound.state]
        return _say(voice, code="OK", msg=unbound.reason or "成功", data=data)

    def figures(self, voice: Voice, account: Account) -> Outgoing:
        data = {
            "bizDate": account.day.isoformat(),
            "tradeTotal": account.total_minor,
            "yesterdayTotal": account.yesterday_minor,
            "todayTotal": account.today_minor,
            "settledTotal": account.settled_minor,
            "settleable": account.settleable_minor,
            "deposit": voice.merchant.deposit_minor,
        }
        return _say(voice, code="OK", msg="成功", data=data)

    def statement(self, voice: Voice, statement: Statement) -> Outgoing:
        lines = [
            {
                "outTradeNo": line.order_no,
                "tradeNo": line.channel_no,
                "tradeAmount": line.amount_minor,
                "tradeState": WORDS[line.state],
                "fee": line.fee_minor,
                "finishTime": f"{line.at:%Y-%m-%d %H:%M:%S}",
            }
            for line in statement.lines
        ]
        data = {"bizDate": statement.day.isoformat(), "after": statement.after, "lines": lines, "next": statement.next}
        return _say(voice, code="OK", msg="成功", data=data)

    def callback(self, voice: Voice, payout: Payout) -> Outgoing:
        event_id = f"{payout.channel_no}-{WORDS[payout.state]}"
        return _say(voice, event="TRANSFER", eventId=event_id, data=_about(payout))

    def satisfied(self, answer: bytes) -> bool:
        if answer.strip() == b"SUCCESS":
            return True
        try:
            return json_object(answer).get("code") == "OK"
        except Rejected:
            return False


def _to_bind(fields: Mapping[str, object]) -> CardToBind:
    return CardToBind(
        reference=text_of(fields, "outBindNo"),
        card_number=text_of(fields, "cardNo"),
        holder=text_of(fields, "cardHolder"),
        bank=text_of(fields, "bankName", optional=True),
        phone=text_of(fields, "phone", optional=True),
        account_type=one_of(ACCOUNT_TYPES, text_of(fields, "accountType", optional=True)),
        details={key: text_of(fields, name, optional=True) for key, name in DETAILS.items() if name in fields},
    )


def _batch(given: object) -> list[CardToBind]:
    """§2.9: 1 to 500 cards, each reference once."""
    if not isinstance(given, list) or not 0 < len(given) <= LARGEST_BATCH:
        raise Rejected("malformed")
    if not all(isinstance(one, dict) for one in given):
        raise Rejected("malformed")
    cards = [_to_bind(one) for one in given]
    if len({card.reference for card in cards}) != len(cards):
        raise Rejected("malformed")
    return cards


def _unbind(fields: Mapping[str, object]) -> Unbind:
    asked = Unbind(
        token=text_of(fields, "cardToken", optional=True),
        reference=text_of(fields, "outBindNo", optional=True),
        card_number=text_of(fields, "cardNo", optional=True),
    )
    if not (asked.token or asked.reference):
        raise Rejected("malformed")
    return asked


def _bound(card: Card) -> dict[str, str]:
    data = {"outBindNo": card.reference, "cardState": CARD_WORDS[card.state]}
    return data | ({"cardToken": card.token} if card.state == "bound" else {})


def _about(payout: Payout) -> dict[str, object]:
    return {
        "outTradeNo": payout.order_no,
        "tradeNo": payout.channel_no,
        "tradeAmount": payout.amount_minor,
        "tradeState": WORDS[payout.state],
    }


def _say(voice: Voice, **fields: object) -> Outgoing:
    body = json_bytes({"merchantNo": voice.merchant.merchant_no, **fields})
    timestamp = str(int(clock.now().timestamp() * 1000))
    signature = signing.rsa_sign(timestamp.encode() + b"\n" + body, voice.merchant.keys["channel_private_key"])
    return Outgoing(
        body=body,
        content_type="application/json; charset=utf-8",
        headers={"Egret-Timestamp": timestamp, "Egret-Signature": voice.sign(signature)},
    )

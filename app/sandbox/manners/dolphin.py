"""海豚支付, their side: `README.md` §1."""

import json
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from app.kernel import signing
from app.kernel.errors import Malformed
from app.kernel.money import Money
from app.sandbox.cards import Card, CardToBind, ListCards, Page, Unbind, Unbound
from app.sandbox.growth import Account
from app.sandbox.manners.manner import (
    ACCOUNT_TYPES,
    PROBLEMS,
    Asked,
    AskFigures,
    Incoming,
    KeepsCards,
    Manner,
    Outgoing,
    Query,
    Rejected,
    Voice,
    day_of,
    one_of,
    text_of,
)
from app.sandbox.merchants import Merchant
from app.sandbox.payouts import Payout, Submit
from app.sandbox.states import State

WORDS = {
    State.PROCESSING: "PROCESSING",
    State.STRANGE: "BANK_CHECKING",  # listed nowhere
    State.PAID: "SUCCESS",
    State.FAILED: "FAIL",
    State.RETURNED: "REFUND",
    State.REFUSED: "FAIL",
}
CODES = {
    "balance": "1001",
    "card": "1002",
    "name": "1003",
    "card_not_bound": "1004",
    "different": "1005",
    "not_found": "2001",
    "no_day": "2002",
    "signature": "3001",
    "malformed": "3002",
    "clock": "3003",
    "busy": "9999",
    "kicked_out": "4001",
    "no_card": "2003",
}
CARD_WORDS = {"bound": "BOUND", "refused": "REJECT", "in_review": "AUDIT"}
UNBIND_WORDS = {"gone": "UNBOUND", "refused": "REJECT", "in_review": "AUDIT"}
DETAILS = {"id_number": "certNo", "branch": "branchName", "cnaps": "cnaps", "province": "province", "city": "city"}


class Dolphin(Manner, KeepsCards):
    code = "dolphin"
    title = "海豚支付"
    deduplicates = True
    keys = ("key",)
    page_size = 200
    interfaces: ClassVar = {
        "POST /api/payout/create": "submit",
        "POST /api/payout/query": "query",
        "POST /api/account/figures": "figures",
        "POST /api/card/bind": "bind_card",
        "POST /api/card/list": "list_cards",
        "POST /api/card/unbind": "unbind_card",
        "POST /api/payout/settle": "settle",
    }

    def caller(self, incoming: Incoming) -> tuple[str, str]:
        return "merchant_no", _form(incoming.body).get("mchId", "")

    def read(self, incoming: Incoming, interface: str, merchant: Merchant) -> Asked:
        fields = _form(incoming.body)
        expected = signing.md5_with_key(signing.sorted_pairs(fields), merchant.keys["key"])
        if not signing.same(fields.get("sign", ""), expected):
            raise Rejected("signature")
        if interface == "figures":
            return AskFigures(day=day_of(text_of(fields, "day")))
        if interface == "query":
            return Query(order_no=text_of(fields, "mchOrderNo"))
        if interface == "bind_card":
            return CardToBind(
                reference=text_of(fields, "bindNo"),
                card_number=text_of(fields, "accountNo"),
                holder=text_of(fields, "accountName"),
                bank=text_of(fields, "bankName", optional=True),
                phone=text_of(fields, "mobile", optional=True),
                account_type=one_of(ACCOUNT_TYPES, fields.get("accountType", "")),
                details={key: text_of(fields, name, optional=True) for key, name in DETAILS.items() if name in fields},
            )
        if interface == "list_cards":
            return ListCards(after=text_of(fields, "cursor", optional=True))
        if interface == "unbind_card":
            return _unbind(fields)
        try:
            amount = Money.parse_fen(text_of(fields, "amount"))
        except Malformed as problem:
            raise Rejected("malformed") from problem
        return Submit(
            order_no=text_of(fields, "mchOrderNo"),
            amount_minor=amount.minor,
            card_number=text_of(fields, "accountNo"),
            holder=text_of(fields, "accountName"),
            bank=text_of(fields, "bankName", optional=True),
            kind="settlement" if interface == "settle" else "payout",
        )

    def payout(self, voice: Voice, payout: Payout) -> Outgoing:
        return _say(voice, respCode="0000", respMsg="受理成功", **_about(payout))

    def problem(self, voice: Voice, problem: str, *, order_no: str = "", amount_minor: int | None = None) -> Outgoing:
        amount = "" if amount_minor is None else str(amount_minor)
        return _say(voice, respCode=CODES[problem], respMsg=PROBLEMS[problem], mchOrderNo=order_no, amount=amount)

    def card(self, voice: Voice, card: Card) -> Outgoing:
        return _say(
            voice,
            respCode="0000",
            respMsg=card.reason,
            bindNo=card.reference,
            bindStatus=CARD_WORDS[card.state],
            cardId=card.token if card.state == "bound" else "",
        )

    def card_page(self, voice: Voice, page: Page) -> Outgoing:
        cards = [
            {
                "cardId": card.token,
                "bindNo": card.reference,
                "accountNo": card.number_masked,
                "accountName": card.holder_masked,
                "bankName": card.bank,
                "bindStatus": CARD_WORDS[card.state],
            }
            for card in page.cards
        ]
        text = json.dumps(cards, ensure_ascii=False, separators=(",", ":"))
        return _say(voice, respCode="0000", respMsg="成功", cursor=page.after, nextCursor=page.next, cards=text)

    def unbound(self, voice: Voice, unbound: Unbound) -> Outgoing:
        named = {"cardId": unbound.asked.token, "bindNo": unbound.asked.reference}
        if unbound.problem:
            return _say(voice, respCode=CODES[unbound.problem], respMsg=PROBLEMS[unbound.problem], **named)
        word = UNBIND_WORDS[unbound.state]
        return _say(voice, respCode="0000", respMsg=unbound.reason, unbindStatus=word, **named)

    def figures(self, voice: Voice, account: Account) -> Outgoing:
        return _say(
            voice,
            respCode="0000",
            day=f"{account.day:%Y%m%d}",
            totalAmount=str(account.total_minor),
            yesterdayAmount=str(account.yesterday_minor),
            todayAmount=str(account.today_minor),
            settledAmount=str(account.settled_minor),
            availableAmount=str(account.settleable_minor),
        )

    def callback(self, voice: Voice, payout: Payout) -> Outgoing:
        # §1.5: a repeated notice is the same text: its number is that of the payout and the word.
        return _say(voice, notifyId=f"{payout.channel_no}{WORDS[payout.state]}", **_about(payout))

    def satisfied(self, answer: bytes) -> bool:
        return answer.strip() == b"success"


def _unbind(fields: Mapping[str, str]) -> Unbind:
    asked = Unbind(token=text_of(fields, "cardId", optional=True), reference=text_of(fields, "bindNo", optional=True))
    if not (asked.token or asked.reference):
        raise Rejected("malformed")
    return asked


def _about(payout: Payout) -> dict[str, str]:
    return {
        "mchOrderNo": payout.order_no,
        "platOrderNo": payout.channel_no,
        "amount": str(payout.amount_minor),
        "status": WORDS[payout.state],
    }


def _say(voice: Voice, **fields: str) -> Outgoing:
    given = {"mchId": voice.merchant.merchant_no, **fields}
    given = {name: value.replace("&", "＆") for name, value in given.items() if value != ""}
    given["sign"] = voice.sign(signing.md5_with_key(signing.sorted_pairs(given), voice.merchant.keys["key"]))
    return Outgoing(body=urlencode(given).encode(), content_type="application/x-www-form-urlencoded")


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as problem:
        raise Rejected("malformed") from problem
    if len(dict(pairs)) != len(pairs):
        raise Rejected("malformed")
    return dict(pairs)

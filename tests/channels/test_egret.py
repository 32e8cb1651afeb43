"""白鹭支付: JSON and RSA."""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import ClassVar

import pytest

from app.channels.adapters.egret import Egret
from app.channels.contract import (
    BadSignature,
    BindSeen,
    CardToUnbind,
    Figures,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    StatementLine,
    UnbindSeen,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.money import Money
from tests.channels.contract import (
    DAY,
    ORDER,
    SAMPLES,
    UNPROVED,
    BindsCardsContract,
    BindsMany,
    BindsManyContract,
    ChannelContract,
    KeepsCards,
    KeepsDepositsContract,
    LetsCardsGo,
    ListsCardsContract,
    Message,
    ReadsFiguresContract,
    ReadsStatementsContract,
    SettlesContract,
    TakesCards,
    TellsFigures,
    TellsStatements,
    Them,
    UnbindsCardsContract,
)


@cache
def pair(whose: str) -> tuple[str, str]:
    """A key pair for this run: no private key is kept in the repository."""
    return signing.new_rsa_pair()


class EgretThem(Them, TellsFigures, TakesCards, KeepsCards, LetsCardsGo, BindsMany, TellsStatements):
    @property
    def settings(self) -> dict[str, str]:  # type: ignore[override]
        return {
            "base_url": "https://egret.test",
            "merchant_no": "EG20260017",
            "private_key": pair("ours")[0],
            "channel_public_key": pair("theirs")[1],
        }

    @property
    def other_settings(self) -> dict[str, str]:  # type: ignore[override]
        return {"channel_public_key": pair("another's")[1]}

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount, number = changes.get("amount", order.amount), changes.get("number", order.number)
        data: dict[str, object] = {"tradeState": word, "newField": changes.get("more", "")}
        if number:
            data["outTradeNo"] = number
        if isinstance(amount, Money):
            data["tradeAmount"] = amount.minor
        told = {"event": "TRANSFER"} if interface == "callback" else {"code": changes.get("code", "OK")}
        return self.seal(interface, self.envelope(**told, data=data), order)

    def figures(self, figures: Figures, day_said: date) -> Reply:
        data = {
            "bizDate": day_said.isoformat(),
            "tradeTotal": figures.total.minor,
            "yesterdayTotal": figures.yesterday.minor,
            "todayTotal": figures.today.minor,
            "settledTotal": figures.settled.minor,
            "settleable": figures.settleable.minor,
        }
        if figures.prefunded is not None:
            data["deposit"] = figures.prefunded.minor
        return self.reply(self.envelope(code="OK", data=data))

    def bind(self, reference: str, word: str) -> Reply:
        return self.reply(self.envelope(code="OK", data={"outBindNo": reference, "cardState": word}))

    def bind_many(self, cards: Sequence[tuple[str, str]], *, code: str = "") -> Reply:
        each = [{"outBindNo": reference, "cardState": word} for reference, word in cards]
        return self.reply(self.envelope(code=code or "OK", data={"batchNo": "CB1", "cards": each}))

    def page(self, after: str, following: str, cards: Sequence[tuple[str, str, str]]) -> Reply:
        listed = [
            {
                "cardToken": f"card_{place}",
                "outBindNo": reference,
                "cardNo": number,
                "cardHolder": "张**",
                "bankName": "工商银行",
                "cardState": word,
            }
            for place, (reference, number, word) in enumerate(cards, 1)
        ]
        return self.reply(self.envelope(code="OK", data={"after": after, "cards": listed, "next": following}))

    def unbind(self, card: CardToUnbind, word: str, *, code: str = "") -> Reply:
        data = {"cardToken": card.channel_card, "outBindNo": card.reference, "unbindState": word}
        return self.reply(self.envelope(code=code or "OK", data=data))

    def statement(
        self,
        lines: Sequence[StatementLine],
        *,
        day: date = DAY,
        after: str = "",
        following: str = "",
        **instead: object,
    ) -> Reply:
        written = [
            {
                "outTradeNo": line.number,
                "tradeNo": line.channel_number,
                "tradeAmount": instead.get("amount", line.amount.minor),
                "tradeState": line.word,
                "fee": instead.get("fee", line.fee.minor if line.fee else 0),
                "finishTime": instead.get("at", f"{line.at.astimezone(clock.BUSINESS_ZONE):%Y-%m-%d %H:%M:%S}"),
                "remark": line.message,
            }
            for line in lines
            if line.at
        ]
        data = {"bizDate": day.isoformat(), "after": after, "lines": written, "next": following}
        return self.reply(self.envelope(code="OK", data=data))

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "SUCCESS")
        probe = {**fair.headers, "egret-signature": "WECHATPAY/SIGNTEST/AAAA"}
        twice = self.seal("callback", fair.body.replace(b'{"merchantNo"', b'{"event":"TRANSFER","merchantNo"'), order)
        assert isinstance(twice, RawCallback)
        return {
            "probe signature": RawCallback(body=fair.body, content_type="", headers=probe),
            "repeated parameter": twice,
        }

    def amount_in(self, request: Request) -> int:
        amount = json.loads(request.body)["tradeAmount"]
        assert type(amount) is int
        return amount

    def seal(self, interface: str, body: bytes, order: Order) -> Message:
        reply = self.reply(body)
        if interface == "callback":
            return RawCallback(body=body, content_type="application/json", headers=reply.headers)
        return reply

    def envelope(self, **fields: object) -> bytes:
        return json.dumps({"merchantNo": "EG20260017", **fields}).encode()

    def reply(self, body: bytes) -> Reply:
        signature = signing.rsa_sign(b"1795224600000\n" + body, pair("theirs")[0])
        headers = {"egret-timestamp": "1795224600000", "egret-signature": signature}
        return Reply(status=200, body=body, headers=headers)


class TestEgret(
    KeepsDepositsContract,
    ReadsFiguresContract,
    BindsCardsContract,
    BindsManyContract,
    ListsCardsContract,
    UnbindsCardsContract,
    SettlesContract,
    ReadsStatementsContract,
    ChannelContract,
):
    adapter = Egret
    them = EgretThem()
    volatile_headers = frozenset({"Egret-Timestamp", "Egret-Signature"})
    sample_settings: ClassVar = {
        "base_url": "https://egret.test",
        "merchant_no": "EG20260017",
        "private_key": "not needed to read",
        "channel_public_key": (SAMPLES / "egret" / "channel_public_key.pem").read_text(),
    }
    sample_figures = Figures(
        day=date(2026, 11, 21),
        total=Money(6122374112),
        yesterday=Money(172754716),
        today=Money(69558358),
        settled=Money(5807766857),
        settleable=Money(291322208),
    )
    samples: ClassVar = {
        "submit.accepted": Seen.PENDING,
        "submit.again_paid": Seen.PAID,
        "submit.other_amount": Seen.PENDING,
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
        "bind_cards.mixed": {
            "B20261121BOUND": BindSeen.BOUND,
            "B20261121REFUSED": BindSeen.REFUSED,
            "B20261121IN_REVIEW": BindSeen.PENDING,
        },
        "bind_cards.busy": {},
        "bind_cards.of_another": Unreadable,
        "bind_cards.badly_signed": BadSignature,
        "list_cards.first": {
            "B20261121BOUND": BindSeen.BOUND,
            "B20261121REFUSED": BindSeen.REFUSED,
            # Their in-review card was bound when the batch was sent again; the missing one is there.
            "B20261121IN_REVIEW": BindSeen.BOUND,
            "B20261121MISSING": BindSeen.BOUND,
        },
        "list_cards.no_place": Unreadable,
        "list_cards.badly_signed": BadSignature,
        "unbind_card.gone": UnbindSeen.GONE,
        "unbind_card.no_card": UnbindSeen.GONE,
        "unbind_card.refused": UnbindSeen.REFUSED,
        "unbind_card.in_review": UnbindSeen.PENDING,
        "unbind_card.busy": UNPROVED,
        "unbind_card.badly_signed": BadSignature,
        "settle.accepted": Seen.PENDING,
        "settle.was_a_payout": Seen.PENDING,
        "figures.no_day": Unreadable,
        "statement.first": {
            "W202611210000000016 SUCCESS": Seen.PAID,
            "W202611210000000026 SUCCESS": Seen.PAID,
            "W202611210000000026 REFUND": Seen.RETURNED,
            "W202611210000000031 CLEARING_HOUSE_REVIEW": Seen.PENDING,
        },
        "statement.empty": {},
        "statement.no_day": Unreadable,
        "statement.no_place": Unreadable,
        "statement.of_another": Unreadable,
        "statement.badly_signed": BadSignature,
    }

    def accepted_code(self) -> str:
        return "OK"

    def test_the_timestamp_is_signed_too(self) -> None:
        fair = self.them.say("callback", ORDER, "SUCCESS")
        assert isinstance(fair, RawCallback)
        moved = RawCallback(
            body=fair.body, content_type="", headers={**fair.headers, "egret-timestamp": "1795224600001"}
        )
        with pytest.raises(BadSignature):
            Egret(self.them.settings).read_callback(moved)

    def test_our_signature_is_verified_with_our_public_key(self) -> None:
        request = Egret(self.them.settings).write_submit(ORDER)
        signed = request.headers["Egret-Timestamp"].encode() + b"\n" + request.body
        assert signing.rsa_verify(signed, request.headers["Egret-Signature"], pair("ours")[1])
        assert request.signed_text.encode() == signed

    @pytest.mark.parametrize("amount", ["12345", 123.0, True, None, -1, 10**15, 10**300, [1], {}])
    def test_an_amount_is_a_whole_number_of_fen(self, amount: object) -> None:
        data = {"outTradeNo": ORDER.number, "tradeAmount": amount, "tradeState": "SUCCESS"}
        with pytest.raises(Unreadable):
            Egret(self.them.settings).read_query(ORDER, self.them.reply(self.them.envelope(code="OK", data=data)))

    @pytest.mark.parametrize("text", ["\x00", "\ud800", "x\udfff"])
    def test_text_that_no_database_can_hold_is_refused(self, text: str) -> None:
        data = {"outTradeNo": ORDER.number, "tradeAmount": 1, "tradeState": "SUCCESS"}
        body = self.them.envelope(code="OK", msg=text, data=data)
        with pytest.raises(Unreadable):
            Egret(self.them.settings).read_query(ORDER, self.them.reply(body))

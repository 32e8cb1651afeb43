"""海豚支付: forms and MD5."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from urllib.parse import parse_qs, urlencode

import pytest

from app.channels.adapters.dolphin import Dolphin
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
    UnbindSeen,
    Unreadable,
)
from app.kernel import signing
from app.kernel.money import Money
from tests.channels.contract import (
    ORDER,
    UNPROVED,
    BindsCardsContract,
    ChannelContract,
    KeepsCards,
    LetsCardsGo,
    ListsCardsContract,
    Message,
    ReadsFiguresContract,
    SettlesContract,
    TakesCards,
    TellsFigures,
    Them,
    UnbindsCardsContract,
)

KEY = "dolphin-test-key"


class DolphinThem(Them, TellsFigures, TakesCards, KeepsCards, LetsCardsGo):
    settings: ClassVar = {"base_url": "https://dolphin.test", "merchant_no": "880100231", "key": KEY}
    other_settings: ClassVar = {"key": "another-key"}

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount = changes.get("amount", order.amount)
        fields = {
            "mchOrderNo": str(changes.get("number", order.number)),
            "amount": str(amount.minor) if isinstance(amount, Money) else "",
            "status": word,
            "newField": str(changes.get("more", "")),
        }
        if interface == "callback":
            return RawCallback(
                body=self.form({**fields, "notifyId": "N1"}), content_type="application/x-www-form-urlencoded"
            )
        return Reply(status=200, body=self.form({**fields, "respCode": str(changes.get("code", "0000"))}))

    def figures(self, figures: Figures, day_said: date) -> Reply:
        fields = {
            "respCode": "0000",
            "day": f"{day_said:%Y%m%d}",
            "totalAmount": str(figures.total.minor),
            "yesterdayAmount": str(figures.yesterday.minor),
            "todayAmount": str(figures.today.minor),
            "settledAmount": str(figures.settled.minor),
            "availableAmount": str(figures.settleable.minor),
        }
        return Reply(status=200, body=self.form(fields))

    def bind(self, reference: str, word: str) -> Reply:
        return Reply(status=200, body=self.form({"respCode": "0000", "bindNo": reference, "bindStatus": word}))

    def page(self, after: str, following: str, cards: Sequence[tuple[str, str, str]]) -> Reply:
        listed = [
            {
                "cardId": f"card_{place}",
                "bindNo": reference,
                "accountNo": number,
                "accountName": "张**",
                "bankName": "工商银行",
                "bindStatus": word,
            }
            for place, (reference, number, word) in enumerate(cards, 1)
        ]
        return self.listing(json.dumps(listed), cursor=after, nextCursor=following)

    def listing(self, text: str, **fields: str) -> Reply:
        return Reply(status=200, body=self.form({"respCode": "0000", "cards": text, **fields}))

    def unbind(self, card: CardToUnbind, word: str, *, code: str = "") -> Reply:
        fields = {"respCode": code or "0000", "unbindStatus": word}
        return Reply(status=200, body=self.form({**fields, "cardId": card.channel_card, "bindNo": card.reference}))

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "SUCCESS").body
        probe = fair.partition(b"&sign=")[0] + b"&sign=WECHATPAY%2FSIGNTEST%2FAAAA"
        return {
            "probe signature": RawCallback(body=probe, content_type=""),
            "repeated parameter": RawCallback(body=fair + b"&status=SUCCESS", content_type=""),
        }

    def amount_in(self, request: Request) -> int:
        return int(parse_qs(request.body.decode())["amount"][0])

    def form(self, fields: dict[str, str]) -> bytes:
        given = {name: text for name, text in {"mchId": "880100231", **fields}.items() if text}
        text = "&".join(f"{name}={given[name]}" for name in sorted(given)) + f"&key={KEY}"
        return urlencode({**given, "sign": md5(text)}).encode()


class TestDolphin(
    ReadsFiguresContract,
    BindsCardsContract,
    ListsCardsContract,
    UnbindsCardsContract,
    SettlesContract,
    ChannelContract,
):
    adapter = Dolphin
    them = DolphinThem()
    sample_settings: ClassVar = {
        "base_url": "https://dolphin.test",
        "merchant_no": "880100231",
        "key": "dolphin-sample-key",
    }
    sample_figures = Figures(
        day=date(2026, 11, 21),
        total=Money(6135383311),
        yesterday=Money(178302508),
        today=Money(62947938),
        settled=Money(5821785211),
        settleable=Money(290263617),
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
        "list_cards.first": {
            "B20261121BOUND": BindSeen.BOUND,
            "B20261121REFUSED": BindSeen.REFUSED,
            "B20261121IN_REVIEW": BindSeen.PENDING,
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
    }

    def accepted_code(self) -> str:
        return "0000"

    def test_a_value_that_would_be_two_parameters_is_refused(self) -> None:
        """`a=1&b=2` and `a` = "1&b=2" have the same signed text: only one of them may be read."""
        smuggled = self.them.form({"respCode": "0000", "respMsg": "x&status=SUCCESS", "mchOrderNo": ORDER.number})
        with pytest.raises(Unreadable):
            Dolphin(self.them.settings).read_query(ORDER, Reply(status=200, body=smuggled))

    def test_another_spelling_of_the_same_form_is_refused(self) -> None:
        fair = self.them.say("callback", ORDER, "SUCCESS").body
        with pytest.raises(Unreadable):
            Dolphin(self.them.settings).read_callback(
                RawCallback(body=fair.replace(b"SUCCESS", b"%53UCCESS"), content_type="")
            )

    def test_our_own_values_hold_no_ampersand(self) -> None:
        """The holder is named 张三&Sons=, and arrives with a full-width ampersand."""
        fields = parse_qs(Dolphin(self.them.settings).write_submit(ORDER).body.decode(), strict_parsing=True)
        assert fields["accountName"] == ["张三＆Sons="]

    @pytest.mark.parametrize(
        "text",
        ["{}", "1", "[1]", "[[]]", "[{", "", '[{"bindNo":"K1","bindNo":"K2"}]', '[{"bindNo":1}]', '[{"bankName":"\\ud800"}]',
         '[{"bankName":"\\u0000"}]', "[" * 60_000],
        ids=range(11),
    )  # fmt: skip
    def test_a_list_inside_a_value_has_one_reading_too(self, text: str) -> None:
        with pytest.raises(Unreadable):
            Dolphin(self.them.settings).read_list("", self.them.listing(text))

    def test_an_amount_of_fen_has_no_other_form(self) -> None:
        for amount in ("100.00", "1e4", "-1", "+1", "0100", "１００", "9" * 16):
            body = self.them.form(
                {"respCode": "0000", "mchOrderNo": ORDER.number, "amount": amount, "status": "SUCCESS"}
            )
            with pytest.raises(Unreadable):
                Dolphin(self.them.settings).read_query(ORDER, Reply(status=200, body=body))


def test_the_recipe_is_that_of_the_published_vector() -> None:
    """WeChat Pay's worked example: the same recipe, as MD5 and as HMAC-SHA256."""
    fields = {
        "appid": "wxd930ea5d5a258f4f",
        "mch_id": "10000100",
        "device_info": "1000",
        "body": "test",
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "empty": "",
        "sign": "anything",
    }
    key = "192006250b4c09247ec02edce69f6a2d"
    text = signing.sorted_pairs(fields)
    assert signing.md5_with_key(text, key) == "9A0A8659F005D6984697E2CA0A9CF3B7"
    hmac = signing.hmac_sha256(f"{text}&key={key}".encode(), key.encode())
    assert hmac.upper() == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()

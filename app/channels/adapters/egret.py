"""白鹭支付: JSON, SHA256withRSA over timestamp and raw body, both in headers, amounts in fen as JSON integers.

Their document is §2 of `app/sandbox/README.md`; the section numbers below are its.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

from app.channels.adapters._reading import fen_of, json_object, moment_of, object_of, objects_of, text_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    BindObservation,
    BindsCards,
    BindSeen,
    BindsManyCards,
    CardPage,
    CardToBind,
    CardToUnbind,
    Figures,
    KickedOut,
    ListedCard,
    ListsCards,
    Observation,
    Order,
    RawCallback,
    ReadsFigures,
    ReadsStatements,
    Reply,
    Request,
    Seen,
    Setting,
    Settles,
    Shape,
    StatementLine,
    StatementPage,
    UnbindObservation,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.errors import Text, gettext_noop
from app.kernel.funds import Funds

ACCEPTED = "OK"
FUNDS = {Funds.COLLECTED: {}, Funds.PREFUNDED: {"fundSource": "DEPOSIT"}}  # §2.3: settleable where it is not said
ACCOUNT_TYPES = {"private": "PRIVATE", "corporate": "CORPORATE"}


class Egret(Adapter, BindsCards, BindsManyCards, ListsCards, UnbindsCards, Settles, ReadsFigures, ReadsStatements):
    code = "egret"
    title = gettext_noop("白鹭支付")
    settings = (
        Setting(
            name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://openapi.egret.example"
        ),
        Setting(name="merchant_no", label=gettext_noop("商户编号"), example="EG20260017"),
        Setting(
            name="private_key",
            label=gettext_noop("商户私钥（PEM）"),
            secret=True,
            multiline=True,
            shape=Shape.PRIVATE_KEY,
            help=gettext_noop("与登记在白鹭的商户公钥是一对"),
        ),
        Setting(
            name="channel_public_key",
            label=gettext_noop("白鹭公钥（PEM）"),
            multiline=True,
            shape=Shape.PUBLIC_KEY,
            help=gettext_noop("登记商户公钥后由白鹭给出，用来验它的应答与通知"),
        ),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        "DEALING": Seen.PENDING,
        "SUCCESS": Seen.PAID,
        "FAIL": Seen.FAILED,
        "REFUND": Seen.RETURNED,  # 退票: the bank sent the money back after SUCCESS
    }
    # §2.6: refused before anything moved; the number stays refused. SYSTEM_ERROR and all others prove nothing.
    submit_codes: ClassVar[Mapping[str, Seen]] = {
        "BALANCE_NOT_ENOUGH": Seen.FAILED,
        "CARD_NO_INVALID": Seen.FAILED,
        "PAYEE_NAME_MISMATCH": Seen.FAILED,
        "CARD_NOT_BOUND": Seen.FAILED,
    }
    query_codes: ClassVar[Mapping[str, Seen]] = {"TRADE_NOT_EXIST": Seen.NOT_FOUND}
    bind_words: ClassVar[Mapping[str, BindSeen]] = {
        "VALID": BindSeen.BOUND,
        "INVALID": BindSeen.REFUSED,
        "CHECKING": BindSeen.PENDING,
    }
    unbind_words: ClassVar[Mapping[str, UnbindSeen]] = {
        "REMOVED": UnbindSeen.GONE,
        "REFUSED": UnbindSeen.REFUSED,
        "CHECKING": UnbindSeen.PENDING,
    }
    unbind_codes: ClassVar[Mapping[str, UnbindSeen]] = {"CARD_NOT_EXIST": UnbindSeen.GONE}
    kicked_out_words = frozenset({"KICKED_OUT"})
    cards_at_once = 500
    funds = frozenset(FUNDS)
    deduplicates = True
    query_waits_s = (2, 3, 5, 10, 30, 60)
    resend_window_s = 60
    callback_answer = '{"code":"OK"}'

    @classmethod
    def flaws(cls, given: Mapping[str, str]) -> Mapping[str, Text]:
        # The one that is always at hand is our own: with it in their place every answer would look forged.
        if signing.same_key(given["channel_public_key"], signing.public_of(given["private_key"])):
            return {"channel_public_key": gettext_noop("这是我们自己的公钥；请填白鹭给出的那一把")}
        return {}

    def write_submit(self, order: Order) -> Request:
        return self._order("/openapi/transfer/submit", order, FUNDS[order.funds])

    def write_settle(self, order: Order) -> Request:
        return self._order("/openapi/transfer/settle", order, {})

    def _order(self, path: str, order: Order, more: Mapping[str, str]) -> Request:
        return self._write(
            path,
            outTradeNo=order.number,
            tradeAmount=order.amount.minor,
            payeeCardNo=order.card_number,
            payeeName=order.holder,
            payeeBank=order.bank,
            **more,
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(reply), self.submit_codes)

    def write_query(self, order: Order) -> Request:
        return self._write("/openapi/transfer/query", outTradeNo=order.number)

    def read_query(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(reply), self.query_codes)

    def read_callback(self, raw: RawCallback) -> Observation:
        envelope = self._verified(raw.body, raw.headers)
        if envelope.get("event") != "TRANSFER":
            raise Unreadable("不是代付通知")
        return self._observe({**envelope, "code": ACCEPTED}, {})

    def write_bind(self, card: CardToBind) -> Request:
        return self._write("/openapi/card/bind", **_card(card))

    def read_bind(self, card: CardToBind, reply: Reply) -> BindObservation:
        envelope = self._answer(reply)
        if envelope["code"] != ACCEPTED:  # too busy, or not understood: that says nothing about the card
            return BindObservation(seen=BindSeen.PENDING, message=text_of(envelope, "msg"))
        data = object_of(envelope, "data")
        if text_of(data, "outBindNo") != card.reference:
            raise Unreadable("应答的绑卡流水号不是我们的")
        return self._bound(data, text_of(envelope, "msg"))

    def write_bind_many(self, batch: str, cards: Sequence[CardToBind]) -> Request:
        return self._write("/openapi/card/batchBind", batchNo=batch, cards=[_card(card) for card in cards])

    def read_bind_many(self, cards: Sequence[CardToBind], reply: Reply) -> Mapping[str, BindObservation]:
        envelope = self._answer(reply)
        if envelope["code"] != ACCEPTED:
            return {}
        ours, found = {card.reference for card in cards}, dict[str, BindObservation]()
        for one in objects_of(object_of(envelope, "data"), "cards"):
            reference = text_of(one, "outBindNo")
            if reference not in ours:
                raise Unreadable("应答的绑卡流水号不是我们的")
            if reference in found:
                raise Unreadable("应答里同一张卡出现两次")
            found[reference] = self._bound(one, text_of(one, "msg"))
        return found

    def _bound(self, data: Mapping[str, object], message: str) -> BindObservation:
        word = text_of(data, "cardState")
        return BindObservation(
            seen=self.bind_words.get(word, BindSeen.PENDING),
            signed=word in self.bind_words,
            channel_card=text_of(data, "cardToken"),
            message=message,
        )

    def write_list(self, after: str) -> Request:
        return self._write("/openapi/card/list", after=after)

    def read_list(self, after: str, reply: Reply) -> CardPage:
        envelope = self._answer(reply)
        if envelope["code"] != ACCEPTED:
            raise Unreadable("没有卡片列表", text_of(envelope, "code"))
        data = object_of(envelope, "data")
        # §2.10: the answer names the page that was asked for, and the next one is another.
        if data.get("after") != after:
            raise Unreadable("不是我们问的那一页")
        following = text_of(data, "next")
        if following and following == after:
            raise Unreadable("下一页还是这一页")
        cards = [
            ListedCard(
                channel_card=text_of(card, "cardToken"),
                reference=text_of(card, "outBindNo"),
                number_masked=text_of(card, "cardNo"),
                holder=text_of(card, "cardHolder"),
                bank=text_of(card, "bankName"),
                state=self.bind_words.get(text_of(card, "cardState"), BindSeen.PENDING),
            )
            for card in objects_of(data, "cards")
        ]
        return CardPage(cards=cards, next=following)

    def write_unbind(self, card: CardToUnbind) -> Request:
        assert card.channel_card or card.reference, "which card?"
        return self._write(
            "/openapi/card/unbind", cardToken=card.channel_card, outBindNo=card.reference, cardNo=card.card_number
        )

    def read_unbind(self, card: CardToUnbind, reply: Reply) -> UnbindObservation:
        envelope = self._answer(reply)
        code, data = text_of(envelope, "code"), object_of(envelope, "data")
        word, words = (
            (text_of(data, "unbindState"), self.unbind_words) if code == ACCEPTED else (code, self.unbind_codes)
        )
        # §2.11: the answer names the card as we named it. "No such card" must not be the answer about another one.
        named = card.channel_card, card.reference
        if word in words and (text_of(data, "cardToken"), text_of(data, "outBindNo")) != named:
            raise Unreadable("应答说的不是这张卡")
        return UnbindObservation(
            seen=words.get(word, UnbindSeen.PENDING), signed=word in words, message=text_of(envelope, "msg")
        )

    def write_figures(self, day: date) -> Request:
        return self._write("/openapi/account/overview", bizDate=day.isoformat())

    def read_figures(self, day: date, reply: Reply) -> Figures:
        envelope = self._answer(reply)
        data = object_of(envelope, "data")
        if envelope["code"] != ACCEPTED or data.get("bizDate") != day.isoformat():
            raise Unreadable("没有这一天的数据", str(envelope["code"]))
        return Figures(
            day=day,
            total=fen_of(data, "tradeTotal"),
            yesterday=fen_of(data, "yesterdayTotal"),
            today=fen_of(data, "todayTotal"),
            settled=fen_of(data, "settledTotal"),
            settleable=fen_of(data, "settleable"),
            prefunded=fen_of(data, "deposit") if "deposit" in data else None,
        )

    def write_statement(self, day: date, after: str) -> Request:
        return self._write("/openapi/bill/list", bizDate=day.isoformat(), after=after)

    def read_statement(self, day: date, after: str, reply: Reply) -> StatementPage:
        envelope = self._answer(reply)
        data = object_of(envelope, "data")
        if envelope["code"] != ACCEPTED or data.get("bizDate") != day.isoformat():
            raise Unreadable("没有这一天的对账单", text_of(envelope, "code"))
        if data.get("after") != after:
            raise Unreadable("不是我们问的那一页")
        following = text_of(data, "next")
        if following and following == after:
            raise Unreadable("下一页还是这一页")
        return StatementPage(lines=[self._line(one) for one in objects_of(data, "lines")], next=following)

    def _line(self, one: Mapping[str, object]) -> StatementLine:
        word, number, channel_number = text_of(one, "tradeState"), text_of(one, "outTradeNo"), text_of(one, "tradeNo")
        if not number and not channel_number:
            raise Unreadable("没有说是哪一笔", word)
        return StatementLine(
            number=number,
            channel_number=channel_number,
            word=word,
            seen=self.read_word(word),
            amount=fen_of(one, "tradeAmount"),
            fee=fen_of(one, "fee") if "fee" in one else None,
            at=moment_of(one, "finishTime"),
            message=text_of(one, "remark"),
        )

    def _write(self, path: str, **fields: object) -> Request:
        given = {"merchantNo": self.given["merchant_no"], **fields}
        body = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = str(int(clock.now().timestamp() * 1000))
        return Request(
            method="POST",
            path=path,
            body=body,
            content_type="application/json",
            headers={
                "Egret-Merchant": self.given["merchant_no"],
                "Egret-Timestamp": timestamp,
                "Egret-Signature": signing.rsa_sign(_signed(timestamp, body), self.given["private_key"]),
            },
            signed_text=_signed(timestamp, body).decode(),
        )

    def _answer(self, reply: Reply) -> dict[str, object]:
        if reply.status != 200:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        envelope = self._verified(reply.body, reply.headers)
        if not text_of(envelope, "code"):
            raise Unreadable("应答没有 code")
        if envelope["code"] in self.kicked_out_words:
            raise KickedOut("第三方已有他人登录", str(envelope["code"]))
        return envelope

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> dict[str, object]:
        text = _signed(headers.get("egret-timestamp", ""), body)
        if not signing.rsa_verify(text, headers.get("egret-signature", ""), self.given["channel_public_key"]):
            raise BadSignature("验签失败")
        envelope = json_object(body)
        if envelope.get("merchantNo") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户编号")
        return envelope

    def _observe(self, envelope: Mapping[str, object], codes: Mapping[str, Seen]) -> Observation:
        code, data = text_of(envelope, "code"), object_of(envelope, "data")
        word = text_of(data, "tradeState") if code == ACCEPTED else code
        seen = self.read_word(word) if code == ACCEPTED else codes.get(code, Seen.PENDING)
        number, message = text_of(data, "outTradeNo"), text_of(envelope, "msg")
        amount = fen_of(data, "tradeAmount") if "tradeAmount" in data else None
        if seen is not Seen.PENDING and not number:
            raise Unreadable("没有说是哪一笔", word)
        if seen in (Seen.PAID, Seen.FAILED, Seen.RETURNED) and amount is None:
            raise Unreadable("没有说是多少钱", word)
        return Observation(
            seen=seen,
            signed=True,
            vague=code != ACCEPTED and code not in codes,
            number=number,
            amount=amount,
            channel_number=text_of(data, "tradeNo"),
            word=word,
            # §2.6: with "OK" it says that the question was answered, whatever became of the money.
            message=message if code != ACCEPTED else "",
        )


def _card(card: CardToBind) -> dict[str, str]:
    """§2.7: as it stands in a single bind and in a batch. What is empty is left out."""
    given = {
        "outBindNo": card.reference,
        "cardNo": card.card_number,
        "cardHolder": card.holder,
        "bankName": card.bank,
        "phone": card.phone,
        "accountType": ACCOUNT_TYPES[card.account_type],
        "certNo": card.details.get("id_number", ""),
        "branchName": card.details.get("branch", ""),
        "cnaps": card.details.get("cnaps", ""),
        "province": card.details.get("province", ""),
        "city": card.details.get("city", ""),
    }
    return {name: text for name, text in given.items() if text}


def _signed(timestamp: str, body: bytes) -> bytes:
    """§2.2: the timestamp of the header, a line feed, the body as it travels."""
    return timestamp.encode() + b"\n" + body

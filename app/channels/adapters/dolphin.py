"""海豚支付: forms both ways, MD5 over sorted pairs with the key at the end, amounts in fen.

Their document is §1 of `app/sandbox/README.md`; the section numbers below are its.
"""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar
from urllib.parse import urlencode

from app.channels.adapters._reading import fen_text_of, form, json_objects, text_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    BindObservation,
    BindsCards,
    BindSeen,
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
    Reply,
    Request,
    Seen,
    Setting,
    Settles,
    Shape,
    UnbindObservation,
    UnbindsCards,
    UnbindSeen,
    Unreadable,
)
from app.kernel import clock, signing
from app.kernel.errors import gettext_noop

ACCEPTED = "0000"
FORM = "application/x-www-form-urlencoded"
ACCOUNT_TYPES = {"private": "PRIVATE", "corporate": "CORPORATE"}


class Dolphin(Adapter, BindsCards, ListsCards, UnbindsCards, Settles, ReadsFigures):
    code = "dolphin"
    title = gettext_noop("海豚支付")
    settings = (
        Setting(
            name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://gateway.dolphin.example"
        ),
        Setting(name="merchant_no", label=gettext_noop("商户号"), example="880100231"),
        Setting(name="key", label=gettext_noop("商户密钥"), secret=True),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        "PROCESSING": Seen.PENDING,
        "SUCCESS": Seen.PAID,
        "FAIL": Seen.FAILED,
        "REFUND": Seen.RETURNED,
    }
    # §1.6: with these codes the order number is void, it was not paid and never will be. "9999" and all others prove nothing.
    submit_codes: ClassVar[Mapping[str, Seen]] = {
        "1001": Seen.FAILED,  # 可用余额不足
        "1002": Seen.FAILED,  # 收款卡号有误
        "1003": Seen.FAILED,  # 收款户名不符
        "1004": Seen.FAILED,  # 收款卡未绑定
    }
    query_codes: ClassVar[Mapping[str, Seen]] = {"2001": Seen.NOT_FOUND}
    bind_words: ClassVar[Mapping[str, BindSeen]] = {
        "BOUND": BindSeen.BOUND,
        "REJECT": BindSeen.REFUSED,
        "AUDIT": BindSeen.PENDING,
    }
    unbind_words: ClassVar[Mapping[str, UnbindSeen]] = {
        "UNBOUND": UnbindSeen.GONE,
        "REJECT": UnbindSeen.REFUSED,
        "AUDIT": UnbindSeen.PENDING,
    }
    unbind_codes: ClassVar[Mapping[str, UnbindSeen]] = {"2003": UnbindSeen.GONE}  # 没有这张卡
    kicked_out_words = frozenset({"4001"})
    deduplicates = True
    query_waits_s = (2, 3, 5, 10, 30, 60)
    resend_window_s = 60
    callback_answer = "success"

    def write_submit(self, order: Order) -> Request:
        return self._order("/api/payout/create", order)

    def write_settle(self, order: Order) -> Request:
        return self._order("/api/payout/settle", order)

    def _order(self, path: str, order: Order) -> Request:
        return self._write(
            path,
            mchOrderNo=order.number,
            amount=str(order.amount.minor),
            accountNo=order.card_number,
            accountName=order.holder,
            bankName=order.bank,
            # Their day of an order is our day of making it: a re-send of the same order is the same text.
            orderTime=order.made_at.astimezone(clock.BUSINESS_ZONE).strftime("%Y%m%d%H%M%S"),
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(reply), self.submit_codes)

    def write_query(self, order: Order) -> Request:
        return self._write("/api/payout/query", mchOrderNo=order.number)

    def read_query(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(reply), self.query_codes)

    def read_callback(self, raw: RawCallback) -> Observation:
        fields = self._verified(raw.body)
        # §1.5: only a notice has a `notifyId`. Our own request, sent back to us, carries a valid signature too.
        if "notifyId" not in fields or "respCode" in fields:
            raise Unreadable("不是通知")
        return self._observe({**fields, "respCode": ACCEPTED}, {})

    def write_bind(self, card: CardToBind) -> Request:
        return self._write(
            "/api/card/bind",
            bindNo=card.reference,
            accountNo=card.card_number,
            accountName=card.holder,
            bankName=card.bank,
            mobile=card.phone,
            accountType=ACCOUNT_TYPES[card.account_type],
            certNo=card.details.get("id_number", ""),
            branchName=card.details.get("branch", ""),
            cnaps=card.details.get("cnaps", ""),
            province=card.details.get("province", ""),
            city=card.details.get("city", ""),
        )

    def read_bind(self, card: CardToBind, reply: Reply) -> BindObservation:
        fields = self._answer(reply)
        if fields["respCode"] != ACCEPTED:  # too busy, or not understood: that says nothing about the card
            return BindObservation(seen=BindSeen.PENDING, message=fields.get("respMsg", ""))
        if fields.get("bindNo") != card.reference:
            raise Unreadable("应答的绑卡流水号不是我们的")
        word = fields.get("bindStatus", "")
        return BindObservation(
            seen=self.bind_words.get(word, BindSeen.PENDING),
            signed=word in self.bind_words,
            channel_card=fields.get("cardId", ""),
            message=fields.get("respMsg", ""),
        )

    def write_list(self, after: str) -> Request:
        return self._write("/api/card/list", cursor=after)

    def read_list(self, after: str, reply: Reply) -> CardPage:
        fields = self._answer(reply)
        if fields["respCode"] != ACCEPTED or "cards" not in fields:
            raise Unreadable("没有卡片列表", fields["respCode"])
        # §1.9: the answer names the page that was asked for, and the next one is another.
        if fields.get("cursor", "") != after:
            raise Unreadable("不是我们问的那一页")
        following = fields.get("nextCursor", "")
        if following and following == after:
            raise Unreadable("下一页还是这一页")
        cards = [
            ListedCard(
                channel_card=text_of(card, "cardId"),
                reference=text_of(card, "bindNo"),
                number_masked=text_of(card, "accountNo"),
                holder=text_of(card, "accountName"),
                bank=text_of(card, "bankName"),
                state=self.bind_words.get(text_of(card, "bindStatus"), BindSeen.PENDING),
            )
            for card in json_objects(fields["cards"])  # §1.9: a list inside a signed value
        ]
        return CardPage(cards=cards, next=following)

    def write_unbind(self, card: CardToUnbind) -> Request:
        assert card.channel_card or card.reference, "which card?"
        return self._write("/api/card/unbind", cardId=card.channel_card, bindNo=card.reference)

    def read_unbind(self, card: CardToUnbind, reply: Reply) -> UnbindObservation:
        fields = self._answer(reply)
        word = fields.get("unbindStatus", "") if fields["respCode"] == ACCEPTED else fields["respCode"]
        words = self.unbind_words if fields["respCode"] == ACCEPTED else self.unbind_codes
        # §1.10: the answer names the card as we named it. "No such card" must not be the answer about another one.
        named = (_unjoined(card.channel_card), _unjoined(card.reference))
        if word in words and (fields.get("cardId", ""), fields.get("bindNo", "")) != named:
            raise Unreadable("应答说的不是这张卡")
        return UnbindObservation(
            seen=words.get(word, UnbindSeen.PENDING), signed=word in words, message=fields.get("respMsg", "")
        )

    def write_figures(self, day: date) -> Request:
        return self._write("/api/account/figures", day=f"{day:%Y%m%d}")

    def read_figures(self, day: date, reply: Reply) -> Figures:
        fields = self._answer(reply)
        if fields["respCode"] != ACCEPTED or fields.get("day") != f"{day:%Y%m%d}":
            raise Unreadable("没有这一天的数据", fields["respCode"])
        return Figures(
            day=day,
            total=fen_text_of(fields, "totalAmount"),
            yesterday=fen_text_of(fields, "yesterdayAmount"),
            today=fen_text_of(fields, "todayAmount"),
            settled=fen_text_of(fields, "settledAmount"),
            settleable=fen_text_of(fields, "availableAmount"),
        )

    def _write(self, path: str, **fields: str) -> Request:
        # §1.2: a value holds no "&" (write "＆"), or one signed text could be read as two different forms.
        given = {"mchId": self.given["merchant_no"], **fields}
        given = {name: _unjoined(value) for name, value in given.items() if value != ""}
        text = signing.sorted_pairs(given)
        given["sign"] = signing.md5_with_key(text, self.given["key"])
        return Request(
            method="POST",
            path=path,
            body=urlencode(given).encode(),
            content_type=FORM,
            signed_text=f"{text}&key=******",
        )

    def _answer(self, reply: Reply) -> dict[str, str]:
        if reply.status != 200:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        fields = self._verified(reply.body)
        if "respCode" not in fields:
            raise Unreadable("应答没有 respCode")
        if fields["respCode"] in self.kicked_out_words:
            raise KickedOut("第三方已有他人登录", fields["respCode"])
        return fields

    def _verified(self, body: bytes) -> dict[str, str]:
        fields = _form(body)
        expected = signing.md5_with_key(signing.sorted_pairs(fields), self.given["key"])
        if not signing.same(fields.get("sign", ""), expected):
            raise BadSignature("签名不符")
        if fields.get("mchId") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        return fields

    def _observe(self, fields: Mapping[str, str], codes: Mapping[str, Seen]) -> Observation:
        code = fields["respCode"]
        word = fields.get("status", "") if code == ACCEPTED else code
        seen = self.read_word(word) if code == ACCEPTED else codes.get(code, Seen.PENDING)
        number = fields.get("mchOrderNo", "")
        amount = fen_text_of(fields, "amount") if "amount" in fields else None
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
            channel_number=fields.get("platOrderNo", ""),
            word=word,
            # §1.6: with "0000" it says that the question was answered, whatever became of the money.
            message=fields.get("respMsg", "") if code != ACCEPTED else "",
        )


def _unjoined(value: str) -> str:
    return value.replace("&", "＆")


def _form(body: bytes) -> dict[str, str]:
    """The pairs of a form in the only spelling there is of them: what they send is what `urlencode` writes."""
    fields = form(body)
    if any("&" in value for value in fields.values()):
        raise Unreadable("参数里有不允许的字符")
    if urlencode(fields).encode() != body:
        raise Unreadable("表单不是规范的写法")
    return fields

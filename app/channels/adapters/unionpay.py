"""银联全渠道 代付 (ACP 5.1.0, txnType 12) to bank cards. Pairs out and in, signed by certificates, amounts in fen as text.

Their documents: open.unionpay.com, 代付产品接口规范 and 全渠道平台接入接口规范 (应答码), and their SDK "acpsdk 5.1.0" for
what is signed and whose certificate may sign. Nothing here was proved against the real gateway: `verified` is False.

An answer is the pairs as they are; only a notice (后台通知) is an urlencoded form. "00" of a submit: taken, not paid.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode

from app.channels.adapters._reading import fen_text_of, form, text_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    Observation,
    Order,
    RawCallback,
    Reply,
    Request,
    Seen,
    Setting,
    Shape,
    Unreadable,
)
from app.kernel import certificates, clock, signing
from app.kernel.bank_card import AccountType
from app.kernel.errors import Text, gettext_noop

VERSION, BY_CERTIFICATE = "5.1.0", "01"
ACCEPTED = "00"
CARD = "01"  # accType: 01 银行卡, 02 存折, 03 IC 卡, 04 对公账户
PAYOUT, QUESTION = "12", "00"  # txnType
THEIR_NAME = str(gettext_noop("中国银联股份有限公司"))
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
_UNSIGNED = frozenset({"signature"})
_NUMBER = re.compile("[0-9A-Za-z]{8,40}")
# The codes whose words leave no doubt that nothing was paid. 01, 03, 04, 05, 12, 34 and 60 ask for a query, and all others
# prove nothing.
_REFUSALS: Mapping[str, Seen] = {
    "31": Seen.FAILED,  # 商户状态不正确
    "32": Seen.FAILED,  # 无此交易权限
    "33": Seen.FAILED,  # 交易金额超限
    "38": Seen.FAILED,  # 风险受限
    "39": Seen.FAILED,  # 交易不在受理时间范围内
    "61": Seen.FAILED,  # 输入的卡号无效
    "63": Seen.FAILED,  # 卡状态不正确
    "66": Seen.FAILED,  # 持卡人身份信息不正确
    "73": Seen.FAILED,  # 卡已超过有效期
    "78": Seen.FAILED,  # 发卡行交易权限受限
}


class Unionpay(Adapter):
    code = "unionpay"
    title = gettext_noop("银联代付")
    settings = (
        Setting(name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://gateway.95516.com"),
        Setting(name="merchant_no", label=gettext_noop("商户号"), example="777290058110048"),
        Setting(
            name="back_url",
            label=gettext_noop("后台通知地址"),
            shape=Shape.URL,
            example="https://console.example/callbacks/C1",
        ),
        Setting(name="sign_cert", label=gettext_noop("商户签名证书（PEM）"), shape=Shape.CERTIFICATE),
        Setting(
            name="private_key",
            label=gettext_noop("商户私钥（PEM）"),
            shape=Shape.PRIVATE_KEY,
            secret=True,
            multiline=True,
        ),
        Setting(
            name="trusted_certs",
            label=gettext_noop("银联根证书与中级证书（PEM）"),
            shape=Shape.CERTIFICATE,
            multiline=True,
        ),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        ACCEPTED: Seen.PAID,  # of the order itself: origRespCode of a query, respCode of a notice
        "01": Seen.PENDING,
        "03": Seen.PENDING,
        "04": Seen.PENDING,
        "05": Seen.PENDING,
        "60": Seen.PENDING,
        **_REFUSALS,
    }
    submit_codes: ClassVar[Mapping[str, Seen]] = _REFUSALS
    query_codes: ClassVar[Mapping[str, Seen]] = {"34": Seen.NOT_FOUND}  # 查无此交易
    deduplicates = False  # "12" 重复交易 is promised for the same orderId and txnTime, but for how long is not
    callback_answer = "ok"  # they look at the status alone
    verified = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._number = str(certificates.read(settings["sign_cert"])[0].serial_number)
        self._trusted = certificates.read(settings["trusted_certs"])

    @classmethod
    def flaws(cls, given: Mapping[str, str]) -> Mapping[str, Text]:
        certified = certificates.public_key(certificates.read(given["sign_cert"])[0])
        if not signing.same_key(certified, signing.public_of(given["private_key"])):
            return {"private_key": gettext_noop("这把私钥不是签名证书里的那一把")}
        return {}

    @classmethod
    def lacks(cls, *, bank: str, branch: Mapping[str, str]) -> Text | None:
        # accType 04 (对公账户) wants sub-fields of `reserved` (注 5.3) that their public document does not spell out.
        return gettext_noop("银联代付只付到对私的银行卡，付到对公账户的写法没有公开的文档")

    def write_submit(self, order: Order) -> Request:
        assert order.account_type == AccountType.PRIVATE, "refused before it was made"
        assert _NUMBER.fullmatch(order.number), "their numbers are letters and digits, 8 to 40"
        about = f"{{customerNm={order.holder.replace('&', '＆')}}}"
        holder = base64.b64encode(about.encode()).decode()
        return self._write(
            "/gateway/api/backTransReq.do",
            order,
            hidden=(holder,),
            txnType=PAYOUT,
            accType=CARD,
            accNo=order.card_number,
            customerInfo=holder,
            txnAmt=str(order.amount.minor),
            currencyCode="156",
            backUrl=self.given["back_url"],
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        answer = self._answer(reply, PAYOUT)
        code = text_of(answer, "respCode")
        if code == ACCEPTED:
            return self._observe(answer, "", Seen.PENDING)
        return self._observe(answer, code, self.submit_codes.get(code, Seen.PENDING), codes=self.submit_codes)

    def write_query(self, order: Order) -> Request:
        return self._write("/gateway/api/queryTrans.do", order, txnType=QUESTION)

    def read_query(self, order: Order, reply: Reply) -> Observation:
        answer = self._answer(reply, QUESTION)
        code = text_of(answer, "respCode")
        if code == ACCEPTED:
            word = text_of(answer, "origRespCode")
            return self._observe(answer, word, self.read_word(word), message=text_of(answer, "origRespMsg"))
        return self._observe(answer, code, self.query_codes.get(code, Seen.PENDING), codes=self.query_codes)

    def read_callback(self, raw: RawCallback) -> Observation:
        notice = self._verified(form(raw.body), PAYOUT)
        # Their answer to a submit has the same pairs but for these, and its "00" is no payment.
        if not text_of(notice, "traceNo") or not text_of(notice, "settleAmt"):
            raise Unreadable("不是代付通知")
        word = text_of(notice, "respCode")
        return self._observe(notice, word, self.read_word(word))

    def _write(self, path: str, order: Order, hidden: tuple[str, ...] = (), **more: str) -> Request:
        # Their txnTime must be that of the send; by it and the number an order is found again.
        at = order.sent_at or order.made_at
        given = {
            "version": VERSION,
            "encoding": "UTF-8",
            "signMethod": BY_CERTIFICATE,
            "txnSubType": "00",
            "bizType": "000401",
            "channelType": "07",
            "accessType": "0",
            "merId": self.given["merchant_no"],
            "certId": self._number,
            "orderId": order.number,
            "txnTime": at.astimezone(clock.BUSINESS_ZONE).strftime("%Y%m%d%H%M%S"),
            **more,
        }
        text = signing.sorted_pairs(given, leave_out=_UNSIGNED)
        given["signature"] = signing.rsa_sign(_digest(text), self.given["private_key"])
        return Request(
            method="POST",
            path=path,
            body=urlencode(given).encode(),
            content_type=FORM,
            signed_text=text,
            hidden=hidden,
        )

    def _answer(self, reply: Reply, kind: str) -> dict[str, str]:
        if reply.status != 200:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        return self._verified(_pairs(reply.body), kind)

    def _verified(self, fields: dict[str, str], kind: str) -> dict[str, str]:
        if (fields.get("version"), fields.get("signMethod")) != (VERSION, BY_CERTIFICATE):
            raise BadSignature("签名算法不符", f"{fields.get('version')} {fields.get('signMethod')}"[:40])
        key = self._key_of(fields.get("signPubKeyCert", ""))
        text = signing.sorted_pairs(fields, leave_out=_UNSIGNED)
        if not signing.rsa_verify(_digest(text), fields.get("signature", ""), key):
            raise BadSignature("验签失败")
        if fields.get("merId") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        if fields.get("txnType") != kind:
            raise Unreadable("不是这个接口的应答")
        return fields

    def _key_of(self, pem: str) -> str:
        """The key of the certificate that a message brings along, if UnionPay owns it and somebody we trust signed it."""
        try:
            (certificate,) = certificates.read(pem)
            named = certificates.common_name(certificate).split("@")
            if THEIR_NAME not in named[2:3] or not certificates.is_trusted(certificate, self._trusted, clock.now()):
                raise BadSignature("不是银联的证书")
            return certificates.public_key(certificate)
        except (ValueError, TypeError) as problem:
            raise BadSignature("证书看不懂") from problem

    def _observe(
        self,
        fields: Mapping[str, str],
        word: str,
        seen: Seen,
        *,
        codes: Mapping[str, Seen] | None = None,
        message: str = "",
    ) -> Observation:
        """`codes`: the word is one of these, about the question; without them it is about the order."""
        number, amount = text_of(fields, "orderId"), None
        if "txnAmt" in fields:
            amount = fen_text_of(fields, "txnAmt")
        if seen is not Seen.PENDING and not number:
            raise Unreadable("没有说是哪一笔", word)
        if seen is Seen.PAID and amount is None:
            raise Unreadable("没有说是多少钱", word)
        return Observation(
            seen=seen,
            signed=True,
            vague=codes is not None and word not in codes,
            number=number,
            amount=amount,
            channel_number=text_of(fields, "queryId"),
            word=word,
            message=message or (text_of(fields, "respMsg") if codes is not None else ""),
        )


def _digest(text: str) -> bytes:
    """5.1.0 signs the hexadecimal SHA-256 of the pairs, as text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest().encode()


def _pairs(body: bytes) -> dict[str, str]:
    """Pairs as they stand, not urlencoded: `k=v&k=v`. A name has one value; a value holds no "&"."""
    try:
        pairs = [pair.partition("=") for pair in body.decode("utf-8").split("&")]
    except ValueError as problem:
        raise Unreadable("不是表单") from problem
    fields = {name: value for name, _, value in pairs}
    if len(fields) != len(pairs) or not all(name and sign for name, sign, _ in pairs):
        raise Unreadable("参数重复")
    return fields

"""支付宝: `alipay.fund.trans.uni.transfer` to an Alipay account or a bank card. Forms out, JSON back, RSA2, amounts in yuan.

Their documents: docs.open.alipay.com/api_28/alipay.fund.trans.uni.transfer, …/alipay.fund.trans.common.query,
…/alipay.fund.account.query, docs.open.alipay.com/msgapi_60/alipay.fund.trans.order.changed, and their official SDKs for
what is signed and how certificates are numbered. Nothing here was proved against the real gateway: `verified` is False.
"""

import json
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode

from app.channels.adapters._reading import form, json_members, json_object, text_of, yuan_of
from app.channels.contract import (
    Adapter,
    BadSignature,
    Observation,
    Order,
    Payee,
    RawCallback,
    ReadsBalance,
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
from app.kernel.money import Money

ACCEPTED, REFUSED = "10000", "40004"
TRANSFER, QUERY = "alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"
BALANCE, CHANGED = "alipay.fund.account.query", "alipay.fund.trans.order.changed"
ALGORITHM = "RSA2"
FORM = "application/x-www-form-urlencoded;charset=utf-8"
PRODUCTS = {
    Payee.BANK_CARD: "TRANS_BANKCARD_NO_PWD",
    Payee.ALIPAY_LOGIN: "TRANS_ACCOUNT_NO_PWD",
    Payee.ALIPAY_USER: "TRANS_ACCOUNT_NO_PWD",
}
IDENTITIES = {
    Payee.BANK_CARD: "BANKCARD_ACCOUNT",
    Payee.ALIPAY_LOGIN: "ALIPAY_LOGON_ID",
    Payee.ALIPAY_USER: "ALIPAY_USER_ID",
}
ACCOUNT_TYPES: Mapping[str, str] = {AccountType.CORPORATE: "1", AccountType.PRIVATE: "2"}
# Of bankcard_ext_info. "如果银行卡为对公，必须传递省市支行信息或者联行号"; and 对公 wants inst_name.
BRANCH = {"cnaps": "bank_code", "province": "inst_province", "city": "inst_city", "branch": "inst_branch_name"}
_CERTIFICATES = ("app_cert", "channel_cert", "root_cert")


class Alipay(Adapter, ReadsBalance):
    code = "alipay"
    title = gettext_noop("支付宝")
    settings = (
        Setting(name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://openapi.alipay.com"),
        Setting(name="merchant_no", label=gettext_noop("应用 APPID"), example="2021000122671080"),
        Setting(name="user_id", label=gettext_noop("商家支付宝账号 ID（2088 开头）"), example="2088721003899159"),
        Setting(name="title", label=gettext_noop("转账标题（收款人账单可见）"), example=gettext_noop("货款")),
        Setting(name="private_key", label=gettext_noop("应用私钥"), shape=Shape.PRIVATE_KEY, secret=True),
        # Either their plain key, or all three certificates.
        Setting(
            name="channel_public_key",
            label=gettext_noop("支付宝公钥"),
            shape=Shape.PUBLIC_KEY,
            multiline=True,
            optional=True,
        ),
        Setting(name="app_cert", label=gettext_noop("应用公钥证书"), shape=Shape.CERTIFICATE, optional=True),
        Setting(
            name="channel_cert",
            label=gettext_noop("支付宝公钥证书"),
            shape=Shape.CERTIFICATE,
            multiline=True,
            optional=True,
        ),
        Setting(name="root_cert", label=gettext_noop("支付宝根证书"), multiline=True, optional=True),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        "DEALING": Seen.PENDING,
        "SUCCESS": Seen.PAID,
        "FAIL": Seen.FAILED,
        "REFUND": Seen.RETURNED,  # 退票, of a bank card, after SUCCESS
    }
    # Business errors (40004) of the transfer whose words leave no doubt that nothing moved: whom it was for cannot receive
    # it, or it was more than there is or may be. SYSTEM_ERROR ("用相同的参数重新调用"), INVALID_PARAMETER, risk decisions,
    # PAYMENT_INFO_INCONSISTENCY (the number was sent before!) and all others prove nothing.
    submit_codes: ClassVar[Mapping[str, Seen]] = {
        "PAYEE_NOT_EXIST": Seen.FAILED,  # 收款用户不存在
        "PAYEE_ACCOUNT_STATUS_ERROR": Seen.FAILED,  # 收款方账号异常
        "PAYEE_USERINFO_STATUS_ERROR": Seen.FAILED,  # 收款方用户状态不正常
        "PAYEE_USER_INFO_ERROR": Seen.FAILED,  # 支付宝账号和姓名不匹配
        "PAYEE_ACC_OCUPIED": Seen.FAILED,  # 该手机号对应多个支付宝账户
        "PERMIT_NON_BANK_LIMIT_PAYEE": Seen.FAILED,  # 收款方未完善身份信息或未开立余额账户
        "BALANCE_IS_NOT_ENOUGH": Seen.FAILED,  # 付款方余额不足
        "PAYER_BALANCE_NOT_ENOUGH": Seen.FAILED,  # the same in other editions of the document
        "EXCEED_LIMIT_SM_MIN_AMOUNT": Seen.FAILED,  # 单笔最低转账金额 0.1 元
    }
    query_codes: ClassVar[Mapping[str, Seen]] = {"ORDER_NOT_EXIST": Seen.NOT_FOUND}
    deduplicates = True  # 单笔转账: by out_biz_no; other parameters under it are PAYMENT_INFO_INCONSISTENCY
    pays_to = frozenset(PRODUCTS)
    verified = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        given = [bool(settings.get(name)) for name in _CERTIFICATES]
        assert all(given) or (settings.get("channel_public_key") and not any(given)), (
            f"{self.code}: settings missing: a plain key, or three certificates"
        )
        self._numbers: dict[str, str] = {}
        self._channel_number, self._channel_key = "", settings.get("channel_public_key", "")
        if all(given):
            self._numbers = {
                "app_cert_sn": certificates.alipay_number(settings["app_cert"]),
                "alipay_root_cert_sn": certificates.alipay_root_number(settings["root_cert"]),
            }
            self._channel_number = certificates.alipay_number(settings["channel_cert"])
            self._channel_key = certificates.public_key(certificates.read(settings["channel_cert"])[0])

    @classmethod
    def flaws(cls, given: Mapping[str, str]) -> Mapping[str, Text]:
        certified = [name for name in _CERTIFICATES if given[name]]
        if given["root_cert"]:
            try:
                certificates.alipay_root_number(given["root_cert"])
            except ValueError:
                return {"root_cert": gettext_noop("不是支付宝根证书文件的内容")}
        if certified and given["channel_public_key"]:
            return {
                "channel_public_key": gettext_noop("公钥模式与证书模式只能选一种：三张证书都填，或者只填支付宝公钥")
            }
        if len(certified) not in (0, len(_CERTIFICATES)) or not (certified or given["channel_public_key"]):
            lacking = next(name for name in _CERTIFICATES if not given[name]) if certified else "channel_public_key"
            return {lacking: gettext_noop("公钥模式与证书模式只能选一种：三张证书都填，或者只填支付宝公钥")}
        return {}

    @classmethod
    def lacks(cls, *, bank: str, branch: Mapping[str, str]) -> Text | None:
        if not bank:
            return gettext_noop("支付宝付到对公账户要有开户行名称")
        if not branch.get("cnaps") and not all(branch.get(it) for it in ("province", "city", "branch")):
            return gettext_noop("支付宝付到对公账户要有联行号，或开户省份、城市与支行")
        return None

    def write_submit(self, order: Order) -> Request:
        payee: dict[str, object] = {
            "identity": order.card_number,
            "identity_type": IDENTITIES[order.payee],
            "name": order.holder,
        }
        if order.payee is Payee.BANK_CARD:
            told = {"inst_name": order.bank, "account_type": ACCOUNT_TYPES[order.account_type]}
            if order.account_type == AccountType.CORPORATE:
                assert self.lacks(bank=order.bank, branch=order.branch) is None, "refused before it was made"
                told |= {theirs: order.branch[ours] for ours, theirs in BRANCH.items() if order.branch.get(ours)}
            payee["bankcard_ext_info"] = told
        return self._write(
            TRANSFER,
            out_biz_no=order.number,
            trans_amount=order.amount.yuan,
            product_code=PRODUCTS[order.payee],
            biz_scene="DIRECT_TRANSFER",
            order_title=self.given["title"],
            payee_info=payee,
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        # Their newest edition says the amount here, older ones do not: then the query says what was paid.
        return self._observe(self._answer(TRANSFER, reply), "amount", self.submit_codes, amount_may_be_silent=True)

    def write_query(self, order: Order) -> Request:
        return self._write(
            QUERY, product_code=PRODUCTS[order.payee], biz_scene="DIRECT_TRANSFER", out_biz_no=order.number
        )

    def read_query(self, order: Order, reply: Reply) -> Observation:
        return self._observe(self._answer(QUERY, reply), "trans_amount", self.query_codes)

    def read_callback(self, raw: RawCallback) -> Observation:
        fields = form(raw.body)
        if fields.get("sign_type") != ALGORITHM:
            raise BadSignature("签名算法不符", fields.get("sign_type", "")[:20])
        text = signing.sorted_pairs(fields, leave_out=frozenset({"sign", "sign_type"}))
        self._verify(text.encode(), fields.get("sign", ""))
        if fields.get("app_id") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        if fields.get("msg_method") != CHANGED or fields.get("charset", "").lower() != "utf-8":
            raise Unreadable("不是代付通知", fields.get("msg_method", "")[:60])
        told = json_object(text_of(fields, "biz_content"))
        return self._observe({**told, "code": ACCEPTED}, "trans_amount", {})

    def write_balance(self) -> Request:
        return self._write(BALANCE, alipay_user_id=self.given["user_id"], account_type="ACCTRANS_ACCOUNT")

    def read_balance(self, reply: Reply) -> Money:
        node = self._answer(BALANCE, reply)
        if text_of(node, "code") != ACCEPTED:
            raise Unreadable("没有说余额", text_of(node, "sub_code"))
        return yuan_of(node, "available_amount")

    def _write(self, method: str, **content: object) -> Request:
        common = {
            "app_id": self.given["merchant_no"],
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": ALGORITHM,
            "timestamp": clock.now().astimezone(clock.BUSINESS_ZONE).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            **self._numbers,
        }
        biz_content = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        text = signing.sorted_pairs({**common, "biz_content": biz_content})
        common["sign"] = signing.rsa_sign(text.encode(), self.given["private_key"])
        # As their SDK does it: what is common in the address, what is private in the body.
        return Request(
            method="POST",
            path=f"/gateway.do?{urlencode(common)}",
            body=urlencode({"biz_content": biz_content}).encode(),
            content_type=FORM,
            signed_text=text,
        )

    def _answer(self, method: str, reply: Reply) -> Mapping[str, object]:
        """The node that answers this method. What is signed is the node as it was written, byte for byte."""
        if reply.status != 200:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        members = json_members(reply.body)
        rest = {name: value for name, (value, _) in members.items()}
        found = [name for name in (f"{method.replace('.', '_')}_response", "error_response") if name in members]
        if len(found) != 1:
            raise Unreadable("不是这个接口的应答")
        node, raw = members[found[0]]
        self._verify(raw, text_of(rest, "sign"))
        if self._channel_number and text_of(rest, "alipay_cert_sn") != self._channel_number:
            raise BadSignature("不是我们配置的支付宝证书")
        if not isinstance(node, dict) or not text_of(node, "code"):
            raise Unreadable("应答没有 code")
        return node

    def _verify(self, data: bytes, signature: str) -> None:
        if not signing.rsa_verify(data, signature, self._channel_key):
            raise BadSignature("验签失败")

    def _observe(
        self,
        node: Mapping[str, object],
        amount_name: str,
        codes: Mapping[str, Seen],
        *,
        amount_may_be_silent: bool = False,
    ) -> Observation:
        code, sub_code = text_of(node, "code"), text_of(node, "sub_code")
        is_taken, is_known = code == ACCEPTED, code == REFUSED and sub_code in codes
        word = text_of(node, "status") if is_taken else sub_code or code
        seen = self.read_word(word) if is_taken else codes[sub_code] if is_known else Seen.PENDING
        number, amount = text_of(node, "out_biz_no"), None
        if amount_name in node:
            amount = yuan_of(node, amount_name)
        if is_taken and seen is not Seen.PENDING and not number:
            raise Unreadable("没有说是哪一笔", word)
        if seen is Seen.PAID and amount is None:  # a failure and a 退票 come without one: 其他状态不返回
            if not amount_may_be_silent:
                raise Unreadable("没有说是多少钱", word)
            seen = Seen.PENDING
        return Observation(
            seen=seen,
            signed=True,
            vague=not is_taken and not is_known,
            number=number,
            amount=amount,
            channel_number=text_of(node, "order_id"),
            word=word,
            message=text_of(node, "fail_reason") if is_taken else text_of(node, "sub_msg") or text_of(node, "msg"),
        )

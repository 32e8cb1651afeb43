"""微信支付 v3: 商家转账到零钱 (`/v3/transfer/batches`), one detail in each batch. JSON, SHA256withRSA, amounts in fen.

Their documents: pay.weixin.qq.com/docs/merchant/apis/batch-transfer-to-balance/ (发起商家转账, 明细单查询, 回调通知),
pay.weixin.qq.com/wiki/doc/apiv3/apis/chapter4_3_6.shtml, wiki/doc/apiv3/wechatpay/ (签名, 验签, 解密, 敏感信息加密) and
/v3/merchant/fund/balance. Nothing here was proved against the real gateway: `verified` is False.

A batch that is FINISHED has not paid: only its detail says so. What they say without a signature proves nothing, errors too.
"""

import json
import re
from collections.abc import Mapping
from typing import ClassVar

from app.channels.adapters._reading import fen_of, json_object, object_of, text_of
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
from app.kernel.errors import Text, gettext_noop
from app.kernel.money import Money
from app.kernel.numbers import random_text

ALGORITHM = "WECHATPAY2-SHA256-RSA2048"
SEALED = "AEAD_AES_256_GCM"
BATCHES = "/v3/transfer/batches"
NOTICES = frozenset({"MCHTRANSFER.BATCH.FINISHED", "MCHTRANSFER.BATCH.CLOSED"})
# The statuses they answer with themselves. Any other comes from a machine in between, or asks for patience.
TAKES, TELLS = frozenset({200, 400, 403, 404}), frozenset({200, 400, 404})
NAMED_FROM = Money(30)  # 明细转账金额 < 0.3 元时，不允许填写收款用户姓名
_NUMBER = re.compile("[0-9A-Za-z]{1,32}")


class Wechat(Adapter, ReadsBalance):
    code = "wechat"
    title = gettext_noop("微信支付")
    settings = (
        Setting(
            name="base_url", label=gettext_noop("接口地址"), shape=Shape.URL, example="https://api.mch.weixin.qq.com"
        ),
        Setting(name="merchant_no", label=gettext_noop("商户号"), example="1900000109"),
        Setting(name="app_id", label="AppID", example="wxf636efh567hg4356"),
        Setting(name="scene", label=gettext_noop("转账场景 ID"), example="1001"),
        Setting(name="title", label=gettext_noop("转账名称与备注（收款人可见）"), example=gettext_noop("货款")),
        Setting(
            name="balance_of",
            label=gettext_noop("出资账户类型"),
            shape=Shape.CHOICE,
            default="OPERATION",
            choices=(("OPERATION", gettext_noop("运营账户")), ("BASIC", gettext_noop("基本账户"))),
        ),
        Setting(name="serial_no", label=gettext_noop("商户证书序列号"), example="5157F09EFDC096DE15EBE81A47057A72"),
        Setting(
            name="private_key",
            label=gettext_noop("商户私钥（PEM）"),
            shape=Shape.PRIVATE_KEY,
            secret=True,
            multiline=True,
        ),
        Setting(name="api_v3_key", label=gettext_noop("APIv3 密钥"), secret=True),
        # Either of these, or both while one takes over from the other.
        Setting(name="public_key_id", label=gettext_noop("微信支付公钥 ID"), optional=True, example="PUB_KEY_ID_01"),
        Setting(name="public_key", label=gettext_noop("微信支付公钥"), shape=Shape.PUBLIC_KEY, optional=True),
        Setting(
            name="platform_certs",
            label=gettext_noop("平台证书（可多张）"),
            shape=Shape.CERTIFICATE,
            multiline=True,
            optional=True,
        ),
    )
    words: ClassVar[Mapping[str, Seen]] = {
        "INIT": Seen.PENDING,
        "WAIT_PAY": Seen.PENDING,
        "PROCESSING": Seen.PENDING,
        "SUCCESS": Seen.PAID,
        "FAIL": Seen.FAILED,
    }
    # Of a submit no code is a failure: NOT_ENOUGH itself says "请充值后原单重试，请勿更换商家转账批次单号".
    query_codes: ClassVar[Mapping[str, Seen]] = {"NOT_FOUND": Seen.NOT_FOUND}
    deduplicates = True
    resend_window_s = 30 * 60  # 隔几分钟再尝试查询; what is accepted for longer usually lacks money
    return_waits_s = ()  # what is in somebody's change does not come back
    callback_answer = ""  # 200 或 204，无需返回应答报文
    pays_to = frozenset({Payee.WECHAT_OPENID})
    verified = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        given = certificates.read(settings["platform_certs"]) if settings.get("platform_certs") else ()
        in_order = sorted(given, key=lambda it: it.not_valid_after_utc, reverse=True)
        self._keys = {f"{it.serial_number:X}": certificates.public_key(it) for it in in_order}
        newest = list(self._keys)[:1]
        if settings.get("public_key_id"):
            assert settings.get("public_key"), f"{self.code}: settings missing: the key of this id"
            newest = [settings["public_key_id"].upper()]
            self._keys[newest[0]] = settings["public_key"]
        assert newest, f"{self.code}: settings missing: a platform certificate or a public key"
        self._seals_with = newest[0]

    @classmethod
    def flaws(cls, given: Mapping[str, str]) -> Mapping[str, Text]:
        found = {}
        if len(given["api_v3_key"].encode()) != 32:
            found["api_v3_key"] = gettext_noop("APIv3 密钥正好 32 个字符")
        if bool(given["public_key"]) != bool(given["public_key_id"]):
            found["public_key_id"] = gettext_noop("公钥与公钥 ID 要一起填")
        elif not (given["public_key"] or given["platform_certs"]):
            found["platform_certs"] = gettext_noop("请填平台证书，或填微信支付公钥与公钥 ID")
        return found

    def write_submit(self, order: Order) -> Request:
        assert _NUMBER.fullmatch(order.number), "their numbers are letters and digits, at most 32"
        detail: dict[str, object] = {
            "out_detail_no": order.number,
            "transfer_amount": order.amount.minor,
            "transfer_remark": self.given["title"],
            "openid": order.card_number,
        }
        if order.holder and order.amount >= NAMED_FROM:
            detail["user_name"] = signing.rsa_encrypt(order.holder, self._keys[self._seals_with])
        return self._write(
            "POST",
            BATCHES,
            appid=self.given["app_id"],
            out_batch_no=order.number,
            batch_name=self.given["title"],
            batch_remark=self.given["title"],
            total_amount=order.amount.minor,
            total_num=1,
            transfer_detail_list=[detail],
            transfer_scene_id=self.given["scene"],
        )

    def read_submit(self, order: Order, reply: Reply) -> Observation:
        answer = self._answer(reply, TAKES)
        if reply.status != 200:
            return self._refused(answer, {})
        number = text_of(answer, "out_batch_no")
        return Observation(seen=Seen.PENDING, signed=True, number=number, channel_number=text_of(answer, "batch_id"))

    def write_query(self, order: Order) -> Request:
        return self._write("GET", f"{BATCHES}/out-batch-no/{order.number}/details/out-detail-no/{order.number}")

    def read_query(self, order: Order, reply: Reply) -> Observation:
        answer = self._answer(reply, TELLS)
        if reply.status != 200:
            return self._refused(answer, self.query_codes if reply.status == 404 else {})
        if text_of(answer, "mchid") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        word, number = text_of(answer, "detail_status"), text_of(answer, "out_detail_no")
        if number != text_of(answer, "out_batch_no"):
            raise Unreadable("没有说是哪一笔", word)
        seen, amount = self.read_word(word), None
        if "transfer_amount" in answer:
            amount = fen_of(answer, "transfer_amount")
        if seen is not Seen.PENDING and not number:
            raise Unreadable("没有说是哪一笔", word)
        if seen is not Seen.PENDING and amount is None:
            raise Unreadable("没有说是多少钱", word)
        return Observation(
            seen=seen,
            signed=True,
            number=number,
            amount=amount,
            channel_number=text_of(answer, "detail_id"),
            word=word,
            message=text_of(answer, "fail_reason"),
        )

    def read_callback(self, raw: RawCallback) -> Observation:
        """A batch has come to an end: that is no word about its detail, which the next query brings."""
        notice = json_object(self._verified(raw.body, raw.headers))
        if text_of(notice, "event_type") not in NOTICES:
            raise Unreadable("不是代付通知", text_of(notice, "event_type")[:60])
        told = json_object(self._opened(object_of(notice, "resource")))
        if text_of(told, "mchid") != self.given["merchant_no"]:
            raise Unreadable("不是我们的商户号")
        number = text_of(told, "out_batch_no")
        if not number:
            raise Unreadable("没有说是哪一笔")
        return Observation(
            seen=Seen.PENDING,
            signed=True,
            number=number,
            amount=fen_of(told, "total_amount") if "total_amount" in told else None,
            channel_number=text_of(told, "batch_id"),
            word=text_of(told, "batch_status"),
            message=text_of(told, "close_reason"),
        )

    def write_balance(self) -> Request:
        return self._write("GET", f"/v3/merchant/fund/balance/{self.given['balance_of']}")

    def read_balance(self, reply: Reply) -> Money:
        return fen_of(self._answer(reply, frozenset({200})), "available_amount")

    def _write(self, method: str, path: str, **content: object) -> Request:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() if content else b""
        timestamp, nonce = str(int(clock.now().timestamp())), random_text(32)
        text = f"{method}\n{path}\n{timestamp}\n{nonce}\n{body.decode()}\n"
        said = {
            "mchid": self.given["merchant_no"],
            "nonce_str": nonce,
            "signature": signing.rsa_sign(text.encode(), self.given["private_key"]),
            "timestamp": timestamp,
            "serial_no": self.given["serial_no"],
        }
        return Request(
            method=method,
            path=path,
            body=body,
            content_type="application/json",
            headers={
                "Accept": "application/json",
                "User-Agent": "paydesk",  # without one they refuse
                "Authorization": f"{ALGORITHM} " + ",".join(f'{name}="{it}"' for name, it in said.items()),
                "Wechatpay-Serial": self._seals_with,
            },
            signed_text=text,
        )

    def _answer(self, reply: Reply, statuses: frozenset[int]) -> dict[str, object]:
        if reply.status not in statuses:
            raise Unreadable("不是业务应答", f"HTTP {reply.status}")
        return json_object(self._verified(reply.body, reply.headers))

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        if headers.get("wechatpay-signature-type", ALGORITHM) != ALGORITHM:
            raise BadSignature("签名算法不符", headers["wechatpay-signature-type"][:40])
        key = self._keys.get(headers.get("wechatpay-serial", "").lstrip("0").upper())
        if key is None:
            raise BadSignature("不是我们配置的平台证书或公钥")
        stamp = f"{headers.get('wechatpay-timestamp', '')}\n{headers.get('wechatpay-nonce', '')}\n"
        if not signing.rsa_verify(stamp.encode() + body + b"\n", headers.get("wechatpay-signature", ""), key):
            raise BadSignature("验签失败")
        return body

    def _opened(self, resource: Mapping[str, object]) -> bytes:
        if text_of(resource, "algorithm") != SEALED:
            raise Unreadable("加密算法不符", text_of(resource, "algorithm")[:40])
        found = signing.gcm_open(
            text_of(resource, "ciphertext"),
            key=self.given["api_v3_key"],
            nonce=text_of(resource, "nonce"),
            associated=text_of(resource, "associated_data"),
        )
        if found is None:
            raise BadSignature("通知解密失败")
        return found

    def _refused(self, answer: Mapping[str, object], codes: Mapping[str, Seen]) -> Observation:
        code = text_of(answer, "code")
        if not code:
            raise Unreadable("应答没有 code")
        seen = codes.get(code, Seen.PENDING)
        return Observation(
            seen=seen, signed=True, vague=code not in codes, word=code, message=text_of(answer, "message")
        )

"""支付宝: forms and JSON, RSA2 with plain keys and with certificates."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from flask import Flask

from app.channels import service
from app.channels.adapters.alipay import Alipay
from app.channels.contract import (
    BadSignature,
    Figures,
    Order,
    Payee,
    RawCallback,
    Reply,
    Request,
    Seen,
    Unreadable,
)
from app.kernel import certificates, clock, signing
from app.kernel.money import ZERO, Money
from tests.channels.contract import (
    CARD,
    DAY,
    ORDER,
    SAMPLES,
    ChannelContract,
    Message,
    ReadsBalanceContract,
    TellsBalance,
    Them,
)
from tests.channels.double import Asked, Console, Double, Said, is_rsa2, openssl, rsa2

NODES = {
    "submit": ("alipay_fund_trans_uni_transfer_response", "amount"),
    "query": ("alipay_fund_trans_common_query_response", "trans_amount"),
}
CHANGED = "alipay.fund.trans.order.changed"
APP = "2021000122671080"
PLAIN = {
    "base_url": "https://alipay.test",
    "merchant_no": APP,
    "user_id": "2088721003899159",
    "title": "货款",
}
TO_LOGIN = replace(ORDER, payee=Payee.ALIPAY_LOGIN, card_number="zhangsan@example.com")


@cache
def pair(whose: str) -> tuple[str, str]:
    """A key pair for this run: no private key is kept in the repository."""
    return signing.new_rsa_pair()


class AlipayThem(Them, TellsBalance):
    key = "theirs"
    sign = staticmethod(signing.rsa_sign)

    @property
    def settings(self) -> dict[str, str]:  # type: ignore[override]
        return {**PLAIN, "private_key": pair("ours")[0], "channel_public_key": pair(self.key)[1]}

    @property
    def other_settings(self) -> dict[str, str]:  # type: ignore[override]
        return {"channel_public_key": pair("another's")[1]}

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount, code = changes.get("amount", order.amount), changes.get("code")
        told: dict[str, object] = {"status": word, "new_field": changes.get("more", "")}
        told |= {"order_id": "20190801110070000006380000250621", "out_biz_no": changes.get("number", order.number)}
        if isinstance(amount, Money):
            told["amount" if interface == "submit" else "trans_amount"] = (
                f"{amount.minor // 100}.{amount.minor % 100:02d}"
            )
        if interface == "callback":
            return self.notify(told)
        if code is not None:
            told = {"code": "40004", "msg": "Business Failed", "sub_code": code, "sub_msg": "他们的话"}
        else:
            told = {"code": "10000", "msg": "Success", **told}
        return self.reply(NODES[interface][0], dumped(told))

    def notify(self, told: Mapping[str, object], **changes: str) -> RawCallback:
        fields = {
            "notify_id": "5608cccc09ddb39d41c2e3c06e3d9fejh2",
            "utc_timestamp": "1514210452731",
            "msg_method": CHANGED,
            "app_id": APP,
            "version": "1.1",
            "charset": "UTF-8",
            "biz_content": dumped(told),
        } | changes
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        fields |= {"sign": self.sign(text.encode(), pair(self.key)[0]), "sign_type": "RSA2"}
        return RawCallback(body=urlencode(fields).encode(), content_type="application/x-www-form-urlencoded")

    def reply(self, node: str, raw: str, **more: str) -> Reply:
        rest = "".join(f',"{name}":"{text}"' for name, text in more.items())
        sign = self.sign(raw.encode(), pair(self.key)[0])
        return Reply(status=200, body=f'{{"{node}":{raw}{rest},"sign":"{sign}"}}'.encode())

    def balance(self, amount: Money) -> Reply:
        said = {"code": "10000", "msg": "Success", "available_amount": amount.yuan, "freeze_amount": "0.00"}
        return self.reply("alipay_fund_account_query_response", dumped(said))

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "SUCCESS")
        fields = dict(parse_qsl(fair.body.decode()))
        probe = fields | {"sign": "WECHATPAY/SIGNTEST/" + fields["sign"][19:]}
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in ("sign", "sign_type"))
        weaker = fields | {"sign_type": "RSA", "sign": rsa2(text.encode(), pair(self.key)[0], "SHA-1")}
        return {
            "probe signature": RawCallback(body=urlencode(probe).encode(), content_type=""),
            "downgraded algorithm": RawCallback(body=urlencode(weaker).encode(), content_type=""),
            "repeated parameter": RawCallback(body=fair.body + b"&app_id=" + APP.encode(), content_type=""),
        }

    def amount_in(self, request: Request) -> int:
        amount = content(request)["trans_amount"]
        assert re.fullmatch(r"[0-9]+\.[0-9]{2}", amount)
        return int(amount.replace(".", ""))


def dumped(told: Mapping[str, object]) -> str:
    return json.dumps({name: it for name, it in told.items() if it != ""}, ensure_ascii=False, separators=(",", ":"))


def content(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parse_qs(request.body.decode())["biz_content"][0])
    return found


def common(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.path.partition("?")[2]))


class TestAlipay(ReadsBalanceContract, ChannelContract):
    adapter = Alipay
    them = AlipayThem()
    names_merchant = ("callback",)
    needs_amount = frozenset({Seen.PAID})  # trans_amount: 订单状态为SUCCESS才返回，其他状态不返回
    has_other_spellings = True
    sample_settings: ClassVar = {
        **PLAIN,
        "private_key": "not needed to read",
        "channel_public_key": (SAMPLES / "alipay" / "channel_public_key.pem").read_text(),
    }
    sample_balance = Money.parse("1000782.15")
    samples: ClassVar = {
        "submit.dealing": Seen.PENDING,
        "submit.paid": Seen.PAID,
        "submit.paid_without_amount": Seen.PENDING,
        "submit.failed": Seen.FAILED,
        **{f"submit.{code.lower()}": Seen.FAILED for code in Alipay.submit_codes},
        "submit.system_error": Seen.PENDING,
        "submit.payment_info_inconsistency": Seen.PENDING,
        "submit.gateway_20000": Seen.PENDING,
        "submit.error_response": Seen.PENDING,
        "submit.error_response_unsigned": BadSignature,
        "submit.error_500": Unreadable,
        "submit.web_page": Unreadable,
        "submit.badly_signed": BadSignature,
        "query.dealing": Seen.PENDING,
        "query.paid": Seen.PAID,
        "query.paid_without_amount": Unreadable,
        "query.failed": Seen.FAILED,
        "query.returned": Seen.RETURNED,
        "query.closed": Seen.PENDING,  # of another product (app.pay): no word of a transfer
        "query.order_not_exist": Seen.NOT_FOUND,
        "callback.paid": Seen.PAID,
        "callback.failed": Seen.FAILED,
        "callback.returned": Seen.RETURNED,
        "callback.unknown_word": Seen.PENDING,
        "callback.other_method": Unreadable,
        "callback.badly_signed": BadSignature,
    }

    def lasting(self, request: Request) -> object:
        kept = {name: text for name, text in common(request).items() if name not in ("timestamp", "sign")}
        return request.path.partition("?")[0], kept, request.body

    def test_whom_it_pays_is_said_as_their_document_says(self) -> None:
        channel = Alipay(self.them.settings)
        card = content(channel.write_submit(ORDER))
        assert card["product_code"] == "TRANS_BANKCARD_NO_PWD"
        assert card["payee_info"] == {
            "identity": CARD,
            "identity_type": "BANKCARD_ACCOUNT",
            "name": "张三&Sons=",
            "bankcard_ext_info": {"inst_name": "中国工商银行", "account_type": "2"},
        }
        for payee, identity in ((Payee.ALIPAY_LOGIN, "ALIPAY_LOGON_ID"), (Payee.ALIPAY_USER, "ALIPAY_USER_ID")):
            order = replace(ORDER, payee=payee, card_number="2088123412341234")
            said = content(channel.write_submit(order))
            assert said["product_code"] == "TRANS_ACCOUNT_NO_PWD"
            assert said["payee_info"] == {
                "identity": "2088123412341234",
                "identity_type": identity,
                "name": "张三&Sons=",
            }
            assert content(channel.write_query(order))["product_code"] == "TRANS_ACCOUNT_NO_PWD"
        assert content(channel.write_query(ORDER))["product_code"] == "TRANS_BANKCARD_NO_PWD"

    def test_the_time_is_that_of_shanghai(self) -> None:
        with clock.replaced(lambda: datetime(2026, 11, 21, 17, 0, 1, tzinfo=UTC)):
            assert common(Alipay(self.them.settings).write_query(ORDER))["timestamp"] == "2026-11-22 01:00:01"

    def test_a_business_code_counts_only_with_business_failed(self) -> None:
        for code in ("20000", "40001", "40002", "40006", "10000"):
            raw = dumped({"code": code, "msg": "?", "sub_code": "PAYEE_NOT_EXIST"})
            seen = Alipay(self.them.settings).read_submit(ORDER, self.them.reply(NODES["submit"][0], raw))
            assert seen.seen is Seen.PENDING

    def test_the_answer_of_another_interface_is_none_of_this_one(self) -> None:
        channel = Alipay(self.them.settings)
        with pytest.raises(Unreadable):
            channel.read_query(ORDER, self.them.say("submit", ORDER, "SUCCESS"))
        with pytest.raises(Unreadable):
            channel.read_submit(ORDER, self.them.say("query", ORDER, "SUCCESS"))

    def test_what_is_signed_is_the_node_as_it_was_written(self) -> None:
        """Blanks, escapes and the order of names are theirs; the same content written otherwise is not signed."""
        channel, node = Alipay(self.them.settings), NODES["query"][0]
        raw = f'{{ "code" : "10000",\n"out_biz_no":"{ORDER.number}", "status":"SUCCESS",' + (
            '"msg":"\\u6210\\u529f \\/","trans_amount":"1234.50" }'
        )
        fair = self.them.reply(node, raw)
        assert channel.read_query(ORDER, fair).seen is Seen.PAID
        moved = re.sub(rb'^\{("\w+":)(\{.*?\}),("sign":"[^"]+")\}$', rb"{ \3,\n\1 \2 }\n", fair.body, flags=re.S)
        assert moved != fair.body
        assert channel.read_query(ORDER, replace(fair, body=moved)).seen is Seen.PAID
        with pytest.raises(BadSignature):
            channel.read_query(ORDER, replace(fair, body=fair.body.replace(b"\\u6210", "成".encode())))

    @pytest.mark.parametrize(
        "amount", ["1234.5", "1234", "1234.500", "1,234.50", "-1234.50", "1e3", "１２３４.50", "NaN", "", 1234.5, None]
    )
    def test_an_amount_is_yuan_with_two_decimals(self, amount: object) -> None:
        raw = json.dumps({"code": "10000", "status": "SUCCESS", "out_biz_no": ORDER.number, "trans_amount": amount})
        with pytest.raises(Unreadable):
            Alipay(self.them.settings).read_query(ORDER, self.them.reply(NODES["query"][0], raw))

    def test_a_notice_of_another_app_or_charset_is_none_of_ours(self) -> None:
        told = {"status": "SUCCESS", "out_biz_no": ORDER.number, "trans_amount": "1234.50"}
        channel = Alipay(self.them.settings)
        assert channel.read_callback(self.them.notify(told, charset="utf-8")).seen is Seen.PAID
        for change in ({"app_id": "2021"}, {"charset": "GBK"}, {"msg_method": "alipay.trade.settle"}):
            with pytest.raises(Unreadable):
                channel.read_callback(self.them.notify(told, **change))

    def test_keys_may_be_as_their_tool_hands_them_out(self) -> None:
        """Bare base64, in one line."""
        bare = {
            name: "".join(self.them.settings[name].splitlines()[1:-1]) for name in ("private_key", "channel_public_key")
        }
        channel = Alipay({**self.them.settings, **bare})
        assert channel.read_query(ORDER, self.them.say("query", ORDER, "SUCCESS")).seen is Seen.PAID
        with clock.replaced(lambda: datetime(2026, 11, 21, tzinfo=UTC)):
            assert channel.write_query(ORDER).path == Alipay(self.them.settings).write_query(ORDER).path

    def test_a_plain_key_or_all_three_certificates(self) -> None:
        cert = (SAMPLES / "alipay" / "sandbox_cert.pem").read_text()
        for given in ({"channel_public_key": ""}, {"app_cert": cert}, {"channel_public_key": "", "app_cert": cert}):
            with pytest.raises(AssertionError, match="settings missing"):
                Alipay({**self.them.settings, **given})


# Published vectors: Alipay's own root certificate, and what their sandbox really signed (samples/alipay/README.md)


def test_certificates_are_numbered_as_alipay_numbers_them() -> None:
    folder = SAMPLES / "alipay"
    assert (
        certificates.alipay_number((folder / "sandbox_app_cert.pem").read_text()) == "e90dd23a37c5c7b616e003970817ff82"
    )
    assert (
        certificates.alipay_root_number((folder / "root_cert.pem").read_text())
        == "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"
    )


@pytest.mark.parametrize(
    ("interface", "seen", "amount"), [("submit", Seen.PENDING, None), ("query", Seen.PAID, Money(1))]
)
def test_what_their_sandbox_signed_is_read(interface: str, seen: Seen, amount: Money | None) -> None:
    key = certificates.public_key(certificates.read((SAMPLES / "alipay" / "sandbox_cert.pem").read_text())[0])
    channel = Alipay({**AlipayThem().settings, "channel_public_key": key})
    reply = Reply(status=200, body=(SAMPLES / "alipay" / f"sandbox_{interface}.json").read_bytes())
    heard = getattr(channel, f"read_{interface}")(ORDER, reply)
    assert (heard.seen, heard.signed, heard.word, heard.amount) == (seen, True, "SUCCESS", amount)
    assert heard.number.startswith("20231")


class TheirLibrary(AlipayThem):
    """The same pen with other people's RSA."""

    sign = staticmethod(rsa2)


# End to end: the gateway, a real database, real HTTP, and a double that verifies and signs with `rsa`, the library of
# their official SDK (the SDK itself is 36,609 files, 121 MB, for the two calls of it that matter here)


class Bank(Double):
    """Their gateway: takes a transfer once, whatever is sent, and says what became of it."""

    def __init__(self, ours: str, certified: Mapping[str, str] | None = None) -> None:
        self.ours, self.certified = ours, certified or {}
        self.pen = TheirLibrary()
        self.transfers: dict[str, dict[str, Any]] = {}
        self.fate = "DEALING"
        self.refuses = ""
        self.balance = "26.45"

    def answer(self, asked: Asked) -> Said:
        assert asked.method == "POST" and asked.path.startswith("/gateway.do?")
        given = dict(parse_qsl(asked.path.partition("?")[2], strict_parsing=True))
        given |= dict(parse_qsl(asked.body.decode(), strict_parsing=True))
        signed = "&".join(f"{name}={given[name]}" for name in sorted(given) if name != "sign")
        assert is_rsa2(signed.encode(), given["sign"], self.ours)
        assert given["sign_type"] == "RSA2" and given["app_id"] == APP and given["charset"] == "utf-8"
        sent = {name: given.get(name) for name in ("app_cert_sn", "alipay_root_cert_sn") if name in given}
        assert sent == {name: self.certified[name] for name in sent} and len(sent) == (2 if self.certified else 0)
        more = {"alipay_cert_sn": self.certified["alipay_cert_sn"]} if self.certified else {}
        told = self.told(given["method"], json.loads(given["biz_content"]))
        return Said(self.pen.reply(given["method"].replace(".", "_") + "_response", dumped(told), **more).body)

    def told(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        if method == "alipay.fund.account.query":
            assert asked["alipay_user_id"] == PLAIN["user_id"]
            return {"code": "10000", "msg": "Success", "available_amount": self.balance, "freeze_amount": "11.11"}
        known = self.transfers.get(asked["out_biz_no"])
        if method == "alipay.fund.trans.uni.transfer":
            if self.refuses:
                return {"code": "40004", "msg": "Business Failed", "sub_code": self.refuses, "sub_msg": "收款人有误"}
            if known is not None and known != asked:
                return {"code": "40004", "msg": "Business Failed", "sub_code": "PAYMENT_INFO_INCONSISTENCY"}
            self.transfers[asked["out_biz_no"]] = asked
            return {"code": "10000", "msg": "Success", "out_biz_no": asked["out_biz_no"], "status": self.fate}
        if known is None or known["product_code"] != asked["product_code"]:
            return {
                "code": "40004",
                "msg": "Business Failed",
                "sub_code": "ORDER_NOT_EXIST",
                "sub_msg": "转账订单不存在",
            }
        told = {"code": "10000", "msg": "Success", "out_biz_no": asked["out_biz_no"], "status": self.fate}
        return told | ({"trans_amount": known["trans_amount"]} if self.fate == "SUCCESS" else {})


@pytest.fixture
def bank() -> Iterator[Bank]:
    with Bank(pair("ours")[1]) as bank:
        yield bank


def test_a_transfer_from_end_to_end(app: Flask, bank: Bank) -> None:
    console = Console(app, "alipay", {**AlipayThem().settings, "base_url": bank.url})
    assert console.query(TO_LOGIN).seen is Seen.NOT_FOUND
    first = console.submit(TO_LOGIN)
    assert (first.seen, first.signed, first.number) == (Seen.PENDING, True, ORDER.number)
    assert console.submit(TO_LOGIN) == first and len(bank.transfers) == 1
    assert console.query(replace(TO_LOGIN, payee=Payee.BANK_CARD, card_number=CARD)).seen is Seen.NOT_FOUND
    bank.fate = "SUCCESS"
    assert console.submit(TO_LOGIN).seen is Seen.PENDING, "it does not say how much: the query does"
    paid = console.query(TO_LOGIN)
    assert (paid.seen, paid.signed, paid.amount) == (Seen.PAID, True, ORDER.amount)
    other = console.submit(replace(TO_LOGIN, amount=Money(1)))
    assert (other.seen, other.signed, other.vague) == (Seen.PENDING, True, True)
    bank.fate = "REFUND"
    assert console.query(TO_LOGIN).seen is Seen.RETURNED
    for call in console.calls(ORDER.number):
        assert "zhangsan" not in call.request + call.signed_text and "张三" not in call.request + call.signed_text
        assert (call.outcome == "ok" and "z****@example.com" in call.request) or call.interface == "query"


def test_a_refused_transfer_has_failed_and_an_error_has_not(app: Flask, bank: Bank) -> None:
    console = Console(app, "alipay", {**AlipayThem().settings, "base_url": bank.url})
    bank.refuses = "PAYEE_NOT_EXIST"
    refused = console.submit(ORDER)
    assert (refused.seen, refused.word, refused.message) == (Seen.FAILED, "PAYEE_NOT_EXIST", "收款人有误")
    for word in ("SYSTEM_ERROR", "PAYEE_NOT_EXIST_", "payee_not_exist"):
        bank.refuses = word
        assert console.submit(ORDER).seen is Seen.PENDING
    assert not any(CARD in call.request + call.signed_text for call in console.calls(ORDER.number))


def test_a_notice_is_taken_at_the_front_door_and_a_forged_one_is_not(app: Flask, bank: Bank) -> None:
    console = Console(app, "alipay", {**AlipayThem().settings, "base_url": bank.url})
    notice = bank.pen.say("callback", ORDER, "REFUND", amount=None)
    form = {"Content-Type": notice.content_type}
    for forged in bank.pen.forgeries(ORDER).values():
        assert console.call_back(forged.body, form) == (400, "refused")
    assert console.call_back(notice.body.replace(b"REFUND", b"SUCCES"), form) == (400, "refused")
    assert console.heard(ORDER) == []
    assert console.call_back(notice.body, form) == (200, "success")
    assert console.heard(ORDER) == ["returned"]


def test_a_balance_is_all_it_knows(app: Flask, bank: Bank) -> None:
    console = Console(app, "alipay", {**AlipayThem().settings, "base_url": bank.url})
    assert console.figures(DAY) == Figures(
        day=DAY, total=ZERO, yesterday=ZERO, today=ZERO, settled=ZERO, settleable=Money.parse("26.45")
    )
    service.pull_figures(console.number, date(2026, 1, 1))  # a day that is over: there is no such question
    assert len(console.calls(console.number)) == 1
    service.pull_figures(console.number)
    assert len(console.calls(console.number)) == 2


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three certificates of ours, made and numbered by the openssl command."""
    folder = tmp_path_factory.mktemp("certificates")
    found = {}
    for name, key in (("app", "ours"), ("channel", "theirs"), ("root", "root")):
        (folder / "key").write_text(pair(key)[0])
        subject = f"/C=CN/O=Ant Financial test/OU=Certification Authority test/CN={name} R1"
        made = ("req", "-new", "-x509", "-key", str(folder / "key"), "-subj", subject, "-days", "30")
        pem = openssl(*made, "-set_serial", f"0x{hashlib.md5(name.encode()).hexdigest()}")
        issuer = openssl("x509", "-noout", "-issuer", "-nameopt", "RFC2253", given=pem).decode().strip()
        serial = int(openssl("x509", "-noout", "-serial", given=pem).decode().strip().partition("=")[2], 16)
        number = hashlib.md5(f"{issuer.removeprefix('issuer=')}{serial}".encode()).hexdigest()
        found |= {f"{name}_cert": pem.decode(), f"{name}_number": number}
    return found


def test_with_certificates_from_end_to_end(app: Flask, certified: dict[str, str]) -> None:
    numbers = {
        "app_cert_sn": certified["app_number"],
        "alipay_root_cert_sn": certified["root_number"],
        "alipay_cert_sn": certified["channel_number"],
    }
    given = {**PLAIN, "private_key": pair("ours")[0]} | {
        name: certified[name] for name in ("app_cert", "channel_cert", "root_cert")
    }
    with Bank(pair("ours")[1], numbers) as bank:
        console = Console(app, "alipay", {**given, "base_url": bank.url})
        bank.fate = "SUCCESS"
        assert console.submit(ORDER).signed
        assert console.query(ORDER).seen is Seen.PAID
        bank.certified = {**numbers, "alipay_cert_sn": "0" * 32}
        unsigned = console.query(ORDER)
        assert (unsigned.seen, unsigned.signed) == (Seen.PENDING, False), "signed under a certificate that is not ours"
        bank.certified = numbers
        notice = bank.pen.say("callback", ORDER, "SUCCESS")
        assert console.call_back(notice.body, {"Content-Type": notice.content_type}) == (200, "success")

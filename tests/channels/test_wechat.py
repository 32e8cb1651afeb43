"""微信支付 v3: JSON, RSA in headers, sealed names and sealed notices."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask
from wechatpayv3 import utils
from wechatpayv3.core import Core
from wechatpayv3.transfer import transfer_batch, transfer_query_out_detail_no

from app.channels.adapters.wechat import Wechat
from app.channels.contract import BadSignature, Order, Payee, RawCallback, Reply, Request, Seen, Unreadable
from app.kernel import signing
from app.kernel.money import Money
from tests.channels.contract import (
    DAY,
    ORDER,
    SAMPLES,
    ChannelContract,
    Message,
    ReadsBalanceContract,
    TellsBalance,
    Them,
)
from tests.channels.double import Asked, Console, Double, Said, openssl, pkcs1, rsa2

KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
API_KEY = "0123456789abcdef0123456789ABCDEF"
MERCHANT = "1900000109"
OPENID = "o-MYE42l80oelYMDE34nYD456Xoy"
PLAIN = {
    "base_url": "https://wechat.test",
    "merchant_no": MERCHANT,
    "app_id": "wxf636efh567hg4356",
    "scene": "1001",
    "title": "货款",
    "balance_of": "OPERATION",
    "serial_no": "5157F09EFDC096DE15EBE81A47057A72",
}
TO_SOMEBODY = replace(ORDER, payee=Payee.WECHAT_OPENID, card_number=OPENID)


@cache
def pair(whose: str) -> tuple[str, str]:
    """A key pair for this run: no private key is kept in the repository."""
    return signing.new_rsa_pair()


class WechatThem(Them, TellsBalance):
    sign = staticmethod(signing.rsa_sign)
    serial = KEY_ID

    @property
    def settings(self) -> dict[str, str]:  # type: ignore[override]
        keys = {"private_key": pair("ours")[0], "public_key": pair("theirs")[1], "public_key_id": KEY_ID}
        return {**PLAIN, **keys, "api_v3_key": API_KEY}

    @property
    def other_settings(self) -> dict[str, str]:  # type: ignore[override]
        return {"public_key": pair("another's")[1]}

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount, number, code = (
            changes.get("amount", order.amount),
            changes.get("number", order.number),
            changes.get("code"),
        )
        if interface == "callback":
            return self.notify({"out_batch_no": number, "batch_status": "FINISHED", "total_amount": order.amount.minor})
        if code is not None:
            return self.reply({"code": code, "message": "他们的话"}, 404 if interface == "query" else 400)
        told: dict[str, object] = {"out_batch_no": number, "batch_id": "1030000071100999991182020050700019480001"}
        if interface == "query":
            told |= {"mchid": MERCHANT, "appid": "wxf636efh567hg4356", "out_detail_no": number, "detail_status": word}
            told |= {"detail_id": "1040000071100999991182020050700019500100", "new_field": changes.get("more", "")}
            if isinstance(amount, Money):
                told["transfer_amount"] = amount.minor
        return self.reply(told)

    def notify(self, told: Mapping[str, object], event: str = "MCHTRANSFER.BATCH.FINISHED") -> RawCallback:
        nonce, about = "G331CyBcibi4", "mch_payment"
        plain = json.dumps({"mchid": MERCHANT, "total_num": 1, **told}).encode()
        sealed = base64.b64encode(AESGCM(API_KEY.encode()).encrypt(nonce.encode(), plain, about.encode())).decode()
        body = {
            "id": "3fe8147e-2f4a-5df4-b567-10438d787d7c",
            "create_time": "2025-12-10T18:26:09+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "商家转账批次完成通知",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": sealed,
                "nonce": nonce,
                "associated_data": about,
                "original_type": about,
            },
        }
        return self.post(json.dumps(body, ensure_ascii=False).encode())

    def post(self, body: bytes, **headers: str) -> RawCallback:
        return RawCallback(body=body, content_type="application/json", headers=self.headers(body) | headers)

    def reply(self, told: Mapping[str, object], status: int = 200) -> Reply:
        body = json.dumps(told, ensure_ascii=False).encode()
        return Reply(status=status, body=body, headers=self.headers(body))

    def headers(self, body: bytes) -> dict[str, str]:
        return {
            "wechatpay-timestamp": "1758847410",
            "wechatpay-nonce": "4BmaCwj5dHJbwZc656V2NSzZIoshrZ7s",
            "wechatpay-serial": self.serial,
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
            "wechatpay-signature": self.sign(
                b"1758847410\n4BmaCwj5dHJbwZc656V2NSzZIoshrZ7s\n" + body + b"\n", pair("theirs")[0]
            ),
        }

    def seal(self, interface: str, body: bytes, order: Order) -> Message:
        headers = self.headers(body)
        if interface == "callback":
            return RawCallback(body=body, content_type="application/json", headers=headers)
        return Reply(status=200, body=body, headers=headers)

    def balance(self, amount: Money) -> Reply:
        return self.reply({"available_amount": amount.minor, "pending_amount": 0})

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "")
        assert isinstance(fair, RawCallback)
        weaker = rsa2(b"1758847410\n4BmaCwj5dHJbwZc656V2NSzZIoshrZ7s\n" + fair.body + b"\n", pair("theirs")[0], "SHA-1")
        fake = {"wechatpay-signature": weaker, "wechatpay-signature-type": "WECHATPAY2-SHA1-RSA2048"}
        signature = "WECHATPAY/SIGNTEST/" + fair.headers["wechatpay-signature"][19:]
        return {
            "probe signature": self.post(fair.body, **{"wechatpay-signature": signature}),
            "downgraded algorithm": self.post(fair.body, **fake),
            "repeated parameter": self.post(fair.body.replace(b'{"id"', b'{"event_type":"X","id"')),
        }

    def amount_in(self, request: Request) -> int:
        said = json.loads(request.body)
        (detail,) = said["transfer_detail_list"]
        assert type(said["total_amount"]) is int and said["total_num"] == 1
        assert detail["transfer_amount"] == said["total_amount"]
        return int(said["total_amount"])


class TestWechat(ReadsBalanceContract, ChannelContract):
    adapter = Wechat
    them = WechatThem()
    speaks = ("query",)
    names_merchant = ()  # an error names nobody: see test_the_answers_of_another_merchant_are_none_of_ours
    volatile_headers = frozenset({"Authorization"})
    sample_settings: ClassVar = {
        **PLAIN,
        "private_key": "not needed to read",
        "api_v3_key": API_KEY,
        "public_key_id": KEY_ID,
        "public_key": (SAMPLES / "wechat" / "public_key.pem").read_text(),
    }
    sample_balance = Money(100)
    samples: ClassVar = {
        "submit.accepted": Seen.PENDING,
        "submit.not_enough": Seen.PENDING,
        "submit.frequency_limited": Unreadable,
        "submit.system_error": Unreadable,
        "submit.web_page": Unreadable,
        "submit.badly_signed": BadSignature,
        "query.processing": Seen.PENDING,
        "query.wait_pay": Seen.PENDING,
        "query.paid": Seen.PAID,
        "query.failed": Seen.FAILED,
        "query.not_found": Seen.NOT_FOUND,
        "query.not_found_unsigned": BadSignature,
        "query.batch_under_way": Seen.PENDING,
        "query.unknown_word": Seen.PENDING,
        "callback.finished": Seen.PENDING,
        "callback.closed": Seen.PENDING,
        "callback.other_event": Unreadable,
        "callback.badly_signed": BadSignature,
    }

    def lasting(self, request: Request) -> object:
        """The name is sealed anew each time; what is in it stays."""
        return request.path, re.sub(rb'"user_name":"([^"]+)"', lambda found: opened(found[1]), request.body)

    def test_the_name_is_sealed_and_only_said_where_it_may_be(self) -> None:
        channel = Wechat(self.them.settings)
        said = json.loads(channel.write_submit(TO_SOMEBODY).body)["transfer_detail_list"][0]
        assert opened(said["user_name"].encode()).decode() == TO_SOMEBODY.holder
        assert said["openid"] == OPENID and said["out_detail_no"] == ORDER.number
        for order in (replace(TO_SOMEBODY, amount=Money(29)), replace(TO_SOMEBODY, holder="")):
            assert "user_name" not in json.loads(channel.write_submit(order).body)["transfer_detail_list"][0]
        assert "user_name" in channel.write_submit(replace(TO_SOMEBODY, amount=Money(30))).body.decode()

    def test_numbers_are_theirs(self) -> None:
        for number in ("W-1", "", "W" * 33, "单号"):
            with pytest.raises(AssertionError):
                Wechat(self.them.settings).write_submit(replace(ORDER, number=number))

    def test_the_answers_of_another_merchant_are_none_of_ours(self) -> None:
        stranger = Wechat({**self.them.settings, "merchant_no": "1900000110"})
        for word in Wechat.words:
            with pytest.raises(Unreadable):
                stranger.read_query(ORDER, self.them.say("query", ORDER, word))
        with pytest.raises(Unreadable):
            stranger.read_callback(self.them.say("callback", ORDER, ""))

    def test_a_batch_that_is_finished_is_no_word_about_its_detail(self) -> None:
        told = {"out_batch_no": ORDER.number, "batch_status": "FINISHED", "success_num": 1, "success_amount": 123450}
        heard = Wechat(self.them.settings).read_callback(self.them.notify({**told, "total_amount": 123450}))
        assert (heard.seen, heard.signed, heard.amount) == (Seen.PENDING, True, ORDER.amount)

    def test_not_found_counts_with_its_own_status_only(self) -> None:
        channel = Wechat(self.them.settings)
        for status, seen in ((404, Seen.NOT_FOUND), (400, Seen.PENDING)):
            answer = self.them.reply({"code": "NOT_FOUND", "message": "记录不存在"}, status)
            assert channel.read_query(ORDER, answer).seen is seen
        with pytest.raises(Unreadable):
            channel.read_query(ORDER, self.them.reply({"message": "记录不存在"}, 404))

    def test_the_detail_is_the_one_of_its_batch(self) -> None:
        told = {"mchid": MERCHANT, "out_batch_no": "W1", "out_detail_no": ORDER.number, "detail_status": "SUCCESS"}
        with pytest.raises(Unreadable):
            Wechat(self.them.settings).read_query(ORDER, self.them.reply({**told, "transfer_amount": 123450}))

    @pytest.mark.parametrize("amount", ["123450", 1234.5, True, None, -1, 10**15])
    def test_an_amount_is_a_whole_number_of_fen(self, amount: object) -> None:
        told = {"mchid": MERCHANT, "out_batch_no": ORDER.number, "out_detail_no": ORDER.number}
        answer = self.them.reply({**told, "detail_status": "SUCCESS", "transfer_amount": amount})
        with pytest.raises(Unreadable):
            Wechat(self.them.settings).read_query(ORDER, answer)

    def test_what_was_sealed_otherwise_is_not_opened(self) -> None:
        told = {"out_batch_no": ORDER.number, "batch_status": "FINISHED"}
        fair = json.loads(self.them.notify(told).body)
        changes: list[dict[str, object]] = [
            {"associated_data": "other"},
            {"nonce": "G331CyBcibi5"},
            {"nonce": ""},
            {"algorithm": "AEAD_AES_128_GCM"},
            {"ciphertext": fair["resource"]["ciphertext"][:-8]},
            {"ciphertext": "?"},
            {"ciphertext": 1},
        ]
        for change in changes:
            body = json.dumps({**fair, "resource": {**fair["resource"], **change}}).encode()
            with pytest.raises(Unreadable):
                Wechat(self.them.settings).read_callback(self.them.post(body))
        with pytest.raises(BadSignature):
            Wechat({**self.them.settings, "api_v3_key": "x" * 32}).read_callback(self.them.notify(told))

    def test_a_certificate_or_a_key_is_needed(self) -> None:
        for given in ({"public_key": ""}, {"public_key": "", "public_key_id": ""}):
            with pytest.raises(AssertionError, match="settings missing"):
                Wechat({**self.them.settings, **given})


def opened(sealed: bytes) -> bytes:
    """As their library opens it, with the private key of theirs."""
    return utils.rsa_decrypt(sealed.decode(), utils.load_private_key(pair("theirs")[0])).encode()


# End to end: the gateway, a real database, real HTTP, and a double whose two directions the client library `wechatpayv3`
# agrees with, and whose signatures are RSA in pure Python


class TheirLibrary(WechatThem):
    sign = staticmethod(rsa2)


class Bank(Double):
    """Their gateway: one batch of a number, whatever is sent."""

    def __init__(self) -> None:
        self.pen = TheirLibrary()
        self.batches: dict[str, dict[str, Any]] = {}
        self.fate, self.refuses, self.names = "PROCESSING", "", list[str]()

    def answer(self, asked: Asked) -> Said:
        manner, _, said = asked.headers["authorization"].partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', said))
        assert manner == "WECHATPAY2-SHA256-RSA2048"
        assert (given["mchid"], given["serial_no"]) == (MERCHANT, PLAIN["serial_no"])
        assert asked.headers["accept"] == "application/json" and asked.headers["user-agent"]
        # Their library verifies three lines; the first three of ours are its first.
        first = f"{asked.method}\n{asked.path}\n{given['timestamp']}"
        key = utils.load_public_key(pair("ours")[1])
        assert utils.rsa_verify(first, given["nonce_str"], asked.body.decode(), given["signature"], key)
        status, told = self.told(asked)
        reply = self.pen.reply(told, status)
        return Said(reply.body, status, {**reply.headers, "Content-Type": "application/json"})

    def told(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        if asked.method == "POST":
            given = json.loads(asked.body)
            (detail,) = given["transfer_detail_list"]
            assert asked.headers["wechatpay-serial"] == self.pen.serial
            if sealed := detail.pop("user_name", ""):
                self.names.append(opened(sealed.encode()).decode())
            if self.refuses:
                return 403, {"code": self.refuses, "message": "资金不足"}
            known = self.batches.setdefault(given["out_batch_no"], given)
            if known != given:
                return 400, {"code": "ALREADY_EXISTS", "message": "参数不一致"}
            return 200, {"out_batch_no": given["out_batch_no"], "batch_id": "1030", "batch_status": "ACCEPTED"}
        if asked.path == "/v3/merchant/fund/balance/OPERATION":
            return 200, {"available_amount": 2645, "pending_amount": 0}
        found = re.fullmatch("/v3/transfer/batches/out-batch-no/(\\w+)/details/out-detail-no/(\\w+)", asked.path)
        assert found is not None
        known = self.batches.get(found[1], {})
        if not known:
            return 404, {"code": "NOT_FOUND", "message": "记录不存在"}
        (detail,) = known["transfer_detail_list"]
        assert detail["out_detail_no"] == found[2]
        told = {"mchid": MERCHANT, "out_batch_no": found[1], "out_detail_no": found[2], "detail_status": self.fate}
        return 200, told | {"transfer_amount": detail["transfer_amount"], "fail_reason": "ACCOUNT_FROZEN"}


@pytest.fixture
def bank() -> Iterator[Bank]:
    with Bank() as bank:
        yield bank


@pytest.fixture
def console(app: Flask, bank: Bank) -> Console:
    return Console(app, "wechat", {**WechatThem().settings, "base_url": bank.url})


def test_the_double_speaks_as_the_client_library_expects(bank: Bank) -> None:
    """What their client writes, the double takes; what the double signs and seals, their client takes."""
    bare = "".join(pair("ours")[0].splitlines()[1:-1])
    core = Core(MERCHANT, PLAIN["serial_no"], bare, API_KEY, public_key=pair("theirs")[1], public_key_id=KEY_ID)
    core._gate_way = bank.url
    sender = type("Sender", (), {"_core": core, "_appid": PLAIN["app_id"], "_notify_url": None})()
    detail = {
        "out_detail_no": "W1",
        "transfer_amount": 100,
        "transfer_remark": "货款",
        "openid": OPENID,
        "user_name": "张三",
    }
    assert transfer_batch(sender, "W1", "货款", "货款", 100, 1, [detail])[0] == 200
    assert bank.names == ["张三"]
    assert json.loads(transfer_query_out_detail_no(sender, "W1", "W1")[1])["transfer_amount"] == 100
    notice = bank.pen.notify({"out_batch_no": "W1", "batch_status": "FINISHED"})
    assert core.callback(notice.headers, notice.body)["resource"]["out_batch_no"] == "W1"


def test_a_transfer_from_end_to_end(console: Console, bank: Bank) -> None:
    order = TO_SOMEBODY
    assert console.query(order).seen is Seen.NOT_FOUND
    first = console.submit(order)
    assert (first.seen, first.signed, first.number, first.channel_number) == (Seen.PENDING, True, order.number, "1030")
    assert console.submit(order) == first and len(bank.batches) == 1 and bank.names == [order.holder] * 2
    other = console.submit(replace(order, amount=Money(1000)))
    assert (other.seen, other.vague, other.word) == (Seen.PENDING, True, "ALREADY_EXISTS")
    assert console.query(order).seen is Seen.PENDING
    for fate, seen in (("SUCCESS", Seen.PAID), ("FAIL", Seen.FAILED), ("NOBODY_KNOWS", Seen.PENDING)):
        bank.fate = fate
        heard = console.query(order)
        assert (heard.seen, heard.signed, heard.amount, heard.message) == (seen, True, order.amount, "ACCOUNT_FROZEN")
    for call in console.calls(order.number):
        shown = call.request + call.signed_text + call.reply
        assert OPENID not in shown and "张三" not in shown and API_KEY not in shown
        assert call.outcome == "ok"


def test_not_enough_money_is_no_failure(console: Console, bank: Bank) -> None:
    bank.refuses = "NOT_ENOUGH"
    heard = console.submit(TO_SOMEBODY)
    assert (heard.seen, heard.signed, heard.vague, heard.word) == (Seen.PENDING, True, True, "NOT_ENOUGH")
    assert console.figures(DAY).settleable == Money(2645)


def test_a_notice_is_taken_at_the_front_door_and_a_forged_one_is_not(console: Console, bank: Bank) -> None:
    for forged in bank.pen.forgeries(ORDER).values():
        assert console.call_back(forged.body, forged.headers) == (400, "refused")
    notice = bank.pen.say("callback", ORDER, "")
    for at in range(0, len(notice.body), 41):
        changed = notice.body[:at] + bytes([notice.body[at] ^ 1]) + notice.body[at + 1 :]
        assert console.call_back(changed, notice.headers)[0] == 400
    assert console.heard(ORDER) == []
    assert console.call_back(notice.body, notice.headers) == (200, "")
    assert console.heard(ORDER) == ["pending"]


def test_the_key_is_chosen_by_its_serial(app: Flask, bank: Bank) -> None:
    """Two platform certificates, made by the openssl command, and a public key: whichever they sign with is found."""
    serials = ("5157F09EFDC096DE15EBE81A47057A7232F1B8E1", "0157F09EFDC096DE15EBE81A47057A7232F1B8E2")
    certificates = ""
    for serial, whose, days in zip(serials, ("theirs", "another's"), ("30", "20"), strict=True):
        made = ("req", "-new", "-x509", "-key", "/dev/stdin", "-subj", f"/CN={whose}", "-set_serial", f"0x{serial}")
        certificates += openssl(*made, "-days", days, given=pair(whose)[0].encode()).decode()
    given = WechatThem().settings | {"public_key": "", "public_key_id": "", "platform_certs": certificates}
    bank.pen.serial = serials[0]
    console = Console(app, "wechat", {**given, "base_url": bank.url})
    assert console.submit(TO_SOMEBODY).signed and bank.names == [TO_SOMEBODY.holder], (
        "sealed for the one that lasts longest"
    )
    bank.pen.serial = serials[1]  # named, and not the one it was signed with
    assert not console.query(TO_SOMEBODY).signed
    bank.pen.serial = "444F4864EA9B34415A39FE2A0C9A8C12CF4D4D31"
    assert not console.query(TO_SOMEBODY).signed
    both = Wechat({**given, "public_key": pair("ours")[1], "public_key_id": KEY_ID})
    for serial, whose in ((serials[0], "theirs"), (serials[1], "another's"), (KEY_ID, "ours")):
        body = b'{"available_amount":1}'
        signature = rsa2(b"1\nN\n" + body + b"\n", pair(whose)[0])
        headers = {"wechatpay-timestamp": "1", "wechatpay-nonce": "N"}
        headers |= {"wechatpay-serial": serial, "wechatpay-signature": signature}
        assert both.read_balance(Reply(status=200, body=body, headers=headers)) == Money(1)


def test_the_pure_key_is_the_same_key() -> None:
    assert pkcs1(pair("ours")[0]).n == int(
        openssl("rsa", "-noout", "-modulus", given=pair("ours")[0].encode()).decode().strip().partition("=")[2], 16
    )

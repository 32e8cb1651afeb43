"""银联代付: pairs, and certificates that messages bring along."""

import base64
import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from flask import Flask

from app.channels import gateway, service
from app.channels.adapters.unionpay import Unionpay
from app.channels.contract import BadSignature, Order, Payee, RawCallback, Reply, Request, Seen, Unreadable
from app.kernel import certificates, signing
from app.kernel.errors import Refused
from app.kernel.money import Money
from tests.channels.contract import CARD, DAY, ORDER, SAMPLES, ChannelContract, Message, Them
from tests.channels.double import Asked, Console, Double, Said, openssl, rsa2

MERCHANT = "777290058110048"
THEIR_NAME = "041@8310000000083040@中国银联股份有限公司@00016495"
PLAIN = {
    "base_url": "https://unionpay.test",
    "merchant_no": MERCHANT,
    "back_url": "https://console.test/callbacks/C1",
}
IN_FORCE, PAST, COMING = (2020, 2120), (2020, 2021), (2119, 2120)


@cache
def pair(whose: str) -> tuple[str, str]:
    """A key pair for this run: no private key is kept in the repository."""
    return signing.new_rsa_pair()


@cache
def certificate(whose: str, name: str, signed_by: str = "", years: tuple[int, int] = IN_FORCE) -> str:
    """Self-signed, or signed with somebody's key in their name."""
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, it)]) for it in (name, signed_by or name))
    made = x509.CertificateBuilder(issuer, subject, key_of(whose).public_key(), 69670700340)
    made = made.not_valid_before(datetime(years[0], 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(years[1], 1, 1, tzinfo=UTC)
    )
    made = made.add_extension(x509.BasicConstraints(ca=whose in ("root", "middle"), path_length=None), critical=True)
    signed = made.sign(key_of(signed_by or whose), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def key_of(whose: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pair(whose)[0].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def trusted() -> str:
    return certificate("middle", "middle", "root") + certificate("root", "root")


class UnionpayThem(Them):
    sign = staticmethod(signing.rsa_sign)

    @property
    def settings(self) -> dict[str, str]:  # type: ignore[override]
        keys = {"private_key": pair("ours")[0], "sign_cert": certificate("ours", "ours")}
        return {**PLAIN, **keys, "trusted_certs": trusted()}

    @property
    def other_settings(self) -> dict[str, str]:  # type: ignore[override]
        return {"trusted_certs": certificate("stranger", "stranger")}

    @property
    def leaf(self) -> str:
        return certificate("theirs", THEIR_NAME, "middle")

    def say(self, interface: str, order: Order, word: str, **changes: object) -> Message:
        amount, code = changes.get("amount", order.amount), changes.get("code")
        fields = {
            "txnType": "00" if interface == "query" else "12",
            "orderId": str(changes.get("number", order.number)),
            "txnTime": "20261121093000",
            "txnAmt": str(amount.minor) if isinstance(amount, Money) else "",
            "queryId": "782209081322060674028",
            "newField": str(changes.get("more", "")),
            "respCode": str(code) if code is not None else "00",
            "respMsg": "他们的话",
        }
        if interface == "query" and code is None:
            fields |= {"origRespCode": word, "origRespMsg": "他们的话"}
        if interface == "callback":
            more = {"respCode": word, "traceNo": "067402", "settleAmt": str(order.amount.minor)}
            return self.notify({**fields, **more})
        return self.reply(fields)

    def signed(
        self, fields: Mapping[str, str], leaf: str = "", whose: str = "theirs", **changes: str
    ) -> dict[str, str]:
        given = {"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "bizType": "000401", "merId": MERCHANT}
        given |= {**fields, "signPubKeyCert": (leaf or self.leaf).replace("\n", "\r\n"), **changes}
        given = {name: text for name, text in given.items() if text}
        text = "&".join(f"{name}={given[name]}" for name in sorted(given))
        return given | {"signature": self.sign(hashlib.sha256(text.encode()).hexdigest().encode(), pair(whose)[0])}

    def reply(self, fields: Mapping[str, str], **how: str) -> Reply:
        return Reply(status=200, body="&".join("=".join(it) for it in self.signed(fields, **how).items()).encode())

    def notify(self, fields: Mapping[str, str], **how: str) -> RawCallback:
        body = urlencode(self.signed(fields, **how)).encode()
        return RawCallback(body=body, content_type="application/x-www-form-urlencoded")

    def forgeries(self, order: Order) -> dict[str, RawCallback]:
        fair = self.say("callback", order, "00")
        fields = dict(parse_qsl(fair.body.decode()))
        probe = fields | {"signature": "WECHATPAY/SIGNTEST/" + fields["signature"][19:]}
        old = {name: text for name, text in fields.items() if name != "signature"} | {"version": "5.0.0"}
        text = "&".join(f"{name}={old[name]}" for name in sorted(old))
        # 5.0.0 signs the hexadecimal SHA-1 with SHA-1: by a key that we would trust, and yet not what we ask for.
        old["signature"] = rsa2(hashlib.sha1(text.encode()).hexdigest().encode(), pair("theirs")[0], "SHA-1")
        return {
            "probe signature": RawCallback(body=urlencode(probe).encode(), content_type=""),
            "downgraded algorithm": RawCallback(body=urlencode(old).encode(), content_type=""),
            "repeated parameter": RawCallback(body=fair.body + b"&respCode=00", content_type=""),
        }

    def amount_in(self, request: Request) -> int:
        return int(parse_qs(request.body.decode())["txnAmt"][0])


class TestUnionpay(ChannelContract):
    adapter = Unionpay
    them = UnionpayThem()
    speaks = ("query", "callback")
    needs_amount = frozenset({Seen.PAID})
    has_other_spellings = True
    samples: ClassVar = {
        "submit.accepted": Seen.PENDING,
        "submit.timeout_03": Seen.PENDING,
        "submit.repeated_12": Seen.PENDING,
        **{f"submit.refused_{code}": Seen.FAILED for code in Unionpay.submit_codes},
        "submit.web_page": Unreadable,
        "submit.error_500": Unreadable,
        "submit.badly_signed": BadSignature,
        "query.paid": Seen.PAID,
        "query.under_way_05": Seen.PENDING,
        "query.failed_61": Seen.FAILED,
        "query.failed_99": Seen.PENDING,
        "query.not_found": Seen.NOT_FOUND,
        "callback.paid": Seen.PAID,
        "callback.failed_66": Seen.FAILED,
        "callback.partial_A6": Seen.PENDING,
        "callback.was_an_answer": Unreadable,
        "callback.badly_signed": BadSignature,
    }

    @property
    def sample_settings(self) -> dict[str, str]:  # type: ignore[override]
        folder = SAMPLES / "unionpay"
        given = {name: (folder / f"{name}.pem").read_text() for name in ("sign_cert", "trusted_certs")}
        return {**PLAIN, **given, "private_key": "not needed to read"}

    def accepted_code(self) -> str:
        return "00"

    def test_our_pairs_are_signed_as_theirs(self) -> None:
        """By the openssl command: the hexadecimal SHA-256 of the sorted pairs, signed with SHA256withRSA."""
        channel = Unionpay(self.them.settings)
        for request in (channel.write_submit(ORDER), channel.write_query(ORDER)):
            assert verified(dict(parse_qsl(request.body.decode(), strict_parsing=True)), pair("ours")[1])

    def test_what_is_asked_for_is_a_payout_to_a_card(self) -> None:
        given = dict(parse_qsl(Unionpay(self.them.settings).write_submit(ORDER).body.decode()))
        assert (given["txnType"], given["txnSubType"], given["bizType"]) == ("12", "00", "000401")
        assert (given["accNo"], given["accType"], given["currencyCode"]) == (CARD, "01", "156")
        assert base64.b64decode(given["customerInfo"]).decode() == "{customerNm=张三＆Sons=}"
        number = openssl("x509", "-noout", "-serial", given=certificate("ours", "ours").encode()).decode().strip()
        assert int(given["certId"]) == int(number.partition("=")[2], 16)

    def test_the_time_is_that_of_the_send_and_asked_by(self) -> None:
        channel = Unionpay(self.them.settings)
        sent = replace(ORDER, sent_at=datetime(2026, 11, 21, 17, 0, 1, tzinfo=UTC))
        for order, time in ((ORDER, "20261121093000"), (sent, "20261122010001")):
            for request in (channel.write_submit(order), channel.write_query(order)):
                assert parse_qs(request.body.decode())["txnTime"] == [time]

    def test_numbers_are_theirs(self) -> None:
        for number in ("W-12345678", "W123456", "W" * 41):
            with pytest.raises(AssertionError):
                Unionpay(self.them.settings).write_submit(replace(ORDER, number=number))

    def test_a_message_is_signed_by_unionpay_under_a_root_of_ours(self) -> None:
        channel = Unionpay(self.them.settings)
        told = dict(parse_qsl(self.them.say("callback", ORDER, "00").body.decode()))
        fields = {name: told[name] for name in told if name not in ("signature", "signPubKeyCert")}
        assert channel.read_callback(self.them.notify(fields)).seen is Seen.PAID
        for leaf, whose in (
            (certificate("stranger", THEIR_NAME), "stranger"),  # self-signed, and calls itself UnionPay
            (certificate("theirs", THEIR_NAME, "stranger"), "theirs"),
            (certificate("theirs", "041@8310000000083040@another company@1", "middle"), "theirs"),
            (certificate("theirs", "another company", "middle"), "theirs"),
            (certificate("theirs", THEIR_NAME, "middle", PAST), "theirs"),
            (certificate("theirs", THEIR_NAME, "middle", COMING), "theirs"),
            (certificate("theirs", THEIR_NAME, "middle"), "stranger"),  # another key than it speaks of
            (certificate("theirs", THEIR_NAME, "middle") + certificate("middle", "middle", "root"), "theirs"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "theirs"),
        ):
            with pytest.raises(BadSignature):
                channel.read_callback(self.them.notify(fields, leaf=leaf, whose=whose))
        with pytest.raises(BadSignature):
            Unionpay({**self.them.settings, "trusted_certs": certificate("middle", "middle", "root")}).read_callback(
                self.them.notify(fields)  # the root itself is not ours
            )

    def test_an_answer_to_a_submit_is_no_notice_of_a_payment(self) -> None:
        """Its "00" is signed too: written as a form and posted to us, it must not pay."""
        answer = self.them.say("submit", ORDER, "")
        again = urlencode([it.partition("=")[::2] for it in answer.body.decode().split("&")])
        with pytest.raises(Unreadable, match="不是代付通知"):
            Unionpay(self.them.settings).read_callback(RawCallback(body=again.encode(), content_type=""))

    @pytest.mark.parametrize("amount", ["1234.50", "-1", "+1", "01", "1e3", "１", " 1"])
    def test_an_amount_is_a_whole_number_of_fen(self, amount: str) -> None:
        told = {"txnType": "00", "respCode": "00", "origRespCode": "00", "orderId": ORDER.number, "txnAmt": amount}
        with pytest.raises(Unreadable):
            Unionpay(self.them.settings).read_query(ORDER, self.them.reply(told))


def verified(fields: Mapping[str, str], public_pem: str) -> bool:
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")
    with tempfile.TemporaryDirectory() as folder:
        key, signature = Path(folder) / "key", Path(folder) / "signature"
        key.write_text(public_pem)
        signature.write_bytes(base64.b64decode(fields["signature"]))
        digest = openssl("dgst", "-sha256", given=text.encode()).decode().strip().rpartition(" ")[2]
        said = openssl("dgst", "-sha256", "-verify", str(key), "-signature", str(signature), given=digest.encode())
    return said == b"Verified OK\n"


# A published vector: what UnionPay's test environment really signed (samples/unionpay/README.md)


def test_what_their_test_environment_signed_is_verified() -> None:
    fields = dict(parse_qsl((SAMPLES / "unionpay" / "test_environment.form").read_text().strip(), strict_parsing=True))
    (leaf,) = certificates.read(fields["signPubKeyCert"])
    assert certificates.common_name(leaf).split("@")[2] == "中国银联股份有限公司"
    text = signing.sorted_pairs(fields, leave_out=frozenset({"signature"}))
    digest = hashlib.sha256(text.encode()).hexdigest().encode()
    assert signing.rsa_verify(digest, fields["signature"], certificates.public_key(leaf))
    channel = Unionpay({**UnionpayThem().settings, "merchant_no": fields["merId"]})
    with pytest.raises(BadSignature, match="不是银联的证书"):
        channel.read_callback(RawCallback(body=urlencode(fields).encode(), content_type=""))


# End to end: the gateway, a real database, real HTTP, and a double that verifies and signs with the openssl command


def openssl_sign(data: bytes, private_pem: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "key").write_text(private_pem)
        return base64.b64encode(openssl("dgst", "-sha256", "-sign", str(Path(folder) / "key"), given=data)).decode()


class TheirCommand(UnionpayThem):
    sign = staticmethod(openssl_sign)


class Bank(Double):
    """Their gateway: finds an order by its number and its time."""

    def __init__(self) -> None:
        self.pen = TheirCommand()
        self.payouts: dict[tuple[str, str], dict[str, str]] = {}
        self.refuses, self.fate = "", "05"

    def answer(self, asked: Asked) -> Said:
        given = dict(parse_qsl(asked.body.decode(), strict_parsing=True))
        assert verified(given, pair("ours")[1]) and given["merId"] == MERCHANT
        key = (given["orderId"], given["txnTime"])
        told = {name: given[name] for name in ("txnType", "orderId", "txnTime")}
        if asked.path == "/gateway/api/backTransReq.do":
            assert given["txnType"] == "12" and given["backUrl"] == PLAIN["back_url"]
            code = self.refuses or ("12" if key in self.payouts else "00")
            if code == "00":
                self.payouts[key] = given
            return Said(self.pen.reply({**told, "txnAmt": given["txnAmt"], "respCode": code, "respMsg": "x"}).body)
        assert asked.path == "/gateway/api/queryTrans.do" and given["txnType"] == "00"
        if key not in self.payouts:
            return Said(self.pen.reply({**told, "respCode": "34", "respMsg": "查无此交易"}).body)
        found = {"respCode": "00", "origRespCode": self.fate, "txnAmt": self.payouts[key]["txnAmt"], "queryId": "78"}
        return Said(self.pen.reply({**told, **found}).body)


@pytest.fixture
def bank() -> Iterator[Bank]:
    with Bank() as bank:
        yield bank


@pytest.fixture
def console(app: Flask, bank: Bank) -> Console:
    return Console(app, "unionpay", {**UnionpayThem().settings, "base_url": bank.url})


def test_a_payout_from_end_to_end(console: Console, bank: Bank) -> None:
    assert console.query(ORDER).seen is Seen.NOT_FOUND
    first = console.submit(ORDER)
    assert (first.seen, first.signed, first.number, first.amount) == (Seen.PENDING, True, ORDER.number, ORDER.amount)
    again = console.submit(ORDER)
    assert (again.seen, again.signed, again.vague, again.word) == (Seen.PENDING, True, True, "12")
    assert len(bank.payouts) == 1
    for fate, seen in (("05", Seen.PENDING), ("00", Seen.PAID), ("66", Seen.FAILED), ("99", Seen.PENDING)):
        bank.fate = fate
        heard = console.query(ORDER)
        assert (heard.seen, heard.signed, heard.amount, heard.channel_number) == (seen, True, ORDER.amount, "78")
    name = base64.b64encode("{customerNm=张三＆Sons=}".encode()).decode()
    for call in console.calls(ORDER.number):
        shown = call.request + call.signed_text + call.reply
        assert CARD not in shown and "张三" not in shown and call.outcome == "ok"
        assert not re.search("|".join(map(re.escape, {name, urlencode({"": name})[1:]})), shown)


def test_a_refused_payout_has_failed_and_an_unknown_code_has_not(console: Console, bank: Bank) -> None:
    for code, seen in (("61", Seen.FAILED), ("03", Seen.PENDING), ("34", Seen.PENDING), ("99", Seen.PENDING)):
        bank.refuses = code
        assert console.submit(ORDER).seen is seen


def test_a_notice_is_taken_at_the_front_door_and_a_forged_one_is_not(console: Console, bank: Bank) -> None:
    notice = bank.pen.say("callback", ORDER, "00")
    form = {"Content-Type": notice.content_type}
    for forged in bank.pen.forgeries(ORDER).values():
        assert console.call_back(forged.body, form) == (400, "refused")
    assert console.call_back(notice.body.replace(b"respCode=00", b"respCode=01"), form)[0] == 400
    assert console.heard(ORDER) == []
    assert console.call_back(notice.body, form) == (200, "ok")
    assert console.heard(ORDER) == ["paid"]


def test_nobody_asks_for_figures_that_do_not_exist(console: Console) -> None:
    service.pull_figures(console.number)
    service.pull_figures(console.number, date(2026, 1, 1))
    assert console.calls(console.number) == []
    with pytest.raises(gateway.NoAnswer):
        console.figures(DAY)
    with pytest.raises(Refused, match="没有余额"):
        service.refresh(console.number, actor="test")  # type: ignore[arg-type]


def test_a_payee_that_the_channel_does_not_pay_is_a_mistake_of_ours(console: Console) -> None:
    with pytest.raises(AssertionError, match="does not pay"):
        console.submit(replace(ORDER, payee=Payee.ALIPAY_USER))

"""Signing by description: the published vectors, and no two messages with one text to sign."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.adapters import abilities_of
from app.channels.adapters.templated import adapter_of, parse, recipe, strict
from app.channels.adapters.templated.description import Digest, Piece, Recipe, SignedText, Written
from app.channels.adapters.templated.examples import example
from app.channels.contract import BadSignature, Order, RawCallback, Reply, Seen, Unreadable
from app.kernel import signing
from app.kernel.money import Money
from tests.channels.contract import DAY, ORDER
from tests.channels.test_dolphin import DolphinThem

WECHAT = {
    "appid": "wxd930ea5d5a258f4f",
    "mch_id": "10000100",
    "device_info": "1000",
    "body": "test",
    "nonce_str": "ibuaiVcKdpRxkhJA",
    "empty": "",
    "sign": "anything",
}
KEY = "192006250b4c09247ec02edce69f6a2d"
PAIRS = Recipe(text=SignedText.PAIRS, field="sign", key_joiner="&key=", secret="key")
LINES = Recipe(
    text=SignedText.PARTS,
    digest=Digest.HMAC_SHA256,
    secret="key",
    header="S",
    parts=(Piece(source="request.path"), Piece(source="header.nonce"), Piece(source="body")),
)
names = st.text("abcABC019_", min_size=1, max_size=4)
forms = st.dictionaries(names, st.text("a1&=＆|\n", min_size=1, max_size=6), max_size=4)


@pytest.mark.parametrize(
    ("digest", "written", "expected"),
    [
        (Digest.MD5, Written.UPPER, "9A0A8659F005D6984697E2CA0A9CF3B7"),
        (Digest.MD5, Written.LOWER, "9a0a8659f005d6984697e2ca0a9cf3b7"),
        (Digest.HMAC_SHA256, Written.UPPER, "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
    ],
)
def test_the_published_vector(digest: Digest, written: Written, expected: str) -> None:
    one = Recipe(text=SignedText.PAIRS, field="sign", key_joiner="&key=", secret="key", digest=digest, written=written)
    text = recipe.pairs(one, WECHAT, KEY)
    assert recipe.sign(one, text, KEY) == expected
    assert recipe.is_signed(one, text, expected, KEY)
    assert not recipe.is_signed(one, text, expected.swapcase() + "0", KEY)


def test_sm3_is_the_standards() -> None:
    one = Recipe(text=SignedText.PARTS, header="S", secret="key", digest=Digest.SM3, written=Written.LOWER)
    assert recipe.sign(one, "abc", "") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_rsa_is_signed_with_ours_and_verified_with_theirs() -> None:
    private, public = signing.new_rsa_pair()
    one = Recipe(text=SignedText.PARTS, header="S", secret="key", digest=Digest.RSA_SHA256, written=Written.BASE64)
    signature = recipe.sign(one, "1\n{}", private)
    assert recipe.is_signed(one, "1\n{}", signature, public)
    assert not recipe.is_signed(one, "1\n{} ", signature, public)


def sent(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: recipe.unjoined(text) for name, text in fields.items()}


@given(one=forms, other=forms)
def test_no_two_sets_of_parameters_have_one_text_to_sign(one: Mapping[str, str], other: Mapping[str, str]) -> None:
    texts = recipe.pairs(PAIRS, sent(one), "K"), recipe.pairs(PAIRS, sent(other), "K")
    assert (texts[0] == texts[1]) == (sent(one) == sent(other))


@given(text=forms.map(lambda fields: recipe.pairs(PAIRS, sent(fields), "K")), fields=forms)
def test_a_text_to_sign_falls_apart_in_one_way(text: str, fields: Mapping[str, str]) -> None:
    pairs = recipe.pairs(PAIRS, sent(fields), "K").removesuffix("&key=K").removesuffix("key=K")
    assert dict(pair.split("=", 1) for pair in pairs.split("&") if pair) == sent(fields)


pieces = st.tuples(st.text("a1&\n", max_size=4), st.text("a1&\n", max_size=4), st.text("a1&\n", max_size=6))


@given(one=pieces, other=pieces)
def test_no_two_messages_have_one_text_of_parts(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    def text(path: str, nonce: str, body: str) -> str | None:
        try:
            return recipe.parts(LINES, {"request.path": path, "body": body}, {"nonce": nonce}, {}, "K")
        except Unreadable:
            return None  # a part that holds the separator is not signed, and not believed

    if text(*one) is not None and text(*one) == text(*other):
        assert one == other


def test_what_is_ambiguous_says_so() -> None:
    assert not recipe.is_ambiguous(PAIRS)
    assert not recipe.is_ambiguous(LINES)
    assert recipe.is_ambiguous(Recipe(text=SignedText.PAIRS, keeps_ampersand=True))
    assert recipe.is_ambiguous(Recipe(text=SignedText.PARTS, parts=LINES.parts, separator=""))


# -- the variants of real fourth-party documents (FACTS 4), as one description


def fourth_party(**answer: Any) -> Any:
    """Lower case, a note that is not signed, the payment password as MD5, fen out and yuan in, 101 for success; JSON."""
    found = json.loads(example("dolphin"))
    recipe_ = {**found["signing"]["request"], "written": "lower", "unsigned": ["note"]}
    found["signing"] = dict.fromkeys(("request", "answer", "callback"), recipe_)
    found["settings"].append({"name": "pay_password", "label": "支付密码", "secret": True})
    found["sample_settings"]["pay_password"] = "p@ss"
    submit = found["interfaces"]["submit"]
    submit["ask"]["body"] = "json"
    submit["ask"]["parameters"] += [
        {"name": "payPwd", "source": "account.pay_password", "filters": ["md5", "upper"]},
        {"name": "note", "constant": "note"},
    ]
    found["answer"] |= {"body": "json", "accepted": ["101"], **answer}
    found["interfaces"]["figures"]["unit"] = "yuan_any"
    return adapter_of("fourth", parse(json.dumps(found)))({**DolphinThem.settings, "pay_password": "p@ss"})


def reply(**fields: object) -> Reply:
    given = {"mchId": "880100231", **fields}
    flat = {name: str(it) for name, it in given.items() if name != "note" and it is not None}
    text = "&".join(f"{name}={flat[name]}" for name in sorted(flat)) + f"&key={DolphinThem.settings['key']}"
    return Reply(status=200, body=json.dumps({**given, "sign": hashlib.md5(text.encode()).hexdigest()}).encode())


def test_who_tells_the_balance_alone_is_described_without_totals() -> None:
    def of(**interface: str) -> Any:
        found = json.loads(example("dolphin"))
        ask = {"method": "POST", "path": [{"constant": "/api/balance"}], "body": "form", "parameters": []}
        found["interfaces"]["figures"] = {"ask": ask, "unit": "fen", "settleable": "availableAmount", **interface}
        return adapter_of("balance", parse(json.dumps(found)))

    alone, both = of(), of(total="a", yesterday="b", today="c", settled="d")
    assert (abilities_of(alone).balance, abilities_of(alone).totals) == (True, False)
    assert (abilities_of(both).balance, abilities_of(both).totals) == (True, True)
    channel, them = alone(DolphinThem.settings), DolphinThem()
    told = Reply(status=200, body=them.form({"respCode": "0000", "availableAmount": "12345"}))
    assert channel.read_balance(told) == Money(12345)
    assert channel.read_figures(DAY, told).settleable == Money(12345)
    assert channel.write_figures(DAY).path == "/api/balance"
    for other in ({"respCode": "9999", "availableAmount": "12345"}, {"respCode": "0000"}):
        with pytest.raises(Unreadable):
            channel.read_balance(Reply(status=200, body=them.form(other)))


def test_a_fourth_partys_variants_are_spoken() -> None:
    channel = fourth_party()
    request = channel.write_submit(ORDER)
    told = json.loads(request.body)
    password = hashlib.md5(b"p@ss").hexdigest().upper()
    assert (told["payPwd"], told["amount"], told["sign"]) == (password, "123450", told["sign"].lower())
    assert "note=" not in request.signed_text and told["note"] == "note"
    assert password in channel.secrets(), "what can be used like the password is hidden like it"


def test_a_fourth_partys_answers_are_read() -> None:
    channel = fourth_party()
    said = {"respCode": 101, "mchOrderNo": ORDER.number, "amount": 123450, "status": "SUCCESS", "note": {"any": [1]}}
    heard = channel.read_query(ORDER, reply(**said))
    assert (heard.seen, heard.signed, heard.amount) == (Seen.PAID, True, ORDER.amount)
    assert channel.read_query(ORDER, reply(**said | {"status": "success"})).seen is Seen.PENDING
    with pytest.raises(BadSignature):
        channel.read_query(ORDER, Reply(status=200, body=reply(**said).body.replace(b"123450", b"999999")))
    for odd in ({"amount": 1234.5}, {"amount": "1e5"}, {"mchOrderNo": ["W"]}, {"mchOrderNo": "a&status=SUCCESS"}):
        with pytest.raises(Unreadable):
            channel.read_query(ORDER, reply(**said | odd))


def test_an_answer_that_is_not_signed_moves_nothing() -> None:
    found = json.loads(example("dolphin"))
    found["signing"]["answer"] = {"text": "none", "why": "文档如此"}
    channel = adapter_of("quiet", parse(json.dumps(found)))(DolphinThem.settings)
    for word in ("SUCCESS", "FAIL", "REFUND", "NOBODY KNOWS"):
        heard = channel.read_query(ORDER, said(word))
        assert (heard.seen, heard.signed, heard.word) == (Seen.PENDING, False, word)
    refused = channel.read_submit(ORDER, said("", code="1001"))
    assert (refused.seen, refused.signed) == (Seen.PENDING, False)
    callback = DolphinThem().say("callback", ORDER, "SUCCESS")
    assert isinstance(callback, RawCallback)
    assert channel.read_callback(callback).seen is Seen.PAID


def said(word: str, **changes: object) -> Reply:
    found = DolphinThem().say("query", ORDER, word, **changes)
    assert isinstance(found, Reply)
    return found


def xml_channel() -> Any:
    found = json.loads(example("dolphin"))
    found["answer"]["body"] = found["callback"]["body"] = "xml"
    found["interfaces"]["submit"]["ask"]["body"] = "xml"
    return adapter_of("xml", parse(json.dumps(found)))(DolphinThem.settings)


def xml(order: Order, word: str, extra: str = "") -> bytes:
    fields = {"mchId": "880100231", "respCode": "0000", "mchOrderNo": order.number, "amount": "123450", "status": word}
    text = recipe.pairs(PAIRS, fields, DolphinThem.settings["key"])
    signed = {**fields, "sign": recipe.sign(PAIRS, text, DolphinThem.settings["key"])}
    return f"<xml>{''.join(f'<{name}>{it}</{name}>' for name, it in signed.items())}{extra}</xml>".encode()


def test_xml_is_written_and_read() -> None:
    channel = xml_channel()
    inside = strict.read_xml(channel.write_submit(ORDER).body)
    assert inside["accountName"] == "张三＆Sons="
    assert channel.read_query(ORDER, Reply(status=200, body=xml(ORDER, "SUCCESS"))).seen is Seen.PAID


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "SUCCESS">]><xml><status>&a;</status></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><status>1</status></xml>',
        xml(ORDER, "FAIL", "<status>SUCCESS</status>"),
        b'<xml><status a="1">SUCCESS</status></xml>',
        b"<xml><a>1</a>text</xml>",
        b"<a>" * 100 + b"</a>" * 100,
        b"<xml>text</xml>",
        b"<xml>",
    ],
)
def test_xml_that_means_two_things_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        xml_channel().read_query(ORDER, Reply(status=200, body=body))

"""Signatures: the channels' own worked examples, and that changing anything breaks them."""

import base64

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from app.kernel import signing

# WeChat Pay v2's published example: fields, key, and both signatures.
FIELDS = {
    "appid": "wxd930ea5d5a258f4f",
    "mch_id": "10000100",
    "device_info": "1000",
    "body": "test",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}
KEY = "192006250b4c09247ec02edce69f6a2d"
SIGNED = "appid=wxd930ea5d5a258f4f&body=test&device_info=1000&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA"
MD5 = "9A0A8659F005D6984697E2CA0A9CF3B7"
HMAC = "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"

PRIVATE, PUBLIC = signing.new_rsa_pair()
word = st.text(st.characters(exclude_characters="&=", exclude_categories=["Cs"]), min_size=1, max_size=8)
field_sets = st.dictionaries(word.filter(lambda key: key != "sign"), word, max_size=5)


def test_the_published_example_is_reproduced() -> None:
    assert signing.sorted_pairs(FIELDS) == SIGNED
    assert signing.md5_with_key(SIGNED, KEY) == MD5
    assert signing.hmac_sha256(f"{SIGNED}&key={KEY}".encode(), KEY.encode()).upper() == HMAC


@pytest.mark.parametrize("more", [{"sign": "whatever"}, {"attach": ""}, {"sign": "", "attach": ""}])
def test_empty_values_and_the_signature_itself_do_not_enter(more: dict[str, str]) -> None:
    assert signing.sorted_pairs({**FIELDS, **more}) == SIGNED


def test_what_else_stays_out_is_said_by_the_recipe() -> None:
    fields = {"b": "2", "a": "1", "sign_type": "RSA2", "sign": "x"}
    assert signing.sorted_pairs(fields) == "a=1&b=2&sign_type=RSA2"
    assert signing.sorted_pairs(fields, leave_out=frozenset({"sign", "sign_type"})) == "a=1&b=2"


def test_keys_are_sorted_by_ascii_and_values_are_left_alone() -> None:
    assert signing.sorted_pairs({"b": " 2%20&", "B": "中", "a_b": "0", "aB": "1"}) == "B=中&aB=1&a_b=0&b= 2%20&"


@given(field_sets, field_sets)
def test_two_different_sets_of_fields_are_never_one_text(one: dict[str, str], other: dict[str, str]) -> None:
    assert (signing.sorted_pairs(one) == signing.sorted_pairs(other)) == (one == other)


@given(field_sets)
def test_the_order_of_fields_does_not_matter(fields: dict[str, str]) -> None:
    assert signing.sorted_pairs(dict(reversed(fields.items()))) == signing.sorted_pairs(fields)


@pytest.mark.parametrize("given_text", ["", MD5.lower(), MD5[:-1], MD5 + "0", " " + MD5, "中文", "\ud800", "\x00"])
def test_a_signature_that_is_not_the_same_is_not_the_same(given_text: str) -> None:
    assert not signing.same(given_text, MD5)
    assert signing.same(MD5, MD5)


def test_text_that_no_byte_can_say_is_signed_by_nobody() -> None:
    """JSON may carry half a character ("\\ud800"); whoever sends it gets a wrong signature, not a crash."""
    assert signing.md5_with_key("a=\ud800", KEY) != signing.md5_with_key("a=?", KEY)


def test_rsa_signs_exactly_these_bytes() -> None:
    signature = signing.rsa_sign(b"amount=100", PRIVATE)
    assert signing.rsa_verify(b"amount=100", signature, PUBLIC)
    assert len(base64.b64decode(signature)) == 256
    for data in (b"amount=101", b"amount=100 ", b"", b"amount=100\n"):
        assert not signing.rsa_verify(data, signature, PUBLIC)


def test_anothers_key_does_not_verify() -> None:
    _private, public = signing.new_rsa_pair()
    assert not signing.rsa_verify(b"x", signing.rsa_sign(b"x", PRIVATE), public)


@pytest.mark.parametrize(
    "signature", ["", "=", "AAAA", "not base64!", "WECHATPAY/SIGNTEST/AAAA", "中文", "\ud800", "A" * 344, "é=="]
)
def test_what_is_no_signature_verifies_nothing(signature: str) -> None:
    assert not signing.rsa_verify(b"x", signature, PUBLIC)


def test_a_signature_with_something_added_is_refused() -> None:
    signature = signing.rsa_sign(b"x", PRIVATE)
    for changed in (signature + "\n", " " + signature, signature[:-4], signature + "AAAA", signature.swapcase()):
        assert not signing.rsa_verify(b"x", changed, PUBLIC)


@given(st.binary(max_size=64), st.integers(0, 255), st.integers(1, 255))
def test_one_changed_byte_breaks_a_signature(data: bytes, place: int, flip: int) -> None:
    raw = bytearray(base64.b64decode(signing.rsa_sign(data, PRIVATE)))
    raw[place] ^= flip
    assert not signing.rsa_verify(data, base64.b64encode(raw).decode(), PUBLIC)


@given(st.binary(max_size=64), st.binary(max_size=64), st.binary(min_size=1, max_size=64))
def test_hmac_depends_on_data_and_key(one: bytes, other: bytes, key: bytes) -> None:
    assume(one != other)
    assert signing.hmac_sha256(one, key) != signing.hmac_sha256(other, key)
    assert signing.hmac_sha256(one, key) != signing.hmac_sha256(one, key + b"1")


def test_fresh_pairs_are_different() -> None:
    private, public = signing.new_rsa_pair()
    assert private != PRIVATE and public != PUBLIC
    assert private.startswith("-----BEGIN PRIVATE KEY-----") and public.startswith("-----BEGIN PUBLIC KEY-----")

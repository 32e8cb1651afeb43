"""Sealing: card numbers and channel keys never lie open in the database (SECURITY 24–27).

AES-256-GCM with the key's id in front and the place (table, column, row) as associated data, so a ciphertext moved to
another row does not open. Every other purpose has a key of its own, derived from the secret with its purpose as label.
"""

import hmac
import os
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.config import config

_NONCE_BYTES = 12


class Sealed(Exception):
    """This ciphertext cannot be opened here: wrong key, wrong place, or damaged."""


def seal(plain: str, *, table: str, column: str, row: str) -> str:
    """`keyid:hex(nonce + ciphertext)` under the first field key."""
    key_id, key = next(iter(config().sealing_keys.items()))
    nonce = os.urandom(_NONCE_BYTES)
    return f"{key_id}:{(nonce + AESGCM(key).encrypt(nonce, plain.encode(), _place(table, column, row))).hex()}"


def newest_key() -> str:
    """The id of the key that seals now."""
    return next(iter(config().sealing_keys))


def unseal(sealed: str, *, table: str, column: str, row: str) -> str:
    """The plain text, or Sealed."""
    key_id, _, body = sealed.partition(":")
    key = config().sealing_keys.get(key_id)
    if key is None:
        raise Sealed(f"no field key named {key_id}")
    try:
        raw = bytes.fromhex(body)
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _place(table, column, row)).decode()
    except (InvalidTag, ValueError):
        raise Sealed(f"{table}.{column} of {row} does not open") from None


def blind_index(value: str, *, purpose: str) -> str:
    """A keyed fingerprint that lets one search a sealed value without opening it."""
    return hmac.new(key_for(f"blind index: {purpose}"), value.encode(), sha256).hexdigest()


def blind_indexer(purpose: str) -> Callable[[str], bytes]:
    """`blind_index` for a hundred thousand values, as 32 bytes. HMAC (RFC 2104) with its two halves begun once: OpenSSL's
    own looks its algorithm up again for each value, which takes six times as long."""
    key = key_for(f"blind index: {purpose}").ljust(_SHA256_BLOCK, b"\0")
    inner, outer = sha256(bytes(it ^ 0x36 for it in key)), sha256(bytes(it ^ 0x5C for it in key))

    def index(value: str) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(value.encode())
        second.update(first.digest())
        return second.digest()

    return index


_SHA256_BLOCK = 64


def fingerprint(secret: str) -> str:
    """What a page may show of a key: enough to compare, nothing to use."""
    return blind_index(secret, purpose="fingerprint")[:12]


def mac(data: bytes, *, purpose: str) -> str:
    """HMAC-SHA256 under the key of this purpose, hexadecimal."""
    return hmac.new(key_for(purpose), data, sha256).hexdigest()


def key_for(purpose: str) -> bytes:
    """32 bytes that belong to this purpose alone."""
    return _derive(config().secret_key.get_secret_value(), purpose)


@lru_cache(maxsize=64)
def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"paydesk: {purpose}".encode()).derive(
        secret.encode()
    )


def _place(table: str, column: str, row: str) -> bytes:
    return f"{table}|{column}|{row}".encode()


class DataKey:
    """A key for the bytes of one thing, which is itself kept sealed: forget it, and nobody can read them any more."""

    def __init__(self, key: bytes) -> None:
        self._cipher, self._key = AESGCM(key), key

    @classmethod
    def new(cls) -> Self:
        return cls(os.urandom(32))

    @classmethod
    def opened(cls, sealed: str, *, table: str, column: str, row: str) -> Self:
        """The key that was sealed here, or Sealed."""
        return cls(bytes.fromhex(unseal(sealed, table=table, column=column, row=row)))

    def sealed(self, *, table: str, column: str, row: str) -> str:
        return seal(self._key.hex(), table=table, column=column, row=row)

    def seal(self, plain: bytes, *, place: str) -> bytes:
        """nonce + ciphertext, bound to its place: moved elsewhere it does not open."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def unseal(self, raw: bytes, *, place: str) -> bytes:
        """The plain bytes, or Sealed."""
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise Sealed(f"{place} does not open") from None

"""Signing recipes of third-party channels, as pure functions of bytes and keys.

Sources: WeChat Pay v2 "签名算法" (sorted pairs + key; its worked example is a test vector), Alipay "RSA2"
(SHA256withRSA, PKCS#1 v1.5, base64), WeChat Pay v3 "敏感信息加解密" (RSA-OAEP) and "证书和回调报文解密" (AES-256-GCM).
Comparisons are constant-time. Keys are PEM, or the bare base64 that Alipay's tool hands out.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kernel.errors import Malformed


def sorted_pairs(fields: Mapping[str, str], *, leave_out: frozenset[str] = frozenset({"sign"})) -> str:
    """`k=v&k=v` in ASCII order of the keys; empty values and `leave_out` do not enter. Values are not URL-encoded."""
    return "&".join(f"{key}={fields[key]}" for key in sorted(fields) if fields[key] != "" and key not in leave_out)


def md5_with_key(text: str, key: str) -> str:
    """Upper-case MD5 of `text&key=KEY`: what most aggregated channels ask for. Their choice, not a security of ours."""
    return hashlib.md5(_bytes(f"{text}&key={key}"), usedforsecurity=False).hexdigest().upper()


def hmac_sha256(data: bytes, key: bytes) -> str:
    """Lower-case hexadecimal HMAC-SHA256."""
    return hmac.new(key, data, hashlib.sha256).hexdigest()


def same(given: str, expected: str) -> bool:
    """Constant-time comparison of two signatures as text."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(text: str) -> bytes:
    """UTF-8. Half a character, which JSON can carry ("\\ud800"), makes a wrong signature, not a crash."""
    return text.encode("utf-8", "surrogatepass")


_PKCS1, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


def rsa_sign(data: bytes, private_pem: str) -> str:
    """SHA256withRSA (PKCS#1 v1.5) as base64."""
    return base64.b64encode(_private(private_pem).sign(data, _PKCS1, _SHA256)).decode()


def rsa_verify(data: bytes, signature: str, public_pem: str) -> bool:
    """Is this base64 text, in the one way to write it, the SHA256withRSA signature of exactly these bytes?"""
    try:
        raw = base64.b64decode(signature, validate=True)
        _public(public_pem).verify(raw, data, _PKCS1, _SHA256)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return same(signature, base64.b64encode(raw).decode())


def rsa_encrypt(text: str, public_pem: str) -> str:
    """RSA-OAEP (SHA-1, MGF1 with SHA-1) as base64: only the holder of the private key can read it, and it is never the same."""
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303, their choice
    return base64.b64encode(_public(public_pem).encrypt(text.encode(), oaep)).decode()


def gcm_open(ciphertext: str, *, key: str, nonce: str, associated: str) -> bytes | None:
    """What AES-256-GCM sealed, its tag being the last 16 bytes; None when it was sealed otherwise, or changed."""
    try:
        raw = base64.b64decode(ciphertext, validate=True)
        return AESGCM(key.encode()).decrypt(nonce.encode(), raw, associated.encode())
    except (InvalidTag, binascii.Error, ValueError):
        return None


def require_private(pem: str) -> None:
    """An RSA private key in PEM that signs today's recipes, or Malformed."""
    key = _loaded(lambda: serialization.load_pem_private_key(pem.encode(), password=None))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Malformed(
            "不是 PEM 格式的 RSA 私钥（以 -----BEGIN PRIVATE KEY----- 或 BEGIN RSA PRIVATE KEY 开头，没有口令）"
        )
    _require_long(key.key_size)


def require_public(pem: str) -> None:
    """An RSA public key in PEM, or Malformed."""
    key = _loaded(lambda: serialization.load_pem_public_key(pem.encode()))
    if not isinstance(key, rsa.RSAPublicKey):
        raise Malformed("不是 PEM 格式的 RSA 公钥（以 -----BEGIN PUBLIC KEY----- 开头）")
    _require_long(key.key_size)


def require_certificate(pem: str) -> None:
    """An X.509 certificate (or a chain of them) in PEM with an RSA key, or Malformed."""
    chain = _loaded(lambda: x509.load_pem_x509_certificates(pem.encode()))
    key = _loaded(chain[0].public_key) if isinstance(chain, list) else None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Malformed("不是 PEM 格式的 X.509 证书（以 -----BEGIN CERTIFICATE----- 开头，RSA 密钥）")
    _require_long(key.key_size)


def _loaded(load: Callable[[], object]) -> object:
    try:
        return load()
    except (ValueError, TypeError, UnsupportedAlgorithm):  # it quotes what it could not read: not told on
        return None


def _require_long(bits: int) -> None:
    if bits < _SHORTEST_BITS:
        raise Malformed("这把 RSA 密钥只有 %(bits)d 位，至少要 2048 位", bits=bits)


_SHORTEST_BITS = 2048


def same_key(one: str, other: str) -> bool:
    """Are these two public PEMs the same key, however they are broken into lines?"""
    return _public(one).public_numbers() == _public(other).public_numbers()


def new_rsa_pair() -> tuple[str, str]:
    """A fresh RSA-2048 pair as (private PEM, public PEM)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), _pem(key.public_key())


def public_of(private_pem: str) -> str:
    """The public half of a pair, as PEM."""
    return _pem(_private(private_pem).public_key())


def _pem(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


# Loading a private PEM costs tens of milliseconds, a signature a quarter of one: parsed keys are kept.
@lru_cache(maxsize=256)
def _private(pem: str) -> rsa.RSAPrivateKey:
    if _is_bare(pem):
        key = serialization.load_der_private_key(base64.b64decode(pem), password=None)
    else:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@lru_cache(maxsize=256)
def _public(pem: str) -> rsa.RSAPublicKey:
    if _is_bare(pem):
        key = serialization.load_der_public_key(base64.b64decode(pem))
    else:
        key = serialization.load_pem_public_key(pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def _is_bare(pem: str) -> bool:
    return not pem.lstrip().startswith("-----BEGIN")

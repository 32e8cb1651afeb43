"""X.509 certificates as channels use them: whose key it is, how they number it, whether somebody we trust signed it.

Sources: Alipay "公钥证书签名" (app_cert_sn, alipay_root_cert_sn: MD5 over issuer and serial number), UnionPay ACP 5.1
(signPubKeyCert under a middle and a root certificate, the name behind the second "@" of its CN).
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_RSA = "1.2.840.113549.1.1."
_BLOCK = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@lru_cache(maxsize=256)
def read(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text, in its order. ValueError when it holds none."""
    return tuple(x509.load_pem_x509_certificates(pem.encode()))


def public_key(certificate: x509.Certificate) -> str:
    """Its RSA key as PEM. TypeError for any other kind of key."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA key")
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def alipay_number(pem: str) -> str:
    """`app_cert_sn`, `alipay_cert_sn`: of the first certificate, which is the account's own."""
    return _alipay_number(read(pem)[0])


def alipay_root_number(pem: str) -> str:
    """`alipay_root_cert_sn`: of all that are signed with RSA; the others are left out, as Alipay leaves them out.

    Their file holds roots of SM2 and ECDSA too, one of them so written that it cannot be read at all.
    """
    found: list[x509.Certificate] = []
    for block in _BLOCK.findall(pem):
        with suppress(ValueError):
            found += read(block)
    ours = [it for it in found if it.signature_algorithm_oid.dotted_string.startswith(_RSA)]
    if not ours:
        raise ValueError("no RSA certificate")
    return "_".join(_alipay_number(it) for it in ours)


def _alipay_number(certificate: x509.Certificate) -> str:
    named = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()


def common_name(certificate: x509.Certificate) -> str:
    """The CN of whom it is about, "" where it has none."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def is_trusted(certificate: x509.Certificate, trusted: Sequence[x509.Certificate], at: datetime) -> bool:
    """Does a chain lead from it, link by link and each of them in force, to a root (self-signed) among `trusted`?

    `trusted` is ours: a certificate that a message brings along signs nothing but the message.
    """
    for _ in range(len(trusted) + 1):
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return False
        if certificate in trusted and certificate.issuer == certificate.subject:
            return True
        issuer = next((it for it in trusted if _signed(certificate, it)), None)
        if issuer is None:
            return False
        certificate = issuer
    return False


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True

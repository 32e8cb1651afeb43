"""Hashing and judging passwords; tokens and their fingerprints."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.auth import rules
from app.kernel.errors import Refused
from app.runtime.db import in_transaction, let_go

_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TWO_AT_A_TIME = threading.BoundedSemaphore(2)  # 19 MiB each: a crowd at the door must not exhaust the machine
_PATIENCE_S = 20
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """A random one that a person can type: 79 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))


def hashed(password: str, *, username: str) -> str:
    """What is stored of a password. Slow on purpose: never inside a transaction. Refused when it is a bad one."""
    rules.require_password(password, username=username)
    let_go()
    with _at_the_scales():
        return _ARGON2.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Takes as long for somebody who does not exist."""
    assert not in_transaction(), "hashing is slow: never while a transaction is open"
    with _at_the_scales():
        nobodys = _nobodys_hash()
        try:
            return _ARGON2.verify(stored or nobodys, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def fingerprint(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode()).hexdigest()


@cache
def _nobodys_hash() -> str:
    return _ARGON2.hash(secrets.token_urlsafe(32))


@contextmanager
def _at_the_scales() -> Iterator[None]:
    if not _TWO_AT_A_TIME.acquire(timeout=_PATIENCE_S):
        raise Refused("现在登录的人太多，请稍后再试")
    try:
        yield
    finally:
        _TWO_AT_A_TIME.release()

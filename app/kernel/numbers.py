"""Business numbers: unique, unguessable, sortable by day, fit for every channel (letters and digits, at most 32)."""

import secrets

from app.kernel import clock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U to misread on the telephone


def new_number(prefix: str) -> str:
    """`W20261121` + 10 random letters (50 bits): never reused, never enumerable. The database's UNIQUE has the last word."""
    return f"{prefix}{clock.business_day():%Y%m%d}{random_text(10)}"


def random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))

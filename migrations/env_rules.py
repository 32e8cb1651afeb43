"""How models and databases are compared: what counts as a difference of types, and how types of the house are written."""

from sqlalchemy import BigInteger, DateTime, Integer

from app.runtime.db import Instant, MoneyColumn


def render(kind: str, thing: object, _autogen: object) -> str | bool:
    """Migrations stand by themselves: types of the house are written as what they are in the database."""
    if kind == "type" and isinstance(thing, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, MoneyColumn):
        return "sa.BigInteger()"
    return False


def same_type(_context: object, _inspected: object, _meta: object, inspected: object, meta: object) -> bool | None:
    """SQLite knows one integer: a BIGINT there is an INTEGER, and no difference."""
    if isinstance(inspected, Integer | BigInteger) and isinstance(meta, Integer | BigInteger | MoneyColumn):
        return False
    if isinstance(inspected, DateTime) and isinstance(meta, Instant):
        return False
    return None

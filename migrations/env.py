"""Alembic's way into the house: the application's own engine, the models' own metadata."""

from alembic import context
from sqlalchemy import BigInteger, DateTime, Integer

from app.runtime.db import Instant, Model, MoneyColumn, db


def render(kind: str, thing: object, autogen: object) -> str | bool:
    """Migrations stand by themselves: types of the house are written as what they are in the database."""
    if kind == "type" and isinstance(thing, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, MoneyColumn):
        return "sa.BigInteger()"
    return False


def same_type(_context: object, _inspected: object, _meta: object, inspected: object, meta: object) -> bool | None:
    """SQLite knows one integer: a BIGINT there is an INTEGER, and no difference."""
    if isinstance(inspected, (Integer, BigInteger)) and isinstance(meta, (Integer, BigInteger, MoneyColumn)):
        return False
    if isinstance(inspected, DateTime) and isinstance(meta, Instant):
        return False
    return None


def run() -> None:
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Model.metadata,
            render_item=render,
            compare_type=same_type,
            render_as_batch=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()

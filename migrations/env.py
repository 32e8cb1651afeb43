"""Alembic's way into the house: the application's own engine, the models' own metadata."""

from alembic import context

from app.runtime.db import Model, db
from migrations import env_rules


def run() -> None:
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Model.metadata,
            render_item=env_rules.render,
            compare_type=env_rules.same_type,
            render_as_batch=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()

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
        # SQLite changes a table by making it anew; with its foreign keys on, that would empty the tables that point at it.
        on_sqlite = connection.dialect.name == "sqlite"
        driver = connection.connection.driver_connection
        if on_sqlite:
            driver.execute("PRAGMA foreign_keys=OFF")
        with context.begin_transaction():
            context.run_migrations()
        if on_sqlite:
            broken = driver.execute("PRAGMA foreign_key_check").fetchall()
            driver.execute("PRAGMA foreign_keys=ON")
            assert not broken, f"rows that point at nothing: {broken}"


run()

"""Bringing a database up to date. Forward only."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.runtime.db import db

_FOLDER = Path(__file__).resolve().parent.parent.parent / "migrations"


def upgrade() -> None:
    """All migrations that are not there yet, inside an application context. Raises what the database raises."""
    command.upgrade(_alembic(), "head")


def is_current() -> bool:
    """Is this database at the newest migration?"""
    with db.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_alembic()).get_current_head()


def write(message: str) -> None:
    """A new migration from what the models say and the database lacks; read it before committing it."""
    command.revision(
        _alembic(),
        message=message,
        autogenerate=True,
        rev_id=f"{len(list((_FOLDER / 'versions').glob('0*.py'))) + 1:04d}",
    )


def _alembic() -> Config:
    found = Config()
    found.set_main_option("script_location", str(_FOLDER))
    found.set_main_option("path_separator", "os")
    return found

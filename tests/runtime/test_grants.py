"""The console's own database role does all its work, and cannot rewrite history even where nothing else would stop it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.cli import main
from app.config import Config
from app.runtime import grants, migrations
from app.runtime.db import Model, db
from tests.conftest import KEYS
from tests.sandbox.third_party import ThirdParty
from tests.world import World

APPEND_ONLY = ("transfer", "audit_record", "withdrawal_event")


@pytest.fixture
def owned(new_postgres: Callable[[], str]) -> Iterator[Engine]:
    """A database with all migrations, as the role that owns it."""
    engine = create_engine(new_postgres())
    yield engine
    engine.dispose()


@pytest.fixture
def role(owned: Engine) -> Iterator[str]:
    """A fresh role that may sign in and nothing else. Its name must be quoted."""
    name = f"Web-{uuid4().hex[:8]}"
    with owned.begin() as connection:
        connection.execute(text(f'CREATE ROLE "{name}" LOGIN'))
    yield name
    with owned.begin() as connection:
        connection.execute(text(f'DROP OWNED BY "{name}"'))
        connection.execute(text(f'DROP ROLE "{name}"'))


def address(owned: Engine, role: str = "") -> str:
    return make_url(str(owned.url)).set(username=role or owned.url.username).render_as_string(hide_password=False)


def command(owned: Engine, folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {
        "PAYDESK_DATA_DIR": str(folder),
        "PAYDESK_DATABASE_URL": address(owned),
        **{f"PAYDESK_{name.upper()}": value for name, value in KEYS.items()},
    }
    told = CliRunner().invoke(main, ["grants", *arguments], env=environment)
    return told.exit_code, told.output


@pytest.fixture
def house(owned: Engine, role: str, tmp_path: Path) -> Iterator[Flask]:
    """The console as this role, after `paydesk grants --apply`."""
    code, told = command(owned, tmp_path, role, "--apply")
    assert code == 0, told
    app = create_app(
        Config(data_dir=tmp_path, database_url=address(owned, role), private_targets="127.0.0.1:*", **KEYS)
    )
    with app.app_context():
        assert db.session.scalar(text("SELECT current_user")) == role
        yield app
        db.session.remove()
        db.engine.dispose()


pytestmark = pytest.mark.postgres


def test_the_console_does_all_its_work(house: Flask, third_party: ThirdParty) -> None:
    with World(house, third_party) as world:
        account = world.account()
        fates = {"paid": "20.00", "failed": "10.02", "returned": "10.16"}
        for fate, amount in fates.items():
            number = world.withdrawal(amount, account=account)
            world.approve(number)
            assert world.until_state(number, fate, hurry_s=5) == fate
        world.all_is_well()
        assert migrations.is_current()


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_is_refused_to_it_even_without_triggers(
    house: Flask, owned: Engine, third_party: ThirdParty, table: str
) -> None:
    with World(house, third_party) as world:
        world.withdrawal("20.00")
    with owned.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {table}_no_change ON {table}"))
        connection.execute(text(f"DROP TRIGGER {table}_no_truncate ON {table}"))
        count = connection.scalar(text(f"SELECT count(*) FROM {table}"))
        assert count
        first, *_ = Model.metadata.tables[table].columns.keys()
    for statement in (
        f"UPDATE {table} SET {first} = {first}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
        f"SELECT * FROM {table} FOR UPDATE",
        f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1 ON CONFLICT ({first}) DO UPDATE SET {first} = 1",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"DROP TABLE {table} CASCADE",
        f"CREATE RULE gone AS ON INSERT TO {table} DO INSTEAD NOTHING",
        f"CREATE TRIGGER mine AFTER INSERT ON {table} EXECUTE FUNCTION {table}_is_append_only()",
        f"GRANT UPDATE ON {table} TO CURRENT_USER",
    ):
        assert refused(statement), statement
    with owned.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == count


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "ALTER TABLE withdrawal ADD COLUMN mine int",
        "ALTER TABLE withdrawal DROP CONSTRAINT ck_withdrawal_four_eyes",
        "DROP TABLE withdrawal_hold",
        "DROP INDEX uq_transfer_one_hold",
        "TRUNCATE withdrawal_hold",
        "UPDATE alembic_version SET version_num = '0000'",
        "CREATE OR REPLACE FUNCTION transfer_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ],
)
def test_the_schema_is_refused_to_it(house: Flask, statement: str) -> None:
    assert refused(statement)


def refused(statement: str) -> bool:
    """By a missing right, and by nothing else."""
    try:
        with db.engine.begin() as connection:
            connection.execute(text(statement))
    except DBAPIError as problem:
        return getattr(problem.orig, "sqlstate", "") == "42501"  # insufficient_privilege
    with db.engine.connect() as connection:  # a GRANT of what one does not have is only a warning
        may = "has_any_column_privilege('transfer', 'UPDATE') OR has_table_privilege('transfer', 'DELETE, TRUNCATE')"
        return statement.startswith("GRANT") and not connection.scalar(text(f"SELECT {may}"))


def test_what_it_had_before_is_taken_away(owned: Engine, role: str, tmp_path: Path) -> None:
    with owned.begin() as connection:
        connection.execute(text(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"'))
        connection.execute(text(f'GRANT UPDATE (note) ON transfer TO "{role}"'))
        connection.execute(text(f'GRANT ALL ON SCHEMA public TO "{role}"'))
    assert command(owned, tmp_path, role, "--apply")[0] == 0
    with owned.connect() as connection:
        asked = text("SELECT has_any_column_privilege(:role, 'transfer', 'UPDATE')")
        assert connection.scalar(asked, {"role": role}) is False


def test_without_apply_it_only_prints(owned: Engine, role: str, tmp_path: Path) -> None:
    code, told = command(owned, tmp_path, role)
    assert code == 0
    assert f'GRANT SELECT, INSERT ON public."transfer" TO "{role}";\n' in told
    assert f'GRANT SELECT, INSERT, UPDATE, DELETE ON public."withdrawal" TO "{role}";\n' in told
    with owned.connect() as connection:
        asked = text("SELECT has_table_privilege(:role, 'withdrawal', 'SELECT')")
        assert connection.scalar(asked, {"role": role}) is False
    with owned.begin() as connection:  # and what it prints is what --apply executes
        for statement in told.splitlines():
            connection.exec_driver_sql(statement)
        assert connection.scalar(asked, {"role": role}) is True


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("SELECT 1", "there is no role named"),
        ('CREATE ROLE "{name}" SUPERUSER', "SUPERUSER or CREATEROLE"),
        ('CREATE ROLE "{name}" CREATEROLE', "SUPERUSER or CREATEROLE"),
        ('CREATE ROLE "{name}" IN ROLE paydesk', "may act as, paydesk"),
        ('CREATE ROLE "{name}" IN ROLE pg_write_all_data', "may still change"),
        ('CREATE ROLE "{name}"; GRANT UPDATE (note) ON transfer TO PUBLIC', "may still change transfer"),
    ],
)
def test_a_role_that_cannot_be_kept_from_it_is_refused(owned: Engine, tmp_path: Path, made: str, told: str) -> None:
    name = f"role_{uuid4().hex[:8]}"
    with owned.begin() as connection:
        connection.execute(text(made.format(name=name)))
    code, said = command(owned, tmp_path, name, "--apply")
    assert code == 1 and told in said
    with owned.begin() as connection:
        connection.execute(text("REVOKE UPDATE (note) ON transfer FROM PUBLIC"))
        connection.execute(text(f'DROP ROLE IF EXISTS "{name}"'))  # all or none: nothing was granted to it


def test_the_owner_itself_is_refused(owned: Engine, tmp_path: Path) -> None:
    assert command(owned, tmp_path, "paydesk", "--apply")[0] == 1


def test_append_only_is_taken_from_the_models(app: Flask) -> None:
    marked = {table.name for table in Model.metadata.sorted_tables if table.info.get("append_only")}
    assert marked == set(APPEND_ONLY)
    told = grants.statements('we"b')
    for table in Model.metadata.tables:
        (mine,) = [statement for statement in told if f'public."{table}"' in statement]
        assert ("UPDATE" in mine) is (table not in marked)
        assert mine.endswith('TO "we""b"')


def test_sqlite_has_no_roles(tmp_path: Path, migrated: Path) -> None:
    environment = {"PAYDESK_DATA_DIR": str(tmp_path), **{f"PAYDESK_{name.upper()}": it for name, it in KEYS.items()}}
    told = CliRunner().invoke(main, ["grants", "web", "--apply"], env=environment)
    assert told.exit_code == 1 and "SQLite has no roles" in told.output

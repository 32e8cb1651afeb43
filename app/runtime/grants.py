"""What the console's own database role may do (SECURITY 45). PostgreSQL; its tables belong to another role.

Append-only tables (`db.append_only`) can be read and added to, and nothing else: the triggers that refuse a change can be
dropped by a table's owner, a right that was never given cannot be used by whoever breaks into the console.
"""

from sqlalchemy import Connection, text

from app.runtime.db import Model, db

SCHEMA = "public"
MIGRATIONS = "alembic_version"
"""Alembic's own table: `/readyz` reads it, `paydesk migrate` (the owner) writes it."""


class NotFit(Exception):
    """This role cannot be kept from anything, or this database knows no roles. The words are for the terminal."""


def statements(role: str) -> list[str]:
    """What makes a role fit for web and workers, whatever it was granted before. Again after every migration."""
    who = _quote(role)
    tables = sorted(Model.metadata.tables.values(), key=lambda table: (bool(table.info.get("append_only")), table.name))
    return [
        f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM PUBLIC",
        f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {who}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {SCHEMA} FROM {who}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {SCHEMA} FROM {who}",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {who}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {who}",
        f"GRANT SELECT ON {SCHEMA}.{MIGRATIONS} TO {who}",
        *(
            f"GRANT {'SELECT, INSERT' if table.info.get('append_only') else 'SELECT, INSERT, UPDATE, DELETE'}"
            f" ON {SCHEMA}.{_quote(table.name)} TO {who}"
            for table in tables
        ),
    ]


def give(role: str) -> None:
    """Execute them, all or none. NotFit where they would not keep this role from anything."""
    if db.engine.dialect.name != "postgresql":
        raise NotFit("grants need PostgreSQL: SQLite has no roles, whoever may read the file may change it")
    with db.engine.begin() as connection:
        _require_somebody_else(connection, role)
        for statement in statements(role):
            connection.exec_driver_sql(statement)
        if may := _may_still(connection, role):
            raise NotFit(f"{role} may still {may}, by what PUBLIC or another role of theirs may: revoke that first")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _require_somebody_else(connection: Connection, role: str) -> None:
    found = connection.execute(
        text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = :role"), {"role": role}
    ).one_or_none()
    if found is None:
        raise NotFit(f"there is no role named {role}: CREATE ROLE {_quote(role)} LOGIN PASSWORD '…'")
    if found[0]:
        raise NotFit(f"{role} may give itself anything (SUPERUSER or CREATEROLE): take another role")
    owners = text(
        "SELECT tableowner FROM pg_tables WHERE schemaname = :schema AND pg_has_role(:role, tableowner, 'MEMBER') LIMIT 1"
    )
    if owner := connection.scalar(owners, {"schema": SCHEMA, "role": role}):
        raise NotFit(f"{role} is, or may act as, {owner}, to whom the tables belong: take another role")


def _may_still(connection: Connection, role: str) -> str:
    """The first thing that it should not be able to do, and is."""
    if connection.scalar(
        text("SELECT has_schema_privilege(:role, :schema, 'CREATE')"), {"role": role, "schema": SCHEMA}
    ):
        return f"create tables in {SCHEMA}"
    change = text(
        "SELECT has_table_privilege(:role, :name, 'DELETE, TRUNCATE, TRIGGER')"
        " OR has_any_column_privilege(:role, :name, 'UPDATE')"
    )
    for table in Model.metadata.sorted_tables:
        if table.info.get("append_only"):
            name = f"{SCHEMA}.{_quote(table.name)}"
            if connection.scalar(change, {"role": role, "name": name}):
                return f"change {table.name}"
    return ""

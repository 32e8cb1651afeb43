"""versions of settings"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0010"
down_revision = "0009"

TIME = sa.DateTime(timezone=True)
GRANTS = {"administrator": ("channel:configure", "channel:activate")}
OVERLAP = timedelta(days=7)


def upgrade() -> None:
    op.drop_index("uq_channel_setting_active", "channel_setting")
    with op.batch_alter_table("channel_setting") as setting:
        setting.add_column(sa.Column("state", sa.String(10), nullable=False, server_default="retired"))
        setting.add_column(sa.Column("edition", sa.Integer(), nullable=False, server_default="1"))
        setting.add_column(sa.Column("based_on", sa.Integer(), nullable=True))
        setting.add_column(sa.Column("changed_at", TIME, nullable=True))
        setting.add_column(sa.Column("changed_by", sa.String(60), nullable=False, server_default=""))
        setting.add_column(sa.Column("why", sa.String(200), nullable=False, server_default=""))
        setting.add_column(sa.Column("activated_at", TIME, nullable=True))
        setting.add_column(sa.Column("activated_by", sa.String(60), nullable=False, server_default=""))
        setting.add_column(sa.Column("retired_at", TIME, nullable=True))
        setting.add_column(sa.Column("overlap_until", TIME, nullable=True))
    _tell_their_lives()
    with op.batch_alter_table("channel_setting") as setting:
        setting.drop_column("active")
    for name, state in (("uq_channel_setting_active", "active"), ("uq_channel_setting_draft", "draft")):
        where = sa.text(f"state = '{state}'")
        op.create_index(
            name, "channel_setting", ["account_id"], unique=True, postgresql_where=where, sqlite_where=where
        )
    # In one statement: Alembic would make the constraint by another, which SQLite does not have.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE callback_inbox ADD COLUMN setting_id {kind} "
        "CONSTRAINT fk_callback_inbox_setting_id REFERENCES channel_setting (id)"
    )
    steps.grant(GRANTS)


def _tell_their_lives() -> None:
    """Each version was in use from when it was made until the next one was. The keys of the last one before today's counted
    until now and overlap from now on; those of older ones counted no more."""
    setting = sa.table(
        "channel_setting",
        *(sa.column(name, sa.Integer) for name in ("id", "account_id", "version", "based_on")),
        *(sa.column(name, sa.String) for name in ("state", "created_by", "activated_by")),
        *(sa.column(name, TIME) for name in ("created_at", "activated_at", "retired_at", "overlap_until")),
        sa.column("active", sa.Boolean),
    )
    bind = op.get_bind()
    now = datetime.now(UTC)
    if bind.dialect.name == "sqlite":  # which keeps times without a zone
        now = now.replace(tzinfo=None)
    rows = bind.execute(sa.select(setting).order_by(setting.c.account_id, setting.c.version)).all()
    followers = [*rows[1:], None]
    for row, follower in zip(rows, followers, strict=False):
        told = {
            "state": "active" if row.active else "retired",
            "based_on": row.version - 1 if row.version > 1 else None,
            "activated_at": row.created_at,
            "activated_by": row.created_by,
        }
        if follower is not None and not row.active:
            assert follower.account_id == row.account_id, "the newest version of an account was the active one"
            told |= {
                "retired_at": follower.created_at,
                "overlap_until": now + OVERLAP if follower.active else follower.created_at,
            }
        bind.execute(sa.update(setting).where(setting.c.id == row.id).values(**told))

"""alerts, and the robots that are told of them"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0014"
down_revision = "0013"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)
SEES_TO_IT = ("alert:read", "alert:acknowledge", "alert:close")
GRANTS = {
    "operator": ("alert:read",),
    "supervisor": SEES_TO_IT,
    "finance": SEES_TO_IT,
    "administrator": (*SEES_TO_IT, "alert:hooks"),
}
MENU = (("alerts.index", "告警", "Alerts", "bell", "h"),)


def upgrade() -> None:
    _alerts()
    _hooks()
    steps.grant(GRANTS)
    steps.extend_menu(MENU, after="work.index")


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("last_at", AT, nullable=False),
        sa.Column("acknowledged_at", AT, nullable=True),
        sa.Column("acknowledged_by", sa.String(60), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("closed_at", AT, nullable=True),
        sa.Column("closed_by", sa.String(60), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    still = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_alert_open", "alert", ["kind", "subject"], unique=True, postgresql_where=still, sqlite_where=still
    )
    op.create_index("ix_alert_waiting", "alert", ["id"], postgresql_where=still, sqlite_where=still)


def _hooks() -> None:
    op.create_table(
        "alert_hook",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("address_sealed", sa.Text(), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("address_print", sa.String(12), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=False),
        sa.Column("secret_print", sa.String(12), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("least", sa.String(10), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("changed_by", sa.String(60), nullable=False),
        sa.Column("changed_at", AT, nullable=True),
        sa.Column("removed_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_hook")),
        sa.UniqueConstraint("reference", name=op.f("uq_alert_hook_reference")),
    )
    op.create_table(
        "alert_message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hook_id", KEY, nullable=False),
        sa.Column("alert_id", KEY, nullable=True),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["alert_hook.id"], name=op.f("fk_alert_message_hook_id")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_message_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
    )
    waits = sa.text("state = 'waiting'")
    op.create_index(op.f("ix_alert_message_alert_id"), "alert_message", ["alert_id"])
    op.create_index("ix_alert_message_hook", "alert_message", ["hook_id", "id"])
    op.create_index(
        "ix_alert_message_due", "alert_message", ["hook_id", "due_at"], postgresql_where=waits, sqlite_where=waits
    )
    op.create_table(
        "alert_try",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hook_id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["alert_hook.id"], name=op.f("fk_alert_try_hook_id")),
        sa.ForeignKeyConstraint(["message_id"], ["alert_message.id"], name=op.f("fk_alert_try_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_try")),
    )
    op.create_index("ix_alert_try_hook", "alert_try", ["hook_id", "at"])
    op.create_index("ix_alert_try_message", "alert_try", ["message_id", "id"])

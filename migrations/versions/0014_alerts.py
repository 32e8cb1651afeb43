"""alerts"""

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
    "administrator": SEES_TO_IT,
}
MENU = (("alerts.index", "告警", "Alerts", "bell", "h"),)


def upgrade() -> None:
    _alerts()
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

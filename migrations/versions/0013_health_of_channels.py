"""health of channels: tallies of calls, the automatic pause, working hours, maintenance, rules of alerts"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0013"
down_revision = "0012"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)
MENU = (("channel_health.index", "渠道健康", "Channel health", "heartbeat", "v"),)
RULES = (
    ("answered", 80, 15, 10, "severe"),
    ("answered", 95, 15, 20, "warning"),
    ("unknown", 20, 15, 5, "severe"),
    ("refused", 50, 30, 10, "warning"),
    ("slow", 10_000, 15, 10, "warning"),
    ("late", 15 * 60_000, 60, 5, "warning"),
)


def upgrade() -> None:
    op.add_column("channel", sa.Column("pause_after", sa.Integer(), nullable=False, server_default="5"))
    with op.batch_alter_table("channel_account") as account:
        account.add_column(sa.Column("opens", sa.Integer(), nullable=False, server_default="0"))
        account.add_column(sa.Column("closes", sa.Integer(), nullable=False, server_default="1440"))
        account.add_column(sa.Column("open_days", sa.String(7), nullable=False, server_default="1234567"))
        account.create_check_constraint(
            op.f("ck_channel_account_hours_in_order"), "0 <= opens AND opens < closes AND closes <= 1440"
        )
    op.create_table(
        "call_tally",
        sa.Column("slot", AT, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("interface", sa.String(20), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("took", sa.String(600), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_call_tally_account_id")),
        sa.PrimaryKeyConstraint("slot", "account_id", "interface", name=op.f("pk_call_tally")),
    )
    op.create_table(
        "channel_pause",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("ask_at", AT, nullable=False),
        sa.Column("probe", sa.String(64), nullable=False),
        sa.Column("probe_at", AT, nullable=True),
        sa.Column("closed_at", AT, nullable=True),
        sa.Column("closed_by", sa.String(60), nullable=False),
        sa.Column("closing", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_channel_pause_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_pause")),
    )
    stands = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_channel_pause_open",
        "channel_pause",
        ["account_id"],
        unique=True,
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_index("ix_channel_pause_account", "channel_pause", ["account_id", "id"])
    op.create_table(
        "maintenance",
        sa.Column("id", KEY, nullable=False),
        sa.Column("channel_id", KEY, nullable=False),
        sa.Column("begins_at", AT, nullable=False),
        sa.Column("ends_at", AT, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("called_off_at", AT, nullable=True),
        sa.CheckConstraint("begins_at < ends_at", name=op.f("ck_maintenance_in_order")),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_maintenance_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
    )
    op.create_index("ix_maintenance_channel", "maintenance", ["channel_id", "ends_at"])
    rule = op.create_table(
        "health_rule",
        sa.Column("id", KEY, nullable=False),
        sa.Column("measure", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("at_least", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint("at_least > 0 AND minutes > 0", name=op.f("ck_health_rule_window_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_rule")),
        sa.UniqueConstraint("measure", "severity", name=op.f("uq_health_rule_measure_severity")),
    )
    names = ("measure", "bound", "minutes", "at_least", "severity")
    op.bulk_insert(rule, [{**dict(zip(names, it, strict=True)), "enabled": True} for it in RULES])
    steps.extend_menu(MENU, after="channels.index")

"""platform accounts and hand-overs"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0011"
down_revision = "0010"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)
GRANTS = {
    "operator": ("platform:read", "platform:reveal"),
    "supervisor": ("platform:read", "platform:reveal", "platform:manage"),
    "administrator": ("platform:read",),
}
TASKS = (("tasks.index", "我的任务", "My tasks", "clipboard-list", "i"),)
PLATFORMS = (("platforms.index", "第三方平台账号", "Platform accounts", "key", "f"),)


def upgrade() -> None:
    op.add_column("claim", sa.Column("handover", sa.String(32), nullable=False, server_default=""))
    held = sa.text("released_at IS NULL")
    op.create_index("ix_claim_lapsing", "claim", ["lease_until"], postgresql_where=held, sqlite_where=held)
    _platforms()
    _handovers()
    steps.grant(GRANTS)
    steps.extend_menu(TASKS, after="live.dashboard")
    steps.extend_menu(PLATFORMS, after="channels.index")


def _platforms() -> None:
    op.create_table(
        "platform_account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("channel_id", KEY, nullable=False),
        sa.Column("login_name", sa.String(80), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("password_sealed", sa.Text(), nullable=False),
        sa.Column("password_at", AT, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("removed_at", AT, nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_platform_account_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_account")),
        sa.UniqueConstraint("reference", name=op.f("uq_platform_account_reference")),
    )
    kept = sa.text("removed_at IS NULL")
    op.create_index(
        "uq_platform_account_login",
        "platform_account",
        ["channel_id", "login_name"],
        unique=True,
        postgresql_where=kept,
        sqlite_where=kept,
    )
    op.create_table(
        "platform_link",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("platform_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_platform_link_account_id")),
        sa.ForeignKeyConstraint(["platform_id"], ["platform_account.id"], name=op.f("fk_platform_link_platform_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_platform_link")),
    )
    op.create_index(op.f("ix_platform_link_platform_id"), "platform_link", ["platform_id"])


def _handovers() -> None:
    op.create_table(
        "unsigned_handover",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("giver_id", KEY, nullable=False),
        sa.Column("giver", sa.String(60), nullable=False),
        sa.Column("successor_id", KEY, nullable=True),
        sa.Column("successor", sa.String(60), nullable=False),
        sa.Column("since", AT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_unsigned_handover_account_id")),
        sa.ForeignKeyConstraint(["giver_id"], ["operator.id"], name=op.f("fk_unsigned_handover_giver_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["operator.id"], name=op.f("fk_unsigned_handover_successor_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_unsigned_handover")),
    )
    op.create_table(
        "handover",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("claim_id", KEY, nullable=False),
        sa.Column("giver_id", KEY, nullable=False),
        sa.Column("giver", sa.String(60), nullable=False),
        sa.Column("successor_id", KEY, nullable=True),
        sa.Column("successor", sa.String(60), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("brief", sa.Text(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("signer_id", KEY, nullable=True),
        sa.Column("signer", sa.String(60), nullable=False),
        sa.Column("signed_at", AT, nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_handover_account_id")),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_handover_claim_id")),
        sa.ForeignKeyConstraint(["giver_id"], ["operator.id"], name=op.f("fk_handover_giver_id")),
        sa.ForeignKeyConstraint(["signer_id"], ["operator.id"], name=op.f("fk_handover_signer_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["operator.id"], name=op.f("fk_handover_successor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_handover_claim_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_handover_reference")),
    )
    op.create_index("ix_handover_account", "handover", ["account_id", "id"])

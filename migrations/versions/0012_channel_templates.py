"""channels that are described by templates"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0012"
down_revision = "0011"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
MENU = (("channel_templates.index", "渠道模板", "Channel templates", "template", ""),)


def upgrade() -> None:
    op.create_table(
        "channel_template",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("title", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("changed_by", sa.String(60), nullable=False),
        sa.Column("changed_at", TIME, nullable=True),
        sa.Column("activated_by", sa.String(60), nullable=False),
        sa.Column("activated_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_template")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_channel_template_code_version")),
    )
    for state in ("draft", "active"):
        where = sa.text(f"state = '{state}'")
        op.create_index(
            f"uq_channel_template_{state}",
            "channel_template",
            ["code"],
            unique=True,
            postgresql_where=where,
            sqlite_where=where,
        )
    with op.batch_alter_table("channel_setting") as setting:
        setting.add_column(sa.Column("template_version", sa.Integer(), nullable=False, server_default="0"))
    steps.grant({"administrator": ("channel:template",)})
    steps.extend_menu(MENU, after="channels.index")

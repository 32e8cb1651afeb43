"""statements of channels"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0018"
down_revision = "0017"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)
MENU = (("statements.index", "渠道流水", "Statements", "receipt", "z"),)


def upgrade() -> None:
    op.create_table(
        "statement",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("pulls", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("paid", sa.Integer(), nullable=False),
        sa.Column("paid_sum_minor", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("returned_sum_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("odd", sa.Integer(), nullable=False),
        sa.Column("asked_at", AT, nullable=False),
        sa.Column("asked_by", sa.String(60), nullable=False),
        sa.Column("pulled_at", AT, nullable=True),
        sa.Column("failed_at", AT, nullable=True),
        sa.Column("failure", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_statement_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
        sa.UniqueConstraint("account_id", "business_day", name=op.f("uq_statement_account_id_business_day")),
    )
    op.create_index("ix_statement_day", "statement", ["business_day", "id"])
    op.create_table(
        "statement_line",
        sa.Column("id", KEY, nullable=False),
        sa.Column("statement_id", KEY, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("channel_number", sa.String(64), nullable=False),
        sa.Column("word", sa.String(60), nullable=False),
        sa.Column("seen", sa.String(20), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("happened_at", AT, nullable=True),
        sa.Column("message", sa.String(300), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("first_edition", sa.Integer(), nullable=False),
        sa.Column("last_edition", sa.Integer(), nullable=True),
        sa.Column("finding", sa.String(10), nullable=False),
        sa.Column("told_at", AT, nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"], name=op.f("fk_statement_line_statement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_line")),
    )
    stands, unread = sa.text("last_edition IS NULL"), sa.text("finding = 'unread'")
    op.create_index(
        *("uq_statement_line_stands", "statement_line", ["statement_id", "digest"]),
        unique=True,
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_index("ix_statement_line_statement", "statement_line", ["statement_id", "id"])
    op.create_index("ix_statement_line_number", "statement_line", ["number", "id"])
    op.create_index(
        *("ix_statement_line_unread", "statement_line", ["statement_id", "id"]),
        postgresql_where=unread,
        sqlite_where=unread,
    )
    steps.extend_menu(MENU, after="collections.index")

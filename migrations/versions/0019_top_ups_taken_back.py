"""top-ups that are taken back"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "top_up_reversal",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("top_up_id", KEY, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("maker_id", KEY, nullable=False),
        sa.Column("maker", sa.String(60), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("checker_id", KEY, nullable=True),
        sa.Column("checker", sa.String(60), nullable=False),
        sa.Column("decided_at", AT, nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.CheckConstraint("checker_id IS NULL OR checker_id <> maker_id", name=op.f("ck_top_up_reversal_four_eyes")),
        sa.ForeignKeyConstraint(["top_up_id"], ["top_up.id"], name=op.f("fk_top_up_reversal_top_up_id")),
        sa.ForeignKeyConstraint(["checker_id"], ["operator.id"], name=op.f("fk_top_up_reversal_checker_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["operator.id"], name=op.f("fk_top_up_reversal_maker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_up_reversal")),
        sa.UniqueConstraint("number", name=op.f("uq_top_up_reversal_number")),
    )
    op.create_index("ix_top_up_reversal_top_up", "top_up_reversal", ["top_up_id", "id"])
    stands = sa.text("state IN ('waiting', 'done')")
    op.create_index(
        "uq_top_up_reversal_stands",
        "top_up_reversal",
        ["top_up_id"],
        unique=True,
        postgresql_where=stands,
        sqlite_where=stands,
    )

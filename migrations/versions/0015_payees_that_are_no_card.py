"""payees that are no bank card, and money in that people enter"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0015"
down_revision = "0014"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = sa.DateTime(timezone=True)
MENU = (("collections.index", "充值入账", "Top-ups", "cash-banknote", "y"),)
MAY = ("collection:enter", "collection:approve")


def upgrade() -> None:
    for table in ("card", "withdrawal"):
        op.add_column(table, sa.Column("payee", sa.String(16), nullable=False, server_default="bank_card"))
    _top_ups()
    steps.grant({"supervisor": MAY, "finance": MAY})
    steps.extend_menu(MENU, after="ledger.index")


def _top_ups() -> None:
    op.create_table(
        "top_up",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("form_key", sa.String(36), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("arrived_on", sa.Date(), nullable=False),
        sa.Column("evidence", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("maker_id", KEY, nullable=False),
        sa.Column("maker", sa.String(60), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("checker_id", KEY, nullable=True),
        sa.Column("checker", sa.String(60), nullable=False),
        sa.Column("decided_at", AT, nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_top_up_amount_positive")),
        sa.CheckConstraint("checker_id IS NULL OR checker_id <> maker_id", name=op.f("ck_top_up_four_eyes")),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_top_up_account_id")),
        sa.ForeignKeyConstraint(["checker_id"], ["operator.id"], name=op.f("fk_top_up_checker_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["operator.id"], name=op.f("fk_top_up_maker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_up")),
        sa.UniqueConstraint("form_key", name=op.f("uq_top_up_form_key")),
        sa.UniqueConstraint("number", name=op.f("uq_top_up_number")),
    )
    op.create_index("ix_top_up_account", "top_up", ["account_id", "id"])
    op.create_index("ix_top_up_state", "top_up", ["state", "id"])
    opening = sa.text("kind = 'opening' AND state IN ('waiting', 'booked')")
    op.create_index(
        "uq_top_up_opening", "top_up", ["account_id"], unique=True, postgresql_where=opening, sqlite_where=opening
    )

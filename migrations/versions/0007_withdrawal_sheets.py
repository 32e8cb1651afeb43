"""withdrawal sheets"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0007"
down_revision = "0006"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MENU = (("withdrawal_sheets.index", "批量提现", "Bulk withdrawals", "report-money", "s"),)
AT = sa.DateTime(timezone=True)
OPEN, WAITING = sa.text("ended_at IS NULL"), sa.text("answer = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "withdrawal_sheet",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("needed_minor", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("maker_id", KEY, nullable=False),
        sa.Column("maker", sa.String(60), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("began_at", AT, nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("result_at", AT, nullable=True),
        sa.CheckConstraint(
            "made >= 0 AND refused >= 0 AND made + refused <= total", name=op.f("ck_withdrawal_sheet_counted")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_withdrawal_sheet_account_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["operator.id"], name=op.f("fk_withdrawal_sheet_maker_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_withdrawal_sheet_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_sheet")),
        sa.UniqueConstraint("reference", name=op.f("uq_withdrawal_sheet_reference")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_withdrawal_sheet_upload_id")),
    )
    op.create_index("ix_withdrawal_sheet_account", "withdrawal_sheet", ["account_id", "id"])
    op.create_index(op.f("ix_withdrawal_sheet_maker_id"), "withdrawal_sheet", ["maker_id"])

    op.create_table(
        "withdrawal_sheet_order",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sheet_id", KEY, nullable=False),
        sa.Column("verb", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("seen", sa.String(64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("actor_id", KEY, nullable=False),
        sa.Column("actor", sa.String(60), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.CheckConstraint(
            "done >= 0 AND refused >= 0 AND done + refused <= total", name=op.f("ck_withdrawal_sheet_order_counted")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["operator.id"], name=op.f("fk_withdrawal_sheet_order_actor_id")),
        sa.ForeignKeyConstraint(["sheet_id"], ["withdrawal_sheet.id"], name=op.f("fk_withdrawal_sheet_order_sheet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_sheet_order")),
    )
    op.create_index(
        "uq_withdrawal_sheet_order_open",
        "withdrawal_sheet_order",
        ["sheet_id"],
        unique=True,
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )
    op.create_index("ix_withdrawal_sheet_order_sheet", "withdrawal_sheet_order", ["sheet_id", "id"])
    op.create_index(op.f("ix_withdrawal_sheet_order_actor_id"), "withdrawal_sheet_order", ["actor_id"])

    op.create_table(
        "withdrawal_sheet_row",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sheet_id", KEY, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("withdrawal_id", KEY, nullable=True),
        sa.Column("own_number", sa.String(40), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("order_id", KEY, nullable=True),
        sa.Column("seen", sa.String(64), nullable=False),
        sa.Column("answer", sa.String(10), nullable=False),
        sa.Column("answer_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["withdrawal_sheet_order.id"], name=op.f("fk_withdrawal_sheet_row_order_id")
        ),
        sa.ForeignKeyConstraint(["sheet_id"], ["withdrawal_sheet.id"], name=op.f("fk_withdrawal_sheet_row_sheet_id")),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"], ["withdrawal.id"], name=op.f("fk_withdrawal_sheet_row_withdrawal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_sheet_row")),
        sa.UniqueConstraint("sheet_id", "row", name=op.f("uq_withdrawal_sheet_row_sheet_id_row")),
        sa.UniqueConstraint("withdrawal_id", name=op.f("uq_withdrawal_sheet_row_withdrawal_id")),
    )
    op.create_index(
        "ix_withdrawal_sheet_row_waiting",
        "withdrawal_sheet_row",
        ["order_id", "row"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )

    # In one statement: Alembic would make the constraint by another, which SQLite does not have.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE withdrawal ADD COLUMN sheet_id {kind} "
        "CONSTRAINT fk_withdrawal_sheet_id REFERENCES withdrawal_sheet (id)"
    )
    op.create_index("ix_withdrawal_sheet", "withdrawal", ["sheet_id", "id"])
    steps.extend_menu(MENU, after="withdrawals.index")

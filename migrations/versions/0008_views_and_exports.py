"""views of lists, selections, exports"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0008"
down_revision = "0007"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
GRANTS = {
    "operator": ("withdrawal:export", "job:read"),
    "supervisor": ("withdrawal:export", "job:read", "job:retry"),
    "finance": ("withdrawal:export",),
    "administrator": ("job:read", "job:retry"),
}
MENU = (
    ("jobs.index", "代付任务", "Payout jobs", "list-check", "j"),
    ("exports.index", "下载中心", "Downloads", "download", "e"),
)


def upgrade() -> None:
    _views()
    _selections()
    _exports()
    with op.batch_alter_table("withdrawal") as withdrawal:
        withdrawal.add_column(sa.Column("card_last4", sa.String(4), nullable=False, server_default=""))
    # Of a payee who was forgotten there is a word instead, which ends in no digit.
    op.execute(
        "UPDATE withdrawal SET card_last4 = substr(card_masked, length(card_masked) - 3)"
        " WHERE card_index NOT LIKE 'forgotten:%'"
    )
    op.drop_index("ix_withdrawal_out", "withdrawal")
    op.create_index("ix_withdrawal_out", "withdrawal", ["account_id", "state", "id"])
    op.create_index("ix_withdrawal_amount", "withdrawal", ["amount_minor", "id"])
    op.create_index("ix_withdrawal_last4", "withdrawal", ["card_last4", "id"])
    op.create_index("ix_withdrawal_sums", "withdrawal", ["state", "amount_minor", "fee_minor"])
    op.create_index("ix_job_kind", "job", ["kind", "id"])
    op.create_index("ix_job_subject", "job", ["subject", "id"])
    waiting = sa.text("done_at IS NULL")
    op.create_index("ix_job_open", "job", ["id"], postgresql_where=waiting, sqlite_where=waiting)
    steps.grant(GRANTS)
    steps.extend_menu(MENU, after="sending.index")


def _views() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", KEY, nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("query", sa.String(500), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_saved_view_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("operator_id", "page", "name", name=op.f("uq_saved_view_operator_id_page_name")),
    )
    default = sa.text("is_default")
    op.create_index(
        "uq_saved_view_default",
        "saved_view",
        ["operator_id", "page"],
        unique=True,
        postgresql_where=default,
        sqlite_where=default,
    )
    op.create_table(
        "list_columns",
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_list_columns_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "page", name=op.f("pk_list_columns")),
    )
    op.create_table(
        "withdrawal_tally",
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_withdrawal_tally")),
    )


def _selections() -> None:
    op.create_table(
        "withdrawal_selection",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(10), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_withdrawal_selection_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_selection")),
        sa.UniqueConstraint("reference", name=op.f("uq_withdrawal_selection_reference")),
    )
    op.create_index(op.f("ix_withdrawal_selection_operator_id"), "withdrawal_selection", ["operator_id"])
    op.create_table(
        "withdrawal_selection_row",
        sa.Column("id", KEY, nullable=False),
        sa.Column("selection_id", KEY, nullable=False),
        sa.Column("withdrawal_id", KEY, nullable=False),
        sa.Column("seen", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["selection_id"], ["withdrawal_selection.id"], name=op.f("fk_withdrawal_selection_row_selection_id")
        ),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"], ["withdrawal.id"], name=op.f("fk_withdrawal_selection_row_withdrawal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_selection_row")),
        sa.UniqueConstraint(
            "selection_id", "withdrawal_id", name=op.f("uq_withdrawal_selection_row_selection_id_withdrawal_id")
        ),
    )
    waits = sa.text("outcome = 'waiting'")
    op.create_index(
        "ix_withdrawal_selection_row_waits",
        "withdrawal_selection_row",
        ["selection_id", "id"],
        postgresql_where=waits,
        sqlite_where=waits,
    )
    op.create_index(op.f("ix_withdrawal_selection_row_withdrawal_id"), "withdrawal_selection_row", ["withdrawal_id"])


def _exports() -> None:
    op.create_table(
        "export",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("format", sa.String(4), nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("began_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("erase_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_export_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sa.UniqueConstraint("reference", name=op.f("uq_export_reference")),
    )
    op.create_index("ix_export_operator", "export", ["operator_id", "id"])
    op.create_index("ix_export_erase", "export", ["erase_at"])
    op.create_table(
        "export_part",
        sa.Column("id", KEY, nullable=False),
        sa.Column("export_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["export.id"], name=op.f("fk_export_part_export_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_part")),
        sa.UniqueConstraint("export_id", "number", name=op.f("uq_export_part_export_id_number")),
    )

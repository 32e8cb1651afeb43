"""what is paid of what was paid in, beside what was collected"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

OPENING = sa.text("kind = 'opening' AND state IN ('waiting', 'booked')")


def upgrade() -> None:
    for table in ("withdrawal", "withdrawal_sheet", "top_up"):
        op.add_column(table, sa.Column("funds", sa.String(10), nullable=False, server_default="collected"))
    op.add_column("daily_figures", sa.Column("prefunded_minor", sa.BigInteger(), nullable=True))
    # Each of an account's balances has an opening of its own.
    op.drop_index("uq_top_up_opening", "top_up")
    op.create_index(
        "uq_top_up_opening",
        "top_up",
        ["account_id", "funds"],
        unique=True,
        postgresql_where=OPENING,
        sqlite_where=OPENING,
    )

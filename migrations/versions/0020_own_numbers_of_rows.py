"""own numbers of rows, to be found by"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index("ix_withdrawal_sheet_row_own_number", "withdrawal_sheet_row", ["own_number"])

"""payees that are no bank card"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0012"


def upgrade() -> None:
    for table in ("card", "withdrawal"):
        op.add_column(table, sa.Column("payee", sa.String(16), nullable=False, server_default="bank_card"))

"""day limits of accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    with op.batch_alter_table("channel_account") as account:
        account.add_column(sa.Column("day_amount_minor", sa.BigInteger(), nullable=True))
        account.add_column(sa.Column("day_count", sa.Integer(), nullable=True))
        account.create_check_constraint(
            op.f("ck_channel_account_day_limit_positive"), "day_amount_minor > 0 AND day_count > 0"
        )

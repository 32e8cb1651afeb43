"""weights of accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    with op.batch_alter_table("channel_account") as account:
        account.add_column(sa.Column("weight", sa.Integer(), nullable=False, server_default="100"))
        account.create_check_constraint(op.f("ck_channel_account_weight_in_bounds"), "weight BETWEEN 0 AND 1000")

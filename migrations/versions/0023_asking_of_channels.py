"""what people set about asking a channel; nobody could before, and the adapter's own stood there"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    with op.batch_alter_table("channel") as channel:
        channel.alter_column("resend_window_s", existing_type=sa.Integer(), nullable=True)
        channel.alter_column(
            "return_refunds_fee",
            existing_type=sa.Boolean(),
            existing_server_default=sa.false(),
            server_default=None,
            nullable=True,
        )
    op.execute(
        "UPDATE channel SET query_waits_s = '', return_waits_s = '', resend_window_s = NULL, return_refunds_fee = NULL"
    )

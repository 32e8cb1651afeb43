"""what was said to channels can be found by any number, and what went wrong at once"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0009"
down_revision = "0008"

MENU = (("channel_calls.index", "渠道日志", "Channel log", "webhook", "q"),)


def upgrade() -> None:
    for table in ("channel_call", "callback_inbox"):
        with op.batch_alter_table(table) as its:
            its.add_column(sa.Column("channel_number", sa.String(64), nullable=False, server_default=""))
    known = sa.text("channel_number <> ''")
    wrong = {"channel_call": sa.text("outcome NOT IN ('open', 'ok')"), "callback_inbox": sa.text("outcome <> 'taken'")}
    for table, time in (("channel_call", "at"), ("callback_inbox", "received_at")):
        op.create_index(f"ix_{table}_time", table, [time])
        op.create_index(
            f"ix_{table}_channel_number",
            table,
            ["channel_number", "id"],
            postgresql_where=known,
            sqlite_where=known,
        )
        op.create_index(
            f"ix_{table}_wrong", table, ["outcome", "id"], postgresql_where=wrong[table], sqlite_where=wrong[table]
        )
    op.create_index("ix_channel_call_interface", "channel_call", ["interface", "id"])
    op.create_index("ix_callback_inbox_account", "callback_inbox", ["account_id", "id"])
    steps.extend_menu(MENU, after="channels.index")

"""decisions and stops"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0005"
down_revision = "0004"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GRANTS = {
    "operator": ("work:take",),
    "supervisor": ("work:take", "withdrawal:declare", "sending:stop"),
    "finance": ("work:take", "withdrawal:declare", "sending:stop"),
}
MENU = (
    ("work.index", "人工待办", "Work items", "checklist", "o"),
    ("sending.index", "发送控制", "Sending", "player-pause", "n"),
)
KINDS = ("'collect', 'hold', 'settle', 'fee', 'void', 'return'", "'fee_return'")


def upgrade() -> None:
    op.create_table(
        "withdrawal_approval",
        sa.Column("id", KEY, nullable=False),
        sa.Column("withdrawal_id", KEY, nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_withdrawal_approval_operator_id")),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"], ["withdrawal.id"], name=op.f("fk_withdrawal_approval_withdrawal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_approval")),
    )
    stands = sa.text("voided_at IS NULL")
    op.create_index(
        "uq_withdrawal_approval_once",
        "withdrawal_approval",
        ["withdrawal_id", "operator_id"],
        unique=True,
        postgresql_where=stands,
        sqlite_where=stands,
    )
    op.create_index(op.f("ix_withdrawal_approval_operator_id"), "withdrawal_approval", ["operator_id"])

    op.create_table(
        "withdrawal_outcome",
        sa.Column("id", KEY, nullable=False),
        sa.Column("withdrawal_id", KEY, nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(120), nullable=False),
        sa.Column("file_type", sa.String(60), nullable=False),
        sa.Column("file_hash", sa.String(64), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("proposer_id", KEY, nullable=False),
        sa.Column("proposer", sa.String(60), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decider_id", KEY, nullable=True),
        sa.Column("decider", sa.String(60), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.CheckConstraint(
            "decider_id IS NULL OR decider_id <> proposer_id OR state = 'withdrawn'",
            name=op.f("ck_withdrawal_outcome_two_people"),
        ),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["withdrawal.id"], name=op.f("fk_withdrawal_outcome_withdrawal_id")),
        sa.ForeignKeyConstraint(["proposer_id"], ["operator.id"], name=op.f("fk_withdrawal_outcome_proposer_id")),
        sa.ForeignKeyConstraint(["decider_id"], ["operator.id"], name=op.f("fk_withdrawal_outcome_decider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_outcome")),
    )
    op.create_index("ix_withdrawal_outcome_withdrawal", "withdrawal_outcome", ["withdrawal_id", "id"])
    proposed = sa.text("state = 'proposed'")
    op.create_index(
        "uq_withdrawal_outcome_proposed",
        "withdrawal_outcome",
        ["withdrawal_id"],
        unique=True,
        postgresql_where=proposed,
        sqlite_where=proposed,
    )
    op.create_index(op.f("ix_withdrawal_outcome_proposer_id"), "withdrawal_outcome", ["proposer_id"])
    op.create_index(op.f("ix_withdrawal_outcome_decider_id"), "withdrawal_outcome", ["decider_id"])

    op.create_table(
        "sending_stop",
        sa.Column("id", KEY, nullable=False),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("account_id", KEY, nullable=True),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(300), nullable=False),
        sa.Column("opened_by", sa.String(60), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(60), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_sending_stop_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_stop")),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_sending_stop_open",
        "sending_stop",
        ["scope", "reason"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )
    op.create_index(op.f("ix_sending_stop_account_id"), "sending_stop", ["account_id"])
    op.create_table(
        "lost_send",
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lost_send")),
    )

    op.add_column("withdrawal", sa.Column("checkers", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("withdrawal", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("withdrawal", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("withdrawal", sa.Column("watched", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("withdrawal", sa.Column("replaces", sa.String(32), nullable=False, server_default=""))
    op.add_column("withdrawal", sa.Column("paid_late", sa.Boolean(), nullable=False, server_default=sa.false()))
    named = sa.text("replaces <> ''")
    op.create_index(
        "uq_withdrawal_replaces",
        "withdrawal",
        ["replaces"],
        unique=True,
        postgresql_where=named,
        sqlite_where=named,
    )
    with op.batch_alter_table("withdrawal_hold") as hold:
        hold.add_column(sa.Column("owner_id", KEY, nullable=True))
        hold.add_column(sa.Column("owner", sa.String(60), nullable=False, server_default=""))
        hold.add_column(sa.Column("closed_by", sa.String(60), nullable=False, server_default=""))
        hold.add_column(sa.Column("closing", sa.String(300), nullable=False, server_default=""))
        hold.create_foreign_key(op.f("fk_withdrawal_hold_owner_id"), "operator", ["owner_id"], ["id"])
    op.create_index(op.f("ix_withdrawal_hold_owner_id"), "withdrawal_hold", ["owner_id"])
    op.create_index(
        "ix_withdrawal_hold_waiting", "withdrawal_hold", ["opened_at"], postgresql_where=is_open, sqlite_where=is_open
    )
    op.add_column("channel", sa.Column("return_waits_s", sa.String(200), nullable=False, server_default=""))
    op.add_column("channel", sa.Column("return_refunds_fee", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE channel SET return_waits_s = '3600,86400,259200'")
    with op.batch_alter_table("channel_account") as account:
        account.add_column(sa.Column("send_per_s", sa.Integer(), nullable=False, server_default="0"))
        account.add_column(sa.Column("next_send_at", sa.DateTime(timezone=True), nullable=True))
        account.create_check_constraint(op.f("ck_channel_account_send_rate_not_negative"), "send_per_s >= 0")
    _let_fees_come_back()
    steps.grant(GRANTS)
    steps.extend_menu(MENU, after="withdrawals.index")


def _let_fees_come_back() -> None:
    """The list of a transfer's kinds gets one more."""
    known, more = KINDS
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        # The table itself must stay as it is: its triggers refuse to let a row go, and rows name rows. Rewriting the
        # text of a CHECK is the way SQLite documents for this (ALTER TABLE, "7. Making Other Kinds Of Changes").
        version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
        bind.exec_driver_sql("PRAGMA writable_schema=ON")
        bind.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'transfer'",
            (f"kind IN ({known})", f"kind IN ({known}, {more})"),
        )
        bind.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
        bind.exec_driver_sql("PRAGMA writable_schema=OFF")
        assert bind.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        assert more in bind.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = 'transfer'").scalar_one()
    else:
        op.drop_constraint(op.f("ck_transfer_kind_known"), "transfer", type_="check")
        op.create_check_constraint(op.f("ck_transfer_kind_known"), "transfer", f"kind IN ({known}, {more})")
    one = sa.text("kind IN ('fee_return')")
    op.create_index(
        "uq_transfer_one_fee_return",
        "transfer",
        ["hold_id"],
        unique=True,
        sqlite_where=one,
        postgresql_where=one,
    )

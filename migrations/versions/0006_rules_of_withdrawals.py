"""rules of withdrawals"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0006"
down_revision = "0005"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GRANTS = {"supervisor": ("withdrawal:rules",), "finance": ("withdrawal:rules",)}
MENU = (("withdrawal_rules.index", "提现规则", "Withdrawal rules", "scale", "x"),)


def upgrade() -> None:
    op.create_table(
        "rulebook",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("trial", sa.Text(), nullable=False),
        sa.Column("trial_edition", sa.Integer(), nullable=False),
        sa.Column("trial_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", KEY, nullable=False),
        sa.Column("changed_by", sa.String(60), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_by_id", KEY, nullable=True),
        sa.Column("activated_by", sa.String(60), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "activated_by_id IS NULL OR activated_by_id <> changed_by_id", name=op.f("ck_rulebook_four_eyes")
        ),
        sa.ForeignKeyConstraint(["activated_by_id"], ["operator.id"], name=op.f("fk_rulebook_activated_by_id")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["operator.id"], name=op.f("fk_rulebook_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulebook")),
        sa.UniqueConstraint("version", name=op.f("uq_rulebook_version")),
    )
    for name, state in (("uq_rulebook_active", "active"), ("uq_rulebook_draft", "draft")):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "rulebook", ["state"], unique=True, postgresql_where=where, sqlite_where=where)

    op.create_table(
        "withdrawal_counter",
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0 AND count >= 0", name=op.f("ck_withdrawal_counter_counted")),
        sa.PrimaryKeyConstraint("scope", "key", "day", name=op.f("pk_withdrawal_counter")),
    )

    op.create_table(
        "payee_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("card_index", sa.String(64), nullable=False),
        sa.Column("card_masked", sa.String(40), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_by", sa.String(60), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_why", sa.String(200), nullable=False),
        sa.CheckConstraint("(card_index = '') <> (name = '')", name=op.f("ck_payee_entry_card_or_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payee_entry")),
    )
    op.create_index("ix_payee_entry_kind", "payee_entry", ["kind", "id"])
    for name, column in (("uq_payee_entry_card", "card_index"), ("uq_payee_entry_name", "name")):
        where = sa.text(f"removed_at IS NULL AND {column} <> ''")
        op.create_index(name, "payee_entry", ["kind", column], unique=True, postgresql_where=where, sqlite_where=where)

    # What was made before is not counted: limits begin with the next withdrawal.
    with op.batch_alter_table("withdrawal") as withdrawal:
        withdrawal.add_column(sa.Column("rulebook_id", KEY, nullable=True))
        withdrawal.add_column(sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.false()))
        withdrawal.create_foreign_key(op.f("fk_withdrawal_rulebook_id"), "rulebook", ["rulebook_id"], ["id"])
    op.create_index("ix_withdrawal_twin", "withdrawal", ["card_index", "amount_minor", "id"])
    steps.grant(GRANTS)
    steps.extend_menu(MENU, after="sending.index")

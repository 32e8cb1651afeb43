"""sheets of cards"""

import sqlalchemy as sa
from alembic import op

from migrations import steps

revision = "0004"
down_revision = "0003"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GRANTS = {"operator": ("card:unbind",), "supervisor": ("card:unbind", "card:template")}
MENU = (
    ("card_uploads.index", "批量绑卡", "Bulk binding", "upload", "b"),
    ("card_templates.index", "绑定模版", "Binding templates", "file-spreadsheet", "t"),
)


def upgrade() -> None:
    op.create_table(
        "card_template",
        sa.Column("id", KEY, nullable=False),
        sa.Column("channel_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(60), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.String(60), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_card_template_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_template")),
        sa.UniqueConstraint("channel_id", "version", name=op.f("uq_card_template_channel_id_version")),
    )
    op.create_index(
        "uq_card_template_active",
        "card_template",
        ["channel_id"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "uq_card_template_draft",
        "card_template",
        ["channel_id"],
        unique=True,
        postgresql_where=sa.text("state = 'draft'"),
        sqlite_where=sa.text("state = 'draft'"),
    )

    op.create_table(
        "card_listing",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(60), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_card_listing_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_card_listing")),
    )
    op.create_table(
        "listed_card",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("channel_card", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("number_masked", sa.String(30), nullable=False),
        sa.Column("holder", sa.String(60), nullable=False),
        sa.Column("bank", sa.String(60), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_listed_card_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_card")),
    )
    op.create_index("ix_listed_card_card", "listed_card", ["account_id", "channel_card"])

    op.create_table(
        "upload",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("form_key", sa.String(36), nullable=False),
        sa.Column("filename", sa.String(120), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content_index", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("decisions", sa.Text(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("maker_id", KEY, nullable=False),
        sa.Column("maker", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erase_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_upload_account_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["operator.id"], name=op.f("fk_upload_maker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("form_key", name=op.f("uq_upload_form_key")),
        sa.UniqueConstraint("reference", name=op.f("uq_upload_reference")),
    )
    op.create_index("ix_upload_account", "upload", ["account_id", "id"])
    op.create_index("ix_upload_content", "upload", ["account_id", "content_index"])
    op.create_index("ix_upload_erase", "upload", ["erase_at"])
    op.create_index(op.f("ix_upload_maker_id"), "upload", ["maker_id"])

    op.create_table(
        "binding_run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("template_id", KEY, nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("silent_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("maker_id", KEY, nullable=False),
        sa.Column("maker", sa.String(60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "bound >= 0 AND refused >= 0 AND known >= 0 AND pending >= 0", name=op.f("ck_binding_run_counted")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["channel_account.id"], name=op.f("fk_binding_run_account_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["operator.id"], name=op.f("fk_binding_run_maker_id")),
        sa.ForeignKeyConstraint(["template_id"], ["card_template.id"], name=op.f("fk_binding_run_template_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_binding_run_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_run")),
        sa.UniqueConstraint("reference", name=op.f("uq_binding_run_reference")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_binding_run_upload_id")),
    )
    op.create_index("ix_binding_run_account", "binding_run", ["account_id", "id"])
    op.create_index(op.f("ix_binding_run_maker_id"), "binding_run", ["maker_id"])
    op.create_index(
        "ix_binding_run_under_way",
        "binding_run",
        ["account_id"],
        postgresql_where=sa.text("state IN ('running', 'paused')"),
        sqlite_where=sa.text("state IN ('running', 'paused')"),
    )

    op.create_table(
        "upload_block",
        sa.Column("id", KEY, nullable=False),
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_row", sa.Integer(), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("flawed", sa.Text(), nullable=False),
        sa.Column("indexes", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_upload_block_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_block")),
        sa.UniqueConstraint("upload_id", "number", name=op.f("uq_upload_block_upload_id_number")),
    )
    op.create_table(
        "upload_part",
        sa.Column("id", KEY, nullable=False),
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("file", sa.String(20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_upload_part_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_part")),
        sa.UniqueConstraint("upload_id", "file", "number", name=op.f("uq_upload_part_upload_id_file_number")),
    )
    op.create_table(
        "binding_row",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("card_id", KEY, nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("message", sa.String(300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_binding_row_card_id")),
        sa.ForeignKeyConstraint(["run_id"], ["binding_run.id"], name=op.f("fk_binding_row_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_row")),
        sa.UniqueConstraint("run_id", "row", name=op.f("uq_binding_row_run_id_row")),
    )
    op.create_index(
        "ix_binding_row_asking",
        "binding_row",
        ["run_id", "row"],
        postgresql_where=sa.text("state IN ('asking', 'pending')"),
        sqlite_where=sa.text("state IN ('asking', 'pending')"),
    )
    op.create_index("ix_binding_row_card", "binding_row", ["card_id"])
    op.create_index("ix_binding_row_state", "binding_row", ["run_id", "state", "row"])

    with op.batch_alter_table("card") as card:
        card.add_column(sa.Column("account_type", sa.String(10), nullable=False, server_default="private"))
        card.add_column(sa.Column("kind", sa.String(12), nullable=False, server_default=""))
        card.add_column(sa.Column("details_sealed", sa.Text(), nullable=False, server_default=""))
        card.add_column(sa.Column("open_work", sa.Integer(), nullable=False, server_default="0"))
        card.drop_constraint(op.f("uq_card_account_id_number_index"), type_="unique")
        card.create_check_constraint(op.f("ck_card_open_work_counted"), "open_work >= 0")
    there = sa.text("state <> 'deleted'")
    op.create_index(
        "uq_card_number",
        "card",
        ["account_id", "number_index"],
        unique=True,
        postgresql_where=there,
        sqlite_where=there,
    )
    with op.batch_alter_table("channel_account") as account:
        account.add_column(sa.Column("bind_per_s", sa.Integer(), nullable=False, server_default="20"))
        account.create_check_constraint(op.f("ck_channel_account_bind_rate_positive"), "bind_per_s > 0")
    with op.batch_alter_table("withdrawal") as withdrawal:
        withdrawal.add_column(sa.Column("kind", sa.String(12), nullable=False, server_default="payout"))
    op.execute(
        "UPDATE card SET open_work = (SELECT count(*) FROM withdrawal WHERE withdrawal.card_id = card.id"
        " AND withdrawal.state IN ('review', 'queued', 'sending', 'pending'))"
    )
    steps.grant(GRANTS)
    steps.extend_menu(MENU, after="cards.index")

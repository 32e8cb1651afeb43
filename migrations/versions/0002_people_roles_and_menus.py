"""people, roles and menus"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ROLES = (
    ("administrator", "管理员", "Administrator", "管人、管角色与菜单，不碰资金"),
    ("supervisor", "主管", "Supervisor", "办理业务，审批他人的提现，强制释放"),
    ("operator", "操作员", "Operator", "领取渠道账号，绑卡，发起提现"),
    ("finance", "财务", "Finance", "资金账本，审批提现"),
)
LOOKS = ("dashboard:read", "channel:read", "card:read", "withdrawal:read")
WORKS = (*LOOKS, "channel:refresh", "claim:take", "card:bind", "withdrawal:create", "withdrawal:cancel", "ledger:read")
GRANTS = {
    "operator": WORKS,
    "supervisor": (*WORKS, "withdrawal:approve", "claim:force-release", "card:reveal"),
    "finance": (*LOOKS, "ledger:read", "withdrawal:approve", "channel:refresh"),
    "administrator": (
        *("dashboard:read", "channel:read", "channel:edit", "system:read"),
        *("operator:read", "operator:edit", "role:read", "role:edit", "menu:edit"),
        *("cache:read", "cache:clear", "audit:read", "audit:export"),
    ),
}
# page, title, English title, icon, key; a group has no page, and what is indented stands in it
MENU = (
    ("live.dashboard", "渠道看板", "Channel board", "layout-dashboard", "d", ()),
    ("withdrawals.index", "提现", "Withdrawals", "send", "w", ()),
    ("cards.index", "银行卡", "Bank cards", "credit-card", "c", ()),
    ("channels.index", "渠道管理", "Channels", "plug-connected", "p", ()),
    ("ledger.index", "资金账本", "Ledger", "books", "l", ()),
    (
        *(None, "系统管理", "Administration", "settings", ""),
        (
            ("operators.index", "用户管理", "Operators", "users", "u"),
            ("roles.index", "角色与授权", "Roles and grants", "shield-lock", "r"),
            ("menus.index", "菜单管理", "Menus", "list-tree", "m"),
            ("cache.index", "缓存管理", "Cache", "database", "k"),
            ("audit.index", "审计日志", "Audit log", "history", "a"),
        ),
    ),
)


def upgrade() -> None:
    role = op.create_table(
        "role",
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("title_zh", sa.String(40), nullable=False),
        sa.Column("title_en", sa.String(40), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_role")),
    )
    grant = op.create_table(
        "role_grant",
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("permission", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["role"], ["role.code"], name=op.f("fk_role_grant_role"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("role", "permission", name=op.f("pk_role_grant")),
    )
    op.create_table(
        "role_channel",
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["role"], ["role.code"], name=op.f("fk_role_channel_role"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("role", "channel", name=op.f("pk_role_channel")),
    )
    now = sa.func.now()
    for position, (code, zh, en, note) in enumerate(ROLES):
        op.execute(
            role.insert().values(
                code=code, title_zh=zh, title_en=en, note=note, built_in=True, position=position, created_at=now
            )
        )
        op.bulk_insert(grant, [{"role": code, "permission": permission} for permission in GRANTS[code]])

    with op.batch_alter_table("operator") as table:
        table.drop_constraint(op.f("ck_operator_role"), type_="check")
        table.alter_column("role", existing_type=sa.String(20), type_=sa.String(32), existing_nullable=False)
        table.add_column(sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("time_out_s", sa.Integer(), nullable=False, server_default="900"))
        table.add_column(sa.Column("totp_sealed", sa.String(200), nullable=True))
        table.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0"))
        table.create_foreign_key(op.f("fk_operator_role"), "role", ["role"], ["code"])
        table.create_check_constraint(op.f("ck_operator_time_out"), "time_out_s BETWEEN 300 AND 900")
        table.create_index(op.f("ix_operator_role"), ["role"])
    with op.batch_alter_table("operator") as table:
        table.alter_column("time_out_s", server_default=None)
        table.alter_column("totp_step", server_default=None)
    op.create_table(
        "operator_channel",
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_operator_channel_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "channel", name=op.f("pk_operator_channel")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("code_mac", sa.String(64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_recovery_code_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "code_mac", name=op.f("pk_recovery_code")),
    )

    with op.batch_alter_table("operator_session") as table:
        table.drop_constraint(op.f("ck_operator_session_ended_reason"), type_="check")
        table.add_column(sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("former_sha256", sa.String(64), nullable=True))
        table.add_column(sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("renew", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.create_unique_constraint(op.f("uq_operator_session_former_sha256"), ["former_sha256"])
        table.create_check_constraint(
            op.f("ck_operator_session_ended_reason"),
            "ended_reason IN ('signed out', 'displaced', 'idle', 'absolute', 'disabled', 'ended', 'reset')",
        )
    op.execute("UPDATE operator_session SET verified_at = created_at")
    with op.batch_alter_table("operator_session") as table:
        table.alter_column("verified_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        table.alter_column("renew", server_default=None)

    # A link of the first administrator that is still open is voided: the command makes a new one.
    op.execute("UPDATE activation_link SET used_at = CURRENT_TIMESTAMP WHERE used_at IS NULL")
    with op.batch_alter_table("activation_link") as table:
        table.drop_index("uq_activation_link_open")
        table.drop_constraint(op.f("ck_activation_link_role"), type_="check")
        table.alter_column("role", existing_type=sa.String(20), type_=sa.String(32), existing_nullable=False)
        table.create_foreign_key(op.f("fk_activation_link_role"), "role", ["role"], ["code"])
    for name, column, where in (
        ("uq_activation_link_open", "operator_id", "used_at IS NULL"),
        ("uq_activation_link_first", "role", "used_at IS NULL AND operator_id IS NULL"),
    ):
        op.create_index(
            name,
            "activation_link",
            [column],
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )

    op.create_table(
        "throttle",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shut_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_throttle")),
    )
    op.create_index(op.f("ix_throttle_shut_until"), "throttle", ["shut_until"])
    op.create_index(op.f("ix_audit_record_action_seq"), "audit_record", ["action", "seq"])

    menu = op.create_table(
        "menu_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("page", sa.String(60), nullable=True),
        sa.Column("title_zh", sa.String(40), nullable=False),
        sa.Column("title_en", sa.String(40), nullable=False),
        sa.Column("icon", sa.String(40), nullable=False),
        sa.Column("key", sa.String(1), nullable=False),
        sa.Column("visible", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["menu_entry.id"], name=op.f("fk_menu_entry_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_menu_entry")),
        sa.UniqueConstraint("page", name=op.f("uq_menu_entry_page")),
    )
    op.create_index(op.f("ix_menu_entry_parent_id"), "menu_entry", ["parent_id"])
    for position, (*entry, inside) in enumerate(MENU):
        parent = op.get_bind().scalar(menu.insert().values(_entry(*entry, position)).returning(menu.c.id))
        for below, child in enumerate(inside):
            op.execute(menu.insert().values(_entry(*child, below) | {"parent_id": parent}))


def _entry(page: str | None, zh: str, en: str, icon: str, key: str, position: int) -> dict[str, object]:
    return {
        **{"page": page, "title_zh": zh, "title_en": en, "icon": icon, "key": key},
        **{"position": position, "visible": True},
    }

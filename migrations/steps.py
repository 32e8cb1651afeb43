"""What migrations do again and again, with plain tables: the models of today say nothing about the rows of then.

A published step never changes what it does; a new need is a new function.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op


def grant(grants: Mapping[str, Sequence[str]]) -> None:
    """Permissions to the built-in roles: a house that took rights away from them did so before these existed."""
    role_grant = sa.table("role_grant", sa.column("role", sa.String), sa.column("permission", sa.String))
    rows = [
        {"role": role, "permission": permission} for role, permissions in grants.items() for permission in permissions
    ]
    known = {code for (code,) in op.get_bind().execute(sa.text("SELECT code FROM role"))}
    op.bulk_insert(role_grant, [row for row in rows if row["role"] in known])


def extend_menu(entries: Sequence[tuple[str, str, str, str, str]], *, after: str) -> None:
    """Entries (page, Chinese title, English title, icon, key) below the entry of the page `after`, where that stands
    now; at the end, where it does not."""
    bind = op.get_bind()
    menu = sa.table(
        "menu_entry",
        *(sa.column(name, sa.String) for name in ("page", "title_zh", "title_en", "icon", "key")),
        *(sa.column(name, sa.Integer) for name in ("id", "parent_id", "position")),
        sa.column("visible", sa.Boolean),
    )
    found = bind.execute(sa.select(menu.c.parent_id, menu.c.position).where(menu.c.page == after)).one_or_none()
    parent_id, position = (found.parent_id, found.position) if found else (None, 999)
    beside = menu.c.parent_id.is_(None) if parent_id is None else menu.c.parent_id == parent_id
    moved = sa.update(menu).where(beside, menu.c.position > position)
    bind.execute(moved.values(position=menu.c.position + len(entries)))
    for step, (page, title_zh, title_en, icon, key) in enumerate(entries, start=1):
        values = {"page": page, "title_zh": title_zh, "title_en": title_en, "icon": icon, "key": key}
        bind.execute(menu.insert().values(parent_id=parent_id, position=position + step, visible=True, **values))

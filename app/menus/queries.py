"""Reading the menu. Nothing here writes."""

from sqlalchemy import select

from app.kernel.errors import NotThere
from app.menus.models import MenuEntry
from app.menus.rules import Entry, in_order
from app.runtime.db import db

_COLUMNS = (
    *(MenuEntry.id, MenuEntry.parent_id, MenuEntry.page, MenuEntry.title_zh, MenuEntry.title_en),
    *(MenuEntry.icon, MenuEntry.key, MenuEntry.visible),
)


def entries() -> list[Entry]:
    """The whole tree in its order, each group followed by what stands in it."""
    rows = db.session.execute(select(*_COLUMNS).order_by(MenuEntry.position, MenuEntry.id))
    return in_order(Entry(**row._mapping) for row in rows)


def entry(entry_id: int) -> Entry:
    row = db.session.execute(select(*_COLUMNS).where(MenuEntry.id == entry_id)).one_or_none()
    if row is None:
        raise NotThere(str(entry_id))
    return Entry(**row._mapping)


def held() -> dict[int, MenuEntry]:
    """Every entry in order of place, read under a lock: whoever changes the menu waits here for whoever else does."""
    db.session.execute(select(MenuEntry.id).order_by(MenuEntry.id).with_for_update())
    # Again, because the other may have added one while we waited.
    rows = select(MenuEntry).order_by(MenuEntry.position, MenuEntry.id).execution_options(populate_existing=True)
    return {entry.id: entry for entry in db.session.scalars(rows)}

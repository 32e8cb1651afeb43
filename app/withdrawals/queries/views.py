"""How somebody likes the list: their views and columns. Nothing here writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import select

from app.kernel import clock
from app.kernel.errors import NotThere
from app.runtime.db import db
from app.withdrawals.models import ListColumns, SavedView
from app.withdrawals.rules import viewing


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A saved view as it is today. `search`: the query string that it stands for, never empty."""

    id: int
    name: str
    search: str
    is_default: bool


def views(operator_id: int, page: str = viewing.PAGE) -> list[View]:
    """This person's, by name; the default first."""
    mine = select(SavedView).where(SavedView.operator_id == operator_id, SavedView.page == page)
    rows = db.session.scalars(mine.order_by(SavedView.is_default.desc(), SavedView.name)).all()
    return [View(id=row.id, name=row.name, search=_search(row.query), is_default=row.is_default) for row in rows]


def default_search(operator_id: int, page: str = viewing.PAGE) -> str:
    """The query string that this person's list opens with; "" when they have none."""
    mine = (SavedView.operator_id == operator_id, SavedView.page == page, SavedView.is_default.is_(True))
    query = db.session.scalar(select(SavedView.query).where(*mine))
    return "" if query is None else _search(query)


def held_views(operator_id: int, page: str) -> Sequence[SavedView]:
    """Their rows, locked until the transaction ends."""
    mine = select(SavedView).where(SavedView.operator_id == operator_id, SavedView.page == page)
    return db.session.scalars(mine.order_by(SavedView.id).with_for_update()).all()


def view_of(operator_id: int, view_id: int) -> SavedView:
    """One of theirs; NotThere otherwise."""
    mine = select(SavedView).where(SavedView.id == view_id, SavedView.operator_id == operator_id)
    found = db.session.scalars(mine).one_or_none()
    if found is None:
        raise NotThere(str(view_id))
    return found


def columns(operator_id: int, page: str = viewing.PAGE) -> tuple[str, ...]:
    """The columns that this person chose, in their order."""
    kept = db.session.get(ListColumns, (operator_id, page))
    return viewing.chosen(json.loads(kept.columns)) if kept else viewing.DEFAULT_COLUMNS


def _search(query: str) -> str:
    found = viewing.opened(dict(parse_qsl(query)), clock.business_day())
    return urlencode(found or {"state": ""})

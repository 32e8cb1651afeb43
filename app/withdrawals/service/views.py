"""A person's own ways to look at a list. Nobody else sees them, so nothing of it is audited."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sqlalchemy import update

from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.db import db, insert, transaction
from app.withdrawals.models import ListColumns, SavedView
from app.withdrawals.queries import views as queries
from app.withdrawals.rules import viewing


def save(name: str, asked: Mapping[str, str], *, actor: Actor, page: str = viewing.PAGE) -> None:
    """Keep this search under a name; a view of that name is replaced."""
    name = viewing.require_name(name)
    query = urlencode(viewing.kept(asked, clock.business_day()))
    if len(query) > 500:
        raise Refused("筛选条件太长，不能保存成视图")
    with transaction():
        mine = queries.held_views(actor.operator_id, page)
        known = next((view for view in mine if view.name == name), None)
        if known is not None:
            known.query = query
            return
        viewing.require_room(len(mine))
        db.session.add(SavedView(operator_id=actor.operator_id, page=page, name=name, query=query))


def rename(view_id: int, name: str, *, actor: Actor) -> None:
    name = viewing.require_name(name)
    with transaction():
        view = queries.view_of(actor.operator_id, view_id)
        if any(one.name == name and one.id != view_id for one in queries.held_views(actor.operator_id, view.page)):
            raise Refused("已有同名的视图：%(name)s", name=name)
        view.name = name


def delete(view_id: int, *, actor: Actor) -> None:
    with transaction():
        db.session.delete(queries.view_of(actor.operator_id, view_id))


def choose_default(view_id: int, *, wanted: bool, actor: Actor) -> None:
    """The list opens with this one from now on, or with everything again."""
    with transaction():
        view = queries.view_of(actor.operator_id, view_id)
        others = update(SavedView).where(SavedView.operator_id == actor.operator_id, SavedView.page == view.page)
        db.session.execute(others.values(is_default=False))
        view.is_default = wanted


def choose_columns(
    ticked: Sequence[str], places: Mapping[str, int | None], *, actor: Actor, page: str = viewing.PAGE
) -> None:
    """These columns, in this order; nothing ticked is the house's own choice again."""
    columns = viewing.placed(ticked, places) if ticked else viewing.DEFAULT_COLUMNS
    told = {"columns": json.dumps(columns)}
    with transaction():
        row = insert(ListColumns).values(operator_id=actor.operator_id, page=page, **told)
        db.session.execute(row.on_conflict_do_update(index_elements=["operator_id", "page"], set_=told))

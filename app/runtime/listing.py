"""Lists that stay fast at any depth: keyset paging on one key, both ways, and a count that knows its limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, func, select

from app.runtime.db import db

PAGE_SIZES = (20, 50, 100)
COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of rows, and the links of its neighbours ("" where there is none)."""

    rows: Sequence[Any]
    size: int
    total: int
    total_is_floor: bool
    sizes: Sequence[tuple[int, str]]
    first_url: str
    previous_url: str
    next_url: str


def listing(
    statement: Select[*tuple[Any, ...]],
    *,
    key: ColumnElement[int],
    asked: Mapping[str, str],
    kept: Mapping[str, str],
    rising: bool = False,
) -> Listing:
    """Cut one page out of a statement whose columns include `key`: the highest first, or (`rising`) the lowest.

    `asked` may carry `before` / `after` (a key) and `size`; nonsense is page one. `kept` are the filters that links keep.
    Links are relative query strings (`?before=…`), so they work on any page.
    """
    size = _number(asked.get("size")) or PAGE_SIZES[1]
    size = size if size in PAGE_SIZES else PAGE_SIZES[1]
    down, up = ("after", "before") if rising else ("before", "after")
    below, above = _number(asked.get(down)), _number(asked.get(up))
    first, last = (key.asc(), key.desc()) if rising else (key.desc(), key.asc())

    def is_above(mark: int) -> ColumnElement[bool]:
        return key < mark if rising else key > mark

    def is_below(mark: int) -> ColumnElement[bool]:
        return key > mark if rising else key < mark

    found: Sequence[Any] = ()
    if above is not None:
        found = db.session.execute(statement.where(is_above(above)).order_by(last).limit(size + 1)).all()
    if above is not None and len(found) >= size:
        has_above = len(found) > size
        has_below = bool(db.session.execute(statement.with_only_columns(key).where(~is_above(above)).limit(1)).first())
        rows = list(reversed(found[:size]))
    else:  # also where less than a page is above: that is page one
        cut = statement if below is None else statement.where(is_below(below))
        found = db.session.execute(cut.order_by(first).limit(size + 1)).all()
        has_above, has_below = below is not None, len(found) > size
        rows = list(found[:size])
    counted = select(func.count()).select_from(statement.with_only_columns(key).limit(COUNT_LIMIT + 1).subquery())
    count = db.session.scalar(counted) or 0
    name = key.key or "id"
    link = {name: value for name, value in kept.items() if value}

    def url(**more: object) -> str:
        return "?" + urlencode({**link, "size": size, **more})

    return Listing(
        rows=rows,
        size=size,
        total=min(count, COUNT_LIMIT),
        total_is_floor=count > COUNT_LIMIT,
        sizes=[(each, url(size=each)) for each in PAGE_SIZES],
        first_url=url() if has_above else "",
        previous_url=url(**{up: getattr(rows[0], name)}) if rows and has_above else "",
        next_url=url(**{down: getattr(rows[-1], name)}) if rows and has_below else "",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None

"""Lists that stay fast at any depth: keyset paging on one falling key, both ways, and a count that knows its limit."""

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
    """One page of rows, newest first, and the links of its neighbours ("" where there is none)."""

    rows: Sequence[Any]
    size: int
    total: int
    total_is_floor: bool
    sizes: Sequence[tuple[int, str]]
    first_url: str
    previous_url: str
    next_url: str


def listing(
    statement: Select[*tuple[Any, ...]], *, key: ColumnElement[int], asked: Mapping[str, str], kept: Mapping[str, str]
) -> Listing:
    """Cut one page out of a statement whose columns include `key`.

    `asked` may carry `before` / `after` (a key) and `size`; nonsense is page one. `kept` are the filters that links keep.
    Links are relative query strings (`?before=…`), so they work on any page.
    """
    size = _number(asked.get("size")) or PAGE_SIZES[1]
    size = size if size in PAGE_SIZES else PAGE_SIZES[1]
    before, after = _number(asked.get("before")), _number(asked.get("after"))
    found: Sequence[Any] = ()
    if after is not None:
        found = db.session.execute(statement.where(key > after).order_by(key.asc()).limit(size + 1)).all()
    if after is not None and len(found) >= size:
        newer = len(found) > size
        older = bool(db.session.execute(statement.with_only_columns(key).where(key <= after).limit(1)).first())
        rows = list(reversed(found[:size]))
    else:  # also where less than a page is newer: that is page one
        cut = statement if before is None else statement.where(key < before)
        found = db.session.execute(cut.order_by(key.desc()).limit(size + 1)).all()
        newer, older = before is not None, len(found) > size
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
        first_url=url() if newer else "",
        previous_url=url(after=getattr(rows[0], name)) if rows and newer else "",
        next_url=url(before=getattr(rows[-1], name)) if rows and older else "",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None

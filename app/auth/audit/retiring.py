"""What has been kept for long enough goes, a few hundred rows at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.audit.chain import record
from app.runtime.db import changed, db, transaction

ROWS_AT_ONCE = 500


def retire(
    key: InstrumentedAttribute[int],
    old: Sequence[ColumnElement[bool]],
    change: Callable[..., Executable],
    before: datetime,
    only_count: bool,
) -> int:
    """`change` (an UPDATE or DELETE without its WHERE) for the rows that are old. How many; `only_count` changes nothing.

    A few hundred rows a transaction, each with its audit record: killed at any moment, the next run goes on.
    """
    if only_count:
        return db.session.scalar(select(func.count(key)).where(*old)) or 0
    table, done, last = str(key.class_.__tablename__), 0, 0
    while True:
        with transaction():
            some = select(key).where(*old, key > last).order_by(key).limit(ROWS_AT_ONCE)
            ids = db.session.scalars(some).all()
            if not ids:
                return done
            count = changed(change(key.in_(ids), *old))
            record("retention", "retention.delete", table, after={"before": before.isoformat(), "rows": count})
        done, last = done + count, ids[-1]


def retire_rows(
    key: InstrumentedAttribute[int], old: Sequence[ColumnElement[bool]], before: datetime, only_count: bool
) -> int:
    """The same, for rows that are deleted."""
    gone = delete(key.class_).execution_options(synchronize_session=False)
    return retire(key, old, gone.where, before, only_count)

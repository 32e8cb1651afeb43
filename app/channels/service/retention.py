"""What has been kept for long enough goes, a few hundred rows at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.auth import audit
from app.auth.models import OperatorSession
from app.channels import log
from app.channels.models import CallbackInbox, ChannelCall
from app.runtime.db import Model, changed, db, transaction

ROWS_AT_ONCE = 500


def drop_old_calls(before: datetime, *, only_count: bool = False) -> int:
    """The words of calls made before then. How many calls."""
    old = (ChannelCall.at < before, log.said_anything())
    return _retire(ChannelCall.id, old, log.without_body, before, only_count)


def drop_old_callbacks(before: datetime, *, only_count: bool = False) -> int:
    """The bodies of callbacks that came before then, but for those that nobody has read yet. How many."""
    old = (CallbackInbox.received_at < before, CallbackInbox.sealed != "", ~log.is_unread())
    empty = update(CallbackInbox).values(sealed="").execution_options(synchronize_session=False)
    return _retire(CallbackInbox.id, old, empty.where, before, only_count)


def drop_old_sessions(before: datetime, *, only_count: bool = False) -> int:
    """Sessions that ended before then and that no row speaks of. How many.

    Here and not in auth, as claims speak of them. Audit records tell who and from where by themselves: they may outlive them.
    """
    spoken_of = [
        column
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if column.name == "session_id"
        or any(key.column.table.name == "operator_session" for key in column.foreign_keys)
        if not table.info.get("append_only")
    ]
    old = (
        OperatorSession.ended_at < before,
        *(OperatorSession.id.not_in(select(column).where(column.is_not(None))) for column in spoken_of),
    )
    gone = delete(OperatorSession).execution_options(synchronize_session=False)
    return _retire(OperatorSession.id, old, gone.where, before, only_count)


def _retire(
    key: InstrumentedAttribute[int],
    old: Sequence[ColumnElement[bool]],
    change: Callable[..., Executable],
    before: datetime,
    only_count: bool,
) -> int:
    """A few hundred rows a transaction, each with its audit record: killed at any moment, the next run goes on."""
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
            audit.record("retention", "retention.delete", table, after={"before": before.isoformat(), "rows": count})
        done, last = done + count, ids[-1]

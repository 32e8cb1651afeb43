"""What has been kept for long enough goes."""

from datetime import datetime

from sqlalchemy import select, update

from app.auth import audit
from app.auth.models import OperatorSession
from app.channels import log
from app.channels.models import CallbackInbox, ChannelCall
from app.runtime.db import Model


def drop_old_calls(before: datetime, *, only_count: bool = False) -> int:
    """The words of calls made before then. How many calls."""
    old = (ChannelCall.at < before, log.said_anything())
    return audit.retire(ChannelCall.id, old, log.without_body, before, only_count)


def drop_old_callbacks(before: datetime, *, only_count: bool = False) -> int:
    """The bodies of callbacks that came before then, but for those that nobody has read yet. How many."""
    old = (CallbackInbox.received_at < before, CallbackInbox.sealed != "", ~log.is_unread())
    empty = update(CallbackInbox).values(sealed="").execution_options(synchronize_session=False)
    return audit.retire(CallbackInbox.id, old, empty.where, before, only_count)


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
    return audit.retire_rows(OperatorSession.id, old, before, only_count)

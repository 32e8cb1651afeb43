"""Selections are work sheets: what was decided with them stands with each withdrawal."""

from datetime import datetime

from sqlalchemy import select

from app.auth import audit
from app.withdrawals.models import Selection, SelectionRow


def drop_old_selections(before: datetime, *, only_count: bool = False) -> int:
    """Those made before then that nobody decided, or that are through. How many."""
    old = (Selection.made_at < before, (Selection.verb == "") | Selection.ended_at.is_not(None))
    audit.retire_rows(
        SelectionRow.id, (SelectionRow.selection_id.in_(select(Selection.id).where(*old)),), before, only_count
    )
    empty = () if only_count else (Selection.id.not_in(select(SelectionRow.selection_id)),)
    return audit.retire_rows(Selection.id, (*old, *empty), before, only_count)

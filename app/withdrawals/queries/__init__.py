"""Reading withdrawals. Nothing here writes."""

from app.withdrawals.queries.checks import against_ledger, problems
from app.withdrawals.queries.listing import FILTERS, SUM_LIMIT, counts, exact, page, problem_filter, totals
from app.withdrawals.queries.money import Unknown, in_transit, unknown, unknown_by_account, waiting_for_review
from app.withdrawals.queries.rows import (
    OUT,
    by_form_key,
    by_number,
    decided_at,
    digest,
    events,
    find,
    held,
    holds,
    is_unknown,
    next_look,
    numbers_of,
    of_card,
    steps,
)
from app.withdrawals.queries.trace import TraceLine, trace
from app.withdrawals.tallies import Totals

__all__ = [
    "FILTERS",
    "OUT",
    "SUM_LIMIT",
    "Totals",
    "TraceLine",
    "Unknown",
    "against_ledger",
    "by_form_key",
    "by_number",
    "counts",
    "decided_at",
    "digest",
    "events",
    "exact",
    "find",
    "held",
    "holds",
    "in_transit",
    "is_unknown",
    "next_look",
    "numbers_of",
    "of_card",
    "page",
    "problem_filter",
    "problems",
    "steps",
    "totals",
    "trace",
    "unknown",
    "unknown_by_account",
    "waiting_for_review",
]

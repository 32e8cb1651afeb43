"""Reading withdrawals. Nothing here writes."""

from app.withdrawals.models import (
    Withdrawal,
)
from app.withdrawals.queries.checks import (
    against_ledger,
    problems,
)
from app.withdrawals.queries.limits import (
    counter_problems,
)
from app.withdrawals.queries.listing import (
    FILTERS,
    SUM_LIMIT,
    counts,
    exact,
    named,
    page,
    problem_filter,
    totals,
)
from app.withdrawals.queries.money import (
    SetAside,
    Unknown,
    hanging_since,
    in_transit,
    next_looks,
    set_aside,
    unknown,
    unknown_before,
    unknown_by_account,
    waiting_for_review,
)
from app.withdrawals.queries.objections import (
    lacks,
    lists_about,
    objection,
    require_replaceable,
)
from app.withdrawals.queries.outcomes import (
    Pressed,
    evidence,
    heard,
    is_only_declared,
    oldest_work,
    open_hold,
    outcome,
    outcomes,
    place_of_evidence,
    pressing_work,
    proposal,
    work,
    work_counts,
    work_waiting,
)
from app.withdrawals.queries.payees import (
    entries as payee_entries,
)
from app.withdrawals.queries.payees import (
    entry as payee_entry,
)
from app.withdrawals.queries.payees import (
    held_entry,
    standing_entry,
)
from app.withdrawals.queries.radar import (
    Echo,
    Echoes,
    echoes,
    echoes_of,
)
from app.withdrawals.queries.rows import (
    OUT,
    approvals,
    by_form_key,
    by_number,
    decided_at,
    digest,
    events,
    find,
    held,
    held_all,
    holds,
    is_unknown,
    is_waiting,
    numbers_of,
    of_card,
    of_numbers,
    replacement,
    standing_approvals,
    steps,
)
from app.withdrawals.queries.rulebook import (
    checkers,
)
from app.withdrawals.queries.rulebook import (
    draft as rulebook_draft,
)
from app.withdrawals.queries.rulebook import (
    held_draft as held_rulebook_draft,
)
from app.withdrawals.queries.rulebook import (
    in_force as rulebook_in_force,
)
from app.withdrawals.queries.rulebook import (
    require_draft as require_rulebook_draft,
)
from app.withdrawals.queries.rulebook import (
    version as rulebook_version,
)
from app.withdrawals.queries.rulebook import (
    versions as rulebook_versions,
)
from app.withdrawals.queries.sending import (
    ALL,
    LOST_SHOWN,
    Waiting,
    is_house_stopped,
    is_lost,
    lost_sends,
    past_stops,
    stop_of,
    stops,
    trouble_of,
    uncleared,
    waiting_to_leave,
)
from app.withdrawals.queries.trace import (
    UNHEARD,
    TraceLine,
    latest_hint,
    trace,
)
from app.withdrawals.queries.trial import (
    tried,
)
from app.withdrawals.queries.unusual import (
    oddities,
)
from app.withdrawals.tallies import (
    Totals,
)

__all__ = [
    "ALL",
    "FILTERS",
    "LOST_SHOWN",
    "OUT",
    "SUM_LIMIT",
    "UNHEARD",
    "Echo",
    "Echoes",
    "Pressed",
    "SetAside",
    "Totals",
    "TraceLine",
    "Unknown",
    "Waiting",
    "Withdrawal",
    "against_ledger",
    "approvals",
    "by_form_key",
    "by_number",
    "checkers",
    "counter_problems",
    "counts",
    "decided_at",
    "digest",
    "echoes",
    "echoes_of",
    "events",
    "evidence",
    "exact",
    "find",
    "hanging_since",
    "heard",
    "held",
    "held_all",
    "held_entry",
    "held_rulebook_draft",
    "holds",
    "in_transit",
    "is_house_stopped",
    "is_lost",
    "is_only_declared",
    "is_unknown",
    "is_waiting",
    "lacks",
    "latest_hint",
    "lists_about",
    "lost_sends",
    "named",
    "next_looks",
    "numbers_of",
    "objection",
    "oddities",
    "of_card",
    "of_numbers",
    "oldest_work",
    "open_hold",
    "outcome",
    "outcomes",
    "page",
    "past_stops",
    "payee_entries",
    "payee_entry",
    "place_of_evidence",
    "pressing_work",
    "problem_filter",
    "problems",
    "proposal",
    "replacement",
    "require_replaceable",
    "require_rulebook_draft",
    "rulebook_draft",
    "rulebook_in_force",
    "rulebook_version",
    "rulebook_versions",
    "set_aside",
    "standing_approvals",
    "standing_entry",
    "steps",
    "stop_of",
    "stops",
    "totals",
    "trace",
    "tried",
    "trouble_of",
    "uncleared",
    "unknown",
    "unknown_before",
    "unknown_by_account",
    "waiting_for_review",
    "waiting_to_leave",
    "work",
    "work_counts",
    "work_waiting",
]

"""What is allowed and what follows from what was seen, as plain functions of plain values."""

from app.withdrawals.rules.admission import Refusal, Rule, refusals
from app.withdrawals.rules.making import (
    require_amount,
    require_another_pair_of_eyes,
    require_clean_memo,
    require_nothing_open,
)
from app.withdrawals.rules.payees import LISTS, NAMELESS, PayeeList
from app.withdrawals.rules.rulebook import Limit, Rulebook, differences, flaws, lines
from app.withdrawals.rules.verdict import (
    BETWEEN_NOT_FOUND_S,
    HOLDS,
    HTTP_TOTAL_S,
    SEND_WITHIN_S,
    Known,
    Verdict,
    could_still_arrive,
    entries,
    is_proof_of_absence,
    verdict,
)

__all__ = [
    "BETWEEN_NOT_FOUND_S",
    "HOLDS",
    "HTTP_TOTAL_S",
    "LISTS",
    "NAMELESS",
    "SEND_WITHIN_S",
    "Known",
    "Limit",
    "PayeeList",
    "Refusal",
    "Rule",
    "Rulebook",
    "Verdict",
    "could_still_arrive",
    "differences",
    "entries",
    "flaws",
    "is_proof_of_absence",
    "lines",
    "refusals",
    "require_amount",
    "require_another_pair_of_eyes",
    "require_clean_memo",
    "require_nothing_open",
    "verdict",
]

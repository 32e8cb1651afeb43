"""Reading the book, and examining it. Nothing here writes."""

from app.ledger.queries.examiner import problems
from app.ledger.queries.reading import (
    Account,
    Balances,
    Collected,
    Hold,
    Overview,
    account,
    balances_of,
    collected,
    deeds,
    deeds_taking_back,
    done,
    entries,
    held,
    latest,
    lock_available,
    overview,
    taken_from,
)

__all__ = [
    "Account",
    "Balances",
    "Collected",
    "Hold",
    "Overview",
    "account",
    "balances_of",
    "collected",
    "deeds",
    "deeds_taking_back",
    "done",
    "entries",
    "held",
    "latest",
    "lock_available",
    "overview",
    "problems",
    "taken_from",
]

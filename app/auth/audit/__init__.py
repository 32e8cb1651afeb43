"""Who did what, on whose word, from where (RELIABILITY I-10): `chain` writes it and proves it whole, `reading` finds it,
`words` says it. `retiring` deletes what was kept long enough, here and elsewhere, and says so."""

from app.auth.audit.chain import Flaw, Somebody, Walk, came_from, check, head, record, verify, walk
from app.auth.audit.retiring import retire, retire_rows

__all__ = [
    "Flaw",
    "Somebody",
    "Walk",
    "came_from",
    "check",
    "head",
    "record",
    "retire",
    "retire_rows",
    "verify",
    "walk",
]

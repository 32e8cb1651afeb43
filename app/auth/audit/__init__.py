"""Who did what, on whose word, from where (RELIABILITY I-10): `chain` writes it and proves it whole, `reading` finds it,
`words` says it."""

from app.auth.audit.chain import Flaw, Somebody, Walk, came_from, check, head, record, verify, walk

__all__ = ["Flaw", "Somebody", "Walk", "came_from", "check", "head", "record", "verify", "walk"]

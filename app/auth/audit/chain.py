"""The chain that shows every cut (RELIABILITY I-10).

`record` joins the caller's transaction; the lines are numbered and chained when it commits. So the head of the chain is
locked last and for a moment only: commands do not queue up behind each other, and none waits for a row while holding it.
"""

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import RowMapping, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.auth.models import AuditHead, AuditRecord
from app.kernel import clock
from app.runtime import vault
from app.runtime.db import db, in_transaction

_WAITING = "audit"
_AT_ONCE = 2000
_SIGNED = ("seq", "actor", "action", "subject", "before", "after", "why", "address", "session_id", "prev_hash")
_from: ContextVar[tuple[str, int | None]] = ContextVar("audit_from", default=("", None))


class Somebody(Protocol):
    """An `identity.Actor`."""

    @property
    def username(self) -> str: ...
    @property
    def session_id(self) -> int: ...


def record(
    actor: Somebody | str,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    why: str = "",
) -> None:
    """Write down what is being done: with the change, or not at all. Never hand it a password, a key or a card number.

    `actor` is the person, or a word for the machine ("worker"); `action` is `<thing>.<verb>`, `subject` the thing's number.
    """
    assert in_transaction(), "an audit record belongs to the change it describes"
    address, session_id = _from.get()
    db.session.info.setdefault(_WAITING, []).append(
        {
            "at": clock.now(),
            "actor": actor if isinstance(actor, str) else actor.username,
            "action": action,
            "subject": subject,
            "before": _json(before),
            "after": _json(after),
            "why": why,
            "address": address,
            "session_id": session_id if isinstance(actor, str) else actor.session_id,
        }
    )


def came_from(address: str = "", session_id: int | None = None) -> None:
    """What this request (or nobody, without arguments) does, is done from here."""
    _from.set((address, session_id))


def head() -> tuple[int, str]:
    """The number and the hash of the last record: written on paper, it proves that nothing was cut off later."""
    found = db.session.execute(select(AuditHead.seq, AuditHead.hash)).one_or_none()
    return (0, "") if found is None else (found[0], found[1])


class Flaw(StrEnum):
    """What can be wrong with a record."""

    MISSING = "missing"
    DETACHED = "detached"
    CHANGED = "changed"
    NOT_EXPORTED = "not exported"


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the chain is whole, and what comes there."""

    seq: int
    hash: str
    flaw: Flaw | None = None
    flaw_at: int = 0
    said: str = ""
    """The flaw, for a terminal."""


def verify(exported: tuple[int, str] | None = None) -> list[str]:
    """Walk the whole chain; the first bad row by name, or nothing. `exported`: a `head()` from earlier must be in it."""
    found = walk(exported)
    return [found.said] if found.flaw else []


def walk(exported: tuple[int, str] | None = None) -> Walk:
    """From the first record to the last, in steps: others may append meanwhile."""
    seq, prev = 0, ""

    def broken(flaw: Flaw, at: int, said: str) -> Walk:
        return Walk(seq, prev, flaw, at, f"audit record {at} {said}")

    while True:
        known = head()  # before the rows: what it speaks of is there already
        rows = _rows_after(seq)
        for row in rows:
            if row["seq"] != seq + 1:
                return broken(Flaw.MISSING, seq + 1, f"is missing (after {seq} comes {row['seq']})")
            if row["prev_hash"] != prev:
                return broken(Flaw.DETACHED, row["seq"], f"does not follow record {seq}")
            if _hash(dict(row)) != row["hash"]:
                return broken(
                    Flaw.CHANGED, row["seq"], f"was changed ({row['actor']} {row['action']} {row['subject']})"
                )
            seq, prev = row["seq"], row["hash"]
            if exported and exported[0] == seq and exported[1] != prev:
                return broken(Flaw.NOT_EXPORTED, seq, "is not the one whose hash was exported")
        if not rows and known != (seq, prev):
            return broken(Flaw.MISSING, seq + 1, f"is missing: the head of the chain stands at {known[0]}")
        if not rows and exported and exported[0] > seq:
            return broken(Flaw.MISSING, seq + 1, f"is missing: number {exported[0]} was exported")
        if not rows:
            return Walk(seq, prev)


def check(seq: int) -> Flaw | None:
    """Is this one record as it was written, and does it follow the one before? (Not: is the chain whole.)"""
    before = _rows_after(seq - 2, limit=1) if seq > 1 else []
    (row,) = _rows_after(seq - 1, limit=1)
    if before and before[0]["seq"] != seq - 1:
        return Flaw.DETACHED
    if row["prev_hash"] != (before[0]["hash"] if before else ""):
        return Flaw.DETACHED
    return None if _hash(dict(row)) == row["hash"] else Flaw.CHANGED


def _rows_after(seq: int, limit: int = _AT_ONCE) -> Sequence[RowMapping]:
    table = AuditRecord.__table__  # plain rows: a long chain is walked in a third of the time
    after = select(table).where(AuditRecord.seq > seq).order_by(AuditRecord.seq).limit(limit)
    return db.session.execute(after).mappings().all()


@event.listens_for(db.session, "before_commit")
def _append(session: Session) -> None:
    lines = session.info.pop(_WAITING, [])
    if not lines:
        return
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    # One statement locks the row and reads it: PostgreSQL waits here for the other writer, and then sees what it left.
    seq, prev = session.execute(
        dialect.insert(AuditHead)
        .values(id=1, seq=len(lines), hash="")
        .on_conflict_do_update(index_elements=[AuditHead.id], set_={"seq": AuditHead.seq + len(lines)})
        .returning(AuditHead.seq, AuditHead.hash)
    ).one()
    for number, line in enumerate(lines, seq - len(lines) + 1):
        line |= {"seq": number, "prev_hash": prev}
        line["hash"] = prev = _hash(line)
    session.execute(insert(AuditRecord), lines)
    session.execute(update(AuditHead).values(hash=prev).execution_options(synchronize_session=False))


@event.listens_for(db.session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_WAITING, None)


def _hash(line: Mapping[str, Any]) -> str:
    """Over a list in JSON: unambiguous, whatever the words contain."""
    signed = [line["at"].isoformat(), *(line[name] for name in _SIGNED)]
    return vault.mac(json.dumps(signed, ensure_ascii=False, separators=(",", ":")).encode(), purpose="audit")


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False, sort_keys=True, default=str)

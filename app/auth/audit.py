"""Who did what, on whose word, from where: a chain that shows every cut (RELIABILITY I-10).

`record` joins the caller's transaction; the lines are numbered and chained when it commits. So the head of the chain is
locked last and for a moment only: commands do not queue up behind each other, and none waits for a row while holding it.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from sqlalchemy import event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.auth.models import AuditHead, AuditRecord
from app.kernel import clock
from app.runtime import vault
from app.runtime.db import db, in_transaction

_WAITING = "audit"
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


def verify(exported: tuple[int, str] | None = None) -> list[str]:
    """Walk the whole chain; the first bad row by name, or nothing. `exported`: a `head()` from earlier must be in it."""
    seq, prev = 0, ""
    for row in db.session.scalars(select(AuditRecord).order_by(AuditRecord.seq).execution_options(yield_per=1000)):
        line = {name: getattr(row, name) for name in (*_SIGNED, "at", "hash")}
        db.session.expunge(row)
        if row.seq != seq + 1:
            return [f"audit record {seq + 1} is missing (after {seq} comes {row.seq})"]
        if row.prev_hash != prev:
            return [f"audit record {row.seq} does not follow record {seq}"]
        if _hash(line) != row.hash:
            return [f"audit record {row.seq} was changed ({row.actor} {row.action} {row.subject})"]
        seq, prev = row.seq, row.hash
        if exported and exported[0] == seq and exported[1] != prev:
            return [f"audit record {seq} is not the one whose hash was exported"]
    if head() != (seq, prev):
        return [f"audit record {seq + 1} is missing: the head of the chain stands at {head()[0]}"]
    if exported and exported[0] > seq:
        return [f"audit record {seq + 1} is missing: number {exported[0]} was exported"]
    return []


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

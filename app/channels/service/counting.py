"""Calls and callbacks are counted by five minutes, a little while after they happened; old counts go."""

from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, delete, func, or_, select

from app.channels import health
from app.channels.contract import Interface, Seen
from app.channels.models import CallbackInbox, CallTally, ChannelCall
from app.channels.rules.health import ABOUT_ORDERS, BOUNDS_MS, HARMLESS, KEEP_DAYS, OPEN_FOR_S, SENDS, SLOT_S, Tally
from app.kernel import clock
from app.runtime import live_events
from app.runtime.db import db, transaction

TOPIC = "health"
_C, _I, _SLOT = ChannelCall, CallbackInbox, timedelta(seconds=SLOT_S)
Counted = dict[tuple[int, str], Tally]


def count() -> None:
    """Count what has happened since the last time. The last two slots are counted anew: calls end late, and some never."""
    now = clock.now()
    latest = db.session.scalar(select(func.max(CallTally.slot)))
    since = now - timedelta(days=KEEP_DAYS)
    slot: datetime | None = health.slot_of(max(since, latest - _SLOT) if latest and latest <= now else since)
    while slot is not None and (slot := _next_with_anything(slot)) is not None:
        _count(slot)
        slot += _SLOT
    with transaction():
        db.session.execute(delete(CallTally).where(CallTally.slot < since))
        health.counted()
        live_events.announce(TOPIC)


def _next_with_anything(since: datetime) -> datetime | None:
    call = db.session.scalar(select(func.min(_C.at)).where(_C.at >= since))
    callback = db.session.scalar(select(func.min(_I.received_at)).where(_I.received_at >= since))
    first = min((at for at in (call, callback) if at is not None), default=None)
    return None if first is None else health.slot_of(first)


def _count(slot: datetime) -> None:
    """These five minutes, whole."""
    with transaction():
        counted = _calls(slot)
        _add_callbacks(slot, counted)
        db.session.execute(delete(CallTally).where(CallTally.slot == slot))
        db.session.add_all(
            CallTally(
                slot=slot,
                account_id=account_id,
                interface=interface,
                answered=tally.answered,
                refused=tally.refused,
                unsent=tally.unsent,
                unknown=tally.unknown,
                took=tally.took.kept(),
            )
            for (account_id, interface), tally in counted.items()
        )


def _calls(slot: datetime) -> Counted:
    """The database counts; a row comes back for each interface of an account, each ending and each band of times."""
    counted: Counted = defaultdict(Tally)
    for row in db.session.execute(_CALLS, {"slot": slot, "slot_end": slot + _SLOT, "stale": clock.later(-OPEN_FOR_S)}):
        tally = counted[row.account_id, row.interface]
        setattr(tally, row.sense, getattr(tally, row.sense) + row.many)
        tally.refused += row.refused
        if row.band is not None:
            tally.took.add(row.band, row.many)
    return counted


def _add_callbacks(slot: datetime, counted: Counted) -> None:
    """How long after the order was handed over each came. What nobody can read is unknown."""
    handed = (
        select(func.max(_C.at))
        .where(_C.subject == _I.number, _I.number != "", _C.interface.in_(list(SENDS)), _C.at <= _I.received_at)
        .scalar_subquery()
    )
    came = select(_I.account_id, _I.outcome, _I.seen, _I.received_at, handed.label("handed_at"))
    for row in db.session.execute(came.where(_I.received_at >= slot, _I.received_at < slot + _SLOT)):
        tally = counted[row.account_id, Interface.CALLBACK]
        if row.outcome != "taken":
            tally.unknown += 1
            continue
        tally.answered += 1
        tally.refused += row.seen == Seen.FAILED
        if row.handed_at is not None:
            tally.took.add(bisect_left(BOUNDS_MS, (row.received_at - row.handed_at).total_seconds() * 1000), 1)


_SENSE = case(
    (and_(_C.outcome == "ok", or_(_C.seen != "", _C.interface.not_in(list(ABOUT_ORDERS)))), "answered"),
    (_C.outcome == "not_sent", "unsent"),
    else_="unknown",
)
"""`rules.health.sense`, as the database reads it; a test lays them side by side."""
_BAND = case(
    (or_(_C.duration_ms.is_(None), _C.outcome == "not_sent"), None),
    *((_C.duration_ms <= bound, band) for band, bound in enumerate(BOUNDS_MS)),
    else_=len(BOUNDS_MS),
)
_AT = _C.at.type
_CALLS = (
    select(
        _C.account_id,
        _C.interface,
        _SENSE.label("sense"),
        _BAND.label("band"),
        func.count().label("many"),
        func.count().filter(_C.seen == str(Seen.FAILED)).label("refused"),
    )
    .where(_C.at >= bindparam("slot", type_=_AT), _C.at < bindparam("slot_end", type_=_AT))
    .where(or_(_C.outcome != "open", _C.at < bindparam("stale", type_=_AT)), _C.interface.not_in(list(HARMLESS)))
    .group_by(_C.account_id, _C.interface, "sense", "band")
)

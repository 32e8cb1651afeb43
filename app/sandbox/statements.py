"""The day's statement: what was paid, and what came back, each as a line of the business day on which it happened."""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.kernel import clock
from app.sandbox.merchants import Merchant
from app.sandbox.states import State

_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([01])", re.ASCII)
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatement:
    day: date
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    order_no: str
    channel_no: str
    amount_minor: int
    fee_minor: int
    state: State
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One page of it."""

    day: date
    after: str
    lines: Sequence[Line]
    next: str


def page(tx: sqlite3.Connection, merchant: Merchant, asked: AskStatement, *, size: int) -> Statement | None:
    """What happened on this day behind this place, oldest first. None: no such place.

    What was paid and came back the same day stands there twice. A fee is told with the payment; it does not come back.
    """
    place = _PLACE.fullmatch(asked.after) if asked.after else None
    if asked.after and place is None:
        return None
    begin, end = (int(moment.timestamp()) * _MICRO for moment in clock.day_bounds(asked.day))
    at, payout_id, is_return = (int(part) for part in place.groups()) if place else (0, 0, 0)
    rows = tx.execute(
        """
        SELECT * FROM (
            SELECT id, order_no, channel_no, amount_minor, fee_minor,
                CAST(paid_at * 1000000 AS INTEGER) AS at, 0 AS is_return
            FROM payouts WHERE merchant_id = :merchant AND paid_at IS NOT NULL
            UNION ALL
            SELECT id, order_no, channel_no, amount_minor, 0,
                CAST(returned_at * 1000000 AS INTEGER), 1
            FROM payouts WHERE merchant_id = :merchant AND returned_at IS NOT NULL
        ) WHERE at >= :begin AND at < :end AND (at, id, is_return) > (:at, :id, :is_return)
        ORDER BY at, id, is_return LIMIT :limit
        """,
        {
            "merchant": merchant.id,
            "begin": begin,
            "end": end,
            "at": at,
            "id": payout_id,
            "is_return": is_return,
            "limit": size + 1,
        },
    ).fetchall()
    last = rows[size - 1] if len(rows) > size else None
    return Statement(
        day=asked.day,
        after=asked.after,
        lines=[_line(row) for row in rows[:size]],
        next=f"{last['at']}-{last['id']}-{last['is_return']}" if last else "",
    )


def _line(row: sqlite3.Row) -> Line:
    return Line(
        order_no=row["order_no"],
        channel_no=row["channel_no"],
        amount_minor=row["amount_minor"],
        fee_minor=row["fee_minor"],
        state=State.RETURNED if row["is_return"] else State.PAID,
        at=datetime.fromtimestamp(row["at"] // _MICRO, clock.BUSINESS_ZONE),
    )

"""What this side says it was asked and paid: for the page, for the tests, and to be counted against the console's ledger."""

import json
import sqlite3
from datetime import datetime

from app.kernel import clock
from app.kernel.bank_card import mask

LARGEST_PAGE = 10_000


def summary(tx: sqlite3.Connection, *, manner: str = "", merchant_no: str = "") -> list[dict[str, object]]:
    """Per merchant: counts and sums. `paid` counts every time money arrived, also what came back later (`returned`)."""
    rows = tx.execute(
        """
        SELECT manner, merchant_no, merchants.paid_minor, out_minor, coalesce(submits, 0) AS submits,
            count(accepted_at) AS accepted, sum(amount_minor) FILTER (WHERE accepted_at IS NOT NULL) AS accepted_minor,
            count(paid_at) AS paid, sum(amount_minor) FILTER (WHERE paid_at IS NOT NULL) AS paid_sum_minor,
            count(returned_at) AS returned, sum(amount_minor) FILTER (WHERE returned_at IS NOT NULL) AS returned_minor,
            count(*) FILTER (WHERE state = 'failed') AS failed,
            sum(amount_minor) FILTER (WHERE state = 'failed') AS failed_minor,
            count(*) FILTER (WHERE state = 'refused') AS refused,
            sum(amount_minor) FILTER (WHERE state = 'refused') AS refused_minor,
            count(*) FILTER (WHERE state IN ('processing', 'strange')) AS waiting,
            sum(amount_minor) FILTER (WHERE state IN ('processing', 'strange')) AS waiting_minor
        FROM merchants
        LEFT JOIN payouts ON payouts.merchant_id = merchants.id
        LEFT JOIN (SELECT merchant_id, sum(submits) AS submits FROM orders GROUP BY merchant_id) AS asked
            ON asked.merchant_id = merchants.id
        WHERE :manner IN ('', manner) AND :merchant_no IN ('', merchant_no)
        GROUP BY merchants.id ORDER BY manner, merchant_no
        """,
        {"manner": manner, "merchant_no": merchant_no},
    ).fetchall()
    twice = _paid_more_than_once(tx)
    return [
        {
            "manner": row["manner"],
            "merchant_no": row["merchant_no"],
            "submits": row["submits"],
            "accepted": _pair(row["accepted"], row["accepted_minor"]),
            "refused": _pair(row["refused"], row["refused_minor"]),
            "waiting": _pair(row["waiting"], row["waiting_minor"]),
            "paid": _pair(row["paid"], row["paid_sum_minor"]),
            "returned": _pair(row["returned"], row["returned_minor"]),
            "failed": _pair(row["failed"], row["failed_minor"]),
            "paid_more_than_once": twice.get((row["manner"], row["merchant_no"]), _pair(0, 0)),
            "paid_and_kept_minor": row["paid_minor"],
            "out_minor": row["out_minor"],
        }
        for row in rows
    ]


def payouts(
    tx: sqlite3.Connection,
    *,
    manner: str = "",
    merchant_no: str = "",
    order_no: str = "",
    after_id: int = 0,
    limit: int = 1000,
    newest_first: bool = False,
) -> list[dict[str, object]]:
    """Payouts with what happened to them, cards masked. Page on with the last id."""
    rows = tx.execute(
        f"""
        SELECT payouts.*, manner, merchant_no, submits, copies,
            (SELECT count(*) FROM payouts AS twin WHERE twin.merchant_id = payouts.merchant_id
                AND twin.order_no = payouts.order_no AND twin.paid_at IS NOT NULL) AS times_paid
        FROM payouts JOIN merchants ON merchants.id = payouts.merchant_id
        JOIN orders ON orders.merchant_id = payouts.merchant_id AND orders.order_no = payouts.order_no
        WHERE payouts.id > :after AND :manner IN ('', manner) AND :merchant_no IN ('', merchant_no)
            AND :order_no IN ('', payouts.order_no)
        ORDER BY payouts.id {"DESC" if newest_first else "ASC"} LIMIT :limit
        """,  # noqa: S608 - our own word
        {
            "after": after_id,
            "manner": manner,
            "merchant_no": merchant_no,
            "order_no": order_no,
            "limit": min(limit, LARGEST_PAGE),
        },
    ).fetchall()
    return [
        {
            "id": row["id"],
            "manner": row["manner"],
            "merchant_no": row["merchant_no"],
            "order_no": row["order_no"],
            "copy": row["copy"],
            "channel_no": row["channel_no"],
            "amount_minor": row["amount_minor"],
            "kind": row["kind"],
            "card": mask(row["card_number"]),
            "fault": row["fault"],
            "state": row["state"],
            "reason": row["reason"],
            "times_submitted": row["submits"],
            "times_taken": row["copies"],
            "times_paid": row["times_paid"],
            "queries": row["queries"],
            "accepted_at": _iso(row["accepted_at"]),
            "paid_at": _iso(row["paid_at"]),
            "failed_at": _iso(row["failed_at"]),
            "returned_at": _iso(row["returned_at"]),
            "callbacks": _callbacks(tx, row["id"]),
        }
        for row in rows
    ]


def cards(
    tx: sqlite3.Connection, *, manner: str = "", merchant_no: str = "", after_id: int = 0, limit: int = 1000
) -> list[dict[str, object]]:
    """Bindings with what became of them, numbers masked; of the details only which there are. Page on with the last id."""
    rows = tx.execute(
        """
        SELECT cards.*, manner, merchant_no FROM cards JOIN merchants ON merchants.id = merchant_id
        WHERE cards.id > :after AND :manner IN ('', manner) AND :merchant_no IN ('', merchant_no)
        ORDER BY cards.id LIMIT :limit
        """,
        {"after": after_id, "manner": manner, "merchant_no": merchant_no, "limit": min(limit, LARGEST_PAGE)},
    ).fetchall()
    return [
        {
            "id": row["id"],
            "manner": row["manner"],
            "merchant_no": row["merchant_no"],
            "reference": row["reference"],
            "card_id": row["token"],
            "card": mask(row["card_number"]),
            "account_type": row["account_type"],
            "details": sorted(json.loads(row["details"])),
            "state": row["state"],
            "reason": row["reason"],
            "times_asked": row["asked"],
        }
        for row in rows
    ]


def _callbacks(tx: sqlite3.Connection, payout_id: int) -> list[dict[str, object]]:
    rows = tx.execute("SELECT * FROM callbacks WHERE payout_id = ? ORDER BY id", (payout_id,))
    return [
        {
            "call": row["call"],
            "state": row["state"],
            "attempts": row["attempts"],
            "delivered_at": _iso(row["delivered_at"]),
            "due_at": _iso(row["due_at"]),
            "last_answer": row["last_answer"],
        }
        for row in rows
    ]


def _paid_more_than_once(tx: sqlite3.Connection) -> dict[tuple[str, str], dict[str, int]]:
    """Order numbers for which money arrived more than once, and how much more than once."""
    rows = tx.execute(
        """
        SELECT manner, merchant_no, count(*), sum(extra_minor) FROM (
            SELECT merchant_id, sum(amount_minor) - min(amount_minor) AS extra_minor FROM payouts
            WHERE paid_at IS NOT NULL GROUP BY merchant_id, order_no HAVING count(*) > 1
        ) JOIN merchants ON merchants.id = merchant_id GROUP BY merchant_id
        """
    ).fetchall()
    return {(row[0], row[1]): _pair(row[2], row[3]) for row in rows}


def _pair(count: int, sum_minor: int | None) -> dict[str, int]:
    return {"count": count, "sum_minor": sum_minor or 0}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, clock.BUSINESS_ZONE).isoformat()

"""Who may ask here: merchants, what was agreed with them, and what they hold."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from app.kernel import clock
from app.sandbox import growth
from app.sandbox.growth import Account, Terms

COLLECT_FEE_PPM = 3800  # 0.38 %
HISTORY_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    id: int
    manner: str
    merchant_no: str
    name: str
    keys: Mapping[str, str]
    callback_url: str
    terms: Terms
    payout_fee_minor: int
    misbehaves: bool
    needs_bound_cards: bool
    paid_minor: int
    out_minor: int
    deposited_minor: int
    deposit_paid_minor: int
    deposit_out_minor: int

    def __repr__(self) -> str:
        return f"Merchant({self.manner} {self.merchant_no})"

    def account(self) -> Account:
        """The figures at this moment."""
        now = clock.now()
        return growth.account(
            self.terms,
            clock.business_day(now),
            now,
            paid_minor=self.paid_minor - self.deposit_paid_minor,
            out_minor=self.out_minor - self.deposit_out_minor,
        )

    @property
    def deposit_minor(self) -> int:
        """What is left of what the merchant paid in."""
        return self.deposited_minor - self.deposit_out_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the control door asks for; see `README.md`."""

    manner: str
    merchant_no: str
    keys: Mapping[str, str]
    callback_url: str = ""
    name: str = ""
    starting_balance_minor: int = 0
    starting_total_minor: int = 0
    growth_minor_per_minute: int = 0
    deposited_minor: int = 0
    collect_fee_ppm: int = COLLECT_FEE_PPM
    payout_fee_minor: int = 0
    history_days: int = HISTORY_DAYS
    misbehaves: bool = True
    needs_bound_cards: bool = False


def register(tx: sqlite3.Connection, asked: Registration) -> Merchant:
    """Make the merchant, or change its keys, name, address and switches. What was agreed about money stays as it was."""
    today = clock.business_day()
    tx.execute(
        """
        INSERT INTO merchants (manner, merchant_no, name, keys, callback_url, opened_on, registered_on,
            starting_balance_minor, starting_total_minor, per_minute_minor, fee_ppm, payout_fee_minor,
            misbehaves, needs_bound_cards, deposited_minor)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (manner, merchant_no) DO UPDATE SET name = excluded.name, keys = excluded.keys,
            callback_url = excluded.callback_url, misbehaves = excluded.misbehaves,
            needs_bound_cards = excluded.needs_bound_cards
        """,
        (
            asked.manner,
            asked.merchant_no,
            asked.name,
            json.dumps(dict(asked.keys)),
            asked.callback_url,
            (today - timedelta(days=asked.history_days)).isoformat(),
            today.isoformat(),
            asked.starting_balance_minor,
            asked.starting_total_minor,
            asked.growth_minor_per_minute,
            asked.collect_fee_ppm,
            asked.payout_fee_minor,
            asked.misbehaves,
            asked.needs_bound_cards,
            asked.deposited_minor,
        ),
    )
    merchant = find(tx, asked.manner, asked.merchant_no)
    assert merchant is not None
    return merchant


def deposit(tx: sqlite3.Connection, merchant: Merchant, amount_minor: int) -> None:
    """The merchant has paid in so much more."""
    tx.execute("UPDATE merchants SET deposited_minor = deposited_minor + ? WHERE id = ?", (amount_minor, merchant.id))


def find(tx: sqlite3.Connection, manner: str, merchant_no: str) -> Merchant | None:
    row = tx.execute("SELECT * FROM merchants WHERE manner = ? AND merchant_no = ?", (manner, merchant_no)).fetchone()
    return _merchant(row) if row else None


def find_by_key(tx: sqlite3.Connection, manner: str, name: str, value: str) -> Merchant | None:
    """For manners whose requests carry a public key name instead of the merchant number."""
    row = tx.execute(
        "SELECT * FROM merchants WHERE manner = ? AND json_extract(keys, '$.' || ?) = ?", (manner, name, value)
    ).fetchone()
    return _merchant(row) if row else None


def of(tx: sqlite3.Connection, merchant_id: int) -> Merchant:
    return _merchant(tx.execute("SELECT * FROM merchants WHERE id = ?", (merchant_id,)).fetchone())


def every(tx: sqlite3.Connection) -> list[Merchant]:
    return [_merchant(row) for row in tx.execute("SELECT * FROM merchants ORDER BY manner, merchant_no")]


def account_on(tx: sqlite3.Connection, merchant: Merchant, day: date) -> Account | None:
    """The figures at the end of a past day, or of this moment. None: a day before the beginning or in the future."""
    now = clock.now()
    today = clock.business_day(now)
    if not merchant.terms.opened_on <= day <= today:
        return None
    if day == today:
        return merchant.account()
    paid_minor, out_minor = tx.execute(
        """
        SELECT coalesce(sum(CASE WHEN paid_at < :end AND NOT coalesce(returned_at < :end, 0) THEN amount_minor END), 0),
               coalesce(sum(CASE
                   WHEN returned_at < :end THEN fee_minor
                   WHEN paid_at < :end THEN amount_minor + fee_minor
                   WHEN failed_at < :end THEN 0
                   ELSE amount_minor + fee_minor END), 0)
        FROM payouts WHERE merchant_id = :merchant AND funds = 'collected' AND accepted_at < :end
        """,
        {"merchant": merchant.id, "end": clock.day_bounds(day)[1].timestamp()},
    ).fetchone()
    return growth.account(merchant.terms, day, now, paid_minor=paid_minor, out_minor=out_minor)


def _merchant(row: sqlite3.Row) -> Merchant:
    return Merchant(
        id=row["id"],
        manner=row["manner"],
        merchant_no=row["merchant_no"],
        name=row["name"] or row["merchant_no"],
        keys=json.loads(row["keys"]),
        callback_url=row["callback_url"],
        terms=Terms(
            seed=f"{row['manner']} {row['merchant_no']}",
            opened_on=date.fromisoformat(row["opened_on"]),
            registered_on=date.fromisoformat(row["registered_on"]),
            starting_balance_minor=row["starting_balance_minor"],
            starting_total_minor=row["starting_total_minor"],
            per_minute_minor=row["per_minute_minor"],
            fee_ppm=row["fee_ppm"],
        ),
        payout_fee_minor=row["payout_fee_minor"],
        misbehaves=bool(row["misbehaves"]),
        needs_bound_cards=bool(row["needs_bound_cards"]),
        paid_minor=row["paid_minor"],
        out_minor=row["out_minor"],
        deposited_minor=row["deposited_minor"],
        deposit_paid_minor=row["deposit_paid_minor"],
        deposit_out_minor=row["deposit_out_minor"],
    )

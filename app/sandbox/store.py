"""The sandbox's own database: one SQLite file, one connection, one writer at a time. Killed at any moment, it goes on."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS merchants (
    id INTEGER PRIMARY KEY,
    manner TEXT NOT NULL, merchant_no TEXT NOT NULL, name TEXT NOT NULL,
    keys TEXT NOT NULL, callback_url TEXT NOT NULL,
    opened_on TEXT NOT NULL, registered_on TEXT NOT NULL,
    starting_balance_minor INTEGER NOT NULL, starting_total_minor INTEGER NOT NULL,
    per_minute_minor INTEGER NOT NULL, fee_ppm INTEGER NOT NULL, payout_fee_minor INTEGER NOT NULL,
    misbehaves INTEGER NOT NULL, needs_bound_cards INTEGER NOT NULL,
    paid_minor INTEGER NOT NULL DEFAULT 0, out_minor INTEGER NOT NULL DEFAULT 0,
    deposited_minor INTEGER NOT NULL DEFAULT 0,
    deposit_paid_minor INTEGER NOT NULL DEFAULT 0, deposit_out_minor INTEGER NOT NULL DEFAULT 0,
    UNIQUE (manner, merchant_no)
);
CREATE TABLE IF NOT EXISTS orders (
    merchant_id INTEGER NOT NULL REFERENCES merchants, order_no TEXT NOT NULL,
    submits INTEGER NOT NULL, copies INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, order_no)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payouts (
    id INTEGER PRIMARY KEY,
    merchant_id INTEGER NOT NULL REFERENCES merchants, order_no TEXT NOT NULL, copy INTEGER NOT NULL,
    channel_no TEXT NOT NULL UNIQUE, amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), fee_minor INTEGER NOT NULL,
    card_number TEXT NOT NULL, holder TEXT NOT NULL, bank TEXT NOT NULL,
    fault TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    queries INTEGER NOT NULL DEFAULT 0, hidden_queries INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL DEFAULT 'payout', funds TEXT NOT NULL DEFAULT 'collected',
    accepted_at REAL, paid_at REAL, failed_at REAL, returned_at REAL,
    UNIQUE (merchant_id, order_no, copy)
);
CREATE TABLE IF NOT EXISTS steps (
    id INTEGER PRIMARY KEY, payout_id INTEGER NOT NULL REFERENCES payouts,
    due_at REAL NOT NULL, verb TEXT NOT NULL, calls TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS steps_due ON steps (due_at);
CREATE INDEX IF NOT EXISTS steps_of ON steps (payout_id);
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, payout_id INTEGER NOT NULL REFERENCES payouts,
    call TEXT NOT NULL, state TEXT NOT NULL, due_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0, delivered_at REAL, last_answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS callbacks_of ON callbacks (payout_id);
CREATE TABLE IF NOT EXISTS cards (
    id INTEGER PRIMARY KEY, merchant_id INTEGER NOT NULL REFERENCES merchants,
    reference TEXT NOT NULL, card_number TEXT NOT NULL, holder TEXT NOT NULL, bank TEXT NOT NULL, phone TEXT NOT NULL,
    token TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, asked INTEGER NOT NULL DEFAULT 1,
    account_type TEXT NOT NULL DEFAULT 'private', details TEXT NOT NULL DEFAULT '{}',
    unbind_asked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (merchant_id, reference)
);
CREATE INDEX IF NOT EXISTS cards_by_number ON cards (merchant_id, card_number);
CREATE INDEX IF NOT EXISTS cards_by_token ON cards (merchant_id, token);
CREATE TABLE IF NOT EXISTS forced (
    id INTEGER PRIMARY KEY, merchant_id INTEGER NOT NULL REFERENCES merchants,
    interface TEXT NOT NULL, fault TEXT NOT NULL, times INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS switches (manner TEXT PRIMARY KEY, mode TEXT NOT NULL) WITHOUT ROWID;
"""
# Columns that a file written by an older program lacks.
SINCE = (
    ("cards", "account_type", "TEXT NOT NULL DEFAULT 'private'"),
    ("cards", "details", "TEXT NOT NULL DEFAULT '{}'"),
    ("cards", "unbind_asked", "INTEGER NOT NULL DEFAULT 0"),
    ("payouts", "kind", "TEXT NOT NULL DEFAULT 'payout'"),
    ("payouts", "funds", "TEXT NOT NULL DEFAULT 'collected'"),
    ("merchants", "deposited_minor", "INTEGER NOT NULL DEFAULT 0"),
    ("merchants", "deposit_paid_minor", "INTEGER NOT NULL DEFAULT 0"),
    ("merchants", "deposit_out_minor", "INTEGER NOT NULL DEFAULT 0"),
)


class Store:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing with NORMAL; only a power cut could. This is a sandbox.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(SCHEMA)
        for table, column, kind in SINCE:
            known = self._connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column))
            if known.fetchone() is None:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        path.chmod(0o600)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

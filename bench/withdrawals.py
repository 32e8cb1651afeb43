"""Row 1: withdrawals through the real path, to a channel that answers in 50 ms and to one that answers at once.

    python -m bench.withdrawals [rows]      400 in a round if not said

The real path is `jobs.drain`, as the worker runs it: claim the rows, write `sending` and the call, the send journal with its
fsync, sign, POST, verify, complete the call, settle in the ledger, finish the row. On SQLite with a Redis beside it.

* the limit of a slow channel: 32 threads that sign and POST, and do nothing else
* the peer of a slow channel: one RQ job each, signing and POSTing, in RQ's own forking worker, this program imported before
* the limit of a fast channel: 32 threads that do the same reads, writes, commits and fsync by hand, in plain SQL, on a
  database that is set up like ours
"""

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from flask import current_app
from rq import Queue, Worker

from app.channels.contract import Order
from app.kernel import clock, signing
from app.kernel.money import Money
from app.runtime import embedded, jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.runtime.supervisor import Supervisor
from app.withdrawals import queries
from bench import plain
from bench.channel import channel
from bench.house import Payer, house

ROWS, ONE_BY_ONE, THREADS, ROUNDS = 400, 20, 32, 5
OURS = 64
"""Threads of a worker of ours, as many as it may have: what came back waits to be written down and keeps no thread."""
AS_JOBS, AS_LIMIT, AS_BY_HAND = 20.0, 0.6, 0.6

T = TypeVar("T")


def main(rows: int) -> None:
    ours, theirs = signing.new_rsa_pair(), signing.new_rsa_pair()
    for title, delay in (("answers in 50 ms", 0.05), ("answers at once", 0.0)):
        with (
            tempfile.TemporaryDirectory() as name,
            channel(delay, theirs[0]) as url,
            Supervisor(Path(name) / "log", cwd=Path(name)) as supervisor,
        ):
            folder = Path(name)
            supervisor.start(embedded.server(folder))
            more = {"private_targets": "127.0.0.1:*", "worker_threads": OURS}
            with house(folder, embedded.url(folder), **more) as here:
                payer = Payer(here, url, ours=ours[0], theirs=theirs[1])
                plain.set_up(url, ours[0], theirs[1])
                if delay:
                    slow(title, payer, rows)
                else:
                    fast(title, payer, rows, folder / "by-hand.db")


def slow(title: str, payer: Payer, rows: int) -> None:
    real(payer, rows), bare(rows), one_by_one(2)  # warm: connections, parsed keys, compiled statements
    rounds = [(real(payer, rows), bare(rows), one_by_one(ONE_BY_ONE)) for _ in range(ROUNDS)]
    ours, limit, peer = (statistics.median(it[at] for it in rounds) for at in range(3))
    print(f"a channel that {title}: ours {ours:.0f}/s, limit {limit:.0f}/s, one RQ job each {peer:.1f}/s")
    _judge("of the limit", ours / limit, AS_LIMIT)
    _judge("× one RQ job each", ours / peer, AS_JOBS)


def fast(title: str, payer: Payer, rows: int, path: Path) -> None:
    hand = ByHand(path)
    real(payer, rows), hand.rate(rows)
    rounds = [(real(payer, rows), hand.rate(rows)) for _ in range(ROUNDS)]
    ours, limit = (statistics.median(it[at] for it in rounds) for at in range(2))
    print(f"a channel that {title}: ours {ours:.0f}/s, by hand {limit:.0f}/s")
    _judge("of the loop by hand", ours / limit, AS_BY_HAND)


def _judge(what: str, ratio: float, goal: float) -> None:
    print(f"    {ratio:.2f} {what} (goal {goal}): {'holds' if ratio >= goal else 'BROKEN'}")


def real(payer: Payer, rows: int) -> float:
    """Rows a second through the worker's own job."""
    numbers = payer.approved(rows)
    began = time.perf_counter()
    while jobs.drain(Line.CHANNEL):
        pass
    took = time.perf_counter() - began
    db.session.rollback()
    assert {queries.by_number(number).state for number in numbers} == {"paid"}
    return rows / took


def bare(rows: int) -> float:
    """Sign and POST, nothing else."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(plain.sign_and_post, range(rows)))
    return rows / (time.perf_counter() - began)


def one_by_one(rows: int) -> float:
    """The same in one RQ job each."""
    connection = current_app.extensions["redis.rq"]
    queue = Queue("bench", connection=connection, serializer="json")
    for row in range(rows):
        queue.enqueue("bench.plain.sign_and_post", row, result_ttl=0)
    worker = Worker([queue], connection=connection, serializer="json", log_job_description=False)
    began = time.perf_counter()
    worker.work(burst=True, logging_level="WARNING")
    return rows / (time.perf_counter() - began)


class ByHand:
    """What the product writes for one withdrawal, statement by statement, without its layers."""

    def __init__(self, path: Path) -> None:
        self._path, self._own = path, threading.local()
        self._journal = os.open(path.with_suffix(".jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._made = 0
        self._file.executescript(_TABLES)

    @property
    def _file(self) -> sqlite3.Connection:
        if not hasattr(self._own, "file"):
            self._own.file = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                self._own.file.execute(f"PRAGMA {pragma}")
        file: sqlite3.Connection = self._own.file
        return file

    def rate(self, rows: int) -> float:
        first = self._made + 1
        self._made += rows
        now = clock.now().isoformat()
        numbers = [(row, f"W{row:012}", 1000 + row) for row in range(first, first + rows)]
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("INSERT INTO withdrawal VALUES (?, ?, ?, 'queued', 1, '', '', '')", numbers)
        jobs_of = [(f"submit:{number}", now) for _, number, _ in numbers]
        self._file.executemany("INSERT INTO job VALUES (NULL, ?, ?, NULL, 0, NULL)", jobs_of)
        self._file.execute("COMMIT")
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._one, numbers))
        took = time.perf_counter() - began
        (paid,) = self._file.execute("SELECT count(*) FROM withdrawal WHERE state = 'paid'").fetchone()
        assert paid == self._made
        return rows / took

    def _one(self, given: tuple[int, str, int]) -> None:
        row, number, fen = given
        file, now = self._file, clock.now()
        order = Order(
            number=number, amount=Money(fen), card_number="6222021001116245777", holder="张三", bank="中国工商银行",
            made_at=now,
        )  # fmt: skip

        def claim() -> None:
            taken = "UPDATE job SET lease = ?, fence = fence + 1 WHERE dedup_key = ? AND done IS NULL"
            file.execute(taken, (str(now), f"submit:{number}"))

        def send() -> int:
            self._move(row, "sending", "queued", now)
            file.execute("INSERT INTO job VALUES (NULL, ?, ?, NULL, 0, NULL)", (f"ask:{number}", str(now)))
            told = file.execute("INSERT INTO call VALUES (NULL, ?, ?, 'open', '', '', '')", (number, str(now)))
            assert told.lastrowid
            return told.lastrowid

        def complete() -> None:
            words = (request_text, request_text, answer.text, call)
            file.execute("UPDATE call SET outcome = 'ok', request = ?, signed = ?, reply = ? WHERE id = ?", words)

        def settle() -> None:
            self._move(row, "paid", "sending", clock.now())
            legs = ("settle", 1, 2, fen, number, str(now))
            file.execute("INSERT INTO transfer VALUES (NULL, ?, ?, ?, ?, ?, ?)", legs)
            file.execute("UPDATE balance SET fen = fen - ? WHERE id = 1", (fen,))
            file.execute("UPDATE balance SET fen = fen + ? WHERE id = 2", (fen,))
            file.execute("INSERT INTO job VALUES (NULL, ?, ?, NULL, 0, NULL)", (f"watch:{number}", str(now)))

        def finish() -> None:
            done = "UPDATE job SET done = ?, lease = NULL WHERE dedup_key = ?"
            file.execute(done, (str(now), f"submit:{number}"))

        self._commit(claim)
        call = self._commit(send)
        os.write(self._journal, json.dumps({"number": number, "at": str(now)}).encode() + b"\n")
        os.fsync(self._journal)
        answer = plain.post(order)
        request_text = str(answer.request.body)
        plain.read(order, answer)
        for deed in (complete, settle, finish):
            self._commit(deed)

    def _move(self, row: int, target: str, source: str, at: datetime) -> None:
        where = (target, str(at), row, source)
        moved = self._file.execute(
            "UPDATE withdrawal SET state = ?, seq = seq + 1, at = ? WHERE id = ? AND state = ?", where
        )
        assert moved.rowcount == 1
        self._file.execute("INSERT INTO event VALUES (NULL, ?, ?, ?)", (row, target, str(at)))

    def _commit(self, deed: Callable[[], T]) -> T:
        self._file.execute("BEGIN IMMEDIATE")
        result = deed()
        self._file.execute("COMMIT")
        return result


_TABLES = """
CREATE TABLE withdrawal (id INTEGER PRIMARY KEY, number TEXT UNIQUE, fen INTEGER, state TEXT, seq INTEGER, at TEXT,
                         channel_number TEXT, message TEXT);
CREATE INDEX ix_withdrawal_state ON withdrawal (state, id);
CREATE TABLE event (id INTEGER PRIMARY KEY, withdrawal_id INTEGER REFERENCES withdrawal (id), state TEXT, at TEXT);
CREATE TABLE call (id INTEGER PRIMARY KEY, subject TEXT, at TEXT, outcome TEXT, request TEXT, signed TEXT, reply TEXT);
CREATE INDEX ix_call_subject ON call (subject, id);
CREATE TABLE job (id INTEGER PRIMARY KEY, dedup_key TEXT UNIQUE, due TEXT, lease TEXT, fence INTEGER, done TEXT);
CREATE TABLE balance (id INTEGER PRIMARY KEY, fen INTEGER);
CREATE TABLE transfer (id INTEGER PRIMARY KEY, kind TEXT, debit INTEGER REFERENCES balance (id),
                       credit INTEGER REFERENCES balance (id), fen INTEGER, number TEXT, at TEXT);
CREATE INDEX ix_transfer_number ON transfer (number);
INSERT INTO balance VALUES (1, 900000000), (2, 0);
"""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)

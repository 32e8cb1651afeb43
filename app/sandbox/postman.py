"""Lives go on and callbacks go out. Both are rows with a time: a killed program picks them up where it left them."""

import logging
import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import requests

from app.kernel import clock
from app.sandbox import merchants, payouts, switches
from app.sandbox.faults import Call
from app.sandbox.manners import MANNERS
from app.sandbox.manners.manner import Outgoing, Voice
from app.sandbox.merchants import Merchant
from app.sandbox.pace import Pace
from app.sandbox.states import State
from app.sandbox.store import Store

ROUND_S = 0.05
AT_ONCE = 200
LARGEST_ANSWER = 4096
NO_ADDRESS = "没有通知地址"


class Postman:
    def __init__(self, store: Store, pace: Pace, *, hands: int = 8) -> None:
        self._store, self._pace = store, pace
        self._pool = ThreadPoolExecutor(hands, thread_name_prefix="postman")
        self._own = threading.local()
        self._out: set[int] = set()  # callbacks in somebody's hands
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="postman", daemon=True)

    @property
    def walks(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _walk(self) -> None:
        while not self._stop.wait(ROUND_S):
            self.live()
            self._hand_out()

    def live(self) -> None:
        """One round of everybody's lives. The thread's own work, and the simulator's, which has a clock instead of a thread."""
        with self._store.reading() as tx:
            due = tx.execute("SELECT 1 FROM steps WHERE due_at <= ? LIMIT 1", (clock.now().timestamp(),)).fetchone()
        if due:
            with self._store.writing() as tx:
                payouts.run_due_steps(tx, pace=self._pace)

    def due(self, at_most: int) -> list[sqlite3.Row]:
        """The callbacks whose time has come, the oldest first."""
        with self._store.reading() as tx:
            return tx.execute(
                f"""
                SELECT callbacks.* FROM callbacks
                JOIN payouts ON payouts.id = payout_id JOIN merchants ON merchants.id = merchant_id
                WHERE due_at <= ? AND manner NOT IN (SELECT manner FROM switches WHERE mode <> '{switches.OPEN}')
                ORDER BY due_at LIMIT ?
                """,  # noqa: S608 - our own word
                (clock.now().timestamp(), at_most),
            ).fetchall()

    def letter(self, row: sqlite3.Row) -> tuple[Merchant, Outgoing]:
        """To whom it goes, and what it says."""
        with self._store.reading() as tx:
            payout = payouts.of(tx, row["payout_id"])
            merchant = merchants.of(tx, payout.merchant_id)
        amount = payout.amount_minor + (100 if row["call"] == Call.WRONG_AMOUNT else 0)
        told = replace(payout, state=State(row["state"]), amount_minor=amount)
        manner = MANNERS[merchant.manner]
        return merchant, manner.callback(Voice(merchant, spoilt=row["call"] == Call.BADLY_SIGNED), told)

    def note(self, row: sqlite3.Row, answer: str, *, satisfied: bool) -> None:
        """How an attempt went. Done: the word was read, or the call was a bad one on purpose, or there is no further wait."""
        attempts = row["attempts"] + 1
        done = satisfied or row["call"] == Call.BADLY_SIGNED or attempts > len(self._pace.retry_waits_s)
        done = done or answer == NO_ADDRESS
        now = clock.now().timestamp()
        with self._store.writing() as tx:
            tx.execute(
                "UPDATE callbacks SET attempts = ?, due_at = ?, delivered_at = ?, last_answer = ? WHERE id = ?",
                (
                    attempts,
                    None if done else now + self._pace.retry_waits_s[attempts - 1],
                    now if satisfied else None,
                    answer,
                    row["id"],
                ),
            )

    def _hand_out(self) -> None:
        for row in self.due(AT_ONCE + len(self._out)):
            if row["id"] not in self._out and len(self._out) < AT_ONCE:
                self._out.add(row["id"])
                self._pool.submit(self._carry, row).add_done_callback(_complain)

    def _carry(self, row: sqlite3.Row) -> None:
        try:
            satisfied, answer = self._post(row)
            self.note(row, answer, satisfied=satisfied)
        finally:
            self._out.discard(row["id"])

    def _post(self, row: sqlite3.Row) -> tuple[bool, str]:
        merchant, letter = self.letter(row)
        if not merchant.callback_url:
            return False, NO_ADDRESS
        try:
            with self._session().post(
                merchant.callback_url,
                data=letter.body,
                headers={"Content-Type": letter.content_type, **letter.headers},
                timeout=self._pace.callback_timeout_s,
                allow_redirects=False,
                stream=True,
            ) as reply:
                answer = reply.raw.read(LARGEST_ANSWER)
        except (requests.RequestException, OSError) as problem:
            return False, type(problem).__name__
        satisfied = reply.status_code == 200 and MANNERS[merchant.manner].satisfied(answer)
        return satisfied, f"{reply.status_code} {answer[:80].decode(errors='replace')}"

    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False
        session: requests.Session = self._own.session
        return session


def _complain(carried: Future[None]) -> None:
    """A mistake of ours must not vanish with its future. The row stays due and is tried again."""
    if not carried.cancelled() and carried.exception():
        logging.getLogger(__name__).error("a callback could not be carried", exc_info=carried.exception())

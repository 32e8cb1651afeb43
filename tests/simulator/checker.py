"""What must hold after every step of a story, and what at its end. Both sides are read as they lie in their files.

What people declared may be wrong: that is their error, as long as two of them made it. Ours is whatever differs without
their word; what left under a new number while it was not certain that the old one never will be paid; and an error of
theirs of which the channel knew better, and nobody was told.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from app import examine
from app.ledger import queries as ledger
from app.runtime.db import db
from app.runtime.jobs import Claimed
from app.withdrawals import rules
from app.withdrawals.states import WATCH, State
from tests.simulator.stage import Stage

COMPANIES_HESITATE_S = 60
"""So long, each of the three writes, an order may be on its way that they do not know yet."""

NEVER_SENT = (State.REVIEW, State.REJECTED, State.CANCELLED)
HAPPENED = (State.PAID, State.RETURNED)
OVER = (*HAPPENED, *NEVER_SENT, State.FAILED)
SAID_PAID = {"declare_paid", "declare_late"}
THEIR_LAST_WORDS = (["declare_as_is"], ["declare_returned"])
"""They have seen what there was, or speak of what channels need not speak of: nobody asks any more."""


class Checker:
    """Looks at everything, remembers which re-sends and which sends of replacements it has judged."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._judged: set[int] = set()
        self._seen: object = None
        self.left: Counter[str] = Counter()
        """How many submits of an order have left the house."""

    def open(self) -> None:
        """A connection of its own: somebody who is no part of the house."""
        self._house = sqlite3.connect(f"file:{self._stage.database}?mode=ro", uri=True, isolation_level=None)
        self._house.row_factory = sqlite3.Row

    def close(self) -> None:
        self._house.close()

    def problems(self) -> list[str]:
        """Promises that are broken at this moment. Where neither side wrote anything, nothing has changed."""
        (version,) = self._house.execute("PRAGMA data_version").fetchone()
        seen = version, self._stage.third.store._connection.total_changes, sum(self.left.values())
        if seen == self._seen:
            return []
        self._seen = seen
        found = examine()
        db.session.rollback()
        truth = self._truth()
        submits = self._stage.third.submits()
        with self._one_moment() as house:
            rows = house.execute("SELECT * FROM withdrawal").fetchall()
            found += self._judge_resends(house) + self._judge_replacements(house) + _judge_people(house)
            said = _said(house)
            errors = house.execute("SELECT kind, subject, last_error FROM job WHERE last_error <> ''")
            found += [f"{row['kind']} {row['subject']} failed: {row['last_error']}" for row in errors]
            announced = dict(
                house.execute(
                    "SELECT subject, count(*) FROM channel_call WHERE interface IN ('submit', 'settle') GROUP BY subject"
                ).fetchall()
            )
            called = {
                row["number"]
                for row in house.execute(
                    "SELECT number FROM withdrawal JOIN withdrawal_event ON withdrawal_id = withdrawal.id "
                    "WHERE verb = 'succeed' AND actor = 'callback'"
                )
            }
        found += [
            f"{number}: a callback that names another amount was believed"
            for number in called
            if any(it["fault"] == "callback_wrong_amount" for it in truth.get(number, ()))
        ]
        for number, times in self.left.items():
            if times > announced.get(number, 0):
                found.append(f"{number}: left us {times} times, announced {announced.get(number, 0)} times")
        for row in rows:
            if row["replaces"] and _was_paid(truth, row["number"]) and _was_paid(truth, row["replaces"]):
                contradicts_itself = any(it["failed_at"] for it in truth[row["replaces"]])
                if not contradicts_itself and not said[row["replaces"]]:
                    found.append(f"{row['number']}: PAID, and so was {row['replaces']}, which it replaces")
        for row in rows:
            theirs, submitted = truth.pop(row["number"], []), submits.get(row["number"], 0)
            found += _of_one(row, theirs, submitted, said[row["number"]])
        return found + [f"{number}: the third party has it and we do not" for number in truth]

    def open_numbers(self) -> list[str]:
        """What is neither at its end nor before a person; and what people declared, while the channel is still asked."""
        with self._one_moment() as house:
            found = house.execute(
                f"""
                SELECT number FROM withdrawal WHERE (state NOT IN ({",".join("?" * len(OVER))}) OR EXISTS
                (SELECT 1 FROM job WHERE job.kind = ? AND subject = number AND done_at IS NULL) AND EXISTS
                (SELECT 1 FROM withdrawal_event WHERE withdrawal_id = withdrawal.id AND verb LIKE 'declare%'))
                AND NOT EXISTS
                (SELECT 1 FROM withdrawal_hold WHERE withdrawal_id = withdrawal.id AND closed_at IS NULL)
                """,
                (*OVER, WATCH),
            )
            return [row["number"] for row in found]

    def problems_at_the_end(self) -> list[str]:
        """The channel has healed and everything has drained: both sides say the same, but for what a person has to decide
        and for the last words of people."""
        truth, found, settled, paid = self._truth(), [], 0, 0
        deeds = ledger.deeds()
        with self._one_moment() as house:
            held = {
                row["withdrawal_id"]
                for row in house.execute("SELECT withdrawal_id FROM withdrawal_hold WHERE closed_at IS NULL")
            }
            rows = house.execute("SELECT * FROM withdrawal").fetchall()
            said = _said(house)
        for row in rows:
            number, theirs = row["number"], truth.get(row["number"], [])
            if row["id"] in held or said[number][-1:] in THEIR_LAST_WORDS:
                continue
            arrived = [it for it in theirs if it["paid_at"] is not None]
            if bool(arrived) != (row["state"] in HAPPENED):
                found.append(f"{number}: is {row['state']} here, paid {len(arrived)} times there")
            if any(it["returned_at"] for it in theirs) != (row["state"] == State.RETURNED):
                found.append(f"{number}: is {row['state']} here, and they differ about its return")
            paid += sum(it["amount_minor"] for it in arrived)
            booked = [deeds.get(it, {}) for it in (number, rules.late(number))]
            settled += sum(deed["settle"].minor for deed in booked if "settle" in deed)
        if paid != settled:
            found.append(f"the third party paid {paid} fen, our ledger settled {settled}")
        return found

    def next_due(self, subjects: Sequence[str] = ()) -> datetime | None:
        """When a job is due or its lease is over: any job, or one about these."""
        which = f"AND subject IN ({','.join('?' * len(subjects))})" if subjects else ""
        with self._one_moment() as house:
            (text,) = house.execute(
                f"SELECT min(max(due_at, coalesce(lease_until, due_at))) FROM job WHERE done_at IS NULL {which}",
                subjects,
            ).fetchone()
        return datetime.fromisoformat(f"{text}+00:00") if text else None

    def lease_of(self, job: Claimed) -> float:
        """Until when a worker holds this row; 0 when it has lost it already."""
        row = self._house.execute("SELECT fence, lease_until FROM job WHERE id = ?", (job.id,)).fetchone()
        if row["fence"] != job.fence or row["lease_until"] is None:
            return 0.0
        return datetime.fromisoformat(f"{row['lease_until']}+00:00").timestamp()

    def _judge_resends(self, house: sqlite3.Connection) -> list[str]:
        """RELIABILITY I-1: signed NOT_FOUND twice, asked a minute apart, both after the last moment it could arrive."""
        found = []
        fresh = house.execute(
            """
            SELECT withdrawal_event.id, withdrawal.number, call_id, adapter,
                (SELECT at FROM withdrawal_event AS sent WHERE sent.withdrawal_id = withdrawal.id AND sent.verb = 'send'
                    AND sent.seq < withdrawal_event.seq ORDER BY seq DESC LIMIT 1) AS sent_at
            FROM withdrawal_event JOIN withdrawal ON withdrawal.id = withdrawal_id
            JOIN channel_account ON channel_account.id = account_id JOIN channel ON channel.id = channel_id
            WHERE verb = 'resend'
            """
        ).fetchall()
        for row in fresh:
            if row["id"] in self._judged:
                continue
            self._judged.add(row["id"])
            sent_at = datetime.fromisoformat(row["sent_at"])
            window_s = rules.SEND_WITHIN_S + rules.HTTP_TOTAL_S + COMPANIES_HESITATE_S
            asked = [
                datetime.fromisoformat(it["at"])
                for it in house.execute(
                    "SELECT at FROM channel_call WHERE subject = ? AND interface = 'query' AND outcome = 'ok' "
                    "AND seen = 'not_found' AND id > ?",
                    (row["number"], row["call_id"]),
                )
            ]
            proofs = [at for at in asked if (at - sent_at).total_seconds() >= window_s]
            apart = (max(proofs) - min(proofs)).total_seconds() if proofs else 0
            if apart < rules.BETWEEN_NOT_FOUND_S:
                found.append(f"{row['number']}: sent again without proof that it is not there")
            if row["adapter"] == "spruce":
                found.append(f"{row['number']}: sent again to a company that pays whatever arrives")
        return found

    def _judge_replacements(self, house: sqlite3.Connection) -> list[str]:
        """Under a new number is made, and leaves, only what is certain never to be paid under the old one."""
        found = []
        fresh = house.execute(
            """
            SELECT withdrawal_event.id, verb, new.number, old.number AS replaced, old.state,
                EXISTS (SELECT 1 FROM withdrawal_hold WHERE withdrawal_id = old.id AND closed_at IS NULL) AS waits,
                EXISTS (SELECT 1 FROM withdrawal_outcome AS o WHERE withdrawal_id = old.id AND o.state = 'proposed') AS asked
            FROM withdrawal_event JOIN withdrawal AS new ON new.id = withdrawal_id
            JOIN withdrawal AS old ON old.number = new.replaces WHERE verb IN ('create', 'send')
            """
        ).fetchall()
        for row in fresh:
            if row["id"] not in self._judged:
                self._judged.add(row["id"])
                if row["state"] not in rules.REPLACEABLE or row["waits"] or row["asked"]:
                    found.append(f"{row['number']}: {row['verb']}, while {row['replaced']} may yet be paid, or was")
        return found

    def _truth(self) -> dict[str, list[Any]]:
        found = defaultdict(list)
        for row in self._stage.third.payouts():
            found[row["order_no"]].append(row)
        return dict(found)

    @contextmanager
    def _one_moment(self) -> Iterator[sqlite3.Connection]:
        self._house.execute("BEGIN")
        try:
            yield self._house
        finally:
            self._house.execute("ROLLBACK")


def _said(house: sqlite3.Connection) -> defaultdict[str, list[str]]:
    """What people declared of each, in their order."""
    found = defaultdict(list)
    for row in house.execute(
        "SELECT number, verb FROM withdrawal_event JOIN withdrawal ON withdrawal.id = withdrawal_id "
        "WHERE verb LIKE 'declare%' ORDER BY withdrawal_event.seq"
    ):
        found[row["number"]].append(row["verb"])
    return found


def _judge_people(house: sqlite3.Connection) -> list[str]:
    """Whatever was declared was confirmed, once, by somebody who neither proposed nor made it."""
    found = [
        f"{row['number']}: {row['declared']} times declared, {row['confirmed']} times confirmed"
        for row in house.execute(
            """
            SELECT number,
                (SELECT count(*) FROM withdrawal_event WHERE withdrawal_id = withdrawal.id AND verb LIKE 'declare%')
                    AS declared,
                (SELECT count(*) FROM withdrawal_outcome AS o WHERE withdrawal_id = withdrawal.id
                    AND o.state = 'confirmed') AS confirmed
            FROM withdrawal
            """
        )
        if row["declared"] != row["confirmed"]
    ]
    alone = house.execute(
        "SELECT number FROM withdrawal_outcome AS o JOIN withdrawal ON withdrawal.id = withdrawal_id "
        "WHERE o.state = 'confirmed' AND decider_id IN (proposer_id, maker_id)"
    )
    return found + [f"{row['number']}: declared by one person, or by its maker" for row in alone]


def _was_paid(truth: Mapping[str, list[Any]], number: str) -> bool:
    """It arrived, and stayed."""
    return any(it["paid_at"] is not None and it["returned_at"] is None for it in truth.get(number, ()))


def _of_one(row: Any, theirs: list[Any], submits: int, said: list[str]) -> list[str]:
    number, state = row["number"], row["state"]
    arrived = [it for it in theirs if it["paid_at"] is not None]
    found = []
    if len(arrived) > 1:
        found.append(f"{number}: PAID {len(arrived)} TIMES")
    if any(it["amount_minor"] != row["amount_minor"] for it in theirs):
        found.append(f"{number}: they were told another amount")
    if state in NEVER_SENT and submits:
        found.append(f"{number}: is {state}, and was sent")
    if state in HAPPENED and not arrived and not SAID_PAID.intersection(said):
        found.append(f"{number}: is {state} here, and nothing arrived there")
    if state == State.RETURNED and "declare_returned" not in said and not any(it["returned_at"] for it in theirs):
        found.append(f"{number}: is returned here, and not there")
    refused = any(it["failed_at"] or it["state"] == "refused" for it in theirs)
    if state == State.FAILED and "declare_failed" not in said and not refused:
        found.append(f"{number}: is failed here, and they never said so")
    return found

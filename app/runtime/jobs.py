"""Durable work. A `job` row is written in the transaction that makes the state that needs it; a worker claims it with a
conditional UPDATE and a growing fence. Duplicated, lost and late nudges are harmless (RELIABILITY I-2).
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog
from flask import current_app
from sqlalchemy import Index, Select, String, Text, and_, bindparam, case, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from app.config import config
from app.kernel import clock
from app.runtime import queue, work
from app.runtime.db import (
    Key,
    Model,
    after_commit,
    changed,
    db,
    in_transaction,
    insert,
    lease_now,
    table_of,
    transaction,
)

T = TypeVar("T")
log = structlog.get_logger(__name__)

LEASE_S = 120
"""How long a claimed row is left alone when its worker gives no more signs of life: longer than any call may take."""
LONGEST_BACKOFF_S = 300
ROWS_A_DRAIN = 200
LONGEST_DRAIN_S = 240
"""After so long a drain takes no more rows, well within RQ's time-out of ten minutes; another nudge goes on."""
BEAT_EVERY_S = 5.0
SWITCH_S = 0.0005
"""So long one thread computes while others want to: an answer of a channel must not wait Python's 5 ms at each turn."""
LOOK_AGAIN_S = 0.25
GATHER_S = 0.02  # so long who came back first waits for others


class Job(Model):
    """Something that must still happen. `wanted` grows with each promise, so a promise made while it runs is kept."""

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "ix_job_due",
            "line",
            "due_at",
            postgresql_where=text("done_at IS NULL"),
            sqlite_where=text("done_at IS NULL"),
        ),
        Index("ix_job_open", "id", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
        Index("ix_job_kind", "kind", "id"),
        Index("ix_job_subject", "subject", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(64))
    line: Mapped[str] = mapped_column(String(20))
    dedup_key: Mapped[str] = mapped_column(String(200), unique=True)
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    wanted: Mapped[int] = mapped_column(default=1)
    done_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Tick(Model):
    """When a piece of periodic work was last put on the list. Several clocks are harmless: one of them wins the row."""

    __tablename__ = "tick"

    kind: Mapped[str] = mapped_column(String(100), primary_key=True)
    last_at: Mapped[datetime]


class Heartbeat(Model):
    """The last sign of life of a kind of process: `worker:channel`, `clock`."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Again:
    """A job's answer when it is not finished: look again after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Every:
    """Periodic work as data (`app/schedule.py`)."""

    kind: str
    every_s: float
    line: str = queue.Line.CHANNEL


@dataclass(frozen=True, slots=True)
class Promise:
    """What will be done, and when."""

    kind: str
    subject: str = ""
    after_s: float = 0
    line: str = queue.Line.CHANNEL


@dataclass(frozen=True, slots=True)
class Claimed:
    id: int
    kind: str
    subject: str
    line: str
    fence: int
    wanted: int
    attempts: int


def promise(kind: str, subject: str = "", *, after_s: float = 0, line: str = queue.Line.CHANNEL) -> None:
    """This will be done: joins the caller's transaction, wakes a worker after it.

    One row for each (kind, subject): promising again makes it due again, at the earlier of the two times.
    """
    promise_all([Promise(kind, subject, after_s=after_s, line=line)])


def promise_all(promises: Sequence[Promise]) -> None:
    """`promise`, for many rows at once."""
    assert in_transaction(), "a promise belongs to the change that needs it"
    now = clock.now()
    rows = [
        {
            "kind": it.kind,
            "subject": it.subject,
            "line": str(it.line),
            "dedup_key": f"{it.kind}:{it.subject}",
            "due_at": now + timedelta(seconds=it.after_s),
            "created_at": now,
        }
        for it in promises
    ]
    if rows:
        db.session.connection().execute(_promised(db.engine.dialect.name), rows)
    for line in {str(it.line) for it in promises if it.after_s <= 0}:
        after_commit(queue.nudge, line)


@cache
def _promised(_dialect: str) -> Any:
    """The statement, written once: every change of anything makes a promise."""
    fixed = {"fence": 0, "attempts": 0, "wanted": 1, "last_error": ""}
    asked = ("kind", "subject", "line", "dedup_key", "due_at", "created_at")
    row = insert(Job).values({name: bindparam(name) for name in asked} | fixed)
    # A row that waits keeps the earlier time; one that is done, or running since its time came, takes the new one.
    now = row.excluded.created_at
    held = and_(Job.lease_until.is_not(None), Job.lease_until >= now, Job.due_at <= now)
    waiting = and_(Job.done_at.is_(None), ~held, Job.due_at < row.excluded.due_at)
    return row.on_conflict_do_update(
        index_elements=[Job.dedup_key],
        set_={
            "wanted": Job.wanted + 1,
            "due_at": case((waiting, Job.due_at), else_=row.excluded.due_at),
            "attempts": case((Job.done_at.is_(None), Job.attempts), else_=0),
            "done_at": None,
        },
    )


def hasten(kind: str, subjects: Select[Any], *, line: str = queue.Line.CHANNEL) -> int:
    """What waits of this kind is due now; what runs, once more. Joins the caller's transaction. How many rows there were."""
    assert in_transaction()
    waiting = (Job.kind == kind, Job.done_at.is_(None), Job.subject.in_(subjects))
    now = update(Job).where(*waiting).values(due_at=clock.now(), wanted=Job.wanted + 1)
    after_commit(queue.nudge, str(line))
    return changed(now.execution_options(synchronize_session=False))


def drain(line: str) -> int:
    """Do what is due on this line, up to 200 rows, many at a time. The RQ job, and the tests' way to let work happen."""
    queue.nudge_taken(line)
    beat(f"worker:{line}")
    begun = time.monotonic()
    sys.setswitchinterval(SWITCH_S)
    # One hand writes, many carry. Not this thread: RQ's time-out is an exception out of nowhere, and answers are on their way.
    with ThreadPoolExecutor(config().worker_threads, line) as pool, ThreadPoolExecutor(1, f"{line}-hand") as hand:
        done = hand.submit(inside(_work_off), line, pool, begun + LONGEST_DRAIN_S).result()
    if done >= ROWS_A_DRAIN or time.monotonic() - begun >= LONGEST_DRAIN_S:
        queue.nudge(line)
    return done


def _work_off(line: str, pool: ThreadPoolExecutor, until: float) -> int:
    """A row that waits for a slow channel keeps its own thread; the others come back and are written down, many at once, and
    the next rows that are due set out.
    """
    out, back, carry_inside = dict[Future[Any], Claimed](), SimpleQueue[Future[Any]](), inside(work.carry)
    taken, beaten, found = 0, time.monotonic(), list[tuple[Claimed, Any]]()
    try:
        while True:
            limit = min(config().worker_threads - len(out), ROWS_A_DRAIN - taken)
            # What is in hand is not begun again, whatever became of its lease while this process slept.
            mine = [job.id for job in (*out.values(), *(job for job, _ in found))]
            claimed = claim(line, limit=limit, but=mine) if time.monotonic() < until else []
            taken += len(claimed)
            for job, errand in _begin(claimed):
                future = pool.submit(carry_inside, job, errand)
                out[future] = job
                future.add_done_callback(back.put)
            _settle(work.end(found))  # while the next are on their way already
            found = []
            if not out and not claimed:
                return taken
            found = [(out.pop(one), one.result()) for one in _come_back(back, len(out))]
            if time.monotonic() - beaten >= BEAT_EVERY_S:
                beat(f"worker:{line}")
                renew([*out.values(), *(job for job, _ in found)])
                beaten = time.monotonic()
    finally:
        while found or out:  # whatever stopped this hand: who is on the way is heard all the same
            _settle(work.end(found))
            found = [(out.pop(one), one.result()) for one in _come_back(back, len(out))]


def _come_back(back: SimpleQueue[Future[Any]], out: int) -> list[Future[Any]]:
    """Those of so many that are back. The first is waited for a while, and a moment those that come with it."""
    found: list[Future[Any]] = []
    until = time.monotonic() + LOOK_AGAIN_S
    with suppress(Empty):
        while len(found) < out:
            found.append(back.get(timeout=max(until - time.monotonic(), 0)))
            if len(found) == 1:
                until = time.monotonic() + GATHER_S
    return found


def claim(line: str, *, limit: int, but: Sequence[int] = ()) -> list[Claimed]:
    """Take due rows that nobody holds: lease set, fence grown. Two workers never get the same fence."""
    if limit <= 0:
        return []
    with transaction():
        now = lease_now()
        due = (
            select(Job.id)
            .where(Job.line == line, Job.done_at.is_(None), Job.due_at <= now)
            .where(or_(Job.lease_until.is_(None), Job.lease_until < now), Job.id.not_in(but))
            .order_by(Job.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        # Two statements: inside an UPDATE, PostgreSQL may run the sub-select twice and lock more rows than its limit.
        rows = db.session.execute(
            update(Job)
            .where(Job.id.in_(db.session.scalars(due).all()))
            .values(lease_until=now + timedelta(seconds=LEASE_S), fence=Job.fence + 1, attempts=Job.attempts + 1)
            .returning(Job.id, Job.kind, Job.subject, Job.line, Job.fence, Job.wanted, Job.attempts)
            .execution_options(synchronize_session=False)
        ).all()
    return [Claimed(*row) for row in rows]


def renew(jobs: list[Claimed]) -> None:
    """Whoever lives and still works on these rows holds them on; who was replaced meanwhile gets nothing back."""
    if not jobs:
        return
    with transaction():
        held = {"lease_until": lease_now() + timedelta(seconds=LEASE_S)}
        for job in jobs:
            mine = (Job.id == job.id, Job.fence == job.fence, Job.lease_until.is_not(None))
            db.session.execute(update(Job).where(*mine).values(held))


def run(*rows: Claimed) -> None:
    """Do claimed rows here and now."""
    _settle(work.end([(job, work.carry(job, errand)) for job, errand in _begin(rows)]))


def _begin(rows: Sequence[Claimed]) -> list[tuple[Claimed, Any]]:
    """Write down what is intended. The errands to go on; rows that need none are through."""
    errands, answers = work.begin(rows)
    _settle(answers)
    return errands


def sweep(lines: tuple[str, ...] = tuple(queue.Line)) -> None:
    """Nudge every line: whatever is due and unheld gets another chance, whoever lost the nudge before."""
    for line in lines:
        queue.nudge(line)


def put_due_ticks_on_the_list(schedule: tuple[Every, ...]) -> None:
    """Turn the schedule's due entries into job rows, once each, however many clocks run."""
    for entry in schedule:
        now = clock.now()
        with transaction():
            first = insert(Tick).values(kind=entry.kind, last_at=now).on_conflict_do_nothing()
            won = changed(first) or changed(
                update(Tick)
                .where(Tick.kind == entry.kind, ~Tick.last_at.between(*_just_now(now, entry.every_s)))
                .values(last_at=now)
            )
            if won:
                promise(entry.kind, line=entry.line)


def beat(name: str) -> None:
    """Leave a sign of life."""
    with transaction():
        row = insert(Heartbeat).values(name=name, at=clock.now())
        db.session.execute(row.on_conflict_do_update(index_elements=[Heartbeat.name], set_={"at": row.excluded.at}))


def last_beat(name: str) -> datetime | None:
    return db.session.scalar(select(Heartbeat.at).where(Heartbeat.name == name))


def _just_now(now: datetime, every_s: float) -> tuple[datetime, datetime]:
    """The last tick stands between these, or it is time for the next. One that lies ahead comes of a clock set back."""
    period = timedelta(seconds=every_s)
    return now - period + timedelta(microseconds=1), now + period


def inside(call: Callable[..., T]) -> Callable[..., T]:
    """The same call for a thread of a job's own: it runs inside the application, with a session of its own."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def run_inside(*arguments: Any) -> T:
        with app.app_context():
            return call(*arguments)

    return run_inside


def _settle(answers: Sequence[tuple[Claimed, object]]) -> None:
    """What becomes of rows. Nothing that goes wrong makes one disappear."""
    if not answers:
        return
    with transaction():
        _finish([job for job, answer in answers if not isinstance(answer, Again | Exception)])
        for job, answer in answers:
            if isinstance(answer, Again):
                _put_back(job, answer.after_s)
            elif isinstance(answer, Exception):
                log.error("job_failed", kind=job.kind, subject=job.subject, attempts=job.attempts, exc_info=answer)
                backoff = min(2.0 ** min(job.attempts, 10), LONGEST_BACKOFF_S)
                # The first line: PostgreSQL's next ones (DETAIL) quote the row, names and all.
                _put_back(job, backoff, error=f"{type(answer).__name__}: {answer}".partition("\n")[0][:500])


def _finish(jobs: Sequence[Claimed]) -> None:
    ended = {"done_at": clock.now(), "lease_until": None, "last_error": ""}
    rows = [{"its_id": it.id, "its_fence": it.fence, "its_wanted": it.wanted, **ended} for it in jobs]
    if not rows or db.session.connection().execute(_FINISH, rows).rowcount == len(rows):
        return
    # Some were promised again while they ran (they are due), or another worker holds them by now (their fence grew).
    for job in jobs:
        mine = (Job.id == job.id, Job.fence == job.fence, Job.done_at.is_(None))
        db.session.execute(update(Job).where(*mine).values(lease_until=None))
        after_commit(queue.nudge, job.line)


def _put_back(job: Claimed, after_s: float, error: str = "") -> None:
    mine = (Job.id == job.id, Job.fence == job.fence)
    # A promise made meanwhile may be due earlier than our next look.
    due = case((Job.wanted == job.wanted, clock.later(after_s)), else_=Job.due_at)
    # Only failures in a row make the wait longer: looking again as agreed is none.
    attempts = Job.attempts if error else 0
    db.session.execute(
        update(Job).where(*mine).values(due_at=due, lease_until=None, last_error=error, attempts=attempts)
    )


_JOBS = table_of(Job)
_FINISH = update(_JOBS).where(
    _JOBS.c.id == bindparam("its_id"),
    _JOBS.c.fence == bindparam("its_fence"),
    _JOBS.c.wanted == bindparam("its_wanted"),
)

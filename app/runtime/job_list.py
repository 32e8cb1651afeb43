"""The job rows as people look at them: how each stands, a page of them, and making one due now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select, update

from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.runtime import queue
from app.runtime.db import after_commit, changed, db, in_transaction, lease_now
from app.runtime.jobs import Job
from app.runtime.listing import Listing, listing
from app.runtime.log import masked


class Standing(StrEnum):
    RUNNING = "running"
    FAILING = "failing"
    DUE = "due"
    WAITING = "waiting"
    DONE = "done"


COUNT_LIMIT = 10_000
"""The figures on the tabs stop here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A row fit to be shown: what an error says is masked."""

    id: int
    kind: str
    subject: str
    standing: Standing
    due_at: datetime
    lease_until: datetime | None
    attempts: int
    done_at: datetime | None
    created_at: datetime
    error: str


def page(asked: Mapping[str, str], among: Collection[str] = ()) -> tuple[Listing, list[JobRow]]:
    """One page of rows by kind, subject and standing, the newest first. `among`: of no other kinds."""
    now = lease_now()
    statement = select(
        Job.id, Job.kind, Job.subject, Job.due_at, Job.lease_until, Job.attempts, Job.done_at, Job.created_at,
        Job.last_error,
    ).where(*_filters(asked, among))  # fmt: skip
    if asked.get("standing") in set(Standing):
        statement = statement.where(_stands(Standing(asked["standing"]), now))
    kept = {name: asked[name] for name in ("kind", "subject", "standing", "of") if asked.get(name)}
    found = listing(statement, key=Job.id.expression, asked=asked, kept=kept)
    return found, [_row(row, now) for row in found.rows]


def counts(asked: Mapping[str, str], among: Collection[str] = ()) -> dict[Standing, int]:
    """How many of each standing the other filters find, as far as a page counts."""
    now = lease_now()
    found = {}
    for standing in Standing:
        inside = select(Job.id).where(*_filters(asked, among), _stands(standing, now)).limit(COUNT_LIMIT)
        found[standing] = db.session.scalar(select(func.count()).select_from(inside.subquery())) or 0
    return found


def failing(times: int) -> dict[str, int]:
    """How many jobs of each kind went wrong so many times in a row and are still wanted."""
    tries = Job.attempts - case((Job.lease_until.is_(None), 0), else_=1)  # one that is running has not failed yet
    wrong = (Job.done_at.is_(None), Job.last_error != "", Job.attempts >= times, tries >= times)
    return {
        row[0]: row[1] for row in db.session.execute(select(Job.kind, func.count()).where(*wrong).group_by(Job.kind))
    }


def make_due(job_id: int) -> tuple[str, str]:
    """It is tried again now, whatever its wait was. Kind and subject. Joins the caller's transaction."""
    assert in_transaction()
    job = db.session.get(Job, job_id)
    if job is None:
        raise NotThere(str(job_id))
    now = lease_now()
    free = or_(Job.lease_until.is_(None), Job.lease_until < now)
    if not changed(update(Job).where(Job.id == job_id, Job.done_at.is_(None), free).values(due_at=clock.now())):
        raise Refused("这项任务正在办理，或已经完成，不用重试", advice="请刷新看它的结果")
    after_commit(queue.nudge, job.line)
    return job.kind, job.subject


def _filters(asked: Mapping[str, str], among: Collection[str]) -> list[ColumnElement[bool]]:
    named = [(column, asked.get(name, "").strip()) for name, column in (("kind", Job.kind), ("subject", Job.subject))]
    its = [Job.kind.in_(sorted(among))] if among else []
    return its + [false() if "\0" in text else column == text for column, text in named if text]


def _stands(standing: Standing, now: datetime) -> ColumnElement[bool]:
    """Each row stands in exactly one way, the first of these that is true."""
    open_, held = Job.done_at.is_(None), and_(Job.lease_until.is_not(None), Job.lease_until >= now)
    free = or_(Job.lease_until.is_(None), Job.lease_until < now)
    return {
        Standing.DONE: Job.done_at.is_not(None),
        Standing.RUNNING: and_(open_, held),
        Standing.FAILING: and_(open_, free, Job.last_error != ""),
        Standing.DUE: and_(open_, free, Job.last_error == "", Job.due_at <= now),
        Standing.WAITING: and_(open_, free, Job.last_error == "", Job.due_at > now),
    }[standing]


def _standing(row: Any, now: datetime) -> Standing:
    """The same as `_stands`, for one row."""
    if row.done_at is not None:
        return Standing.DONE
    if row.lease_until is not None and row.lease_until >= now:
        return Standing.RUNNING
    if row.last_error:
        return Standing.FAILING
    return Standing.DUE if row.due_at <= now else Standing.WAITING


def _row(row: Any, now: datetime) -> JobRow:
    return JobRow(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        standing=_standing(row, now),
        due_at=row.due_at,
        lease_until=row.lease_until,
        attempts=row.attempts,
        done_at=row.done_at,
        created_at=row.created_at,
        error=str(masked("", row.last_error)),
    )

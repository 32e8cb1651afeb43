"""Durable jobs: a promise is kept, whatever happens to nudges, workers and answers."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel import clock
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.runtime.work import Begun, Together, all_or_each

DONE: list[str] = []


def work(subject: str) -> None:
    DONE.append(subject)


def unfinished(subject: str) -> jobs.Again:
    DONE.append(subject)
    return jobs.Again(60)


def broken(subject: str) -> None:
    raise RuntimeError("a cable was pulled")


def promised_while_running(subject: str) -> None:
    DONE.append(subject)
    if len(DONE) == 1:
        with transaction():
            jobs.promise(f"{__name__}.promised_while_running", subject)


def long(subject: str) -> None:
    """Goes on until somebody has made its lease longer."""
    first, deadline = only_row().lease_until, time.monotonic() + 20
    while only_row().lease_until == first:
        assert time.monotonic() < deadline, "it was left to its first lease"
    DONE.append(subject)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    DONE.clear()


def promise(name: str, subject: str = "W1", after_s: float = 0) -> None:
    with transaction():
        jobs.promise(f"{__name__}.{name}", subject, after_s=after_s)


def a_while_later(seconds: float) -> AbstractContextManager[None]:
    then = clock.later(seconds)
    return clock.replaced(lambda: then)


def only_row() -> jobs.Job:
    db.session.rollback()
    return db.session.scalars(select(jobs.Job)).one()


def test_a_promise_is_kept_once(app: Flask) -> None:
    promise("work")
    promise("work")
    assert jobs.drain(Line.CHANNEL) == 1
    assert jobs.drain(Line.CHANNEL) == 0
    assert DONE == ["W1"]


def test_a_rolled_back_promise_was_never_made(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():  # noqa: PT012
        jobs.promise(f"{__name__}.work", "W1")
        raise ZeroDivisionError
    assert jobs.drain(Line.CHANNEL) == 0


def test_what_is_not_due_waits(app: Flask) -> None:
    promise("work", after_s=60)
    assert jobs.drain(Line.CHANNEL) == 0
    with a_while_later(61):
        assert jobs.drain(Line.CHANNEL) == 1


def test_a_failure_is_written_down_and_repeated(app: Flask) -> None:
    promise("broken")
    jobs.drain(Line.CHANNEL)
    row = only_row()
    assert "a cable was pulled" in row.last_error and row.done_at is None and row.due_at > clock.now()


def test_an_unfinished_job_comes_again(app: Flask) -> None:
    promise("unfinished")
    jobs.drain(Line.CHANNEL)
    with a_while_later(61):
        jobs.drain(Line.CHANNEL)
    assert DONE == ["W1", "W1"]


def test_a_promise_made_while_it_runs_is_kept(app: Flask) -> None:
    promise("promised_while_running")
    while jobs.drain(Line.CHANNEL):
        pass
    assert DONE == ["W1", "W1"]
    assert only_row().done_at is not None


def test_a_worker_that_died_is_replaced_after_its_lease(app: Flask) -> None:
    promise("work")
    assert len(jobs.claim(Line.CHANNEL, limit=10)) == 1  # and this worker is killed here
    assert jobs.drain(Line.CHANNEL) == 0
    with a_while_later(jobs.LEASE_S + 1):
        assert jobs.drain(Line.CHANNEL) == 1
    assert DONE == ["W1"]


def test_a_long_job_is_kept_while_its_worker_lives(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BEAT_EVERY_S", 0)
    promise("long")
    assert jobs.drain(Line.CHANNEL) == 1
    assert DONE == ["W1"] and not only_row().last_error


def test_who_was_replaced_keeps_nothing(app: Flask) -> None:
    promise("unfinished")
    (late,) = jobs.claim(Line.CHANNEL, limit=10)
    with a_while_later(jobs.LEASE_S + 1):
        assert jobs.claim(Line.CHANNEL, limit=10)
        before = only_row().lease_until
    with a_while_later(jobs.LEASE_S + 60):
        jobs.renew([late])
        assert only_row().lease_until == before


def test_a_worker_that_woke_up_late_finishes_nothing(app: Flask) -> None:
    promise("unfinished")
    (late,) = jobs.claim(Line.CHANNEL, limit=10)
    with a_while_later(jobs.LEASE_S + 1):
        jobs.drain(Line.CHANNEL)
        before = only_row().due_at
        jobs._settle([(late, None)])
        assert only_row().due_at == before and only_row().done_at is None


def test_a_periodic_job_is_listed_once_a_period(app: Flask) -> None:
    schedule = (jobs.Every(f"{__name__}.periodic", every_s=60),)
    for _ in range(3):
        jobs.put_due_ticks_on_the_list(schedule)
    assert only_row().wanted == 1


WRITTEN: list[str] = []


def _begin(subjects: Sequence[str]) -> Begun[str]:
    return Begun({it: it for it in subjects if it != "nothing to do"}, {"nothing to do": None})


def _errand(subject: str) -> str:
    if subject == "broken":
        raise RuntimeError("a cable was pulled")
    return subject.upper()


def _write(found: Sequence[str]) -> dict[str, None]:
    for subject in found:
        WRITTEN.append(subject)
        jobs.promise(f"{__name__}.work", f"after {subject}", after_s=3600)
        if subject == "unwritable":
            raise RuntimeError("a disk was pulled")
    return dict.fromkeys(found)


many = Together(begin=_begin, errand=_errand, end=lambda found: all_or_each(found, _write))


def rows() -> dict[str, jobs.Job]:
    db.session.rollback()
    return {row.subject: row for row in db.session.scalars(select(jobs.Job))}


def test_rows_that_are_done_together_fail_alone(app: Flask) -> None:
    WRITTEN.clear()
    for subject in ("A", "broken", "nothing to do", "unwritable", "B"):
        promise("many", subject)
    assert jobs.drain(Line.CHANNEL) == 5
    found = rows()
    assert {subject for subject, row in found.items() if row.done_at} == {"A", "B", "nothing to do"}
    assert "a cable was pulled" in found["broken"].last_error
    assert "a disk was pulled" in found["unwritable"].last_error
    assert {it for it in found if it.startswith("after")} == {"after A", "after B"}, "it undid itself, and nothing else"
    assert WRITTEN.count("unwritable") == 2, "once with the others, once alone"

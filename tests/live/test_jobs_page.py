"""代付任务: how each background job stands, what its error may say, and trying it again now."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import WORK
from app.auth.models import AuditRecord
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.live import service
from app.live.rules import JOBS, PAGES, PAYOUTS, STANDINGS
from app.runtime import job_list, jobs
from app.runtime.db import db, transaction
from app.runtime.job_list import Standing
from app.runtime.jobs import Job
from app.runtime.work import Together
from tests.auth.conftest import Browser, enters
from tests.auth.conftest import people as people
from tests.world import CARD

SUBMIT, ASK = "app.withdrawals.jobs.submit", "app.withdrawals.jobs.ask"


@pytest.fixture
def five(app: Flask) -> dict[str, int]:
    """One job of each standing, by name: its id."""
    now = clock.now()
    with transaction():
        for name in Standing:
            jobs.promise(SUBMIT if name in ("due", "done") else ASK, f"W-{name}", after_s=600)
        for name, values in {
            "running": {"due_at": now, "lease_until": now + timedelta(seconds=60)},
            "failing": {"last_error": f"ValueError: card {CARD} refused", "attempts": 3},
            "due": {"due_at": now - timedelta(seconds=1)},
            "done": {"done_at": now},
        }.items():
            db.session.execute(update(Job).where(Job.subject == f"W-{name}").values(**values))
    return {row.subject[2:]: row.id for row in db.session.scalars(select(Job))}


def test_each_job_stands_in_one_way_and_is_found_by_it(five: dict[str, int]) -> None:
    _listing, rows = job_list.page({})
    assert {row.subject[2:]: str(row.standing) for row in rows} == {name: name for name in five}
    assert job_list.counts({}) == dict.fromkeys(Standing, 1)
    for standing in Standing:
        _listing, rows = job_list.page({"standing": standing})
        assert [row.subject for row in rows] == [f"W-{standing}"]


def test_filters_find_what_they_name(five: dict[str, int]) -> None:
    def found(**asked: str) -> set[str]:
        return {row.subject[2:] for row in job_list.page(asked)[1]}

    assert found(kind=SUBMIT) == {"due", "done"} and found(kind="nonsense") == set()
    assert found(subject=" W-due ") == {"due"} and found(subject="W") == found(subject="\0") == set()
    assert job_list.counts({"kind": SUBMIT})[Standing.DUE] == 1
    assert job_list.counts({"kind": SUBMIT})[Standing.WAITING] == 0


def test_no_card_number_is_shown(five: dict[str, int]) -> None:
    (row,) = job_list.page({"standing": "failing"})[1]
    assert CARD not in row.error and "6222" in row.error and row.attempts == 3


def test_a_retry_is_due_now_and_written_down(app: Flask, people: dict[str, int], five: dict[str, int]) -> None:
    keeper = enters("supervisor")
    for name in ("failing", "waiting"):
        service.retry_job(five[name], actor=keeper)
        job = db.session.get_one(Job, five[name])
        assert job.due_at <= clock.now()
    records = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "job.retry")).all()
    assert {record.subject for record in records} == {"W-failing", "W-waiting"}
    for name in ("running", "done"):
        with pytest.raises(Refused, match="正在办理，或已经完成"):
            service.retry_job(five[name], actor=keeper)
    with pytest.raises(NotThere):
        service.retry_job(10**9, actor=keeper)


def test_every_kind_of_job_has_words() -> None:
    kinds = {
        f"{module.__name__}.{name}"
        for module in WORK
        for name, door in vars(module).items()
        if isinstance(door, Together) or (callable(door) and getattr(door, "__module__", "") == module.__name__)
    }
    assert kinds == set(JOBS)
    assert set(PAGES) <= kinds
    assert set(STANDINGS) == set(Standing)


def test_the_page_opens_on_payouts_and_finds_anything_that_is_named(
    app: Flask, people: dict[str, int], five: dict[str, int]
) -> None:
    app.test_client_class = Browser
    supervisor = app.test_client()
    assert isinstance(supervisor, Browser) and supervisor.sign_in("supervisor").status_code == 303
    assert set(JOBS) > PAYOUTS
    with transaction():
        jobs.promise("app.auth.jobs.verify_audit", "the-chain", after_s=600)
    first, everything = supervisor.get("/jobs/").text, supervisor.get("/jobs/?of=all").text
    assert "W-due" in first and "the-chain" not in first
    assert "W-due" in everything and "the-chain" in everything and "of=all&amp;standing=waiting" in everything
    assert "the-chain" in supervisor.get("/jobs/?subject=the-chain").text
    assert "the-chain" in supervisor.get("/jobs/?kind=app.auth.jobs.verify_audit").text

"""Many withdrawals are sent and heard of together, and each stays on its own: what is wrong with one harms no other."""

import shutil
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.channels import queries as channels
from app.channels.models import ChannelCall
from app.config import Config
from app.ledger import book
from app.runtime import jobs, journal, work
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.withdrawals import queries, rules
from app.withdrawals.service import stops
from app.withdrawals.states import SUBMIT
from tests.sandbox.third_party import ThirdParty, until
from tests.world import World


def approved(world: World, *amounts: str, account: str = "") -> list[str]:
    """Approved, and nobody at work on them."""
    account = account or world.account()
    card = world.card(account)
    numbers = [world.withdrawal(amount, account=account, card=card) for amount in amounts]
    for number in numbers:
        world.approve(number)
    return numbers


def job_of(number: str) -> jobs.Job:
    db.session.rollback()
    return db.session.scalars(select(jobs.Job).where(jobs.Job.kind == SUBMIT, jobs.Job.subject == number)).one()


def submits(world: World) -> int:
    return sum(int(world.paid_by_sandbox(account)["submits"]) for account in world.terms)


def test_each_has_its_own_call_line_and_event(world: World) -> None:
    numbers = approved(world, *["10.00"] * 12)
    jobs.drain(Line.CHANNEL)
    db.session.rollback()
    assert sorted(line.number for line in journal.backwards()) == sorted(numbers)
    for number in numbers:
        (sent,) = [call for call in channels.calls_about(number) if call.interface == "submit"]
        withdrawal = queries.by_number(number)
        assert (sent.id, sent.outcome) == (withdrawal.call_id, "ok") and number in sent.request
        assert [event.seq for event in queries.events(withdrawal.id)] == list(range(1, withdrawal.seq + 1))
        assert job_of(number).done_at is not None
    world.until(lambda: {world.state(number) for number in numbers} == {"paid"}, hurry_s=1)
    assert submits(world) == len(numbers)
    world.all_is_well()


def test_one_whose_intention_cannot_be_written_keeps_nobody(world: World) -> None:
    first, lost, last = approved(world, "10.00", "10.00", "10.00")
    with transaction():
        jobs.promise(SUBMIT, "W-of-nobody")
    jobs.drain(Line.CHANNEL)
    assert "NotThere" in job_of("W-of-nobody").last_error
    world.until(lambda: {world.state(number) for number in (first, lost, last)} == {"paid"}, hurry_s=1)
    assert submits(world) == 3
    world.all_is_well()


def test_one_whose_outcome_cannot_be_written_keeps_nobody_and_what_was_said_of_it_stays(world: World) -> None:
    account = world.account("egret", fee="0.00")  # it says at once that it is paid
    numbers = approved(world, *["10.13"] * 3, account=account)
    with transaction():  # nobody may: an error of ours
        book.release(numbers[1])
    world.until(lambda: {world.state(it) for it in (numbers[0], numbers[2])} == {"paid"}, hurry_s=1)
    assert world.state(numbers[1]) in ("sending", "pending")
    calls = db.session.scalars(select(ChannelCall).where(ChannelCall.subject == numbers[1])).all()
    assert calls and {call.outcome for call in calls} == {"ok"}
    assert submits(world) == 3


def test_what_cannot_be_written_into_the_journal_is_not_sent(world: World, config: Config) -> None:
    numbers = approved(world, "10.00", "10.00", "10.00")
    folder = config.journal_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    jobs.drain(Line.CHANNEL)
    assert [world.state(number) for number in numbers] == ["queued"] * 3
    assert all("Error" in job_of(number).last_error for number in numbers)
    assert submits(world) == 0
    folder.unlink()
    world.until(lambda: {world.state(number) for number in numbers} == {"paid"}, hurry_s=1)
    assert submits(world) == 3
    world.all_is_well()


def test_an_account_that_is_stopped_keeps_no_other(world: World) -> None:
    stopped, free = world.account(), world.account()
    world.card(stopped), world.card(free)
    waiting, *going = [*approved(world, "10.00", account=stopped), *approved(world, "10.00", "10.00", account=free)]
    stops.pause(account=stopped, reason="a test", actor=world.checker)
    world.until(lambda: {world.state(number) for number in going} == {"paid"}, hurry_s=1)
    assert world.state(waiting) == "queued"
    stops.resume(account=stopped, actor=world.checker)
    assert world.until_state(waiting, "paid") == "paid"
    world.all_is_well()


def test_a_slow_answer_keeps_no_other_waiting(world: World, tmp_path: Path) -> None:
    world.third = slow = ThirdParty(tmp_path / "slow.db", **{"slow-s": "4"})
    try:
        account = world.account("egret", fee="0.00")
        late, *others = approved(world, "10.03", *["10.00"] * 8, account=account)

        def drain() -> None:
            with world.app.app_context():
                jobs.drain(Line.CHANNEL)

        worker = threading.Thread(target=drain)
        worker.start()
        until(lambda: all(job_of(number).done_at for number in others), "the others are written down")
        assert worker.is_alive() and job_of(late).done_at is None
        worker.join()
        assert job_of(late).done_at is not None
        world.until(lambda: {world.state(number) for number in (late, *others)} == {"paid"}, hurry_s=1)
        world.all_is_well()
    finally:
        slow.stop()


@pytest.mark.parametrize("count", [1, 5])
def test_who_slept_after_the_intention_sends_nothing(world: World, count: int) -> None:
    """One is looked at as many are: the last look at the clock is each one's own."""
    numbers = approved(world, *["10.00"] * count)
    claimed = jobs.claim(Line.CHANNEL, limit=count)
    errands, _answers = work.begin(claimed)
    world.ahead += timedelta(seconds=rules.SEND_WITHIN_S + 1)
    assert [work.carry(job, errand) for job, errand in errands] == [None] * count
    assert submits(world) == 0 and {world.state(number) for number in numbers} == {"sending"}
    work.end([(job, None) for job, _ in errands])
    world.until(lambda: {world.state(number) for number in numbers} == {"paid"}, hurry_s=10)
    world.all_is_well()

"""The channel's statement tells what nobody else told: a return whose callback was lost, a payment that nobody heard of."""

from datetime import timedelta

from sqlalchemy import select

from app.channels import queries as channels
from app.kernel import clock
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db
from app.statements import queries as statements
from app.statements import service as statement_service
from app.withdrawals import queries
from tests.world import World


def pulled(world: World, account: str) -> int:
    """Today's statement, read and laid beside ours; how many lines it has."""
    statement_service.refresh(account, clock.business_day(), actor=world.maker)
    subject = f"{account}/{clock.business_day():%Y%m%d}"
    open_jobs = select(jobs.Job.id).where(jobs.Job.subject == subject, jobs.Job.done_at.is_(None))
    world.until(lambda: not db.session.scalars(open_jobs).all())
    found = statements.statement(channels.account(account).id, clock.business_day())
    assert found is not None and found.state == "whole"
    return found.lines


def test_a_return_that_nobody_told_of_is_on_the_statement(world: World) -> None:
    account = world.account("egret")
    number = world.withdrawal("10.00", account=account)
    world.approve(number)
    world.until_state(number, "paid", hurry_s=0)
    before = ledger.balances_of([account])[account].available
    assert pulled(world, account) == 1
    assert world.state(number) == "paid"
    # The bank sends it back, and the callback meets nobody; the next question is due in an hour.
    (payout,) = world.third.get("/control/payouts", order=number)["payouts"]
    world.door.shutdown()
    world.third.post(f"/control/payouts/{payout['id']}/return")
    assert world.state(number) == "paid"
    assert queries.by_number(number).watched == 0
    for _ in range(3):
        assert pulled(world, account) == 2
        assert world.state(number) == "returned"
        assert ledger.balances_of([account])[account].available == before + Money(1_000)
    said = [(event.verb, event.actor) for event in queries.events(queries.by_number(number).id)]
    assert said.count(("return", "statement")) == 1
    assert [it.reason for it in queries.holds(queries.by_number(number).id)] == ["returned"]
    world.all_is_well()


def test_a_payment_that_no_answer_told_of_is_on_the_statement(world: World) -> None:
    account = world.account("egret")
    manner, merchant_no = world.terms[account]
    # Taken and never answered; no callback; every question meets a broken line.
    for interface, fault, times in (("submit", "no_callback", 1), ("query", "drop_after", 1000)):
        asked = {"manner": manner, "merchant_no": merchant_no, "interface": interface, "fault": fault, "times": times}
        assert world.third.post("/control/faults", asked).status_code == 200
    number = world.withdrawal("10.00", account=account)
    world.approve(number)
    world.until(lambda: world.paid_by_sandbox(account)["paid"]["count"] == 1)
    assert world.state(number) in ("sending", "pending")
    assert pulled(world, account) == 1
    assert world.state(number) == "paid"
    (paid,) = [it for it in queries.events(queries.by_number(number).id) if it.verb == "succeed"]
    assert paid.actor == "statement"
    world.all_is_well()


def test_the_night_pulls_yesterdays(world: World) -> None:
    account = world.account("egret")
    number = world.withdrawal("10.00", account=account)
    world.approve(number)
    world.until_state(number, "paid", hurry_s=0)
    day = clock.business_day()
    world.ahead += timedelta(days=1, hours=2)
    statement_service.pull_due()
    subject = f"{account}/{day:%Y%m%d}"
    found = db.session.scalars(select(jobs.Job).where(jobs.Job.subject == subject)).one()
    assert (found.kind, found.done_at) == (statement_service.PULL, None)

"""Pulling: each line is kept once, what changes keeps its past, and what is not whole says nothing of what is gone."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.alerts.models import Alert
from app.channels import gateway
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.contract import Interface
from app.channels.models import ChannelCall
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.sandbox.manners import MANNERS
from app.statements import queries, service
from app.statements.models import Statement, StatementLine
from tests.statements.relay import Lines, Relay
from tests.world import CARD, World

SOAK_ON_POSTGRES = ("",)  # the story is proved on both


def made(number: str = "W202611210000000016", **more: Any) -> dict[str, Any]:
    """A line as the channel writes it."""
    return {
        **{"outTradeNo": number, "tradeNo": f"E{number}", "tradeAmount": 10_000, "tradeState": "SUCCESS", "fee": 200},
        **{"finishTime": f"{clock.business_day()} 09:30:00", **more},
    }


def pulled(world: World, account: str, day: date | None = None) -> Statement:
    day = day or clock.business_day()
    service.refresh(account, day, actor=world.maker)
    world.until(lambda: not waiting(account))
    found = queries.statement(channels.account(account).id, day)
    assert found is not None
    return found


def waiting(account: str) -> list[str]:
    found = select(jobs.Job.kind).where(jobs.Job.subject.startswith(f"{account}/"), jobs.Job.done_at.is_(None))
    return list(db.session.scalars(found))


def lines(statement: Statement, *, past: bool = False) -> list[StatementLine]:
    found = select(StatementLine).where(StatementLine.statement_id == statement.id).order_by(StatementLine.id)
    stands = StatementLine.last_edition.is_(None)
    return list(db.session.scalars(found.where(~stands if past else stands)))


def test_a_day_is_counted_and_summed_up(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [
        made("W1"),
        made("W2", tradeAmount=5),
        made("W2", tradeAmount=5, tradeState="REFUND", fee=0),
        made("W3", tradeState="ON_THE_MOON", tradeAmount=7),
    ]
    found = pulled(world, account)
    assert (found.state, found.edition, found.lines, found.failure) == ("whole", 1, 4, "")
    assert (found.paid, found.paid_sum, found.returned, found.returned_sum) == (2, Money(10_005), 1, Money(5))
    assert found.fees == Money(600)
    assert [(it.number, it.seen) for it in lines(found)] == [
        ("W1", "paid"),
        ("W2", "paid"),
        ("W2", "returned"),
        ("W3", "pending"),
    ]


def test_the_same_statement_again_adds_nothing(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [made("W1"), made("W2")]
    first = [it.id for it in lines(pulled(world, account))]
    found = pulled(world, account)
    assert ([it.id for it in lines(found)], lines(found, past=True)) == (first, [])
    assert (found.edition, found.pulls) == (1, 2)


def test_a_changed_line_is_a_new_one_and_the_old_one_is_kept(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [made("W1"), made("W2")]
    pulled(world, account)
    relay.amend = lambda _: [made("W1", tradeAmount=9_999), made("W2")]
    found = pulled(world, account)
    assert [(it.number, it.amount.minor, it.first_edition) for it in lines(found)] == [
        ("W2", 10_000, 1),
        ("W1", 9_999, 2),
    ]
    assert [(it.number, it.amount.minor, it.last_edition) for it in lines(found, past=True)] == [("W1", 10_000, 1)]
    relay.amend = lambda _: [made("W1"), made("W2")]
    found = pulled(world, account)
    assert (found.edition, found.lines, found.paid_sum) == (3, 2, Money(20_000)), "it says again what it said first"
    assert [(it.first_edition, it.last_edition) for it in lines(found, past=True)] == [(1, 1), (2, 2)]


def test_what_is_told_twice_in_one_statement_stands_twice_and_is_odd(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [made("W1"), made("W1")]
    for _ in range(2):
        found = pulled(world, account)
        assert [it.finding for it in lines(found)] == ["unknown", "twice"]
        assert (found.lines, found.odd, found.edition) == (2, 2, 1)


def test_every_page_is_read(world: World, relay: Relay) -> None:
    """The sandbox's own pages: it is another process, so the relay cuts them."""
    account = world.account("egret")
    all_of_it = [made(f"W{place}") for place in range(5)]

    def cut(data: dict[str, Any]) -> None:
        at = int(relay.asked[-1] or 0)
        data.update(after=relay.asked[-1], lines=all_of_it[at : at + 2], next=str(at + 2) if at + 2 < 5 else "")

    relay.finish = cut
    # What the sandbox is asked for is a place that it does not know: only the first page passes as it is.
    relay.first_page_only = True
    found = pulled(world, account)
    assert (found.state, found.lines) == ("whole", 5)
    assert relay.asked == ["", "2", "4"]


@pytest.mark.parametrize(("following", "why"), [("2", "对账单的分页绕了回来"), ("", "")])
def test_pages_that_go_round_are_no_statement(world: World, relay: Relay, following: str, why: str) -> None:
    account = world.account("egret")
    relay.first_page_only = True

    def turn(data: dict[str, Any]) -> None:
        after = relay.asked[-1]
        data.update(
            after=after, lines=[made(f"W{after}")], next={"": "1", "1": "2", "2": "1"}[after] if following else ""
        )

    relay.finish = turn
    found = pulled(world, account)
    assert found.failure == why
    assert (found.state == "failed") is bool(why)


def test_what_cannot_be_read_leaves_what_stood_and_says_why(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [made("W1")]
    whole = pulled(world, account)
    at = whole.pulled_at
    for spoil in (lambda _: [made("W2"), made("W3", tradeAmount="1e2")], lambda _: [made("", tradeNo="")]):
        relay.amend = spoil
        found = pulled(world, account)
        assert (found.state, found.pulled_at, found.lines) == ("failed", at, 1)
        assert found.failure and found.failed_at is not None
        assert [it.number for it in lines(found)] == ["W1"]
    relay.down = True
    assert "502" in pulled(world, account).failure
    relay.down, relay.amend = False, lambda _: [made("W1")]
    found = pulled(world, account)
    assert (found.state, found.failure, found.edition) == ("whole", "", 1)


def test_of_a_day_that_nobody_could_read_until_noon_people_are_told(world: World, relay: Relay) -> None:
    account, today = world.account("egret"), clock.business_day()
    subject = f"{account}/{today:%Y%m%d}"
    ringing = select(Alert.subject).where(Alert.kind == "statement", Alert.closed_at.is_(None))
    relay.down = True
    service.pull(subject)
    assert list(db.session.scalars(ringing)) == [], "the day is not over"
    world.ahead += timedelta(days=2)
    for _ in range(2):
        service.pull(subject)
        assert list(db.session.scalars(ringing)) == [f"{subject}/unread"]
    relay.down, world.ahead = False, timedelta()
    service.pull(subject)
    assert list(db.session.scalars(ringing)) == []


def test_of_another_day_it_says_nothing(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.finish = lambda data: data.update(bizDate="2026-01-01")
    assert "没有这一天的对账单" in pulled(world, account).failure


def test_its_calls_are_in_the_log_without_what_they_say_of_others(world: World, relay: Relay) -> None:
    account = world.account("egret")
    relay.amend = lambda _: [made("W1", payeeName="李四四", remark=f"卡 {CARD}")]
    found = pulled(world, account)
    assert CARD not in lines(found)[0].message
    (call,) = db.session.scalars(select(ChannelCall).where(ChannelCall.interface == "statement"))
    assert (call.outcome, call.subject) == ("ok", f"{account}/{clock.business_day():%Y%m%d}")
    assert "bizDate" in call.request and call.reply == ""


def test_who_has_no_such_interface_is_not_asked(world: World) -> None:
    account = world.account("dolphin")
    with pytest.raises(Refused):
        service.refresh(account, clock.business_day(), actor=world.maker)
    service.pull(f"{account}/20261121")
    assert queries.statement(channels.account(account).id, date(2026, 11, 21)) is None
    assert "statement" not in MANNERS["dolphin"].interfaces.values()
    row = channels.account(account)
    setting = channels.active_setting_id(row.id)
    assert setting is not None
    with transaction():
        call = gateway.announce(Interface.STATEMENT, account_id=row.id, setting_id=setting, subject=account)
    with pytest.raises(gateway.NoAnswer, match="没有对账单接口"):
        gateway.statement(call, clock.business_day(), "")


def test_tomorrow_is_refused(world: World) -> None:
    account = world.account("egret")
    with pytest.raises(Refused):
        service.refresh(account, clock.business_day() + timedelta(days=1), actor=world.maker)


def test_yesterdays_is_put_on_the_list_in_the_night_once(world: World) -> None:
    account, other = world.account("egret"), world.account("dolphin")
    service.pull_due()
    assert waiting(account) == [], "it was opened today"
    today = clock.business_day()
    world.ahead += timedelta(days=1, hours=2)  # two in the night has passed, whatever the hour is
    service.pull_due()
    service.pull_due()
    assert waiting(account) == [service.PULL]
    assert waiting(other) == []
    found = select(jobs.Job.subject).where(jobs.Job.kind == service.PULL)
    assert list(db.session.scalars(found)) == [f"{account}/{today:%Y%m%d}"]
    channel_service.set_enabled(account, enabled=False, why="试", actor=world.checker)
    world.ahead += timedelta(days=1)
    service.pull_due()
    assert len(list(db.session.scalars(found))) == 1, "it is not in use"


def test_of_two_pulls_the_later_one_says_how_it_ended(world: World, relay: Relay) -> None:
    account = world.account("egret")
    subject = f"{account}/{clock.business_day():%Y%m%d}"
    nested: list[str] = []

    def another_meanwhile(told: Lines) -> Lines:
        if not nested:
            nested.append(subject)
            with world.app.app_context():
                service.pull(subject)
            return [made("W1")]
        return [made("W2")]

    relay.amend = another_meanwhile
    service.pull(subject)
    found = queries.statement(channels.account(account).id, clock.business_day())
    assert found is not None
    assert (found.state, found.pulls, found.paid) == ("whole", 2, 1)

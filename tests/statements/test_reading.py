"""Laying a statement beside our withdrawals: what is news enters by the door of everything else, what is none does nothing."""

from typing import Any

import pytest
import requests
from sqlalchemy import func, select, update

from app.alerts.models import Alert
from app.channels import gateway
from app.channels import queries as channels
from app.channels.adapters.egret import Egret
from app.kernel import clock
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from app.statements import queries as statements
from app.statements.models import Statement, StatementLine
from app.withdrawals import queries, service
from app.withdrawals.models import WithdrawalEvent
from tests.sandbox.third_party import new_order
from tests.statements.relay import Lines, Relay
from tests.statements.test_pulling import lines, made, pulled
from tests.world import World

SOAK_ON_POSTGRES = ("",)  # the story is proved on both


def paid(world: World, amount: str = "10.00") -> tuple[str, str]:
    """An account at egret and a withdrawal that it paid."""
    account = world.account("egret")
    number = world.withdrawal(amount, account=account)
    world.approve(number)
    assert world.until_state(number, "paid", hurry_s=0) == "paid"
    return account, number


def findings(statement: Statement) -> list[str]:
    return [it.finding for it in lines(statement)]


def events(number: str) -> int:
    db.session.rollback()
    mine = WithdrawalEvent.withdrawal_id == queries.by_number(number).id
    return db.session.scalar(select(func.count()).where(mine)) or 0


def ringing(kind: str = "statement") -> list[Alert]:
    return list(db.session.scalars(select(Alert).where(Alert.kind == kind, Alert.closed_at.is_(None))))


def test_what_agrees_says_nothing_new(world: World) -> None:
    account, number = paid(world)
    known = events(number)
    found = pulled(world, account)
    assert (findings(found), found.odd) == (["agrees"], 0)
    assert events(number) == known
    assert ringing() == []
    world.all_is_well()


def held(number: str) -> list[str]:
    return [it.reason for it in queries.holds(queries.by_number(number).id)]


def changed(**more: Any) -> Any:
    return lambda told: [line | more for line in told]


def again(**more: Any) -> Any:
    return lambda told: [*told, *(line | more for line in told)]


@pytest.mark.parametrize(
    ("amend", "finding", "state", "reasons"),
    [
        (changed(tradeState="REFUND"), ["news"], "returned", ["returned"]),
        (again(tradeState="REFUND", fee=0), ["agrees", "news"], "returned", ["returned"]),
        (lambda told: [*again(tradeState="REFUND")(told)][::-1], ["news", "agrees"], "returned", ["returned"]),
        (changed(tradeState="FAIL"), ["held"], "paid", ["contradiction"]),
        (changed(tradeAmount=1_001), ["held"], "paid", ["amount_differs"]),
        (changed(tradeState="ON_THE_MOON", tradeAmount=1_001), ["silent"], "paid", []),
        (changed(outTradeNo="W202611210000000099"), ["unknown"], "paid", []),
        (changed(outTradeNo=""), ["unknown"], "paid", []),
        (lambda told: told * 2, ["agrees", "twice"], "paid", []),
    ],
)
def test_what_a_line_says_of_a_paid_withdrawal(
    world: World, relay: Relay, amend: Any, finding: list[str], state: str, reasons: list[str]
) -> None:
    account, number = paid(world)
    relay.amend = amend
    for _ in range(2):
        found = pulled(world, account)
        assert (findings(found), world.state(number), held(number)) == (finding, state, reasons)
    odd = len([it for it in finding if it in ("held", "unknown", "twice")])
    assert found.odd == odd
    assert len(ringing()) == (1 if {"unknown", "twice"} & {*finding} else 0)
    deed = ledger.deeds()[number]
    assert ("return" in deed) is (state == "returned")


def test_what_was_paid_while_ours_had_failed_is_put_before_people(world: World, relay: Relay) -> None:
    account = world.account("egret")
    number = world.withdrawal("10.01", account=account)  # refused at once, validly signed
    world.approve(number)
    assert world.until_state(number, "failed", hurry_s=0) == "failed"
    relay.amend = lambda _: [made(number, tradeAmount=1_001)]
    assert findings(pulled(world, account)) == ["held"]
    assert (world.state(number), held(number)) == ("failed", ["contradiction"])
    relay.amend = lambda _: []
    found = pulled(world, account)
    assert (found.lines, found.odd) == (0, 0)
    assert held(number) == ["contradiction"], "that the line is gone decides nothing"


def test_a_number_of_another_account_is_none_of_this_one(world: World, relay: Relay) -> None:
    _, number = paid(world)
    account = world.account("egret")
    relay.amend = lambda _: [made(number, tradeAmount=1_000, tradeState="REFUND")]
    found = pulled(world, account)
    assert (findings(found), found.odd, world.state(number)) == (["foreign"], 1, "paid")


def test_a_payment_that_was_made_behind_our_back_is_told_once_until_it_is_explained(world: World, relay: Relay) -> None:
    account = world.account("egret")
    settings = gateway.settings(channels.account(account).id)
    order, adapter = new_order(12_345), Egret(settings)
    request = adapter.write_submit(order)
    requests.post(f"{settings['base_url']}{request.path}", data=request.body, headers=dict(request.headers), timeout=20)
    world.until(lambda: pulled(world, account).lines)
    found = pulled(world, account)
    assert findings(found) == ["unknown"]
    (alert,) = ringing()
    assert alert.subject == f"{account}/{clock.business_day():%Y%m%d}"
    assert "123.45" in alert.said and alert.path == f"/statements/{alert.subject}?show=odd"
    times = alert.times
    pulled(world, account)
    assert [it.times for it in ringing()] == [times], "nothing new was found"
    relay.amend = lambda _: []
    pulled(world, account)
    assert ringing() == []


def test_reading_in_the_middle_of_a_kill_has_one_effect(world: World, relay: Relay) -> None:
    """Everything was observed and nothing was marked: whoever reads it again finds that nothing is news."""
    account, number = paid(world)
    relay.amend = again(tradeState="REFUND", fee=0)
    found = pulled(world, account)
    known = events(number)
    with transaction():
        db.session.execute(update(StatementLine).values(finding="unread"))
    service.statements.read(f"{account}/{clock.business_day():%Y%m%d}")
    db.session.rollback()
    assert events(number) == known
    assert findings(found) == ["agrees", "agrees"]
    assert ledger.deeds()[number]["return"] == Money(1_000)


def test_whom_a_line_names_is_not_kept(world: World, relay: Relay) -> None:
    account, number = paid(world)
    relay.amend = changed(tradeState="REFUND", remark="收款人张三账户已销户")
    for _ in range(2):
        (line,) = lines(pulled(world, account))
        assert line.message == "收款人张**账户已销户"
    assert [event.why for event in queries.events(queries.by_number(number).id) if event.verb == "return"] == [
        "收款人张**账户已销户"
    ]


def test_many_lines_are_read_in_steps(world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    account, number = paid(world)
    monkeypatch.setattr(service.statements, "AT_ONCE", 2)

    def many(told: Lines) -> Lines:
        return [*(made(f"X{place}") for place in range(5)), *told, *(line | {"tradeState": "REFUND"} for line in told)]

    relay.amend = many
    found = pulled(world, account)
    assert findings(found) == ["unknown"] * 5 + ["agrees", "news"]
    assert world.state(number) == "returned"
    assert statements.strange(found.id) == (5, Money(50_000))

"""预存资金: what we paid in at a channel, and what is paid of it. It is never mixed with what the channel collected for us."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from app import examine
from app.auth.permissions import Role
from app.channels import queries as channels
from app.channels.models import DailyFigures
from app.channels.service import figures
from app.collections import queries as collections
from app.collections import service as top_ups
from app.collections.queries import Purse
from app.collections.states import Kind
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.rules import Rulebook
from app.withdrawals.states import Kind as What
from tests.withdrawals import sheets
from tests.withdrawals.test_admission import in_force
from tests.withdrawals.test_outcomes import propose
from tests.world import World

PREFUNDED = Funds.PREFUNDED


@pytest.fixture
def egret(world: World) -> str:
    return world.account("egret", balance="1000.00", deposit="500.00")


def left(account: str) -> tuple[str, str, str]:
    """Collected, prefunded, in flight."""
    db.session.rollback()
    found = ledger.balances_of([account])[account]
    return str(found.available), str(found.prefunded), str(found.in_flight)


def paid_of_it(world: World, account: str, amount: str) -> str:
    number = world.withdrawal(amount, account=account, funds=PREFUNDED)
    world.approve(number)
    return number


# Making and paying


def test_it_is_paid_of_what_was_paid_in(world: World, egret: str) -> None:
    number = world.withdrawal("100.00", account=egret, funds=PREFUNDED)
    assert left(egret) == ("1,000.00", "398.00", "102.00")
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    assert left(egret) == ("1,000.00", "398.00", "0.00")
    figures.pull_figures(egret)
    told = channels.latest_figures([channels.account(egret).id])
    assert [str(it.prefunded) for it in told.values()] == ["398.00"], "the channel took it from there too"
    world.all_is_well()


def test_what_is_short_in_one_is_not_taken_from_the_other(world: World, egret: str) -> None:
    with pytest.raises(Refused, match=r"预存余额不足：预存 ¥500.00，需要 ¥602.00"):
        world.withdrawal("600.00", account=egret, funds=PREFUNDED)
    world.withdrawal("600.00", account=egret)
    with pytest.raises(Refused, match=r"可用余额不足：可用 ¥398.00，需要 ¥402.00"):
        world.withdrawal("400.00", account=egret)
    world.withdrawal("400.00", account=egret, funds=PREFUNDED)
    assert left(egret) == ("398.00", "98.00", "1,004.00")


# The last two digits ask the sandbox for what becomes of it; a returned one has cost its fee.
@pytest.mark.parametrize(
    ("amount", "state", "prefunded"), [("10.02", "failed", "500.00"), ("10.16", "returned", "498.00")]
)
def test_what_was_not_paid_comes_back_there(world: World, egret: str, amount: str, state: str, prefunded: str) -> None:
    world.until_state(paid_of_it(world, egret, amount), state)
    assert left(egret) == ("1,000.00", prefunded, "0.00")
    world.all_is_well()


def test_what_is_taken_back_before_it_left_comes_back_there(world: World, egret: str) -> None:
    service.cancel(world.withdrawal("10.00", account=egret, funds=PREFUNDED), actor=world.maker)
    other = world.withdrawal("20.00", account=egret, funds=PREFUNDED)
    service.reject(other, reason="不付", actor=world.checker)
    assert left(egret) == ("1,000.00", "500.00", "0.00")


def test_a_late_payment_is_taken_from_there(world: World, egret: str) -> None:
    number, second = paid_of_it(world, egret, "10.19"), world.person("second", Role.FINANCE)
    world.until_state(number, "failed")
    world.until(lambda: queries.holds(queries.by_number(number).id), hurry_s=5)
    assert left(egret) == ("1,000.00", "500.00", "0.00")
    service.outcomes.confirm(number, propose(number, "paid", actor=world.checker), actor=second)
    assert left(egret) == ("1,000.00", "487.81", "0.00")
    world.all_is_well()


def test_who_keeps_no_such_balance_pays_of_none(world: World) -> None:
    account = world.account()
    with pytest.raises(Refused, match="不能用预存资金付款"):
        world.withdrawal("10.00", account=account, funds=PREFUNDED)


def test_a_settlement_is_of_what_was_collected(world: World, egret: str) -> None:
    with pytest.raises(Refused, match="结算的是收款资金"):
        service.create(
            account=egret,
            card=world.card(egret),
            amount=Money.parse("10.00"),
            memo="",
            fence=world.claimed(egret),
            form_key=str(uuid4()),
            actor=world.maker,
            kind=What.SETTLEMENT,
            funds=PREFUNDED,
        )


def test_one_form_is_of_one_kind_of_funds(world: World, egret: str) -> None:
    key = str(uuid4())
    number = world.withdrawal("10.00", account=egret, form_key=key, funds=PREFUNDED)
    assert world.withdrawal("10.00", account=egret, form_key=key, funds=PREFUNDED) == number
    with pytest.raises(Refused, match="改动后的内容没有提交"):
        world.withdrawal("10.00", account=egret, form_key=key)


def test_what_was_collected_from_cards_goes_back_to_them_and_what_was_paid_in_does_not(
    world: World, egret: str
) -> None:
    in_force(world, Rulebook(card_funded=(egret,)))
    with pytest.raises(Refused, match="只能退回来源卡"):
        world.withdrawal("10.00", account=egret)
    world.withdrawal("10.00", account=egret, funds=PREFUNDED)


# What nobody may change


def test_an_approved_one_is_not_paid_of_other_funds(world: World, egret: str) -> None:
    service.stops.pause(account=egret, reason="对账", actor=world.checker)
    number = paid_of_it(world, egret, "10.00")
    with db.engine.begin() as connection:  # somebody at the database
        connection.execute(update(Withdrawal).where(Withdrawal.number == number).values(funds=Funds.COLLECTED))
    assert any("funds" in problem for problem in examine())
    service.stops.resume(account=egret, actor=world.checker)
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["approval_broken"])
    assert world.paid_by_sandbox(egret)["submits"] == 0


# Sheets


def test_a_sheet_is_paid_of_one_kind_of_funds_and_waits_for_it_alone(world: World, egret: str) -> None:
    world.card(egret)
    upload = sheets.checked(world, egret, sheets.good(3, "200.00"))
    good = queries.sheets.totals(service.sheets.DESK.upload(upload))
    reference = service.sheets.confirm(
        upload,
        count=good.count,
        amount=good.amount,
        fence=world.claimed(egret),
        actor=world.maker,
        funds=PREFUNDED,
        stay=3,
    )
    world.until(lambda: sheets.sheet(reference).state == "paused")
    assert sheets.told(reference)[1] == 2, "the third is more than what was paid in, whatever was collected"
    assert left(egret) == ("1,000.00", "96.00", "404.00")
    assert str(sheets.sheet(reference).needed) == "202.00"


# Money in


def purse(account: str, funds: Funds = PREFUNDED) -> Purse:
    return Purse(channels.account(account), funds)


def entered(world: World, account: str, amount: str, **wish: object) -> str:
    given: dict[str, Any] = {"kind": Kind.TOP_UP, "funds": PREFUNDED, "form_key": str(uuid4())} | wish
    return top_ups.enter(
        account=account,
        amount=Money.parse(amount),
        arrived_on=clock.business_day(),
        evidence="渠道后台充值流水",
        actor=world.maker,
        **given,
    )


def test_people_enter_what_was_paid_in_up_to_what_the_channel_shows(world: World, egret: str) -> None:
    assert collections.standing(purse(egret)).gap.minor == 0
    manner, merchant_no = world.terms[egret]
    world.third.post(f"/control/merchants/{manner}/{merchant_no}/deposit", json={"amount_minor": 25_000})
    with pytest.raises(Refused, match=r"最多可以记入 ¥0.00"):
        entered(world, egret, "250.00")
    figures.pull_figures(egret)
    assert str(collections.standing(purse(egret)).gap) == "250.00"
    number = entered(world, egret, "250.00")
    assert left(egret)[1] == "500.00", "not before another has looked"
    top_ups.approve(number, actor=world.checker)
    assert left(egret) == ("1,000.00", "750.00", "0.00")
    assert collections.standing(purse(egret)).gap.minor == 0 and examine() == []


def test_what_waits_here_has_not_left_the_channel(world: World, egret: str) -> None:
    """Or money that never came could be entered while something waits for approval."""
    world.withdrawal("300.00", account=egret, funds=PREFUNDED)
    standing = collections.standing(purse(egret))
    assert (str(standing.kept), str(standing.out), standing.gap.minor, standing.most.minor) == ("302.00", "0.00", 0, 0)
    with pytest.raises(Refused, match=r"账上 ¥500.00（含还没发出的冻结 ¥302.00），最多可以记入 ¥0.00"):
        entered(world, egret, "50.00")
    number = paid_of_it(world, egret, "10.17")
    world.until_state(number, "pending")
    figures.pull_figures(egret)
    standing = collections.standing(purse(egret))
    assert (str(standing.out), standing.gap.minor) == ("12.17", 0), "the channel has counted it already, and may have"


def test_it_is_taken_back_from_where_it_was_entered(world: World, egret: str) -> None:
    (row,) = collections.top_ups({"show": "all"}).rows
    top_ups.reversals.ask(row.number, reason="没有到账", actor=world.maker)
    assert left(egret) == ("1,000.00", "0.00", "500.00")
    top_ups.reversals.approve(row.number, actor=world.checker)
    assert left(egret) == ("1,000.00", "0.00", "0.00") and examine() == []


def test_each_balance_has_one_opening(world: World, egret: str) -> None:
    db.session.execute(update(DailyFigures).values(prefunded=Money.parse("900.00")))
    db.session.commit()
    with pytest.raises(Refused, match="预存资金已经记过期初"):
        entered(world, egret, "10.00", kind=Kind.OPENING)
    with pytest.raises(Refused, match="自动入账"):
        entered(world, egret, "10.00", funds=Funds.COLLECTED)
    with pytest.raises(Refused, match="没有预存资金"):
        entered(world, world.account(), "10.00")

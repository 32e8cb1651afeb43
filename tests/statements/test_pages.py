"""The pages of statements, by what a person sees."""

import re
from datetime import timedelta

import pytest

from app.auth import service as auth
from app.auth.permissions import Role
from app.kernel import clock
from app.runtime.db import db
from tests.statements.relay import Relay
from tests.statements.test_pulling import made, waiting
from tests.statements.test_reading import paid
from tests.withdrawals.test_list_pages import Person
from tests.world import World

ONE_ENGINE = True


@pytest.fixture
def finance(world: World) -> Person:
    world.person("finance", Role.FINANCE)
    return Person(world, "finance")


def said(page: str) -> str:
    """What stands in the middle of it, without its tags."""
    found = re.search(r"(?s)<main.*</main>", page)
    assert found
    return re.sub(r"<[^>]+>", "", found[0])


def today() -> str:
    return f"{clock.business_day():%Y%m%d}"


def test_a_statement_is_asked_for_read_and_looked_through(world: World, relay: Relay, finance: Person) -> None:
    account, number = paid(world)
    relay.amend = lambda told: [*told, made("X1", tradeAmount=987), made("", tradeNo="E77", tradeState="ON_THE_MOON")]
    assert "还没有取过渠道流水" in finance.reads("/statements/")
    address = finance.does("/statements/refresh", account=account, on=today())
    assert address == f"/statements/{account}/{today()}"
    assert "还没有取到" in finance.reads(address)
    world.until(lambda: not waiting(account))
    page = finance.reads(address)
    assert f"/withdrawals/{number}" in page and "没有我方单号" in page
    for words in ("相符", "我方没有这一笔", "没有结论", "这一天还没有结束"):
        assert words in page
    odd = finance.reads(f"{address}?show=odd")
    assert "X1" in odd and number not in odd
    assert number in finance.reads(f"{address}?number={number}")
    assert "没有符合条件的流水" in finance.reads(f"{address}?number=W0")
    index = finance.reads("/statements/?show=odd")
    assert "1 笔要留意" in index and f"{address}?show=odd" in index
    assert "没有符合条件的流水" in finance.reads("/statements/?from=20200101&to=20200102")
    assert "渠道流水" not in said(finance.reads(f"/withdrawals/{number}")), "it told nothing new"


def test_the_trace_says_by_what_it_was_told(world: World, relay: Relay, finance: Person) -> None:
    account, number = paid(world)
    relay.amend = lambda told: [line | {"tradeState": "REFUND"} for line in told]
    finance.does("/statements/refresh", account=account, on=today())
    world.until(lambda: not waiting(account))
    assert world.state(number) == "returned"
    assert "渠道流水" in said(finance.reads(f"/withdrawals/{number}"))


def test_what_is_gone_later_is_shown_as_past(world: World, relay: Relay, finance: Person) -> None:
    account = world.account("egret")
    for amount in (10_000, 9_999):
        relay.amend = lambda _, amount=amount: [made("W1", tradeAmount=amount)]  # type: ignore[misc]
        finance.does("/statements/refresh", account=account, on=today())
        world.until(lambda: not waiting(account))
    page = said(finance.reads(f"/statements/{account}/{today()}"))
    assert "99.99" in page and "后来变了的" in page and "才有" not in page
    past = finance.reads(f"/statements/{account}/{today()}?show=past")
    assert "第 1 版有，第 2 版起没有了" in past


def test_a_channel_without_such_an_interface_says_so(world: World, finance: Person) -> None:
    dolphin = world.account("dolphin")
    assert "现有渠道都没有对账单接口" in finance.reads("/statements/")
    assert "该渠道没有对账单接口" in finance.reads(f"/statements/{dolphin}/{today()}")
    egret = world.account("egret")
    index = finance.reads("/statements/")
    assert "没有对账单接口，只能以回调" in index and f"dolphin · {dolphin[1:]}" in index
    assert "/statements/refresh" in finance.reads(f"/statements/{egret}/{today()}")
    finance.does("/statements/refresh", status=422, account=dolphin, on=today())


def test_what_is_no_day_is_refused(world: World, finance: Person) -> None:
    egret = world.account("egret")
    wrong = finance.does("/statements/refresh", status=422, account=egret, on="昨天")
    assert "不是日期" in wrong and "昨天" in wrong
    tomorrow = f"{clock.business_day() + timedelta(days=1):%Y%m%d}"
    assert "这一天还没有到" in finance.does("/statements/refresh", status=409, account=egret, on=tomorrow)
    assert "这一天还没有到" in finance.reads(f"/statements/{egret}/{tomorrow}")
    assert "不是日期" in finance.reads("/statements/?from=never", status=422)
    finance.reads(f"/statements/{egret}/never", status=404)
    finance.reads(f"/statements/nothing/{today()}", status=404)


def test_whoever_is_limited_to_other_channels_sees_nothing_of_it(world: World, relay: Relay, finance: Person) -> None:
    keeper = world.person("keeper", Role.ADMINISTRATOR)
    egret, dolphin = world.account("egret"), world.account("dolphin")
    finance.does("/statements/refresh", account=egret, on=today())
    world.until(lambda: not waiting(egret))
    assert egret in finance.reads("/statements/")
    auth.change("finance", display_name="finance", role=Role.FINANCE, channels=("dolphin",), actor=keeper)
    limited = Person(world, "finance")
    index = limited.reads("/statements/")
    assert egret not in index and "现有渠道都没有对账单接口" in index
    limited.reads(f"/statements/{egret}/{today()}", status=404)
    limited.does("/statements/refresh", status=422, account=egret, on=today())
    assert "该渠道没有对账单接口" in limited.reads(f"/statements/{dolphin}/{today()}")


def test_who_may_not_pull_or_open_withdrawals_sees_no_way_to(world: World) -> None:
    world.person("keeper", Role.ADMINISTRATOR)
    Person(world, "keeper").reads("/statements/", status=403)
    db.session.rollback()

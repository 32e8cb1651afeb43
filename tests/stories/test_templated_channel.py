"""A channel that nobody programmed: described, activated, an account opened, cards bound, money paid, and all of it true."""

import json
from collections.abc import Callable

import pytest

from app.auth.permissions import Role
from app.cards import queries as card_queries
from app.cards import service as cards
from app.channels import manners, queries, rules
from app.channels.adapters.templated.examples import example
from app.channels.service import settings, templates
from app.kernel import clock
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.statements import queries as statements
from app.statements import service as statement_service
from tests.world import World

Describe = Callable[[str], str]


@pytest.fixture
def describe(world: World) -> Describe:
    """An administrator imports the description of a sandbox channel and activates it; the adapter's name."""
    admin = world.person("admin", Role.ADMINISTRATOR)

    def described(manner: str) -> str:
        code = f"{manner}_by_hand"
        templates.draft(code, example(manner), actor=admin)
        templates.activate(code, edition=1, note="按文档描述", actor=admin)
        return manners.name_of(code)

    return described


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_withdrawal_is_paid_through_a_described_channel(world: World, describe: Describe, manner: str) -> None:
    account = world.account(manner, adapter=describe(manner))
    assert queries.account(account).adapter == f"template:{manner}_by_hand@1"
    assert ledger.balances_of([account])[account].available == Money.parse("10000.00"), "its figures were read"
    number = world.withdrawal("100.00", account=account)
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    world.until(lambda: queries.callbacks_about(number), hurry_s=1)
    assert {(it.outcome, it.seen) for it in queries.callbacks_about(number)} == {("taken", "paid")}
    calls = queries.calls_about(number)
    assert {(call.interface, call.outcome) for call in calls} >= {("submit", "ok")}
    assert all("6222021001116245777" not in f"{it.request}{it.signed_text}{it.reply}" for it in calls)
    assert ledger.balances_of([account])[account].available == Money.parse("9898.00")
    world.all_is_well()


FATES = [
    ("10.01", "failed"),  # refused at once, validly signed
    ("10.05", "paid"),  # dropped after acceptance
    ("10.09", "paid"),  # badly signed answer, taken
    ("10.10", "paid"),  # not found, then found
    ("10.14", "paid"),  # a badly signed callback first
    ("10.16", "returned"),  # paid, then returned
    ("10.18", "paid"),  # a word nobody documented
]


@pytest.mark.parametrize(("amount", "fate"), FATES)
def test_whatever_a_described_channel_does_the_money_is_right(
    world: World, describe: Describe, amount: str, fate: str
) -> None:
    number = world.withdrawal(amount, account=world.account(adapter=describe("dolphin")))
    world.approve(number)
    assert world.until_state(number, fate, hurry_s=5) == fate
    world.until(lambda: world.paid_by_sandbox(next(iter(world.terms)))["waiting"]["count"] == 0)
    world.all_is_well()


def test_who_tells_the_balance_alone_has_what_was_there_to_withdraw(world: World) -> None:
    admin = world.person("admin", Role.ADMINISTRATOR)
    told = json.loads(example("dolphin"))
    for name in ("total", "yesterday", "today", "settled"):
        del told["interfaces"]["figures"][name]
    templates.draft("modest", json.dumps(told), actor=admin)
    templates.activate("modest", edition=1, note="只告知余额", actor=admin)
    account = world.account(adapter=manners.name_of("modest"))
    assert (queries.account(account).can.balance, queries.account(account).can.totals) == (True, False)
    call = queries.call(settings.try_out(account, 1, actor=admin))
    assert rules.told(call.outcome, call.message, call.interface) == "可结算 ¥10,000.00"
    number = world.withdrawal("100.00", account=account)
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    assert ledger.balances_of([account])[account].available == Money.parse("9898.00")
    world.all_is_well()


def test_a_channel_that_binds_no_cards_is_not_asked_to(world: World) -> None:
    admin, told = world.person("admin", Role.ADMINISTRATOR), json.loads(example("dolphin"))
    for name in ("bind_card", "list_cards", "unbind_card"):
        del told["interfaces"][name]
    told["samples"] = [it for it in told["samples"] if it["interface"] in (*told["interfaces"], "callback")]
    templates.draft("unbound", json.dumps(told), actor=admin)
    templates.activate("unbound", edition=1, note="不绑卡", actor=admin)
    account = world.account(adapter=manners.name_of("unbound"))
    reference = world.card(account)
    assert card_queries.card(reference).state == "bound"
    assert not [call for call in queries.calls(queries.account(account).id, {}, {}).rows if call.subject == reference]


def test_a_card_is_bound_listed_and_let_go_through_a_described_channel(world: World, describe: Describe) -> None:
    account = world.account(adapter=describe("dolphin"))
    reference = world.card(account)
    cards.listing.refresh(account, actor=world.maker)
    found = queries.account(account).id
    assert world.until(lambda: card_queries.comparison(found)[""], hurry_s=1) == 1
    cards.listing.unbind(reference, why="不再使用", fence=world.claimed(account), actor=world.maker)
    assert world.until(lambda: card_queries.card(reference).state == "deleted", hurry_s=1)


def test_a_statement_is_pulled_through_a_described_channel(world: World, describe: Describe) -> None:
    account = world.account("egret", adapter=describe("egret"))
    number = world.withdrawal("100.00", account=account)
    world.approve(number)
    assert world.until_state(number, "paid", hurry_s=0) == "paid"
    statement_service.refresh(account, clock.business_day(), actor=world.maker)
    its_id = queries.account(account).id

    def told() -> int:
        found = statements.statement(its_id, clock.business_day())
        return found.lines if found and found.pulled_at else 0

    assert world.until(told) == 1
    rows = statements.lines(1, {}).rows
    assert [(it.number, it.seen, it.amount) for it in rows] == [(number, "paid", Money(10_000))]

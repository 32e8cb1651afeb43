"""Withdrawals are let in by the rules in force: at every door, under locked counters, and counted exactly."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import g
from sqlalchemy import delete, select, update

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards.models import Card
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal, WithdrawalCounter
from app.withdrawals.queries import limits
from app.withdrawals.rules import Limit, PayeeList, Rulebook
from app.withdrawals.rules.admission import Rule, Used
from app.withdrawals.rules.rulebook import BUILT_IN, Outside, Scope
from app.withdrawals.service import rulebook
from tests.world import CARD, World

SECOND_CARD = "6217001210024455220"
HANDS = 8
FAILS, RETURNS = "10.02", "10.16"
"""Amounts whose fate the sandbox knows."""


def in_force(world: World, book: Rulebook) -> int:
    """Put these rules in force the way people do: one writes, another activates. The version."""
    other = getattr(world, "activator", None) or world.person("activator", Role.FINANCE)
    world.activator = other  # type: ignore[attr-defined]
    rulebook.draft(actor=world.checker)
    rulebook.change(book, edition=1, actor=world.checker)
    rulebook.try_out(edition=2, actor=other)
    return rulebook.activate(edition=2, note="测试", actor=other)


def counters(scope: Scope) -> list[tuple[Money, int]]:
    db.session.rollback()
    c = WithdrawalCounter
    found = select(c.amount, c.count).where(c.scope == scope).order_by(c.day, c.amount)
    return [(amount, count) for amount, count in db.session.execute(found)]


def refused(deed: Callable[[], object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        deed()
    db.session.rollback()


def yuan(text: str) -> Money:
    return Money.parse(text)


# -- counting -----------------------------------------------------------------------------------------------------------


def test_a_withdrawal_is_counted_for_house_account_and_card_and_remembers_its_rules(world: World) -> None:
    account, other = world.account(), world.account()
    first = world.withdrawal("100.00", account=account)
    assert queries.by_number(first).rulebook_id is None
    version = in_force(world, BUILT_IN)
    second = world.withdrawal("50.00", account=other)
    assert counters(Scope.HOUSE) == [(yuan("150.00"), 2)]
    assert counters(Scope.ACCOUNT) == [(yuan("50.00"), 1), (yuan("100.00"), 1)]
    assert counters(Scope.CARD) == [(yuan("150.00"), 2)], "one card, bound to two accounts"
    row = queries.by_number(second)
    assert row.rulebook_id == queries.rulebook_in_force().id and version == 1
    assert row.counted and row.business_day == clock.business_day(row.made_at)
    assert queries.checkers(row) == queries.checkers(queries.by_number(first)) == 1
    world.all_is_well()


def test_checkers_are_those_of_the_version_it_was_made_under(world: World) -> None:
    number = world.withdrawal("100.00")
    in_force(world, Rulebook(two_from=yuan("100.00")))
    later = world.withdrawal("100.00")
    assert [queries.checkers(queries.by_number(it)) for it in (number, later)] == [1, 2]


@pytest.mark.parametrize("end", ["reject", "cancel", "fail"])
def test_what_was_not_paid_is_given_back_once_on_the_day_it_was_counted(world: World, end: str) -> None:
    account = world.account()
    kept = world.withdrawal("1.00", account=account)
    number = world.withdrawal(FAILS, account=account)
    day = queries.by_number(number).business_day
    world.ahead += timedelta(days=1)
    today = world.withdrawal("7.00", account=account)
    assert clock.business_day() == day + timedelta(days=1)
    if end == "reject":
        service.reject(number, reason="不对", actor=world.checker)
    elif end == "cancel":
        service.cancel(number, actor=world.maker)
    else:
        world.approve(number)
        world.until_state(number, "failed", hurry_s=5)
    for again in (
        lambda: service.reject(number, reason="再来", actor=world.checker),
        lambda: service.cancel(number, actor=world.maker),
    ):
        refused(again, "这笔提现")
    for scope in Scope:
        assert counters(scope) == [(yuan("1.00"), 1), (yuan("7.00"), 1)], scope
    assert [queries.by_number(it).counted for it in (kept, number, today)] == [True, False, True]
    world.all_is_well()


def test_what_was_paid_and_returned_stays_counted(world: World) -> None:
    number = world.withdrawal(RETURNS)
    world.approve(number)
    world.until_state(number, "returned", hurry_s=5)
    assert counters(Scope.HOUSE) == [(yuan(RETURNS), 1)] and queries.by_number(number).counted
    world.all_is_well()


def test_a_refused_withdrawal_is_not_counted(world: World) -> None:
    account = world.account(balance="100.00")
    refused(lambda: world.withdrawal("99.00", account=account), "可用")  # amount and fee do not fit: after the counting
    assert counters(Scope.HOUSE) == []
    in_force(world, Rulebook(order_most=yuan("10.00")))
    refused(lambda: world.withdrawal("10.01", account=account), "每笔上限 ¥10.00")
    assert counters(Scope.HOUSE) == []
    world.withdrawal("10.00", account=account)
    assert counters(Scope.HOUSE) == [(yuan("10.00"), 1)]


def test_a_counter_that_says_something_else_is_found(world: World) -> None:
    world.withdrawal("10.00")
    assert queries.counter_problems() == []
    for scope in Scope:
        for change, words in (({"amount": Money(1)}, "counted 1 of 0.01"), ({"count": 2}, "counted 2 of 10.00")):
            kept = counters(scope)[0]
            with transaction():
                db.session.execute(update(WithdrawalCounter).where(WithdrawalCounter.scope == scope).values(change))
            found = queries.counter_problems()
            assert any(words in line for line in found), (scope, found)
            with transaction():
                db.session.execute(
                    update(WithdrawalCounter)
                    .where(WithdrawalCounter.scope == scope)
                    .values(amount=kept[0], count=kept[1])
                )
    assert queries.counter_problems() == []


# -- limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", list(Scope))
def test_a_days_limit_ends_with_the_day(world: World, scope: Scope) -> None:
    account = world.account()
    in_force(world, Rulebook(**{f"{scope}_day": Limit(yuan("100.00"))}))  # type: ignore[arg-type]
    world.withdrawal("60.00", account=account)
    refused(lambda: world.withdrawal("40.01", account=account), "还可. ¥40.00")
    world.withdrawal("40.00", account=account)
    refused(lambda: world.withdrawal("0.01", account=account), "还可. ¥0.00")
    world.ahead += timedelta(days=1)
    world.withdrawal("100.00", account=account)
    world.all_is_well()


def test_a_card_is_one_over_all_accounts_and_an_account_over_all_cards(world: World) -> None:
    one, two = world.account(), world.account()
    in_force(world, Rulebook(card_day=Limit(count=1)))
    world.withdrawal("1.00", account=one)
    refused(lambda: world.withdrawal("1.00", account=two), "这个账号今天已收 1 笔")
    world.withdrawal("1.00", account=two, card=world.card(two, SECOND_CARD))
    in_force(world, Rulebook(account_day=Limit(count=2)))
    world.withdrawal("2.00", account=two)
    refused(lambda: world.withdrawal("1.00", account=two), "该渠道账号今天已提 2 笔")
    world.withdrawal("3.00", account=one)


def terms(account: str, **values: Any) -> None:
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == account).values(**values))


def test_an_accounts_own_limit_ends_with_the_day_and_is_its_alone(world: World) -> None:
    account, other = world.account(), world.account()
    terms(account, day_amount=yuan("100.00"))
    world.withdrawal("60.00", account=account)
    refused(lambda: world.withdrawal("40.01", account=account), "它自己的每日限额 ¥100.00，还可提 ¥40.00")
    world.withdrawal("100.01", account=other)
    back = world.withdrawal("40.00", account=account)
    refused(lambda: world.withdrawal("0.01", account=account), "还可提 ¥0.00")
    service.cancel(back, actor=world.maker)
    world.withdrawal("40.00", account=account)
    world.ahead += timedelta(days=1)
    world.withdrawal("100.00", account=account)
    world.all_is_well()


def test_of_an_accounts_limit_and_the_rules_the_stricter_holds(world: World) -> None:
    account = world.account()
    in_force(world, Rulebook(account_day=Limit(yuan("1000.00"), 2)))
    terms(account, day_amount=yuan("300.00"), day_count=5)
    world.withdrawal("100.00", account=account)
    refused(lambda: world.withdrawal("200.01", account=account), "它自己的每日限额 ¥300.00，还可提 ¥200.00")
    told = limits.account_day(channels.account(account))
    assert (told.used, told.left) == (Used(yuan("100.00"), 1), Limit(yuan("200.00"), 1))
    world.withdrawal("100.00", account=account)
    refused(lambda: world.withdrawal("1.00", account=account), "已提 2 笔，提现规则的每日上限是 2 笔")
    source, payee = channels.account(account), cards.card(world.card(account))
    terms(account, day_count=2)
    refused(
        lambda: service.preview(source, payee, funds=Funds.COLLECTED, amount=yuan("0.01")), "提现规则的每日上限是 2 笔"
    )
    terms(account, day_amount=None, day_count=None)
    assert limits.account_day(channels.account(account)).own == Limit()
    world.all_is_well()


@pytest.mark.parametrize("own", [{"day_amount": yuan("350.00")}, {"day_count": 3}])
def test_many_at_once_never_pass_an_accounts_own_limit(world: World, own: dict[str, Any]) -> None:
    """One person, one account, many open forms."""
    account = world.account()
    terms(account, **own)
    card, fence = world.card(account), world.claimed(account)
    came = at_once(world, [_deed(account, card, "100.00", fence, world.maker) for _ in range(HANDS)])
    assert came["made"] == 3 and sum(came.values()) == HANDS and len(came) == 2
    assert counters(Scope.ACCOUNT) == [(yuan("300.00"), 3)]
    world.all_is_well()


def test_a_trial_uses_the_limits_that_accounts_have_now(world: World) -> None:
    account = world.account()
    for _ in range(3):
        world.withdrawal("100.00", account=account)
    assert queries.tried(BUILT_IN, BUILT_IN).after.refused == 0
    terms(account, day_amount=yuan("250.00"))
    found = queries.tried(Rulebook(account_day=Limit(count=1)), BUILT_IN)
    assert (found.before.by_rule, found.after.by_rule) == ({Rule.OWN_DAY: 1}, {Rule.ACCOUNT_DAY: 2})


def at_once(world: World, deeds: list[Callable[[], str]]) -> Counter[str]:
    """All of them at one moment, each in a thread of its own. How many went through and how many were refused."""
    start = Barrier(len(deeds))

    def one(deed: Callable[[], str]) -> str:
        with world.app.app_context():
            start.wait()
            try:
                deed()
                return "made"
            except Refused as problem:
                return str(problem.text)[:4]
            finally:
                db.session.remove()

    db.session.rollback()
    with ThreadPoolExecutor(len(deeds)) as pool:
        return Counter(pool.map(one, deeds))


def makers(world: World, amount: str) -> list[Callable[[], str]]:
    """One deed for each of several people, each at an account of their own, all to one card."""
    deeds = []
    for hand in range(HANDS):
        account, person = world.account(), world.person(f"hand-{hand}", Role.OPERATOR)
        card = world.card(account)
        channel_service.release(account, actor=world.maker)
        fence = world.claimed(account, by=person)
        deeds.append(_deed(account, card, amount, fence, person))
    return deeds


def _deed(account: str, card: str, amount: str, fence: int, person: Actor) -> Callable[[], str]:
    return lambda: service.create(
        account=account, card=card, amount=yuan(amount), memo="", fence=fence, form_key=str(uuid4()), actor=person
    )


@pytest.mark.parametrize(
    ("book", "made"),
    [
        (Rulebook(house_day=Limit(yuan("350.00"))), 3),
        (Rulebook(card_day=Limit(count=5)), 5),
        (Rulebook(duplicate_minutes=10), 1),
    ],
)
def test_many_hands_at_once_never_pass_a_limit(world: World, book: Rulebook, made: int) -> None:
    in_force(world, book)
    came = at_once(world, makers(world, "100.00"))
    assert came["made"] == made and sum(came.values()) == HANDS and len(came) == 2
    assert counters(Scope.HOUSE) == counters(Scope.CARD) == [(yuan(f"{made}00.00"), made)]
    world.all_is_well()


def test_many_hands_make_and_take_back_and_the_counters_are_right(world: World) -> None:
    """Makers of one account against deciders of the others: no deadlock, nothing counted twice."""
    in_force(world, Rulebook(house_day=Limit(yuan("5000.00"))))
    account = world.account()
    numbers = [world.withdrawal("10.00", account=account) for _ in range(HANDS)]
    takers: list[Callable[[], Any]] = [
        lambda number=number: service.reject(number, reason="不要", actor=world.checker) for number in numbers
    ]
    came = at_once(world, takers + makers(world, "20.00"))
    assert came == {"made": 2 * HANDS}
    assert counters(Scope.HOUSE) == [(yuan("160.00"), HANDS)]
    world.all_is_well()


# -- who may be paid, and when ------------------------------------------------------------------------------------------


@contextmanager
def limited_to(world: World, *codes: str) -> Iterator[None]:
    """At the screen sits the maker, who sees these channels alone."""
    with world.app.test_request_context():
        g.me = replace(world.maker, channels=frozenset(codes))
        yield


def test_a_card_that_lends_is_not_paid_until_somebody_vouches_for_it(world: World) -> None:
    account = world.account()
    card = world.card(account)
    with transaction():
        db.session.execute(update(Card).values(kind="credit"))
    refused(lambda: world.withdrawal("1.00", account=account, card=card), "信用卡")
    service.payee_lists.enlist(
        PayeeList.WHITE, card=BankCard.parse(CARD), reason="银行证实", until=None, actor=world.checker
    )
    world.withdrawal("1.00", account=account, card=card)


def test_a_black_list_stops_a_card_or_a_name_until_its_last_day_is_over(world: World) -> None:
    account = world.account()
    today = clock.business_day()
    enlist = service.payee_lists.enlist
    enlist(PayeeList.BLACK, name=" 张三 ", reason="冒名收款", until=today, actor=world.checker)
    refused(lambda: world.withdrawal("1.00", account=account), "黑名单中，不能付款。原因：冒名收款")
    world.ahead += timedelta(days=1)
    world.withdrawal("1.00", account=account)
    enlist(PayeeList.BLACK, card=BankCard.parse(CARD), reason="盗卡", until=None, actor=world.checker)
    refused(lambda: world.withdrawal("1.00", account=account), "原因：盗卡")
    (row,) = queries.payee_entries(PayeeList.BLACK, {}).rows
    service.payee_lists.unlist(row.id, reason="查清了", actor=world.checker)
    world.withdrawal("1.00", account=account)


def test_large_amounts_go_to_the_white_list_and_cards_money_to_its_source(world: World) -> None:
    account, funded = world.account(), world.account()
    in_force(world, Rulebook(white_from=yuan("100.00"), card_funded=(funded,)))
    refused(lambda: world.withdrawal("100.00", account=account), "白名单")
    refused(lambda: world.withdrawal("1.00", account=funded), "来源卡")
    card = BankCard.parse(CARD)
    for kind in (PayeeList.WHITE, PayeeList.SOURCE):
        service.payee_lists.enlist(kind, card=card, reason="核实", until=None, actor=world.checker)
    world.withdrawal("100.00", account=account)
    world.withdrawal("1.00", account=funded)


def test_outside_working_hours_nothing_is_made_or_two_check(world: World) -> None:
    account = world.account()
    tomorrow = clock.business_day() + timedelta(days=1)
    book = Rulebook(days=(tomorrow.isoweekday(),), none_below=yuan("5.00"))
    in_force(world, book)
    refused(lambda: world.withdrawal("1.00", account=account), "不能创建提现")
    in_force(world, Rulebook(days=book.days, none_below=book.none_below, outside=Outside.TWO))
    now = world.withdrawal("1.00", account=account)
    world.ahead += timedelta(days=1)
    later = world.withdrawal("1.00", account=account)
    assert [queries.checkers(queries.by_number(it)) for it in (now, later)] == [2, 0]


def test_a_duplicate_is_named_over_all_accounts_to_who_may_see_it(world: World) -> None:
    one, other = world.account("dolphin"), world.account("egret")
    in_force(world, Rulebook(duplicate_minutes=10))
    first = world.withdrawal("30.00", account=one)
    refused(lambda: world.withdrawal("30.00", account=other), f"同账号同金额的提现 {first}")
    with limited_to(world, "egret"), pytest.raises(Refused) as found:
        world.withdrawal("30.00", account=other)
    assert first not in str(found.value) and "看不到" in str(found.value)
    world.withdrawal("30.01", account=other)
    service.cancel(first, actor=world.maker)
    again = world.withdrawal("30.00", account=other)
    refused(lambda: world.withdrawal("30.00", account=one), again)
    world.ahead += timedelta(minutes=10)
    world.withdrawal("30.00", account=one)


# -- before anything is made --------------------------------------------------------------------------------------------


def test_a_preview_says_what_would_be_refused_and_counts_nothing(world: World) -> None:
    account = world.account()
    world.withdrawal("60.00", account=account)
    in_force(world, Rulebook(card_day=Limit(yuan("100.00")), duplicate_minutes=5))
    source, payee = channels.account(account), cards.card(world.card(account))
    before = counters(Scope.HOUSE)
    for amount, words in (("40.01", "还可收 ¥40.00"), ("60.00", "同账号同金额")):
        refused(lambda amount=amount: service.preview(source, payee, funds=Funds.COLLECTED, amount=yuan(amount)), words)  # type: ignore[misc]
    service.preview(source, payee, funds=Funds.COLLECTED, amount=yuan("40.00"))
    assert counters(Scope.HOUSE) == before
    with transaction():
        db.session.execute(delete(WithdrawalCounter))
        db.session.execute(update(Withdrawal).values(counted=False))
    service.preview(source, payee, funds=Funds.COLLECTED, amount=yuan("100.00"))
    assert counters(Scope.CARD) == [], "looking opens no counter"


# -- any story ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_made_and_unmade_the_counters_say_what_there_is(world: World, seed: int) -> None:
    chance = Random(seed)
    accounts = [world.account(), world.account()]
    payees = [(account, world.card(account, card)) for account in accounts for card in (CARD, SECOND_CARD)]
    book = Rulebook(card_day=Limit(yuan("200.00")), account_day=Limit(count=6), house_day=Limit(yuan("500.00")))
    in_force(world, book)
    waiting: list[str] = []
    made = 0
    for _ in range(40):
        deed = chance.choice(("make", "make", "make", "cancel", "reject", "night"))
        if deed == "night" and chance.random() < 0.3:
            world.ahead += timedelta(days=1)
        elif deed == "make":
            account, card = chance.choice(payees)
            try:
                waiting.append(world.withdrawal(f"{chance.randint(1, 90)}.00", account=account, card=card))
                made += 1
            except Refused:
                db.session.rollback()
        elif waiting:
            number = waiting.pop(chance.randrange(len(waiting)))
            if deed == "cancel":
                service.cancel(number, actor=world.maker)
            else:
                service.reject(number, reason="不要", actor=world.checker)
        assert queries.counter_problems() == []
        for scope in Scope:
            limit = book.day_limit(scope)
            assert all(limit.allows(amount, count) for amount, count in counters(scope))
    assert made > 5
    world.all_is_well()

"""Which account takes a withdrawal, on a real database: what each is judged by, within whose reach, in how many statements."""

from datetime import timedelta
from typing import Any

import pytest
from flask import g
from sqlalchemy import update

from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import queries as cards
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import CallTally, ChannelAccount
from app.channels.rules.health import Grade
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from app.tasks import service as tasks
from app.withdrawals import service
from app.withdrawals.queries import routing
from app.withdrawals.queries.routing import Option
from app.withdrawals.rules import Limit, PayeeList, Rulebook
from app.withdrawals.rules.routing import Bound, Fit
from app.withdrawals.rules.sheet import Totals
from tests.statements_heard import counted
from tests.withdrawals.test_admission import in_force
from tests.world import CARD, World

SECOND_CARD = "6217001210024455220"


def yuan(text: str) -> Money:
    return Money.parse(text)


@pytest.fixture
def three(world: World) -> list[str]:
    """Accounts of three channels at which the same card is bound; nobody holds any of them."""
    accounts = [world.account("dolphin"), world.account("egret", fee="1.50"), world.account("spruce", fee="3.00")]
    for account in accounts:
        world.card(account)
        channel_service.release(account, actor=world.maker)
    return accounts


def options(world: World, amount: str = "100.00", *, by: Actor | None = None) -> list[Option]:
    db.session.rollback()
    return routing.options(routing.target_of(cards.index_of(CARD)), yuan(amount), actor=by or world.maker)


def of(number: str, found: list[Option]) -> Option:
    return next(it for it in found if it.account.number == number)


def why(option: Option) -> list[str]:
    return [str(it) for it in option.judged.reasons]


def weigh(number: str, **values: Any) -> None:
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == number).values(**values))


def test_all_that_have_the_card_suit_and_the_lowest_fee_begins(world: World, three: list[str]) -> None:
    found = options(world)
    assert [it.account.number for it in found] == [three[1], three[0], three[2]]
    assert [it.judged.proposed for it in found] == [True, False, False]
    assert {it.judged.fit for it in found} == {Fit.SUITS}
    assert [it.its.fee for it in found] == [yuan("1.50"), yuan("2.00"), yuan("3.00")]
    assert found[0].its.available == yuan("10000.00")


def test_the_days_withdrawals_turn_it_to_the_next(world: World, three: list[str]) -> None:
    dolphin, egret, spruce = three
    weigh(dolphin, weight=200)
    world.withdrawal("50.00", account=egret)
    world.withdrawal("80.00", account=dolphin)
    found = options(world)
    assert [it.account.number for it in found] == [spruce, dolphin, egret]
    assert of(dolphin, found).its.sent == yuan("80.00")
    weigh(spruce, weight=0)
    found = options(world)
    assert [it.account.number for it in found] == [dolphin, egret, spruce] and found[0].judged.proposed


def test_what_is_refused_when_it_is_made_is_refused_here_in_the_same_words(world: World, three: list[str]) -> None:
    dolphin, egret, spruce = three
    in_force(world, Rulebook(account_day=Limit(yuan("1000.00")), card_funded=(egret,)))
    world.withdrawal("950.00", account=dolphin)
    weigh(spruce, single_limit=yuan("90.00"))
    found = options(world)
    assert why(of(dolphin, found)) == [
        "该渠道账号今天已提 ¥950.00，加上这笔 ¥100.00 超过提现规则的每日上限 ¥1,000.00，还可提 ¥50.00"
    ]
    assert of(dolphin, found).left == Limit(yuan("50.00"))
    assert why(of(egret, found)) == ["该渠道账号的资金来自银行卡，只能退回来源卡，而这张卡不在来源卡名单中"]
    assert why(of(spruce, found)) == ["金额 ¥100.00 超过单笔限额 ¥90.00"]
    assert not any(it.judged.proposed for it in found)
    service.payee_lists.enlist(
        PayeeList.SOURCE, card=BankCard.parse(CARD), reason="充值的卡", until=None, actor=world.checker
    )
    assert options(world)[0].account.number == egret


def test_an_accounts_own_day_turns_to_another(world: World, three: list[str]) -> None:
    dolphin, egret, _ = three
    in_force(world, Rulebook(account_day=Limit(yuan("1000.00"), 9)))
    weigh(egret, day_amount=yuan("500.00"), day_count=1)
    assert of(egret, options(world)).left == Limit(yuan("500.00"), 1)
    world.withdrawal("450.00", account=egret)
    found = options(world)
    assert why(of(egret, found)) == ["该渠道账号今天已提 1 笔，它自己的每日限额是 1 笔"]
    assert (of(egret, found).left, of(dolphin, found).left) == (Limit(yuan("50.00"), 0), Limit(yuan("1000.00"), 9))
    assert of(dolphin, found).judged.proposed


def test_money_that_is_not_there_is_told_with_the_fee(world: World, three: list[str]) -> None:
    world.withdrawal("4990.00", account=three[2])
    world.withdrawal("4990.00", account=three[2])
    assert why(of(three[2], options(world))) == ["连手续费要 ¥103.00，可用余额 ¥14.00，还差 ¥89.00"]


def test_a_payee_is_somebody_at_each_account(world: World, three: list[str]) -> None:
    elsewhere = world.account()
    reference = world.card(elsewhere, SECOND_CARD)
    found = options(world)
    assert of(elsewhere, found).its.bound == Bound.ABSENT
    assert of(elsewhere, found).card is None and of(three[0], found).card is not None
    other = routing.target(cards.card(reference))
    db.session.rollback()
    assert [it.its.bound for it in routing.options(other, yuan("1.00"), actor=world.maker)].count(Bound.BOUND) == 1
    nobody = routing.target_of(cards.index_of("6214830100799658"))
    assert (nobody.holder, nobody.reference) == ("", "")
    assert {it.its.bound for it in routing.options(nobody, yuan("1.00"), actor=world.maker)} == {Bound.ABSENT}
    with transaction():
        cards.held(reference).number_index = cards.index_of(CARD)
        cards.held(reference).holder = "张三丰"
    db.session.rollback()
    found = routing.options(routing.target(cards.card(world.card(three[0]))), yuan("1.00"), actor=world.maker)
    assert why(of(elsewhere, found))[0] == "这张卡在该渠道账号上绑定的是另一个户名"
    assert routing.target_of(cards.index_of(CARD)).holder == "张三丰", "the name under which it was bound last"


def test_who_is_black_is_paid_by_nobody(world: World, three: list[str]) -> None:
    service.payee_lists.enlist(PayeeList.BLACK, name="张三", reason="冒用", until=None, actor=world.checker)
    assert {why(it)[0] for it in options(world)} == {"收款人在黑名单中，不能付款。原因：冒用"}


def test_who_holds_it_may_use_it_and_nobody_else(world: World, three: list[str]) -> None:
    other = world.person("other", Role.OPERATOR)
    channel_service.claim(three[1], actor=other)
    found = options(world)
    assert why(of(three[1], found)) == ["由 other 领取，只有领取人可以办理"]
    assert found[0].account.number == three[0]
    theirs = of(three[1], options(world, by=other))
    assert theirs.mine and theirs.judged.proposed


def test_one_seat_at_the_third_party_is_one_persons(world: World, three: list[str]) -> None:
    beside = world.account("egret")
    other = world.person("other", Role.OPERATOR)
    channel_service.platforms.add(
        channel="egret",
        login_name="treasury",
        address="https://egret.example",
        password="quiet herons",
        accounts=[three[1], beside],
        note="",
        actor=world.checker,
    )
    channel_service.claim(beside, actor=other)
    name = channels.account(beside).name
    assert why(of(three[1], options(world))) == [f"第三方账号 treasury 正由 other 在“{name}”使用"]
    assert of(three[1], options(world, by=other)).judged.fit == Fit.SUITS


def test_what_is_handed_over_waits_for_its_signature(world: World, three: list[str]) -> None:
    other = world.person("other", Role.OPERATOR)
    fence = world.claimed(three[1])
    reference = tasks.hand_over(three[1], fence=fence, successor_id=other.operator_id, note="", actor=world.maker)
    third = world.person("third", Role.OPERATOR)
    assert why(of(three[1], options(world, by=third))) == ["等 other 接收"]
    assert of(three[1], options(world, by=other)).judged.fit == Fit.SUITS
    channel_service.claim(three[1], actor=other)
    assert why(of(three[1], options(world, by=other))) == [f"maker 的交接单“{reference}”还没有接收确认"]
    tasks.sign(reference, actor=other)
    assert of(three[1], options(world, by=other)).judged.fit == Fit.SUITS


def test_what_is_closed_waits_and_what_is_open_goes_first(world: World, three: list[str]) -> None:
    dolphin, egret, spruce = three
    local = clock.now().astimezone(clock.BUSINESS_ZONE)
    weigh(egret, open_days=str(local.isoweekday() % 7 + 1))
    now = clock.now()
    channel_service.maintaining.announce(
        "dolphin", begins_at=now, ends_at=now + timedelta(hours=1), note="升级", actor=world.checker
    )
    service.stops.pause(account=spruce, reason="对账", actor=world.checker)
    found = options(world)
    assert {it.judged.fit for it in found} == {Fit.WAITS} and not any(it.judged.proposed for it in found)
    assert "营业时间" in why(of(egret, found))[0] and "维护中" in why(of(dolphin, found))[0]
    assert why(of(spruce, found)) == ["已停发，恢复后自动发送：由人停发（checker：对账）"]
    service.stops.resume(account=spruce, actor=world.checker)
    assert options(world)[0].account.number == spruce
    service.stops.pause(reason="全部停发", actor=world.checker)
    assert len(why(of(egret, options(world)))) == 2, "both are told"


def test_a_channel_that_does_badly_is_proposed_less(world: World, three: list[str]) -> None:
    slot = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=clock.now().minute % 5)
    counts = {three[1]: (70, 0), three[0]: (94, 0)}
    with transaction():
        for number, (answered, _) in counts.items():
            db.session.add(
                CallTally(
                    slot=slot,
                    account_id=channels.account(number).id,
                    interface="query",
                    answered=answered,
                    refused=0,
                    unsent=0,
                    unknown=100 - answered,
                    took="{}",
                )
            )
    found = options(world)
    assert of(three[1], found).its.grade == Grade.BAD and not of(three[1], found).judged.proposed
    assert of(three[0], found).its.is_shaky and found[-1].account.number == three[1]


def test_another_is_named_where_the_accounts_own_answer_is_no(world: World, three: list[str]) -> None:
    card = cards.card(world.card(three[0]))
    db.session.rollback()
    assert routing.instead(three[0], card, yuan("100.00"), actor=world.maker) is None
    weigh(three[0], single_limit=yuan("1.00"))
    better = routing.instead(three[0], card, yuan("100.00"), actor=world.maker)
    assert better is not None and better.account.number == three[1]
    assert routing.instead(three[0], card, yuan("999999.00"), actor=world.maker) is None


def test_a_whole_sheet_is_sent_by_who_has_the_money_and_the_day(world: World, three: list[str]) -> None:
    def whole(amount: str, count: int) -> tuple[bool, list[str]]:
        db.session.rollback()
        left = ledger.balances_of([three[0]])[three[0]].available
        totals = Totals(count, yuan(amount), Money(200 * count))
        found = routing.whole(channels.account(three[0]), totals, left=left, actor=world.maker)
        return found.is_over, [it.number for it in found.others]

    assert whole("9990.00", 5) == (False, []), "this account sends it all"
    assert whole("9992.00", 5) == (False, [three[1]]), "with five fees only the cheapest has enough"
    world.withdrawal("100.00", account=three[1])
    weigh(three[0], enabled=False)
    assert whole("9000.00", 5) == (False, [])
    service.stops.pause(account=three[0], reason="对账", actor=world.checker)
    assert whole("9000.00", 5) == (False, [three[2], three[1]])
    in_force(world, Rulebook(account_day=Limit(count=5)))
    assert whole("9000.00", 5) == (False, [three[2]])
    assert whole("9000.00", 6) == (True, [])


# -- reach --------------------------------------------------------------------------------------------------------------


def test_nobody_is_shown_an_account_beyond_their_reach(world: World, three: list[str]) -> None:
    auth.create_operator(username="narrow", display_name="narrow", role=Role.OPERATOR, actor="test")
    boss = world.person("boss", Role.ADMINISTRATOR)
    auth.change("narrow", display_name="narrow", role=Role.OPERATOR, channels=("egret",), actor=boss)
    narrow = Actor(
        operator_id=99, username="narrow", display_name="narrow", role=Role.OPERATOR, session_id=99,
        channels=frozenset({"egret"}),
    )  # fmt: skip
    in_force(world, Rulebook(duplicate_minutes=30, card_day=Limit(yuan("150.00"))))
    world.withdrawal("100.00", account=three[0])
    with world.app.test_request_context():
        g.me = narrow
        target = routing.target_of(cards.index_of(CARD))
        (only,) = routing.options(target, yuan("100.00"), actor=narrow)
        assert only.account.number == three[1] and list(target.cards) == [only.account.id]
        assert why(only) == [
            "30 分钟内已有一笔同账号同金额的提现，在您看不到的渠道",
            "这笔会使这个账号今天的收款超过每日上限",
        ]
        assert [len(found) for found in cards.payees_named("张三").values()] == [1]
    assert [len(found) for found in cards.payees_named("张三").values()] == [3]


def test_a_payee_is_found_by_name_or_by_the_last_four(world: World, three: list[str]) -> None:
    index = cards.index_of(CARD)
    assert list(cards.payees_named(" 张三 ")) == list(cards.payees_named(CARD[-4:])) == [index]
    for nobody in ("张", "577", "%777", "", "\0", "6222"):
        assert cards.payees_named(nobody) == {}


# -- statements ---------------------------------------------------------------------------------------------------------


def test_twenty_accounts_take_as_many_statements_as_three(world: World, three: list[str]) -> None:
    in_force(world, Rulebook(duplicate_minutes=30, account_day=Limit(yuan("1000.00"))))
    card = cards.card(world.card(three[0]))

    def asked() -> list[str]:
        db.session.rollback()
        with counted() as statements:
            routing.options(routing.target(card), yuan("100.00"), actor=world.maker)
        return [it for it in statements if it.lstrip().upper().startswith("SELECT")]

    few = asked()
    for at in range(17):
        channel_service.open_account(
            channel="dolphin", name=f"n{at}", merchant_no=f"N{at}", single_limit=yuan("10.00"), fee_fixed=yuan("0"),
            fee_rate_ppm=0, actor="test",
        )  # fmt: skip
    many = asked()
    assert len(channels.accounts()) == 20
    assert len(many) == len(few) < 20, many

"""Four eyes: tiers, what was seen is what is approved, approvals that grow old, the way back; stops of sending (I-13)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.channels.models import ChannelAccount
from app.kernel.errors import Refused
from app.kernel.hours import Hours
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules, service
from app.withdrawals.models import Withdrawal, WithdrawalHold
from app.withdrawals.queries import radar
from app.withdrawals.rules import Facts, History
from tests.world import World

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)  # a Friday in Shanghai


def needs(number: str, checkers: int) -> None:
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(checkers=checkers))


@pytest.fixture
def second(world: World) -> Actor:
    return world.person("second", Role.FINANCE)


def test_a_large_one_needs_two_others(world: World, second: Actor) -> None:
    number = world.withdrawal("100.00")
    needs(number, 2)
    world.approve(number)
    assert world.state(number) == "review"
    with pytest.raises(Refused, match="已审批过"):
        world.approve(number)
    with pytest.raises(Refused, match="自己创建"):
        world.approve(number, by=world.maker)
    world.approve(number, by=second)
    assert world.until_state(number, "paid") == "paid"
    assert [it.name for it in queries.approvals(queries.by_number(number).id)] == ["checker", "second"]
    world.all_is_well()


def test_what_was_seen_is_what_is_approved(world: World) -> None:
    number = world.withdrawal("100.00")
    seen = queries.digest(queries.by_number(number))
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(holder="李四"))
    with pytest.raises(service.Changed):
        service.approve(number, seen=seen, actor=world.checker)
    assert world.state(number) == "review"


def test_an_approval_of_something_else_does_not_count_as_the_first(world: World, second: Actor) -> None:
    number = world.withdrawal("100.00")
    needs(number, 2)
    world.approve(number)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(bank="别的银行"))
    world.approve(number, by=second)
    assert world.state(number) == "review", "the first approval was of another bank"


def test_an_old_first_approval_does_not_count(world: World, second: Actor) -> None:
    number = world.withdrawal("100.00")
    needs(number, 2)
    world.approve(number)
    world.ahead += timedelta(hours=rules.APPROVAL_LASTS_H, minutes=1)
    world.approve(number, by=world.signed_in("second"))
    assert world.state(number) == "review"


def test_what_could_not_be_sent_for_a_day_is_looked_at_again(world: World) -> None:
    number = world.withdrawal("100.00")
    account = next(iter(world.terms))
    service.stops.pause(account=account, reason="渠道维护", actor=world.checker)
    world.approve(number)
    world.ahead += timedelta(hours=rules.APPROVAL_LASTS_H, minutes=1)
    service.stops.resume(account=account, actor=world.checker)
    world.until_state(number, "review")
    assert queries.approvals(queries.by_number(number).id) == []
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"


def test_nothing_leaves_a_stopped_account_and_everything_when_it_is_let_go(world: World) -> None:
    number, other = world.withdrawal("100.00"), world.withdrawal("50.00")
    account, second_account = world.terms
    service.stops.pause(account=account, reason="渠道维护", actor=world.checker)
    with pytest.raises(Refused, match="已经停发"):
        service.stops.pause(account=account, reason="再停一次", actor=world.checker)
    world.approve(number)
    world.approve(other)
    assert world.until_state(other, "paid") == "paid"
    assert world.state(number) == "queued" and world.paid_by_sandbox(account)["submits"] == 0
    service.stops.resume(account=account, actor=world.checker)
    assert world.until_state(number, "paid", hurry_s=0) == "paid"
    assert second_account != account
    world.all_is_well()


def test_the_maker_takes_it_back_until_it_was_sent(world: World) -> None:
    number = world.withdrawal("100.00")
    account = next(iter(world.terms))
    service.stops.pause(reason="全部停发", actor=world.checker)
    world.approve(number)
    world.until(lambda: True)
    service.cancel(number, actor=world.maker)
    assert world.state(number) == "cancelled"
    assert ledger.balances_of([account])[account].in_flight == Money(0)
    service.stops.resume(actor=world.checker)
    sent = world.withdrawal("10.17", account=account)
    world.approve(sent)
    world.until_state(sent, "pending")
    with pytest.raises(Refused):
        service.cancel(sent, actor=world.maker)
    world.until(lambda: world.paid_by_sandbox(account)["submits"] == 1)


def test_a_broken_approval_goes_back_to_review(world: World) -> None:
    number = world.withdrawal("100.00")
    world.approve(number)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(holder="李四"))
    world.until(lambda: queries.is_waiting(queries.by_number(number).id))
    service.send_back(number, reason="内容与审批时不同", actor=world.checker)
    assert world.state(number) == "review" and not queries.is_waiting(queries.by_number(number).id)


def test_a_limited_account_sends_no_faster_than_its_channel_bears(world: World) -> None:
    account = world.account()
    card = world.card(account)
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == account).values(send_per_s=2))
    numbers = [world.withdrawal("10.00", account=account, card=card) for _ in range(6)]
    for number in numbers:
        world.approve(number)
    world.until(lambda: {world.state(number) for number in numbers} == {"paid"}, hurry_s=0.2)
    sent = sorted(queries.by_number(number).sent_at for number in numbers)  # type: ignore[type-var]
    assert (sent[-1] - sent[0]).total_seconds() >= 1.4, "two at once, then one each half second"
    world.all_is_well()


# What whoever approves sees first


def facts(**known: object) -> Facts:
    told: dict[str, object] = {
        "amount": Money.parse("1000.00"),
        "made_at": NOON,
        "card_bound_at": NOON - timedelta(days=30),
        "history": History(paid=5, largest=Money.parse("900.00")),
        "tiers": [],
        "hours": Hours(),
    }
    return Facts(**(told | known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, []),
        ({"history": History(paid=0)}, ["第一次付给这个账号"]),
        ({"amount": Money.parse("2700.01")}, ["远高于"]),
        ({"amount": Money.parse("2700.00")}, []),
        ({"tiers": [Money.parse("1000.01")]}, ["略低"]),
        ({"tiers": [Money.parse("1000.00")]}, []),
        ({"tiers": [Money.parse("1060.00")]}, []),
        ({"made_at": NOON + timedelta(hours=8)}, ["非工作时间"]),
        ({"made_at": NOON + timedelta(days=1), "card_bound_at": None}, ["非工作时间"]),
        # What the rulebook says of days and hours is what is meant by working hours, whatever else it allows then.
        ({"made_at": NOON + timedelta(hours=8), "hours": Hours(closes=21 * 60)}, []),
        ({"made_at": NOON + timedelta(days=1), "hours": Hours(days=frozenset(range(1, 7)))}, []),
        ({"hours": Hours(days=frozenset({6, 7}))}, ["非工作时间"]),
        ({"hours": Hours(opens=13 * 60)}, ["非工作时间"]),
        ({"card_bound_at": NOON - timedelta(hours=23)}, ["24 小时"]),
    ],
)
def test_what_is_unusual(known: dict[str, object], words: list[str]) -> None:
    found = rules.oddities(facts(**known))
    assert len(found) == len(words)
    assert all(word in it.template for it, word in zip(found, words, strict=True))


def test_the_radar_sees_over_accounts(world: World) -> None:
    """Same card and amount, same name and amount, and whatever is open to the same card; what is dead is no echo."""
    first = world.withdrawal("100.00")
    one = next(iter(world.terms))
    elsewhere = world.account()
    same = world.withdrawal("100.00", account=elsewhere)
    open_one = world.withdrawal("7.00", account=one)
    other_card = world.card(one, "6228480402564890018")
    same_name = world.withdrawal("100.00", account=one, card=other_card)
    dead = world.withdrawal("100.00", account=one)
    service.reject(dead, reason="重复", actor=world.checker)
    found = queries.echoes(queries.by_number(first))
    assert [(it.number, it.why.template, it.alike) for it in found.listed] == [
        (same, "同账号同金额", True),
        (same_name, "同户名同金额", True),
        (open_one, "同账号，还没有办完", False),
    ]
    assert (found.alike, found.others, found.more) == (2, 1, 0)


def test_the_radar_loses_no_true_duplicate_behind_what_is_merely_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest, paid, is the one that counts; what is not listed is counted."""
    monkeypatch.setattr(radar, "MOST", 3)
    account = world.account()
    paid = world.withdrawal("100.00", account=account)
    world.approve(paid)
    world.until_state(paid, "paid")
    for amount in ("1.00", "2.00", "3.00", "4.00"):
        world.withdrawal(amount, account=account)
    found = queries.echoes(queries.by_number(world.withdrawal("100.00", account=account)))
    assert (found.listed[0].number, found.listed[0].alike) == (paid, True)
    assert (found.alike, found.others, found.more, len(found.listed)) == (1, 4, 2, 3)


def test_the_radar_sees_what_counts_as_failed_while_that_is_in_doubt(world: World) -> None:
    account = world.account()
    failed = world.withdrawal("100.00", account=account)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == failed).values(state="failed"))
    again = queries.by_number(world.withdrawal("100.00", account=account))
    assert not queries.echoes(again).listed
    with transaction():
        mine = queries.by_number(failed).id
        db.session.add(WithdrawalHold(withdrawal_id=mine, reason="contradiction", detail="渠道说已付"))
    (echo,) = queries.echoes(again).listed
    assert (echo.number, echo.alike, echo.contradicted) == (failed, True, True)

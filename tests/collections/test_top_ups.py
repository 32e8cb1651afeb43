"""充值入账: what came in where no channel says so, entered by one person and let into the book by another."""

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import update

from app import examine
from app.auth.permissions import Role
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import DailyFigures
from app.collections import queries, service
from app.collections.models import TopUp
from app.collections.rules import Standing
from app.collections.states import Kind, State
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from tests.channels.test_unionpay import UnionpayThem
from tests.payees import Alipay, at_alipay
from tests.world import World


def yuan(text: str) -> Money:
    return Money.parse(text)


# Rules


@pytest.mark.parametrize(
    ("reported", "available", "in_flight", "gap"),
    [
        ("100.00", "100.00", "0.00", 0),
        ("150.00", "100.00", "0.00", 50_00),
        ("70.00", "100.00", "0.00", -30_00),
        ("100.00", "100.00", "20.00", 0),
        ("120.00", "100.00", "20.00", 0),
        ("150.00", "100.00", "20.00", 30_00),
        ("90.00", "100.00", "20.00", -10_00),
    ],
)
def test_what_is_on_its_way_explains_a_difference(reported: str, available: str, in_flight: str, gap: int) -> None:
    standing = Standing(reported=yuan(reported), available=yuan(available), out=yuan(in_flight))
    assert standing.gap.minor == gap


# A channel that tells nothing


@pytest.fixture
def silent(world: World) -> str:
    """An account whose channel tells no balance."""
    channel_service.open_channel(code="unionpay", name="银联", adapter="unionpay", actor="test")
    return channel_service.open_account(
        channel="unionpay",
        name="代付",
        settings=UnionpayThem().settings,
        single_limit=yuan("5000.00"),
        fee_fixed=ZERO,
        fee_rate_ppm=0,
        actor="test",
    )


def entered(world: World, account: str, amount: str = "1000.00", **wish: object) -> str:
    given = {"kind": Kind.OPENING, "arrived_on": clock.business_day(), "evidence": "渠道后台余额截图", "form_key": ""}
    given |= wish
    given["form_key"] = given["form_key"] or str(uuid4())
    return service.enter(account=account, amount=yuan(amount), actor=world.checker, **given)  # type: ignore[arg-type]


def available(account: str) -> Money:
    db.session.rollback()
    return ledger.balances_of([account])[account].available


def test_an_opening_is_in_the_book_when_another_person_has_looked(world: World, silent: str) -> None:
    number = entered(world, silent)
    assert available(silent) == ZERO and queries.top_up(number).state == State.WAITING
    with pytest.raises(Refused, match="另一人"):
        service.approve(number, actor=world.checker)
    finance = world.person("finance", Role.FINANCE)
    service.approve(number, actor=finance)
    assert available(silent) == yuan("1000.00") and queries.top_up(number).state == State.BOOKED
    assert [row.note for row in ledger.entries(number)] == [""]
    with pytest.raises(Refused, match="已入账"):
        service.approve(number, actor=finance)
    with pytest.raises(Refused, match="已经记过期初"):
        entered(world, silent)
    later = entered(world, silent, "0.50", kind=Kind.TOP_UP)
    service.approve(later, actor=finance)
    assert available(silent) == yuan("1000.50")
    assert examine() == []


def test_what_was_rejected_or_taken_back_is_in_no_book(world: World, silent: str) -> None:
    finance = world.person("finance", Role.FINANCE)
    rejected = entered(world, silent)
    with pytest.raises(Refused, match="另一人"):
        service.reject(rejected, reason="金额不对", actor=world.checker)
    service.reject(rejected, reason="金额不对", actor=finance)
    taken_back = entered(world, silent)
    with pytest.raises(Refused, match="只有记入的人"):
        service.withdraw(taken_back, actor=finance)
    service.withdraw(taken_back, actor=world.checker)
    for number in (rejected, taken_back):
        with pytest.raises(Refused):
            service.approve(number, actor=finance)
    assert available(silent) == ZERO and examine() == []


def test_the_same_form_is_one_top_up(world: World, silent: str) -> None:
    key = str(uuid4())
    number = entered(world, silent, form_key=key)
    assert entered(world, silent, form_key=key) == number
    with pytest.raises(Refused, match="已经提交过"):
        entered(world, silent, "2000.00", form_key=key)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"arrived_on": date(2999, 1, 1)}, "不能晚于今天"),
        ({"arrived_on": date(2020, 1, 1)}, "一年前"),
        ({"evidence": "卡 6222021001116245702 转入"}, "不能写银行卡号"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(world: World, silent: str, wish: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        entered(world, silent, **wish)


def test_the_examiner_sees_a_top_up_that_is_not_what_the_book_has(world: World, silent: str) -> None:
    number = entered(world, silent)
    with transaction():
        db.session.execute(update(TopUp).where(TopUp.number == number).values(state=State.BOOKED))
    assert [number in problem for problem in examine()] == [True]


def test_a_channel_that_tells_its_totals_is_not_entered_for(world: World) -> None:
    with pytest.raises(Refused, match="自动入账"):
        entered(world, world.account())


# A channel that tells its balance alone


@pytest.fixture
def alipay(world: World) -> Iterator[Alipay]:
    with at_alipay(world) as alipay:
        yield alipay


def pulled(alipay: Alipay, balance: str) -> Standing:
    alipay.bank.balance = balance
    channel_service.pull_figures(alipay.number)
    for line in Line:
        jobs.drain(line)
    db.session.rollback()
    return queries.standing(queries.Purse(channels.account(alipay.number), Funds.COLLECTED))


def test_what_came_in_later_is_shown_and_entered_up_to_that(alipay: Alipay) -> None:
    world, finance = alipay.world, alipay.world.person("finance", Role.FINANCE)
    assert pulled(alipay, "500.00").gap == ZERO
    assert pulled(alipay, "800.00").gap == yuan("300.00"), "nobody guesses: it is shown, and people say what it is"
    assert available(alipay.number) == yuan("500.00")
    with pytest.raises(Refused, match=r"最多可以记入 ¥300\.00"):
        entered(world, alipay.number, "300.01", kind=Kind.TOP_UP)
    with pytest.raises(Refused, match="期初已按渠道的首次余额"):
        entered(world, alipay.number, "300.00")
    first, second = (entered(world, alipay.number, "200.00", kind=Kind.TOP_UP) for _ in range(2))
    assert [it.number for it in queries.echoes(queries.top_up(first))] == [second]
    service.approve(first, actor=finance)
    with pytest.raises(Refused, match=r"最多可以记入 ¥100\.00"):
        service.approve(second, actor=finance)
    assert available(alipay.number) == yuan("700.00") and queries.top_up(second).state == State.WAITING
    assert examine() == []


def test_a_balance_that_was_never_told_is_asked_for_first(world: World) -> None:
    with at_alipay(world, "0.00") as alipay:
        with transaction():
            db.session.execute(DailyFigures.__table__.delete())  # type: ignore[attr-defined]
        with pytest.raises(Refused, match="还没有取得"):
            entered(world, alipay.number, kind=Kind.TOP_UP)


def test_a_channel_that_learns_to_tell_its_balance_books_no_opening_twice(world: World, silent: str) -> None:
    service.approve(entered(world, silent), actor=world.person("finance", Role.FINANCE))
    with transaction():
        db.session.add(
            DailyFigures(
                account_id=channels.account(silent).id, business_day=clock.business_day(), total=ZERO, yesterday=ZERO,
                today=ZERO, settled=ZERO, settleable=yuan("1000.00"), pulled_at=clock.now(),
            )
        )  # fmt: skip
    service.book_collected(silent)
    assert available(silent) == yuan("1000.00")

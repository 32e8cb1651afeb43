"""异常提示 on many at once: the approver of a sheet or a selection reads what the page of each one alone would say."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.auth.permissions import Role
from app.cards.models import Card
from app.kernel import clock
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries import selections, unusual
from app.withdrawals.queries.unusual import Unusual
from app.withdrawals.rules.rulebook import Outside, Rulebook
from app.withdrawals.service import selecting
from tests.statements_heard import counted
from tests.withdrawals import sheets
from tests.withdrawals.sheets import row
from tests.withdrawals.test_admission import in_force
from tests.withdrawals.test_list_pages import Person
from tests.world import World

OTHER_CARD = "6228480402564890018"


@pytest.fixture
def account(world: World) -> str:
    """Its card was bound long ago, and got 90 before."""
    made = sheets.account(world)
    paid = world.withdrawal("90.00", account=made)
    world.approve(paid)
    world.until_state(paid, "paid")
    with transaction():
        db.session.execute(update(Card).values(made_at=clock.now() - timedelta(days=30)))
    return made


def made(world: World, account: str, *amounts: str, card: str = "") -> list[str]:
    """At noon of a working day, so that the hour is no oddity."""
    numbers = [world.withdrawal(amount, account=account, card=card) for amount in amounts]
    at = queries.by_number(numbers[0]).made_at
    noon = at.replace(hour=4, minute=0) - timedelta(days=max(0, at.weekday() - 4))
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number.in_(numbers)).values(made_at=noon))
    return numbers


def picked(world: World, numbers: list[str]) -> tuple[str, int]:
    """A selection's reference and its id."""
    reference = selecting.pick(numbers, {}, account_id=None, everything="", actor=world.checker).reference
    return reference, selections.selection(reference, world.checker).id


def said(found: Unusual, number: str) -> list[str]:
    return [str(text) for text in found.about(queries.by_number(number).id)]


def test_each_of_many_says_what_it_would_say_alone(world: World, account: str) -> None:
    plain, large = made(world, account, "50.00", "300.00")
    (first,) = made(world, account, "70.00", card=world.card(account, OTHER_CARD))
    found = unusual.of_selection(picked(world, [plain, large, first])[1])
    assert said(found, plain) == []
    assert said(found, large) == ["远高于这个账号以往的金额：此前 1 笔，最大 ¥90.00"]
    assert [text[:7] for text in said(found, first)] == ["第一次付给这个", "收款人是在创建"]
    for number in (plain, large, first):
        alone = queries.oddities(queries.by_number(number))
        assert [str(text) for text in alone] == said(found, number)


def test_working_hours_are_those_of_the_rulebook(world: World, account: str) -> None:
    (number,) = made(world, account, "50.00")
    of_many = picked(world, [number])[1]
    checker = Person(world, "checker")
    for opens, odd in ((None, False), (13, True), (12, False)):
        if opens:
            hours = Rulebook(opens=opens * 60, outside=Outside.TWO)
            in_force(world, hours)
        for found in (queries.oddities(queries.by_number(number)), unusual.of_selection(of_many).oddities.values()):
            assert ("在非工作时间创建" in str(found)) is odd
        assert ("在非工作时间创建" in checker.reads(f"/withdrawals/{number}")) is odd


def test_what_may_be_a_payment_twice_is_counted_as_the_radar_counts_it(world: World, account: str) -> None:
    """Among each other, against what is paid, by name on another card; not what was rejected, nor another amount."""
    twice = made(world, account, "50.00", "50.00")
    (paid_before,) = made(world, account, "90.00")
    (by_name,) = made(world, account, "50.00", card=world.card(account, OTHER_CARD))
    lone, dead = made(world, account, "60.00", "60.00")
    service.reject(dead, reason="重复", actor=world.checker)
    found = unusual.of_selection(picked(world, [*twice, paid_before, by_name, lone])[1])
    for number in (*twice, paid_before, by_name, lone):
        echoes = queries.echoes(queries.by_number(number))
        alike = [str(text) for text in found.alike.get(queries.by_number(number).id, ())]
        both = sum(it.alike and it.why == "同账号同金额" for it in echoes.listed)
        names = echoes.alike - both
        assert alike == [
            *([f"可能重复：另有 {both} 笔同账号同金额"] if both else []),
            *([f"可能重复：另有 {names} 笔同户名同金额"] if names else []),
        ]
    assert [len(found.alike.get(queries.by_number(number).id, ())) for number in (twice[0], lone)] == [2, 0]


def test_however_many_they_are_it_takes_the_same_questions(world: World, account: str) -> None:
    numbers = made(world, account, "10.00", "20.00", "20.00", "30.00", "40.00")
    asked = []
    for some in (numbers[:1], numbers):
        _reference, selection_id = picked(world, some)
        with counted() as heard:
            unusual.of_selection(selection_id)
        asked.append(len(heard))
    assert asked[0] == asked[1]


def test_the_page_of_many_counts_marks_and_filters_them(world: World, account: str) -> None:
    plain, large, *twice = made(world, account, "50.00", "300.00", "20.00", "20.00")
    reference, _id = picked(world, [plain, large, *twice])
    checker, here = Person(world, "checker"), f"/withdrawals/selections/{reference}"
    page = checker.reads(here)
    assert page.index("1 笔有不寻常之处，2 笔可能重复") < page.index("全部通过并发送")
    assert page.count("可能重复：另有 1 笔同账号同金额") == 2 and page.count("远高于这个账号以往的金额") == 1
    odd, alike = checker.reads(f"{here}?only=odd"), checker.reads(f"{here}?only=alike")
    assert (large in odd, plain in odd, twice[0] in odd) == (True, False, False)
    assert (large in alike, plain in alike, twice[0] in alike) == (False, False, True)
    selecting.decide(reference, "reject", why="再看", actor=world.checker)
    assert "不寻常之处" not in checker.reads(here), "what is decided is not judged any more"


def test_where_nothing_is_unusual_the_page_says_so(world: World, account: str) -> None:
    reference, _id = picked(world, made(world, account, "50.00"))
    assert "没有发现不寻常之处，也没有可能重复的" in Person(world, "checker").reads(
        f"/withdrawals/selections/{reference}"
    )


def test_the_approver_of_a_sheet_reads_it_and_its_maker_does_not(world: World, account: str) -> None:
    reference = sheets.finished(world, account, [row("20.00"), row("20.00"), row("300.00")])
    here = f"/withdrawal-sheets/{reference}"
    checker = Person(world, "checker")
    page = checker.reads(here)
    assert page.index("2 笔可能重复") < page.index("整批通过")
    assert page.count("可能重复：另有 1 笔同账号同金额") == 2 and page.count("远高于这个账号以往的金额") == 1
    alike = checker.reads(f"{here}?state=alike")
    assert 'id="row-2"' in alike and 'id="row-4"' not in alike
    assert "可能重复" not in Person(world, "maker").reads(here)


def test_of_which_an_approval_is_the_first_of_two_is_said(world: World, account: str) -> None:
    numbers = made(world, account, "10.00", "20.00", "30.00")
    with transaction():
        two = update(Withdrawal).where(Withdrawal.number.in_(numbers[:2])).values(checkers=2)
        db.session.execute(two)
    world.approve(numbers[0])
    world.person("second", Role.FINANCE)
    second = Person(world, "second")
    page = second.reads(second.does("/withdrawals/selections", number=numbers))
    assert page.count("其中 1 笔还需另一人审批") == 2, "above the button and in its dialog"

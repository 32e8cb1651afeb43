"""What stands where a holder would stand: who sits on the seat, who is to sign; and nothing to press that would be refused."""

import re

import pytest

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.channels import queries, service, vacancy
from app.kernel.errors import Refused
from app.runtime.db import db
from app.tasks import service as tasks
from tests.cards.test_pages import enters
from tests.channels.test_platforms import place_of
from tests.statements_heard import counted
from tests.world import World


@pytest.fixture
def two(world: World) -> tuple[str, str]:
    """Two accounts of one place."""
    accounts = (world.account(), world.account())
    place_of(world, *accounts)
    return accounts


def of(account: str, reader: Actor) -> vacancy.Vacancy | None:
    db.session.rollback()
    return vacancy.one(queries.account(account).id, reader)


def told(account: str, reader: Actor) -> tuple[str, bool] | None:
    found = of(account, reader)
    return None if found is None else (str(found.said), found.bars)


def refused(account: str, reader: Actor) -> bool:
    """What the claim itself says to them."""
    try:
        service.claim(account, actor=reader)
    except Refused:
        return True
    service.release(account, actor=reader)
    return False


def given(world: World, account: str, to: Actor | None) -> None:
    successor_id = to.operator_id if to else None
    tasks.hand_over(account, fence=world.claimed(account), successor_id=successor_id, note="", actor=world.maker)


def test_nothing_is_said_of_what_is_free(world: World, two: tuple[str, str]) -> None:
    assert told(two[0], world.maker) is None


def test_a_seat_that_is_taken_bars_everybody_but_who_sits_there(world: World, two: tuple[str, str]) -> None:
    world.claimed(two[0])
    said = f"第三方账号 ops@haitun 正由 maker 在“{queries.account(two[0]).name}”使用"
    assert told(two[1], world.checker) == (said, True) and refused(two[1], world.checker)
    assert told(two[1], world.maker) is None and not refused(two[1], world.maker)
    service.release(two[0], actor=world.maker)
    assert told(two[1], world.checker) is None and not refused(two[1], world.checker)


def test_the_login_name_is_for_those_who_may_see_it(world: World, two: tuple[str, str]) -> None:
    world.claimed(two[0])
    found = told(two[1], world.person("cfo", Role.FINANCE))
    assert found and found[0].startswith("同一个第三方账号正由 maker 在") and "ops@haitun" not in found[0]


def test_what_is_given_to_somebody_bars_others(world: World) -> None:
    account, heir = world.account(), world.person("heir", Role.OPERATOR)
    given(world, account, heir)
    assert told(account, world.checker) == ("等 heir 接收", True) and refused(account, world.checker)
    assert told(account, heir) == ("等您接收", False) and not refused(account, heir)
    assert told(account, world.maker) == ("等 heir 接收", False) and not refused(account, world.maker)


def test_what_is_given_to_whoever_comes_bars_nobody(world: World) -> None:
    account = world.account()
    given(world, account, None)
    assert told(account, world.checker) == ("等下一位领取的人接收", False) and not refused(account, world.checker)


def test_whoever_is_to_sign_is_barred_by_who_sits_there(world: World, two: tuple[str, str]) -> None:
    heir = world.person("heir", Role.OPERATOR)
    given(world, two[0], heir)
    world.claimed(two[1], by=world.checker)
    found = of(two[0], heir)
    assert found and found.bars and "正由 checker" in found.said and refused(two[0], heir)
    assert told(two[0], world.person("third", Role.OPERATOR)) == ("等 heir 接收", True)


def test_twelve_accounts_are_asked_about_as_often_as_one(world: World) -> None:
    accounts = [world.account() for _ in range(12)]
    place_of(world, *accounts)
    world.claimed(accounts[0])
    ids = [queries.account(account).id for account in accounts]
    with counted() as statements:
        found = vacancy.of(ids, world.checker)
    assert len(found) == 11 and len(statements) == 2, statements


# -- pages --------------------------------------------------------------------------------------------------------------


def claims_of(page: str, account: str) -> list[str]:
    """The buttons that claim this account."""
    forms = re.findall(rf'<form[^>]*action="/channels/{account}/claim[^"]*".*?</form>', page, re.S)
    return [button for form in forms for button in re.findall(r"<button[^>]*>", form)]


def test_where_a_holder_stands_it_says_who_sits_there(world: World, two: tuple[str, str]) -> None:
    checker = enters(world, "checker")
    world.claimed(two[0])
    for path in ("/", f"/channels/{two[1]}"):
        page = checker.get(path).text
        (button,) = claims_of(page, two[1])
        assert " disabled" in button and "正由 maker 在" in button, path
        assert re.search(r'class="holder is-promised">第三方账号 ops@haitun 正由 maker', page), path
    assert "第三方账号 ops@haitun 正由 maker" in checker.get("/channels/").text
    assert f"about-{two[0]} from:body" in checker.get(f"/channels/{two[1]}").text, "it hears when the seat is free"
    service.release(two[0], actor=world.maker)
    for path in ("/", f"/channels/{two[1]}"):
        page = checker.get(path).text
        (button,) = claims_of(page, two[1])
        assert " disabled" not in button and "is-promised" not in page, path


def test_where_a_holder_stands_it_says_who_is_to_sign(world: World) -> None:
    account, heir = world.account(), world.person("heir", Role.OPERATOR)
    given(world, account, heir)
    checker, successor = enters(world, "checker"), enters(world, "heir")
    for path in ("/", f"/channels/{account}"):
        (button,) = claims_of(checker.get(path).text, account)
        assert " disabled" in button and "等 heir 接收" in button, path
        page = successor.get(path).text
        (button,) = claims_of(page, account)
        assert " disabled" not in button and "等您接收" in page, path
    assert "等 heir 接收" in checker.get("/channels/").text


@pytest.mark.parametrize("path", ["/withdrawals/new", "/cards/new", "/handovers/new"])
def test_no_form_offers_to_claim_what_would_be_refused(world: World, two: tuple[str, str], path: str) -> None:
    world.claimed(two[0])
    page = enters(world, "checker").get(path, query_string={"account": two[1]}).text
    assert "现在不能领取：第三方账号 ops@haitun 正由 maker" in page and not claims_of(page, two[1])

"""第三方平台账号: written and never shown but to whoever sits there; one seat, whatever comes at the same moment."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.auth import service as auth
from app.auth.identity import Actor, acting_for
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.auth.rules import PROOF_S
from app.channels import platforms, queries, rules, service
from app.channels.models import PlatformAccount, PlatformLink
from app.channels.service.platforms import REVEALS
from app.kernel.errors import NotThere, Refused, Text
from app.runtime.db import db, transaction
from tests.auth.conftest import Browser
from tests.cards.test_pages import csrf, enters
from tests.channels.test_claims import at_once, holder
from tests.world import PASSWORD, World

SECRET = "Sea-horse-88"


def place_of(world: World, *accounts: str, login: str = "ops@haitun", channel: str = "dolphin") -> str:
    return service.platforms.add(
        channel=channel,
        login_name=login,
        address="https://merchant.example/login",
        password=SECRET,
        accounts=accounts,
        note="",
        actor=world.checker,
    )


def nothing_open(_accounts: object) -> None:
    return None


def actions(subject: str) -> list[str]:
    db.session.rollback()
    found = select(AuditRecord.action).where(AuditRecord.subject == subject).order_by(AuditRecord.seq)
    return list(db.session.scalars(found))


def test_of_two_who_come_at_once_to_two_accounts_of_one_place_one_sits_there(world: World) -> None:
    first, second = world.account(), world.account()
    place_of(world, first, second)
    other = world.person("other", Role.OPERATOR)
    people = {first: world.maker, second: other}
    for _ in range(10):
        answers = at_once(
            world.app, *(lambda it=account, by=by: service.claim(it, actor=by) for account, by in people.items())
        )
        (won,) = [account for account, answer in zip(people, answers, strict=True) if answer is None]
        (lost,) = [answer for answer in answers if answer is not None]
        assert isinstance(lost, Refused) and people[won].display_name in str(lost) and "ops@haitun" in str(lost), lost
        assert holder(won).operator_id == people[won].operator_id
        assert queries.problems() == []
        service.release(won, actor=people[won])


def test_two_people_at_one_place_are_seen(world: World) -> None:
    first, second = world.account(), world.account()
    world.claimed(first), world.claimed(second, by=world.checker)
    place = platforms.platform(place_of(world, first))
    with transaction():  # as no command does it
        db.session.add(PlatformLink(account_id=queries.account(second).id, platform_id=place.id))
    assert queries.problems() == [f"at platform account {place.id} sit two people"]


def test_one_person_may_hold_all_accounts_of_a_place_and_makes_room_by_leaving(world: World) -> None:
    first, second, apart = world.account(), world.account(), world.account()
    place_of(world, first, second)
    other = world.person("other", Role.OPERATOR)
    world.claimed(first), world.claimed(second)
    world.claimed(apart, by=other)
    service.release(first, actor=world.maker)
    with pytest.raises(Refused, match="maker"):
        service.claim(first, actor=other)
    service.release(second, actor=world.maker)
    service.claim(first, actor=other)


def test_a_lapsed_claim_leaves_the_seat(world: World) -> None:
    first, second = world.account(), world.account()
    place_of(world, first, second)
    world.claimed(first)
    world.ahead += timedelta(seconds=rules.LEASE_S + 1)
    service.claim(second, actor=world.person("other", Role.OPERATOR))


def test_whoever_is_put_out_by_the_third_party_frees_all_that_hangs_on_the_seat(world: World) -> None:
    first, second = world.account(), world.account()
    place_of(world, first, second)
    before = world.claimed(first)
    world.claimed(second)
    service.kicked_out(first, actor=world.maker)
    for account in (first, second):
        (claim,) = queries.claims_of(queries.account(account).id)
        assert (claim.ending, claim.ended_by) == ("kicked", "maker")
        assert actions(account)[-1] == "claim.kicked"
    assert world.claimed(first, by=world.checker) > before
    with pytest.raises(Refused, match="没有领取"):
        service.kicked_out(first, actor=world.maker)


def test_the_password_is_for_whoever_sits_there_and_is_written_down(world: World) -> None:
    account = world.account()
    reference = place_of(world, account)
    assert SECRET not in str(vars(platforms.platform(reference)))
    with pytest.raises(Refused, match="领取了其渠道账号"):
        service.platforms.reveal(reference, reason="核对", actor=world.checker)
    world.claimed(account)
    assert service.platforms.reveal(reference, reason="登录核对", actor=world.maker) == SECRET
    elsewhere = world.maker
    world.maker = world.signed_in("maker")
    with pytest.raises(Refused, match="领取了其渠道账号"):
        service.platforms.reveal(reference, reason="核对", actor=elsewhere)
    assert actions(reference) == ["platform.add", "platform.reveal"]
    lines = platforms.history(reference)
    assert [(str(line.who), line.why) for line in lines] == [("maker", "登录核对"), ("checker", "")]


def test_passwords_are_looked_at_so_often_and_no_more(world: World) -> None:
    account = world.account()
    reference = place_of(world, account)
    world.claimed(account)
    for _ in range(REVEALS.times):
        service.platforms.reveal(reference, reason="核对", actor=world.maker)
    with pytest.raises(Refused, match="次数太多"):
        service.platforms.reveal(reference, reason="核对", actor=world.maker)


def test_a_new_password_takes_the_place_of_the_old(world: World) -> None:
    account = world.account()
    reference = place_of(world, account)
    made = service.platforms.new_password()
    service.platforms.reset_password(reference, password=made, reason="到期更换", actor=world.checker)
    world.claimed(account)
    assert service.platforms.reveal(reference, reason="核对", actor=world.maker) == made != SECRET


def test_an_account_is_looked_after_at_one_place_of_its_own_channel(world: World) -> None:
    account, foreign = world.account(), world.account("egret")
    place_of(world, account)
    with pytest.raises(Refused, match="已关联到平台账号“ops@haitun”"):
        place_of(world, account, login="second")
    with pytest.raises(Refused, match="同一渠道"):
        place_of(world, foreign, login="second")
    with pytest.raises(Refused, match="已有登录名"):
        place_of(world)
    second = place_of(world, login="second")
    kept = {"login_name": "second", "address": "https://b.example", "note": ""}
    service.platforms.change(second, **kept, accounts=[], actor=world.checker)
    with pytest.raises(Refused, match="已有登录名"):
        service.platforms.change(second, **kept | {"login_name": "ops@haitun"}, accounts=[], actor=world.checker)


def test_accounts_in_two_hands_are_not_put_at_one_place(world: World) -> None:
    first, second = world.account(), world.account()
    world.claimed(first), world.claimed(second, by=world.checker)
    with pytest.raises(Refused, match="不同的人"):
        place_of(world, first, second)


def test_what_is_removed_has_no_password_and_no_links_but_a_history(world: World) -> None:
    account = world.account()
    reference = place_of(world, account)
    world.claimed(account)
    with pytest.raises(Refused, match="maker"):
        service.platforms.remove(reference, why="停用", above=nothing_open, actor=world.checker)
    service.release(account, actor=world.maker)
    with pytest.raises(Refused, match="还有活"):
        service.platforms.remove(reference, why="停用", above=lambda _accounts: Text("还有活"), actor=world.checker)
    service.platforms.remove(reference, why="停用", above=nothing_open, actor=world.checker)
    place = platforms.platform(reference)
    assert (
        place.removed_at and place.password_sealed == "" and platforms.of_account(queries.account(account).id) is None
    )
    assert actions(reference) == ["platform.add", "platform.remove"]
    for deed in (
        lambda: service.platforms.reset_password(reference, password=SECRET, reason="再用", actor=world.checker),
        lambda: service.platforms.reveal(reference, reason="核对", actor=world.maker),
    ):
        with pytest.raises(Refused, match="已删除"):
            deed()
    place_of(world, account)  # its name is free again


def test_a_place_of_a_foreign_channel_does_not_exist(world: World) -> None:
    reference = place_of(world, world.account())
    with acting_for(replace(world.checker, channels=frozenset({"egret"}))):
        with pytest.raises(NotThere):
            platforms.platform(reference)
        assert platforms.page({}).rows == []
    assert platforms.page({}).rows


# -- pages


@pytest.fixture
def reference(world: World) -> str:
    return place_of(world, world.account())


def test_a_password_stands_on_no_page_but_the_answer_to_its_holder(world: World, reference: str) -> None:
    account = next(iter(world.terms))
    maker = enters(world, "maker")
    assert isinstance(maker, Browser)
    world.maker = _at(maker)
    world.claimed(account)
    sent = {"csrf_token": csrf(maker), "reason": "登录核对"}
    assert SECRET not in maker.get(f"/platform-accounts/{reference}").text
    assert maker.post(f"/platform-accounts/{reference}/reveal", data=sent | {"reason": ""}).status_code == 422
    shown = maker.post(f"/platform-accounts/{reference}/reveal", data=sent)
    assert shown.status_code == 200 and SECRET in shown.text and 'data-gone-after="60"' in shown.text
    assert "no-store" in shown.headers["Cache-Control"]
    checker = enters(world, "checker")
    refused = checker.post(
        f"/platform-accounts/{reference}/reveal", data={"csrf_token": csrf(checker), "reason": "看看"}
    )
    assert refused.status_code == 409 and SECRET not in refused.text
    for path in ("", "/edit", "/reset-password"):
        assert SECRET not in checker.get(f"/platform-accounts/{reference}{path}").text


def test_a_new_one_is_typed_twice_or_made_up_and_told_once(world: World, reference: str) -> None:
    checker = enters(world, "checker")
    path, sent = f"/platform-accounts/{reference}/reset-password", {"csrf_token": csrf(checker), "reason": "到期更换"}
    for wrong in (
        {},
        {"password": "abc", "password_again": "abc"},
        {"password": "abcdefg", "password_again": "abcdefh"},
    ):
        assert checker.post(path, data=sent | wrong).status_code == 422
    both = {"password": SECRET, "password_again": SECRET, "generate": "y"}
    assert checker.post(path, data=sent | both).status_code == 422
    before = db.session.scalar(select(PlatformAccount.password_sealed))
    told = checker.post(path, data=sent | {"generate": "y"})
    (made,) = re.findall(r'data-copy="([A-Za-z0-9]{16})"', told.text)
    assert told.status_code == 200
    db.session.rollback()
    assert db.session.scalar(select(PlatformAccount.password_sealed)) != before
    assert made not in checker.get(f"/platform-accounts/{reference}").text
    typed = checker.post(path, data=sent | {"password": SECRET, "password_again": SECRET})
    assert typed.status_code == 303 and SECRET not in typed.text


def test_the_page_that_asks_who_one_is_carries_no_password(world: World, reference: str) -> None:
    checker = enters(world, "checker")
    token = csrf(checker)
    world.ahead += timedelta(seconds=PROOF_S + 1)
    sent = {"csrf_token": token, "reason": "到期更换", "password": SECRET, "password_again": SECRET}
    asked = checker.post(f"/platform-accounts/{reference}/reset-password", data=sent)
    assert asked.status_code == 403 and "到期更换" in asked.text and SECRET not in asked.text
    answer = checker.post(
        f"/platform-accounts/{reference}/reset-password",
        data={"csrf_token": token, "reason": "到期更换", "proof_secret": PASSWORD},
    )
    assert answer.status_code == 422, "it is typed anew, not made up"


def test_a_place_is_added_and_changed_on_its_pages(world: World) -> None:
    account = world.account()
    checker = enters(world, "checker")
    sent = {
        "csrf_token": csrf(checker),
        "channel": "dolphin",
        "login_name": " ops ",
        "address": "https://a.example/login",
        "password": SECRET,
        "password_again": SECRET,
        "accounts": account,
        "note": "",
    }
    assert checker.post("/platform-accounts/", data=sent | {"address": "a.example"}).status_code == 422
    added = checker.post("/platform-accounts/", data=sent)
    assert added.status_code == 303
    page = checker.get(added.headers["Location"]).text
    assert "ops" in page and account in page and "添加平台账号" in page
    again = checker.post("/platform-accounts/", data=sent)
    assert again.status_code == 409 and "已有登录名" in again.text and SECRET not in again.text
    kept = {name: sent[name] for name in ("csrf_token", "login_name", "address", "note")}
    changed = checker.post(f"{added.headers['Location']}/edit", data=kept | {"note": "两人轮流用"})
    assert changed.status_code == 303
    page = checker.get(added.headers["Location"]).text
    assert "两人轮流用" in page and "没有关联渠道账号" in page
    assert "ops" in checker.get("/platform-accounts/").text


def _at(browser: Browser) -> Actor:
    found = auth.who(browser.token, active=False)
    assert found
    return found

"""How long a claim lives, as the holder's pages say it."""

import re
from datetime import timedelta

from flask.testing import FlaskClient

from app.auth import service as auth
from app.auth.permissions import Role
from app.channels import queries, rules, service
from app.runtime.db import db
from tests.auth.conftest import Browser
from tests.cards.test_pages import csrf, enters
from tests.channels.test_platforms import place_of
from tests.world import World

ONE_ENGINE = True
HX = {"HX-Request": "true", "HX-Target": "section#claim_now"}


def enters_as_maker(world: World) -> FlaskClient:
    maker = enters(world, "maker")
    assert isinstance(maker, Browser)
    found = auth.who(maker.token, active=False)
    assert found
    world.maker = found
    return maker


def lease(browser: FlaskClient, account: str) -> str:
    return browser.get(f"/channels/{account}/lease", headers=HX).text


def test_the_holder_reads_until_when_and_goes_on(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    fence = world.claimed(account)
    page = maker.get(f"/channels/{account}").text
    assert f'data-lease-fence="{fence}"' in page and "领取有效至" in page and "继续处理" in page
    sent = {"csrf_token": csrf(maker), "fence": str(fence)}
    world.ahead += timedelta(seconds=rules.LEASE_S - 60)
    before = re.findall(r'data-lease-until="([^"]+)"', lease(maker, account))
    kept = maker.post(f"/channels/{account}/lease/continue", data=sent, headers=HX)
    assert kept.status_code == 303 and kept.headers["Location"] == f"/channels/{account}/lease"
    assert re.findall(r'data-lease-until="([^"]+)"', lease(maker, account)) > before
    on_a_list = maker.post(f"/channels/{account}/lease/continue", data=sent | {"next": "/tasks/"})
    assert on_a_list.headers["Location"] == "/tasks/"
    assert maker.post(f"/channels/{account}/lease/renew", data=sent).status_code == 204
    world.ahead += timedelta(seconds=rules.LEASE_S + 1)
    assert maker.post(f"/channels/{account}/lease/renew", data=sent).status_code == 410


def test_what_ran_out_is_said_and_taken_again_beside_what_was_typed(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    fence = world.claimed(account)
    world.ahead += timedelta(seconds=rules.LEASE_S + 1)
    for _ in range(2):  # before the sweep, and after it
        said = lease(maker, account)
        assert "超时失效" in said and "重新领取" in said and "data-lease=" not in said
        service.end_lapsed()
    again = maker.post(f"/channels/{account}/lease/again", data={"csrf_token": csrf(maker)}, headers=HX)
    assert again.status_code == 303
    (new,) = re.findall(r'data-lease-fence="(\d+)"', lease(maker, account))
    assert int(new) > fence


def test_whoever_lost_it_reads_by_whom_and_why(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    world.claimed(account)
    service.force_release(account, reason="换人处理", actor=world.checker)
    said = lease(maker, account)
    assert "checker" in said and "强制释放了您的领取：换人处理" in said and "重新领取" in said
    sent = {"csrf_token": csrf(maker)}
    world.claimed(account, by=world.checker)
    refused = maker.post(f"/channels/{account}/lease/again", data=sent, headers=HX)
    assert refused.status_code == 409 and 'id="claim_now"' in refused.text and "已被 checker 于" in refused.text
    said = lease(maker, account)
    assert "现在由 checker 领取" in said and "重新领取" not in said
    never = enters(world, world.person("never", Role.OPERATOR).username)
    assert "您没有领取" in lease(never, account)


def test_the_account_page_says_it_too_until_it_is_left(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    path, asks = f"/channels/{account}", f'hx-get="/channels/{account}?held=1"'
    assert asks not in maker.get(path).text
    world.claimed(account)
    assert asks in maker.get(path).text
    service.force_release(account, reason="换人处理", actor=world.checker)
    said = maker.get(f"{path}?held=1").text
    assert asks in said and "checker" in said and "强制释放了您的领取：换人处理" in said and "重新领取" in said
    assert f'action="{path}/claim"' not in said, "one way back is enough"
    assert 'id="note"' in said and re.search(r"<button[^>]* disabled>.*?完成并释放", said), "what was typed stays"
    anew = maker.get(path).text
    assert "强制释放了您的领取" not in anew and f'action="{path}/claim"' in anew
    world.claimed(account)
    assert "领取已结束" not in maker.get(f"{path}?held=1").text
    other = enters(world, "checker")
    assert "领取已结束" not in other.get(f"{path}?held=1").text, "they never had it"


def test_what_cannot_be_taken_again_says_why(world: World) -> None:
    account, beside, maker = world.account(), world.account(), enters_as_maker(world)
    place_of(world, account, beside)
    world.claimed(account)
    service.force_release(account, reason="换人处理", actor=world.checker)
    world.claimed(beside, by=world.checker)
    said = lease(maker, account)
    assert "第三方账号 ops@haitun 正由 checker" in said and re.search(r"<button[^>]* disabled[^>]*>", said)


def test_a_supervisor_says_why_and_who_they_are(world: World) -> None:
    account, checker = world.account(), enters(world, "checker")
    world.claimed(account)
    sent = {"csrf_token": csrf(checker), "reason": "换人处理"}
    checker.post(f"/channels/{account}/force-release", data=sent | {"reason": ""})
    db.session.rollback()
    assert queries.holder(queries.account(account).id)
    world.ahead += timedelta(seconds=301)
    assert checker.post(f"/channels/{account}/force-release", data=sent).status_code == 403
    db.session.rollback()
    assert queries.holder(queries.account(account).id)


def test_a_holder_who_was_put_out_says_so(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    service.platforms.add(
        channel="dolphin",
        login_name="ops",
        address="https://a.example",
        password="Sea-horse-88",
        accounts=[account],
        note="",
        actor=world.checker,
    )
    world.claimed(account)
    assert "被踢下线" in maker.get(f"/channels/{account}").text
    answer = maker.post(f"/channels/{account}/kicked-out", data={"csrf_token": csrf(maker)})
    assert answer.status_code == 303
    db.session.rollback()
    assert queries.holder(queries.account(account).id) is None
    assert "被第三方踢下线" in maker.get(f"/channels/{account}/claims").text


def test_the_claims_of_an_account_have_a_page(world: World) -> None:
    account, maker = world.account(), enters_as_maker(world)
    path = f"/channels/{account}/claims"
    assert "还没有人领取过" in maker.get(path).text
    world.claimed(account)
    service.finish(account, note="余额已对", actor=world.maker)
    page = maker.get(path).text
    assert "余额已对" in page and "完成" in page and "10,000" in page
    assert "没有符合条件" in maker.get(path, query_string={"who": "nobody"}).text
    wrong = maker.get(path, query_string={"day": "昨天"})
    assert wrong.status_code == 422 and "不是日期" in wrong.text

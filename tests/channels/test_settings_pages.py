"""The pages of channels, accounts and parameters, as administrators use them; and what no page may ever hold."""

import io
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from app.auth import service as auth
from app.auth.permissions import Role
from app.auth.rules import PROOF_S
from app.channels import gateway, queries, service, versions
from app.channels.models import ChannelSetting
from app.kernel.money import Money
from app.kernel.signing import new_rsa_pair
from app.runtime.db import db
from tests.auth.conftest import Browser
from tests.world import PASSWORD, World

ONE_ENGINE = True
NEW = {
    "name": "华东", "merchant_no": "8801", "single_limit": "5,000.00", "fee_fixed": "2", "fee_rate_ppm": "0.38",
    "bind_per_s": "20", "send_per_s": "0", "opens": "00:00", "closes": "24:00", "open_days": list("1234567"),
    "weight": "100",
}  # fmt: skip


@pytest.fixture
def keeper(world: World) -> Browser:
    return enters(world, "keeper", Role.ADMINISTRATOR)


def enters(world: World, name: str, role: Role) -> Browser:
    world.app.test_client_class = Browser
    auth.create_operator(username=name, display_name=name, role=role, password=PASSWORD, actor="test")
    here = world.app.test_client()
    assert isinstance(here, Browser)
    assert here.sign_in(name, PASSWORD).status_code == 303
    return here


def sends(here: Browser, path: str, **form: str) -> Any:
    """With the token of a page, and nothing else."""
    return here.post(path, data={"csrf_token": here.csrf("/"), **form})


def fields(here: Browser, path: str) -> dict[str, str]:
    """What a form of the page would send as it stands."""
    page = here.get(path).text
    inputs = re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page)
    areas = re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', page, re.S)
    boxes = re.findall(r'<input[^>]*name="(s_\w+)"', page)
    found = {name: unescape(value) for name, value in [*inputs, *areas]}
    return {name: found.get(name, "") for name in {*found, *boxes} if name != "csrf_token"}


def now(number: str) -> queries.Account:
    """The account as it is by now."""
    db.session.rollback()
    found = queries.account(number)
    db.session.rollback()
    return found


def draft_fields(here: Browser, account: str) -> dict[str, str]:
    found = fields(here, f"/channels/{account}/settings/draft/edit")
    return {name: text for name, text in found.items() if name == "edition" or name.startswith("s_")}


def test_a_channel_from_nothing_to_its_first_payment_and_all_in_the_browser(world: World, keeper: Browser) -> None:
    secret, merchant_no = uuid4().hex, f"M{uuid4().hex[:6]}"
    world.third.post(
        "/control/merchants",
        json={
            "manner": "dolphin", "merchant_no": merchant_no, "keys": {"key": secret}, "callback_url": "http://127.0.0.1:1/",
            "starting_balance_minor": 100_00, "payout_fee_minor": 0, "collect_fee_ppm": 0,
        },
    )  # fmt: skip
    assert "新建渠道" in keeper.get("/channels/").text
    opened = sends(keeper, "/channels/new", code="haitun", name="海豚", adapter="dolphin")
    assert opened.status_code == 303 and opened.location == "/channels/code/haitun/accounts/new"
    made = sends(keeper, opened.location, **NEW | {"merchant_no": merchant_no})
    assert made.status_code == 303
    number = made.location.split("/")[2]
    account = now(number)
    assert (account.fee_rate_ppm, account.single_limit, account.usable) == (3800, Money(500_000), False)
    page = keeper.get(made.location).text
    assert "还没有填完" in page and "商户密钥" in page and "/draft/activate" not in page
    form = draft_fields(keeper, number) | {"s_base_url": f"{world.third.url}/dolphin", "s_key": secret}
    saved = sends(keeper, f"/channels/{number}/settings/draft/edit", **form)
    assert saved.status_code == 303
    tried = sends(keeper, f"/channels/{number}/settings/1/try")
    assert tried.status_code == 303
    told = keeper.get(tried.location).text
    assert "地址、商户号与密钥都对" in told and "可结算 ¥100.00" in told and "待签名串" in told and secret not in told
    edition = fields(keeper, f"/channels/{number}/settings/draft")["edition"]
    done = sends(keeper, f"/channels/{number}/settings/draft/activate", edition=edition, overlap="0", why="开通")
    assert done.status_code == 303 and "开通" in keeper.get(done.location).text
    assert sends(keeper, f"/channels/{number}/enable").status_code == 303
    assert now(number).usable and "第 1 版" in keeper.get(f"/channels/{number}").text


def test_forms_come_back_with_what_was_typed_and_what_is_wrong(world: World, keeper: Browser) -> None:
    account = world.account()
    for path, form, status, why in (
        ("/channels/new", {"code": "Bad Code", "name": "x", "adapter": "dolphin"}, 422, "小写字母"),
        ("/channels/new", {"code": "dolphin", "name": "x", "adapter": "dolphin"}, 409, "已存在"),
        ("/channels/code/dolphin", {"name": ""}, 422, "必填"),
        ("/channels/code/dolphin/accounts/new", NEW | {"single_limit": "0"}, 422, "要大于 0"),
        ("/channels/code/dolphin/accounts/new", NEW | {"day_amount": "0"}, 422, "要大于 0"),
        ("/channels/code/dolphin/accounts/new", NEW | {"day_count": "0"}, 422, "1"),
        ("/channels/code/dolphin/accounts/new", NEW | {"fee_rate_ppm": "0.38%"}, 422, "百分数"),
        ("/channels/code/dolphin/accounts/new", NEW | {"merchant_no": account[1:]}, 409, "已有商户号"),
        (f"/channels/{account}/edit", NEW | {"why": ""}, 422, "请写明"),
        (f"/channels/{account}/edit", NEW | {"why": "moved"}, 409, "不能再改商户号"),
        (f"/channels/{account}/disable", {"why": ""}, 422, "请写明原因"),
    ):
        answer = sends(keeper, path, **form)
        assert answer.status_code == status and why in unescape(answer.text), (path, form)
    assert keeper.get("/channels/code/nowhere").status_code == 404


def test_how_a_channel_is_asked_is_set_in_words(world: World, keeper: Browser) -> None:
    account = world.account()
    here, door = "/channels/code/dolphin", "/channels/code/dolphin/asking"
    own = "依次隔 2 秒、3 秒、5 秒、10 秒、30 秒各查一次，之后每隔 1 分钟查一次，直到有结果"
    for page in (here, f"/channels/{account}"):
        shown = keeper.get(page).text
        assert own in shown and "渠道不退" in shown and "本渠道另设" not in shown
    form = {"query_waits_s": "5s 1min、1 小时", "resend_window_s": "2 分钟", "return_waits_s": "", "why": "渠道新规"}
    assert sends(keeper, door, **form, return_refunds_fee="refunds").status_code == 303
    its = now(account).asking
    assert (its.query_waits_s, its.resend_window_s, its.return_refunds_fee) == ((5, 60, 3600), 120, True)
    shown = keeper.get(here).text
    assert "依次隔 5 秒、1 分钟各查一次，之后每隔 1 小时查一次" in shown and shown.count("本渠道另设") == 3
    assert 'value="5 秒、1 分钟、1 小时"' in shown and own in shown, "what is its own stands beside the field"
    for wrong, why in (
        ({"query_waits_s": "soon"}, "请写成"),
        ({"query_waits_s": "1 秒"}, "在 2 秒到1 天之间，不能是 1 秒"),
        ({"resend_window_s": "30 秒"}, "不能短于渠道协议自带的 1 分钟"),
        ({"resend_window_s": "2 分钟、3 分钟"}, "只写一个时间"),
        ({"return_waits_s": "1 天、1 小时"}, "一个比一个晚"),
        ({"return_refunds_fee": "often"}, ""),
        ({"why": ""}, "请写明"),
    ):
        answer = sends(keeper, door, **form | wrong)
        assert answer.status_code == 422 and why in unescape(answer.text), wrong
        assert "<details" in answer.text and " open>" in answer.text, "it is seen where it was typed"
    assert now(account).asking == its
    empty = dict.fromkeys(form, "") | {"why": "还按协议"}
    assert sends(keeper, door, **empty).status_code == 303
    assert own in keeper.get(here).text and "本渠道另设" not in keeper.get(here).text
    assert sends(enters(world, "clerk2", Role.OPERATOR), door, **form).status_code == 403


def test_an_account_is_changed_stopped_and_started_again(world: World, keeper: Browser) -> None:
    account = world.account()
    form = {**NEW, "merchant_no": account[1:], "name": "改名", "why": "渠道提了限额", "single_limit": "80,000.00"}
    assert sends(keeper, f"/channels/{account}/edit", **form).status_code == 303
    assert now(account).single_limit == Money.parse("80,000.00")
    assert "改名" in keeper.get(f"/channels/{account}").text
    form |= {"day_amount": "200,000", "day_count": "300"}
    assert sends(keeper, f"/channels/{account}/edit", **form).status_code == 303
    assert (now(account).day_amount, now(account).day_count) == (Money.parse("200,000.00"), 300)
    assert 'value="200000.00"' in keeper.get(f"/channels/{account}/edit").text
    told = keeper.get(f"/withdrawals/accounts/{account}/day").text
    assert "300 笔" in told and "不另限" not in told and "今天还可提" in told and "规则每日上限" not in told
    assert sends(keeper, f"/channels/{account}/edit", **form | {"day_amount": "", "day_count": ""}).status_code == 303
    assert (now(account).day_amount, now(account).day_count) == (None, None)
    assert "不另限" in keeper.get(f"/withdrawals/accounts/{account}/day").text
    assert sends(keeper, f"/channels/{account}/disable", why="渠道维护").status_code == 303
    assert not now(account).usable
    assert sends(keeper, f"/channels/{account}/enable").status_code == 303
    assert now(account).usable
    assert sends(keeper, "/channels/code/dolphin", name="海豚（旧）", pause_after="5").status_code == 303
    assert queries.channel("dolphin").name == "海豚（旧）" and not now(account).usable


def test_versions_stand_side_by_side_and_secrets_only_as_fingerprints(world: World, keeper: Browser) -> None:
    account = world.account("egret")
    private, public = new_rsa_pair()
    before = dict(gateway.settings(now(account).id))
    assert sends(keeper, f"/channels/{account}/settings/begin").status_code == 303
    form = draft_fields(keeper, account)
    assert form["s_private_key"] == "" and form["s_channel_public_key"].startswith("-----BEGIN")
    saved = sends(keeper, f"/channels/{account}/settings/draft/edit", **form | {"s_private_key": private})
    assert saved.status_code == 303
    edition = fields(keeper, f"/channels/{account}/settings/draft")["edition"]
    sends(
        keeper, f"/channels/{account}/settings/draft/activate", edition=edition, overlap="604800", why="例行更换"
    )  # fmt: skip
    page = keeper.get(f"/channels/{account}/settings/2?beside=1").text
    assert page.count("不同") == 1 and page.count("相同") == 3
    assert "例行更换" in page and "以此建立草稿" in page
    listed = keeper.get(f"/channels/{account}/settings/").text
    assert "仍有效" in listed and "例行更换" in listed
    for key in (private, before["private_key"]):
        assert key.split("\n")[2] not in page + listed
    assert public.split("\n")[1] not in page
    assert keeper.get(f"/channels/{account}/settings/9").status_code == 404
    for beside in ("9", "x", ""):
        assert keeper.get(f"/channels/{account}/settings/2?beside={beside}").status_code == 200


def test_a_stale_form_and_a_missing_draft_are_told_in_words(world: World, keeper: Browser) -> None:
    account = world.account()
    path = f"/channels/{account}/settings"
    assert keeper.get(f"{path}/draft").status_code == keeper.get(f"{path}/draft/edit").status_code == 303
    assert sends(keeper, f"{path}/draft/discard", edition="1").status_code == 409
    sends(keeper, f"{path}/begin")
    form = draft_fields(keeper, account)
    assert sends(keeper, f"{path}/draft/edit", **form).status_code == 303
    late = sends(keeper, f"{path}/draft/edit", **form)
    assert late.status_code == 409 and "刚刚被改过" in late.text
    wrong = sends(keeper, f"{path}/draft/edit", **draft_fields(keeper, account) | {"s_base_url": "ftp://x"})
    assert wrong.status_code == 422 and "不是网址" in wrong.text and 'value="ftp://x"' in wrong.text
    assert sends(keeper, f"{path}/draft/activate", edition="2", overlap="0", why="").status_code == 422
    assert sends(keeper, f"{path}/draft/activate", edition="2", overlap="5", why="other").status_code == 422
    assert sends(keeper, f"{path}/draft/edit", **form, s_stranger="1").status_code == 400
    assert sends(keeper, f"{path}/begin", base="9").status_code == 404
    gone = sends(keeper, f"{path}/draft/discard", edition="2")
    assert gone.status_code == 303 and "已放弃" in keeper.get(gone.location).text


def test_who_may_look_draft_and_activate(world: World, keeper: Browser) -> None:
    account = world.account()
    sends(keeper, f"/channels/{account}/settings/begin")
    looker = enters(world, "looker", Role.OPERATOR)
    page = looker.get(f"/channels/{account}/settings/")
    assert page.status_code == 200 and "草稿" in page.text and "/settings/draft" not in page.text
    assert "/try" not in looker.get(f"/channels/{account}/settings/1").text
    assert "新建渠道" not in looker.get("/channels/").text
    for path, form in (
        ("/channels/new", {}), (f"/channels/{account}/settings/draft/edit", {}), (f"/channels/{account}/edit", {}),
        (f"/channels/{account}/settings/1/try", {}), (f"/channels/{account}/settings/draft/activate", {}),
    ):  # fmt: skip
        assert sends(looker, path, **form).status_code == 403, path


def test_what_changes_keys_asks_again_who_one_is(world: World, keeper: Browser) -> None:
    account = world.account()
    service.settings.begin(account, actor=auth.who(keeper.token, active=False))  # type: ignore[arg-type]
    world.ahead += timedelta(seconds=PROOF_S + 1)
    for path, form in (
        (f"/channels/{account}/settings/1/try", {}),
        (f"/channels/{account}/settings/draft/activate", {"edition": "1", "overlap": "0", "why": "leaked"}),
    ):
        answer = sends(keeper, path, **form)
        assert answer.status_code == 403 and "确认身份" in answer.text, path
    assert versions.draft(now(account).id) is not None and queries.calls_about(account, 1)[0].interface == "figures"


# -- the canary ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Everything that is logged, from the lowest level on."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("manner", ["dolphin", "egret"])
def test_a_secret_that_was_typed_is_nowhere_but_under_its_seal(
    world: World, keeper: Browser, said: io.StringIO, capfd: pytest.CaptureFixture[str], manner: str
) -> None:
    account = world.account(manner)
    path = f"/channels/{account}/settings"
    name = {"dolphin": "s_key", "egret": "s_private_key"}[manner]
    typed = {"dolphin": f"sings{uuid4().hex}", "egret": new_rsa_pair()[0]}[manner]
    bad = {"dolphin": f"{typed}\nx", "egret": typed.replace("PRIVATE", "PUBLIC")}[manner]
    song = max(typed.split("\n"), key=len)
    heard = [sends(keeper, f"{path}/begin")]
    form = draft_fields(keeper, account)
    heard += [
        sends(keeper, f"{path}/draft/edit", **form | {name: typed, "s_base_url": "ftp://x"}),  # its neighbour is wrong
        sends(keeper, f"{path}/draft/edit", **form | {name: bad}),
        sends(keeper, f"{path}/draft/edit", **form | {name: typed, "edition": "77"}),
        sends(keeper, f"{path}/draft/edit", **form | {name: typed, "s_stranger": typed}),
        sends(keeper, f"{path}/draft/edit", **form | {name: "y" * 8001 + typed}),
        sends(keeper, f"{path}/draft/edit", **form | {name: typed}),
    ]
    assert [answer.status_code for answer in heard] == [303, 422, 422, 409, 400, 422, 303]
    version = 2
    heard.append(sends(keeper, f"{path}/{version}/try"))
    edition = fields(keeper, f"{path}/draft")["edition"]
    pages = ["", "/draft", "/draft/edit", f"/{version}", f"/{version}?beside=1", "/1?beside=2"]
    heard += [keeper.get(f"{path}{page or '/'}") for page in pages]
    heard.append(sends(keeper, f"{path}/draft/activate", edition=edition, overlap="0", why="canary"))
    db.session.rollback()
    calls = [call.id for call in queries.calls_about(account)]
    heard += [keeper.get(f"/channels/calls/{call}") for call in calls]
    heard += [keeper.get(f"/channels/{account}"), keeper.get("/channels/"), keeper.get("/audit/")]
    assert all(answer.status_code < 500 for answer in heard)
    assert [at for at, answer in enumerate(heard) if song in unescape(answer.text)] == []
    assert dict(gateway.settings(now(account).id))[name[2:]] == typed.strip(), "it was taken all the same"
    assert song not in said.getvalue() and song not in "".join(capfd.readouterr())
    db.session.rollback()
    rows = 0
    for table in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all():
        for row in db.session.execute(text(f'SELECT * FROM "{table}"')).all():
            rows += 1
            assert song not in "\n".join(map(str, row)), table
    assert rows > 20
    sealed = db.session.scalars(select(ChannelSetting.sealed)).all()
    assert all(re.fullmatch(r"k1:[0-9a-f]+", it) for it in sealed)

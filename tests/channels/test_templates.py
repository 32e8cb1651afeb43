"""Channel templates as they are kept: drafts, versions, and accounts that follow one by one."""

import json
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.auth.identity import Actor
from app.auth.permissions import Role
from app.channels import gateway, mailbox, manners, queries, service, speaking, versions
from app.channels.adapters.templated.examples import example
from app.channels.contract import Interface, RawCallback
from app.channels.service import templates
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.runtime.db import db, transaction
from tests.channels.contract import ORDER
from tests.channels.test_dolphin import DolphinThem
from tests.world import World


@pytest.fixture
def admin(world: World) -> Actor:
    return world.person("admin", Role.ADMINISTRATOR)


def altered(**changes: Any) -> str:
    return json.dumps(json.loads(example("dolphin")) | changes)


def edition(code: str = "wave") -> int:
    found = manners.draft(code)
    assert found is not None
    return found.edition


def activated(admin: Actor, text: str = "", code: str = "wave") -> int:
    templates.draft(code, text or example("dolphin"), actor=admin)
    return templates.activate(code, edition=edition(code), note="第一次", actor=admin)


def opened(settings: dict[str, str]) -> str:
    service.open_channel(code="wave", name="波浪支付", adapter="template:wave", actor="test")
    return service.open_account(
        channel="wave",
        name="主账户",
        settings=settings,
        single_limit=Money.parse("5000.00"),
        fee_fixed=Money.parse("2.00"),
        fee_rate_ppm=0,
        actor="test",
    )


def test_a_draft_is_nothing_to_open_a_channel_with(app: Flask, admin: Actor) -> None:
    templates.draft("wave", example("dolphin"), actor=admin)
    with pytest.raises(Refused, match="template:wave"):
        service.open_channel(code="wave", name="波浪支付", adapter="template:wave", actor="test")


def test_a_channel_speaks_by_an_active_template(app: Flask, admin: Actor) -> None:
    assert activated(admin) == 1
    number = opened(DolphinThem.settings)
    account = queries.account(number)
    assert account.adapter == "template:wave@1"
    assert manners.abilities(account.adapter) == manners.abilities("dolphin")
    assert queries.deduplicates(account.adapter)
    assert queries.adapter_class(account).callback_answer == "success"
    assert account.asking.query_waits_s == (2, 3, 5, 10, 30, 60)
    shown = json.loads(queries.settings_of(account.id)[0].shown)
    assert DolphinThem.settings["key"] not in str(shown), "a described secret is a secret"


def test_a_broken_draft_is_kept_and_not_used(app: Flask, admin: Actor) -> None:
    templates.draft("wave", altered(words={"FAIL": "failed"}), actor=admin)
    with pytest.raises(Refused, match="words"):
        templates.activate("wave", edition=1, note="试试", actor=admin)
    templates.change("wave", altered(surprise=1), edition=1, actor=admin)
    with pytest.raises(Refused, match="surprise"):
        templates.activate("wave", edition=2, note="试试", actor=admin)
    assert manners.find("template:wave") is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"a": 1, "a": 2}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"a":' * 600 + "1" + "}" * 600,
        '{"a": ' + "1" * 200_001 + "}",
    ],
)
def test_what_is_no_json_object_is_not_even_a_draft(app: Flask, admin: Actor, text: str) -> None:
    with pytest.raises(Refused):
        templates.draft("wave", text, actor=admin)
    assert manners.templates() == []


@pytest.mark.parametrize("code", ["", "a", "Wave", "wave-1", "1wave", "w" * 21, "template:x"])
def test_a_code_is_short_and_plain(app: Flask, admin: Actor, code: str) -> None:
    with pytest.raises(Refused, match="编码"):
        templates.draft(code, example("dolphin"), actor=admin)


def test_who_saw_an_older_draft_overwrites_nothing(app: Flask, admin: Actor) -> None:
    templates.draft("wave", example("dolphin"), actor=admin)
    templates.change("wave", altered(title="新名"), edition=1, actor=admin)
    for late in (
        lambda: templates.change("wave", altered(title="旧名"), edition=1, actor=admin),
        lambda: templates.activate("wave", edition=1, note="没看过的", actor=admin),
    ):
        with pytest.raises(Refused, match="刚刚被改过"):
            late()
    (row,) = manners.templates()
    assert (row.title, row.state, row.edition) == ("新名", "draft", 2)


def test_one_draft_at_a_time_and_what_is_discarded_is_gone(app: Flask, admin: Actor) -> None:
    templates.draft("wave", example("dolphin"), actor=admin)
    with pytest.raises(Refused, match="已有一份草稿"):
        templates.draft("wave", example("spruce"), actor=admin)
    templates.discard("wave", actor=admin)
    with pytest.raises(NotThere):
        manners.versions("wave")
    with pytest.raises(Refused, match="没有草稿"):
        templates.discard("wave", actor=admin)


def test_accounts_follow_a_new_version_one_by_one(app: Flask, admin: Actor) -> None:
    activated(admin)
    number = opened(DolphinThem.settings)
    before = queries.account(number)
    old_setting = queries.active_setting_id(before.id)
    assert old_setting is not None
    renamed = json.loads(example("dolphin"))
    renamed["callback"]["answer_word"] = "OK"
    renamed["interfaces"]["submit"]["ask"]["path"] = [{"constant": "/v2/payout"}]
    assert activated(admin, json.dumps(renamed)) == 2
    assert queries.account(number).adapter == "template:wave@1", "nothing changes under an account's feet"
    assert queries.adapter_class(queries.account(number)).callback_answer == "success"

    assert templates.adopt(number, actor=admin) == 2
    account = queries.account(number)
    assert account.adapter == "template:wave@2"
    assert queries.adapter_class(account).callback_answer == "OK"
    new_setting = queries.active_setting_id(account.id)
    assert new_setting is not None
    paths = [speaking.adapter(setting).write_submit(ORDER).path for setting in (old_setting, new_setting)]
    assert paths == ["/api/payout/create", "/v2/payout"], "what was signed with the old one is still spoken like it"
    with pytest.raises(Refused, match="现用"):
        templates.adopt(number, actor=admin)


def test_a_version_that_wants_more_is_not_followed_blindly(app: Flask, admin: Actor) -> None:
    activated(admin)
    number = opened(DolphinThem.settings)
    found = json.loads(example("dolphin"))
    found["settings"].append({"name": "terminal", "label": "终端号"})
    found["sample_settings"]["terminal"] = "T1"
    activated(admin, json.dumps(found))
    with pytest.raises(Refused, match="终端号"):
        templates.adopt(number, actor=admin)
    assert queries.account(number).adapter == "template:wave@1"


def test_changed_parameters_keep_the_version_and_old_callbacks_are_heard(app: Flask, admin: Actor) -> None:
    activated(admin)
    number = opened(DolphinThem.settings)
    activated(admin, altered(title="第二版"))
    service.change_settings(number, {**DolphinThem.settings, "key": "new"}, actor=admin)
    account = queries.account(number)
    assert account.adapter == "template:wave@1"
    said = DolphinThem().say("callback", ORDER, "SUCCESS")
    assert isinstance(said, RawCallback)
    with transaction():
        ((inbox, accepted),) = mailbox.take([(versions.doors([number])[number], said)])
    assert accepted, "signed with the key before this one"
    assert mailbox.read(inbox).number == ORDER.number


def test_secrets_of_a_description_are_not_logged(app: Flask, admin: Actor) -> None:
    found = json.loads(example("dolphin"))
    found["settings"].append({"name": "password", "label": "支付密码", "secret": True})
    found["sample_settings"]["password"] = "x"
    found["worked"] = []
    password = {"name": "payPwd", "source": "account.password", "filters": ["md5"]}
    found["interfaces"]["query"]["ask"]["parameters"].append(password)
    activated(admin, json.dumps(found))
    settings = {**DolphinThem.settings, "base_url": "http://127.0.0.1:9", "password": uuid4().hex}
    number = opened(settings)
    account = queries.account(number)
    setting = queries.active_setting_id(account.id)
    assert setting is not None
    with transaction():
        call = gateway.announce(Interface.QUERY, account_id=account.id, setting_id=setting, subject=ORDER.number)
    gateway.query(call, ORDER)
    request = queries.call(call.id)
    db.session.refresh(request)
    assert "payPwd=******" in request.request

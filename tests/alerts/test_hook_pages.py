"""告警推送 at the screen: added, tried, changed, switched, removed; nothing that was written comes back."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.alerts import hooks
from app.auth import service as auth
from tests.alerts.test_sending import SECRET, TOKEN, Robot
from tests.auth.conftest import PASSWORD, Browser, Time, enters
from tests.auth.conftest import administrator as administrator
from tests.auth.conftest import app as app
from tests.auth.conftest import new_browser as new_browser
from tests.auth.conftest import people as people
from tests.auth.conftest import supervisor as supervisor
from tests.auth.conftest import time as time
from tests.channels.double import Said

ONE_ENGINE = True


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as robot:
        yield robot


@pytest.fixture
def keeper(administrator: Browser) -> Browser:
    """Somebody who has just proved who they are, by signing in."""
    return administrator


def form(robot: Robot, **other: str) -> dict[str, str]:
    given = {"name": "值班群", "kind": "dingtalk", "hook_address": f"{robot.url}/send?access_token={TOKEN}"}
    return {**given, "hook_secret": SECRET, "language": "zh", "least": "warning", **other}


def added(keeper: Browser, robot: Robot, **other: str) -> str:
    answer = keeper.deed("/alerts/hooks/", **form(robot, **other))
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rpartition("/")[2]


def test_a_hook_is_added_and_tried_and_what_it_answers_is_shown(keeper: Browser, robot: Robot) -> None:
    assert "还没有告警推送" in keeper.get("/alerts/hooks/").text
    reference = added(keeper, robot)
    where = f"/alerts/hooks/{reference}"
    answer = keeper.deed(f"{where}/test")
    assert answer.status_code == 303 and len(robot.heard) == 1
    page = keeper.get(where).text
    assert "已送达，对方答复：{&#34;errcode&#34;:0" in page and "HTTP 200" in page
    robot.says = Said(b'{"errcode":310000,"errmsg":"sign not match"}')
    keeper.deed(f"{where}/test")
    page = keeper.get(where).text
    assert "没有送达：对方答复 310000：sign not match" in page and "放弃发送" in page
    assert "值班群" in keeper.get("/alerts/hooks/").text


def test_what_was_written_never_comes_back(keeper: Browser, robot: Robot) -> None:
    reference = added(keeper, robot)
    print_ = hooks.hook(reference).address_print
    refused = keeper.deed("/alerts/hooks/", **form(robot, name=""))
    pages = [keeper.get(f"/alerts/hooks/{reference}{end}") for end in ("", "/edit", "/replace")] + [refused]
    for page in (*pages, keeper.get("/alerts/hooks/")):
        assert TOKEN not in page.text and SECRET not in page.text
    assert refused.status_code == 422 and print_ in pages[0].text


def test_it_is_changed_switched_and_removed(keeper: Browser, robot: Robot) -> None:
    reference = added(keeper, robot)
    where = f"/alerts/hooks/{reference}"
    assert keeper.deed(f"{where}/edit", name="夜班群", language="en", least="severe").status_code == 303
    assert keeper.deed(f"{where}/replace", hook_address="").status_code == 422
    assert keeper.deed(f"{where}/replace", hook_address="https://robot.example/?key=1").status_code == 303
    page = keeper.get(where).text
    assert "夜班群" in page and "English" in page and "robot.example" in page and "未设置" in page
    for deed, word in (("disable", "已停用"), ("enable", "已启用")):
        assert keeper.deed(f"{where}/{deed}").status_code == 303
        assert word in keeper.get(where).text
    assert keeper.deed(f"{where}/remove").status_code == 303
    assert keeper.get(where).status_code == 404 and "夜班群" not in keeper.get("/alerts/hooks/").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "json", "hook_secret": "short"}, "签名密钥至少 16 个字符"),
        ({"kind": "wecom"}, "这种机器人不签名"),
        ({"hook_address": "http://robot.example/"}, "未加密的接口地址只能用于列出的内部目标"),
        ({"hook_address": "https://192.168.1.1/"}, "接口地址指向不允许访问的网络"),
        ({"hook_address": "https://robot.example/#x"}, "网址里不能带 #"),
    ],
)
def test_what_cannot_work_is_refused_in_words(keeper: Browser, robot: Robot, wrong: dict[str, str], said: str) -> None:
    answer = keeper.deed("/alerts/hooks/", **form(robot, **wrong))
    assert answer.status_code == 409 and said in answer.text


def test_our_own_signature_is_explained_where_it_is_needed(keeper: Browser, robot: Robot) -> None:
    own, other = (added(keeper, robot, kind=kind) for kind in ("json", "feishu"))
    assert "X-Paydesk-Signature" in keeper.get(f"/alerts/hooks/{own}").text
    assert "X-Paydesk-Signature" not in keeper.get(f"/alerts/hooks/{other}").text


def test_only_who_sees_all_channels_decides_where_alerts_go(
    app: Flask, supervisor: Browser, new_browser: Callable[[], Browser]
) -> None:
    assert supervisor.get("/alerts/hooks/").status_code == 403
    assert "/alerts/hooks/" not in supervisor.get("/alerts/").text
    auth.create_operator(username="narrow", display_name="窄", role="administrator", password=PASSWORD, actor="tests")
    limit = {"display_name": "窄", "role": "administrator", "channels": ["dolphin"]}
    auth.change("narrow", **limit, actor=enters("administrator"))
    narrow = new_browser()
    narrow.sign_in("narrow")
    assert narrow.get("/alerts/hooks/").status_code == 409 and "/alerts/hooks/" not in narrow.get("/alerts/").text


def test_no_token_is_carried_through_the_question_who_one_is(time: Time, administrator: Browser, robot: Robot) -> None:
    time.passes(minutes=10)
    asked = administrator.deed("/alerts/hooks/", **form(robot))
    assert asked.status_code == 403 and "值班群" in asked.text and TOKEN not in asked.text and SECRET not in asked.text

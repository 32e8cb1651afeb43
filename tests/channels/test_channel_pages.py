"""What the channels' pages say of a channel that nobody proved, and of one that tells little about its money."""

from contextvars import Context

import pytest
from flask import Flask

from app.auth import service as auth
from app.auth.permissions import Role
from tests.channels import test_alipay, test_unionpay
from tests.channels.double import Console
from tests.world import PASSWORD, World

ONE_ENGINE = True
UNPROVED, BALANCE_ALONE, NO_BALANCE = "未经真实渠道验证", "该渠道只告知余额，不告知交易汇总", "该渠道没有余额与汇总接口"


@pytest.fixture
def pages(app: Flask) -> dict[str, str]:
    """The list, each account's page and the dashboard, as a supervisor sees them."""
    numbers = {
        "alipay": Console(app, "alipay", test_alipay.AlipayThem().settings).number,
        "unionpay": Console(app, "unionpay", test_unionpay.UnionpayThem().settings).number,
    }
    auth.create_operator(username="visitor", display_name="V", role=Role.SUPERVISOR, password=PASSWORD, actor="test")
    token, _ = auth.sign_in("visitor", PASSWORD, address="127.0.0.1", user_agent="test")
    client = app.test_client()
    client.set_cookie("paydesk_session", token)
    paths = {name: f"/channels/{number}" for name, number in numbers.items()} | {"list": "/channels/", "board": "/"}
    found = {}
    for name, path in paths.items():
        reply = Context().run(client.get, path)
        assert reply.status_code == 200, path
        found[name] = reply.get_data(as_text=True)
    return found


def test_what_nobody_proved_is_said_to_be_so(pages: dict[str, str]) -> None:
    assert pages["list"].count(UNPROVED) == 2
    for name in ("alipay", "unionpay"):
        assert UNPROVED in pages[name] and "按公开文档编写" in pages[name]


def test_a_channel_shows_what_it_tells_and_nothing_that_it_does_not(pages: dict[str, str]) -> None:
    assert BALANCE_ALONE in pages["alipay"] and "可结算金额" in pages["alipay"] and "交易总额" not in pages["alipay"]
    assert NO_BALANCE in pages["unionpay"] and "可结算金额" not in pages["unionpay"]
    assert "向渠道刷新" in pages["alipay"] and "向渠道刷新" not in pages["unionpay"]


def test_a_proved_channel_is_shown_as_ever(world: World) -> None:
    number = world.account()
    client = world.app.test_client()
    client.set_cookie("paydesk_session", auth.sign_in("checker", PASSWORD, address="127.0.0.1", user_agent="test")[0])
    page = Context().run(client.get, f"/channels/{number}").get_data(as_text=True)
    assert UNPROVED not in page and BALANCE_ALONE not in page and "交易总额" in page
    assert UNPROVED not in Context().run(client.get, "/channels/").get_data(as_text=True)

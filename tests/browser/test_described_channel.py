"""A fourth channel that nobody wrote a line of code for: described, activated and used in the browser; its key breaks, people
see it turn red and wait, its key is repaired, and everything that waited leaves.
"""

import json
import re
from datetime import datetime

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.console import Console
from tests.browser.people import People, approve, bind, claim, withdraw

pytestmark = pytest.mark.browser
MERCHANT, KEY, WRONG_KEY = "880104444", "the key that the channel knows", "a key of somebody else"
TITLE = "海浪支付"
TURNS_MS = 90_000
"""The channel is weighed every half minute, and asked again after 15 s, 30 s …"""


def test_a_channel_described_in_the_browser_breaks_and_recovers(people: People, console: Console) -> None:
    third_party = json.loads((console.data_dir / "home.json").read_text())["PAYDESK_SANDBOX_URL"]
    administrator = people.sign_in("zhaomin")
    describe(administrator)
    account = open_account(administrator)
    register_at(third_party, f"{console.url}/callbacks/{account}")
    give_keys(administrator, account, f"{third_party}/dolphin", KEY)
    administrator.goto(f"/channels/{account}/edit")
    administrator.get_by_role("button", name="启用", exact=True).click()

    operator, supervisor = people.sign_in("wangfang"), people.sign_in("zhangwei")
    expect(operator.locator(f"#row-{account}")).to_contain_text("海浪一号")
    claim(operator, account)
    card = bind(operator, account)
    first = withdraw(operator, account, "30.00", card)
    approve(supervisor, first)
    expect(operator.locator("#withdrawal_now .head")).to_contain_text("成功", timeout=TURNS_MS)

    give_keys(administrator, account, f"{third_party}/dolphin", WRONG_KEY)
    left = [withdraw(operator, account, amount, card) for amount in ("31.00", "32.00", "33.00")]
    for number in left:
        approve(supervisor, number)
    operator.goto(f"/channels/{account}")
    stands = operator.locator("#account_now .notice", has_text="系统已自动停发")
    expect(stands).to_be_visible(timeout=TURNS_MS)
    alert = operator.locator("header").get_by_role("link", name=re.compile("告警"))
    expect(alert).to_be_visible()
    waits = withdraw(operator, account, "34.00", card)
    approve(supervisor, waits)
    operator.reload()
    expect(operator.locator("#withdrawal_now")).to_contain_text("停发")
    expect(operator.locator("#withdrawal_now .head")).not_to_contain_text("成功")

    give_keys(administrator, account, f"{third_party}/dolphin", KEY)
    expect(operator.locator("#withdrawal_now .head")).to_contain_text("成功", timeout=TURNS_MS)
    operator.goto(f"/channels/{account}")
    expect(stands).to_have_count(0, timeout=TURNS_MS)
    assert "0 problems" in console.says("check")
    told = requests.get(f"{third_party}/control/summary", params={"merchant": MERCHANT}, timeout=10).json()["merchants"]
    assert [it["paid_more_than_once"]["count"] for it in told] == [0]
    operator.get_by_role("button", name="释放", exact=True).click()
    expect(operator.locator("#flash")).to_contain_text("已释放")


def describe(administrator: Page) -> None:
    """From the example that is like it, as a newcomer would."""
    administrator.goto("/channel-templates/new")
    administrator.get_by_label("模板编码").fill("wave")
    administrator.get_by_label("海豚支付（模板）").check()
    administrator.get_by_role("button", name="建立草稿").click()
    administrator.get_by_role("link", name="修改草稿").first.click()
    name = administrator.get_by_label("名称", exact=True)
    expect(name).to_have_value("海豚支付（模板）")
    name.fill(TITLE)
    name.press("Enter")
    expect(administrator.locator("#flash")).to_contain_text("草稿已保存")
    administrator.get_by_role("link", name="提交代付").click()
    add_a_parameter(administrator)
    administrator.get_by_role("link", name="JSON").click()
    expect(administrator.get_by_label("模板（JSON）")).to_contain_text(TITLE)
    administrator.goto("/channel-templates/wave")
    administrator.get_by_label("说明").fill("照海浪支付的文档")
    administrator.get_by_role("button", name="启用这一版").click()
    agree(administrator)
    expect(administrator.locator("#flash")).to_contain_text("启用")


def add_a_parameter(administrator: Page) -> None:
    """With the keyboard alone: a row more, somewhere else, wrong at first."""
    rows = administrator.locator('tr[id^="submit-ask-parameters-"]')
    expect(rows).to_have_count(7)
    administrator.locator(".part-rows", has=rows).get_by_role("button", name="加一行").press("Enter")
    expect(rows).to_have_count(8)
    expect(administrator.locator("#submit-ask-parameters-7-name")).to_be_focused()
    administrator.keyboard.type("clientRemark")
    administrator.keyboard.press("Tab")
    administrator.keyboard.type("order.numbr")
    rows.nth(7).get_by_role("button", name="第 8 行上移").press("Enter")
    expect(administrator.locator("#submit-ask-parameters-6-name")).to_have_value("clientRemark")
    expect(administrator.get_by_role("button", name="第 7 行上移").nth(0)).to_be_focused()
    source = administrator.get_by_label("来源，第 7 行")
    source.press("Enter")
    expect(source).to_have_attribute("aria-invalid", "true")
    expect(administrator.locator(".notice")).to_contain_text("没有“order.numbr”这个来源")
    source.fill("order.number")
    source.press("Enter")
    expect(administrator.locator(".notice.tone-wait")).to_have_count(0)
    expect(source).to_have_value("order.number")
    expect(
        administrator.locator(".editor-tabs").get_by_role("link", name="样例 1")
    ).to_be_visible()  # the document's signature
    administrator.get_by_role("button", name="去掉第 7 行").press("Enter")
    expect(rows).to_have_count(7)
    administrator.get_by_role("button", name="保存草稿").press("Enter")
    expect(administrator.locator(".editor-tabs b")).to_have_count(0)


def open_account(administrator: Page) -> str:
    administrator.goto("/channels/new")
    administrator.get_by_label("名称").fill(TITLE)
    administrator.get_by_label("编码").fill("wave")
    administrator.get_by_label("渠道协议").select_option("template:wave")
    administrator.get_by_role("button", name="新建渠道").click()
    administrator.get_by_label("账号名称").fill("海浪一号")
    administrator.get_by_label("商户号").fill(MERCHANT)
    administrator.get_by_label("单笔限额").fill("5000.00")
    administrator.get_by_label("每笔手续费").fill("1.00")
    administrator.get_by_role("button", name="新建账号").click()
    expect(administrator).to_have_url(re.compile(r"/channels/C\w+"))
    found = re.search(r"/channels/(C\w+)", administrator.url)
    assert found
    return found[1]


def register_at(third_party: str, callback_url: str) -> None:
    """What the channel's own people do: a merchant with money, who is called back."""
    merchant = {
        "manner": "dolphin",
        "merchant_no": MERCHANT,
        "keys": {"key": KEY},
        "callback_url": callback_url,
        "starting_balance_minor": 5_000_000,
        "starting_total_minor": 5_000_000,
        "misbehaves": False,
    }
    answer = requests.post(f"{third_party}/control/merchants", json=merchant, timeout=10)
    assert answer.ok, answer.text


def give_keys(administrator: Page, account: str, base_url: str, key: str) -> None:
    """The next version of its parameters, in use at once."""
    administrator.goto(f"/channels/{account}/settings")
    begin = administrator.get_by_role("button", name="建立草稿来修改")
    opened = administrator.get_by_role("link", name=re.compile("打开草稿"))
    expect(begin.or_(opened).first).to_be_visible()
    (begin if begin.is_visible() else opened).click()
    fill_in = administrator.get_by_role("link", name="填写")
    if fill_in.is_visible():
        fill_in.click()
    administrator.get_by_label("接口地址").fill(base_url)
    administrator.get_by_label("商户密钥").fill(key)
    administrator.get_by_role("button", name="保存草稿").click()
    administrator.get_by_label("原因").fill(f"{datetime.now():%H:%M} 换密钥")
    administrator.get_by_role("button", name=re.compile("启用第")).click()
    agree(administrator)
    expect(administrator.locator("#flash")).to_contain_text("启用")


def agree(person: Page) -> None:
    """The question that is asked before, and the password where it was long ago."""
    person.get_by_role("button", name="确定").click()

"""The one story the house is built around, as two people see it, and the night after which everything is still there."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import Console
from tests.browser.people import People, a_card

pytestmark = pytest.mark.browser
ACCOUNT = "C880100231"


def test_a_withdrawal_from_claim_to_paid_and_all_is_there_after_a_restart(people: People, console: Console) -> None:
    operator = people.sign_in("wangfang")
    row = operator.locator(f"#row-{ACCOUNT}")
    row.get_by_role("button", name="领取").click()
    expect(row).to_contain_text("王芳")

    row.get_by_role("link", name="绑卡").click()
    operator.get_by_label("银行卡号").fill(a_card())
    operator.get_by_label("开户人").fill("陈志强")
    operator.get_by_label("开户行").fill("中国工商银行")
    operator.get_by_role("button", name="提交绑定").click()
    expect(operator.locator("#card_now .head")).to_contain_text("已绑定")  # by itself: the channel was asked meanwhile

    operator.get_by_role("link", name="提现到此卡").click()
    available = operator.locator(".stat", has_text="可用余额").locator(".money").inner_text()
    operator.get_by_label("提现金额").fill("100.00")
    operator.get_by_role("button", name="下一步：核对").click()
    figures = operator.locator(".sum")
    expect(figures).to_contain_text("手续费¥2.00", use_inner_text=False)
    expect(figures).to_contain_text("合计冻结¥102.00")
    remains = fen(figures.locator("div", has_text="提交后可用").locator(".money").inner_text())
    now = fen(figures.locator("div", has_text="当前可用").locator(".money").inner_text())
    assert now >= fen(available), "more may have come in meanwhile, never less"
    assert now - remains == 102_00
    operator.get_by_role("button", name="确认提现 ¥100.00").click()
    expect(operator).to_have_url(re.compile(r"/withdrawals/W\w+$"))
    expect(operator.locator("#withdrawal_now")).to_contain_text("等待另一人审批")
    expect(operator.get_by_role("button", name="通过并发送")).to_have_count(0)
    number = operator.url.rpartition("/")[2]

    supervisor = people.sign_in("zhangwei")
    supervisor.get_by_role("link", name="待审批").click()
    supervisor.get_by_role("link", name=number).click()
    expect(supervisor.locator("#decision")).to_contain_text("陈志强")
    supervisor.get_by_role("button", name="通过并发送 ¥100.00").click()
    supervisor.get_by_role("button", name="确定").click()
    expect(supervisor.locator("#flash")).to_contain_text("已审批")

    listed = operator.context.new_page()
    people.watch(listed)
    listed.goto("/withdrawals/")
    pages = (operator, supervisor, listed)
    for page in pages:
        page.evaluate("window.untouched = true")
    for page in (operator, supervisor):
        expect(page.locator("#withdrawal_now .head")).to_contain_text("成功", timeout=15_000)
        expect(page.locator("#ledger_entries")).to_contain_text("结清")
    expect(listed.locator(f"#w-{number}")).to_contain_text("成功")
    assert all(page.evaluate("window.untouched") for page in pages), "they changed by themselves, none was loaded again"

    listed.close()
    supervisor.close()
    people.expected = [r"net::ERR_", "htmx:sse:error"]  # the open page loses its line, and finds it again
    console.down()
    expect(operator.locator("#connection")).not_to_have_attribute("data-state", "live")
    console.up()
    expect(operator.locator("#connection")).to_have_attribute("data-state", "live", timeout=60_000)
    assert operator.evaluate("window.untouched")

    operator.reload()
    expect(operator.locator("#withdrawal_now .head")).to_contain_text("成功")
    expect(operator.locator("#withdrawal_now")).to_contain_text("审批通过")
    expect(operator.locator("#ledger_entries")).to_contain_text("结清")
    operator.goto("/")
    expect(row).to_contain_text("王芳")
    expect(row.get_by_role("link", name="去提现")).to_be_visible()
    operator.goto(f"/cards/?account={ACCOUNT}")
    expect(operator.locator("#card_list")).to_contain_text("已绑定")
    assert "0 problems" in console.says("check")
    release(operator)


def release(person: Page) -> None:
    person.goto(f"/channels/{ACCOUNT}")
    person.get_by_role("button", name="释放", exact=True).click()
    expect(person.locator("#flash")).to_contain_text("已释放")


def fen(shown: str) -> int:
    return int(re.sub(r"[^0-9-]", "", shown))

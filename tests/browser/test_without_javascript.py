"""The same job in a browser that runs no script: links, forms and reloading."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People, a_card

pytestmark = pytest.mark.browser
ACCOUNT = "C880100232"


def test_the_main_job_is_done_with_links_and_forms_alone(people: People) -> None:
    operator = people.sign_in("wangfang", java_script_enabled=False)
    row = operator.locator(f"#row-{ACCOUNT}")
    row.get_by_role("button", name="领取").click()
    row.get_by_role("link", name="绑卡").click()
    operator.get_by_label("银行卡号").fill(a_card())
    operator.get_by_label("开户人").fill("林晓梅")
    operator.get_by_label("开户行").fill("中国工商银行")
    operator.get_by_label("开户行").press("Enter")
    reload_until(operator, "#card_now .head", "已绑定")

    operator.get_by_role("link", name="提现到此卡").click()
    operator.get_by_label("提现金额").fill("100.00")
    operator.get_by_label("提现金额").press("Enter")
    expect(operator.locator(".sum")).to_contain_text("¥102.00")
    operator.get_by_role("button", name="确认提现").click()
    expect(operator).to_have_url(re.compile(r"/withdrawals/W\w+$"))
    number = operator.url.rpartition("/")[2]

    supervisor = people.sign_in("zhangwei", java_script_enabled=False)
    supervisor.goto(f"/withdrawals/{number}")
    supervisor.get_by_role("button", name="通过并发送").click()
    expect(supervisor.locator("#flash")).to_contain_text("已审批")
    for page in (supervisor, operator):
        reload_until(page, "#withdrawal_now .head", "成功")
    operator.get_by_role("link", name="查看资金分录").click()
    expect(operator.locator("#ledger_entries")).to_contain_text("结清")

    operator.goto("/")
    row.get_by_role("button", name="释放", exact=True).click()
    expect(row.get_by_role("button", name="领取")).to_be_visible()


def reload_until(page: Page, place: str, words: str, within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while words not in page.locator(place).inner_text():
        assert time.monotonic() < deadline, (
            f"{page.url} did not come to say {words}: {page.locator(place).inner_text()}"
        )
        page.reload()

"""Pages that change by themselves, and what must not change under somebody's hands."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People, approve, bind, claim, withdraw

pytestmark = pytest.mark.browser
ACCOUNT = "CSP3301"
MARK = "window.untouched = true"


@pytest.fixture
def operator(people: People) -> Page:
    """Holds an account."""
    operator = people.sign_in("wangfang")
    operator.goto(f"/channels/{ACCOUNT}")
    if not operator.get_by_role("button", name="释放", exact=True).count():
        claim(operator, ACCOUNT)
    return operator


def test_a_displaced_session_is_told_within_two_seconds_from_where(people: People) -> None:
    people.expected = ["status of 401"]
    before = people.sign_in("lina")
    expect(before.locator("#connection")).to_have_attribute("data-state", "live")
    people.sign_in("lina")
    expect(before.get_by_role("dialog")).to_contain_text("在另一处（127.0.0.1）登录", timeout=2000)
    before.get_by_role("button", name="先看完本页").click()
    expect(before.locator("#board")).to_be_visible()
    expect(before.locator("#board button:enabled")).to_have_count(0)


def test_cards_lists_and_figures_follow_without_being_loaded_again(people: People, operator: Page) -> None:
    other = people.sign_in("chenjing")
    looking = {"/": other}
    for path in ("/cards/", "/withdrawals/", "/ledger/"):  # with each its stream: more than six would starve each other
        looking[path] = other.context.new_page()
        people.watch(looking[path])
        looking[path].goto(path)
    for page in looking.values():
        page.evaluate(MARK)
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")

    card = bind(operator, ACCOUNT)
    expect(looking["/cards/"].locator(f"#card-{card}")).to_contain_text("已绑定", timeout=3000)

    number = withdraw(operator, ACCOUNT, "230.02", card)  # accepted; the bank refuses a little later
    line = looking["/withdrawals/"].locator(f"#w-{number}")
    expect(line).to_contain_text("待审批", timeout=3000)
    expect(looking["/"].locator("#board")).to_contain_text("等待另一人审批")
    expect(looking["/ledger/"].locator("#ledger_transfers")).to_contain_text(number, timeout=3000)

    supervisor = people.sign_in("zhangwei")
    approve(supervisor, number)
    expect(looking["/"].locator(f"#row-{ACCOUNT}")).to_contain_text("230.02", timeout=3000)  # in transit
    for page in (operator, supervisor):
        expect(page.locator("#withdrawal_now .head")).to_contain_text("失败", timeout=15_000)
    expect(line).to_contain_text("失败")
    expect(looking["/"].locator(f"#row-{ACCOUNT}")).not_to_contain_text("230.02")

    supervisor.goto(f"/channels/{ACCOUNT}")
    expect(supervisor.locator("#force")).to_be_visible()
    operator.goto(f"/channels/{ACCOUNT}")
    operator.get_by_label("交接备注").fill("没有遗留")
    operator.get_by_label("交接备注").press("Enter")
    expect(supervisor.get_by_role("button", name="领取")).to_be_visible(timeout=3000)
    expect(supervisor.locator("#account_now")).to_contain_text("没有遗留")
    expect(looking["/"].locator(f"#row-{ACCOUNT}")).to_contain_text("空闲")
    assert all(page.evaluate("window.untouched") for page in looking.values())


def test_money_with_an_unknown_fate_is_in_every_header_until_it_is_known(people: People, operator: Page) -> None:
    card = bind(operator, ACCOUNT)
    number = withdraw(operator, ACCOUNT, "310.10", card)  # taken, the line is cut, and twice nobody knows of it
    supervisor = people.sign_in("chenjing")
    meter = operator.locator("#meter")
    row = operator.locator("#meter tr", has_text="云杉支付 · 跨境业务")
    expect(meter).to_contain_text("去向")
    expect(row).to_have_count(0)
    approve(supervisor, number)
    expect(row).to_contain_text("¥310.10", timeout=5000)
    meter.locator("summary").click()
    expect(row).to_contain_text("系统查询")
    expect(operator.locator("#withdrawal_now .head")).to_contain_text("成功", timeout=60_000)
    expect(row).to_have_count(0)


def test_what_is_being_typed_survives_a_live_update(people: People, operator: Page) -> None:
    number = withdraw(operator, ACCOUNT, "55.00", bind(operator, ACCOUNT))
    supervisor = people.sign_in("zhangwei")
    supervisor.goto(f"/withdrawals/{number}")
    reason = supervisor.get_by_label("驳回原因")
    reason.press_sequentially("收款人与")
    with supervisor.expect_response(re.compile(f"/withdrawals/{number}$")):
        supervisor.evaluate(f"document.body.dispatchEvent(new CustomEvent('about-{number}'))")
    expect(supervisor.locator("#withdrawal_now.htmx-request")).to_have_count(0)
    expect(reason).to_be_focused()
    reason.press_sequentially("合同不一致")
    expect(reason).to_have_value("收款人与合同不一致")
    reason.press("Enter")
    expect(supervisor.locator("#withdrawal_now")).to_contain_text("张伟 驳回了这笔提现")
    expect(operator.locator("#withdrawal_now")).to_contain_text("收款人与合同不一致")


def test_nothing_moves_under_the_pointer(people: People, operator: Page) -> None:
    card = bind(operator, ACCOUNT)
    first = withdraw(operator, ACCOUNT, "41.00", card)
    looking = people.sign_in("chenjing")
    looking.goto("/withdrawals/")
    row = looking.locator(f"#w-{first}")
    row.hover()
    second = withdraw(operator, ACCOUNT, "42.00", card)
    expect(looking.locator("[data-fresh]")).to_have_text("有 1 条新记录，点击刷新")
    expect(looking.locator(f"#w-{second}")).to_have_count(0)
    operator.get_by_role("button", name="撤销").click()
    operator.get_by_role("button", name="确定").click()
    expect(operator.locator("#withdrawal_now")).to_contain_text("创建人撤销了这笔提现")
    operator.goto(f"/withdrawals/{first}")
    operator.get_by_role("button", name="撤销").click()
    operator.get_by_role("button", name="确定").click()
    expect(row).to_contain_text("已撤销")  # what is there goes on living
    looking.locator("[data-fresh]").click()
    expect(looking.locator(f"#w-{second}")).to_contain_text("已撤销")


def test_a_failed_refresh_leaves_what_is_shown(people: People, operator: Page) -> None:
    people.expected = ["status of 503"]
    operator.goto("/withdrawals/")
    operator.route("**/withdrawals/", lambda route: route.fulfill(status=503, body="<p>no</p>"))
    with operator.expect_response(lambda answer: answer.status == 503):
        operator.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")
    operator.unroute("**/withdrawals/")
    expect(operator.locator("#withdrawal_list")).to_be_visible()
    with operator.expect_response(lambda answer: answer.url.endswith("/withdrawals/") and answer.ok):
        operator.evaluate("document.body.dispatchEvent(new CustomEvent('resync'))")


def test_an_open_page_keeps_its_claim_and_says_when_it_is_lost(people: People, operator: Page) -> None:
    people.expected = ["htmx:error: timeout"]  # the hands of the clock are pushed on while requests are under way
    operator.clock.install()
    operator.goto(f"/cards/new?account={ACCOUNT}")
    with operator.expect_response(re.compile(f"/channels/{ACCOUNT}/lease/renew$")) as renewed:
        operator.clock.run_for(61_000)
    assert renewed.value.status == 204
    supervisor = people.sign_in("zhangwei")
    supervisor.goto(f"/channels/{ACCOUNT}")
    supervisor.get_by_label("原因").fill("换人处理")
    supervisor.get_by_role("button", name="强制释放").click()
    supervisor.get_by_role("button", name="确定").click()
    expect(supervisor.locator("#flash")).to_contain_text("已强制释放")
    expect(operator.locator("#claim_now")).to_contain_text("强制释放了您的领取：换人处理", timeout=3000)

"""People, rights and administration at the screen: what each role sees, and what happens to somebody who is being managed."""

import re
import sqlite3
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import Console
from tests.browser.people import People, bind, claim, withdraw

pytestmark = pytest.mark.browser
NEW_PASSWORD = "seven quiet herons at dawn"
MONEY_OUT = [
    *("渠道看板", "我的任务", "提现", "批量提现", "人工待办", "告警", "发送控制", "代付任务", "下载中心", "提现规则"),
]
MONEY_PAGES = [*MONEY_OUT, "银行卡", "批量绑卡", "绑定模版", "渠道管理", "渠道健康", "第三方平台账号", "渠道日志"]
MONEY_PAGES += ["资金账本", "充值入账", "渠道流水"]
MENUS = {
    "wangfang": MONEY_PAGES,
    "zhangwei": MONEY_PAGES,
    "liuyang": [page for page in MONEY_PAGES if page not in ("代付任务", "我的任务", "第三方平台账号")],
    "zhaomin": [
        "渠道看板",
        "告警",
        "代付任务",
        "渠道管理",
        "渠道健康",
        "渠道模板",
        "第三方平台账号",
        "渠道日志",
        "用户管理",
        "角色与授权",
        "菜单管理",
        "缓存管理",
        "审计日志",
    ],
}
FOREIGN = {"wangfang": "/operators/", "zhangwei": "/audit/", "liuyang": "/withdrawals/new", "zhaomin": "/withdrawals/"}


@pytest.mark.parametrize("username", MENUS)
def test_each_role_sees_its_own_pages_and_is_told_no_in_words(people: People, screens: Path, username: str) -> None:
    person = people.sign_in(username)
    menu = person.locator("#menu nav a")
    assert menu.all_inner_texts() == MENUS[username]
    for title in MENUS[username]:
        person.locator("#menu").get_by_role("link", name=title, exact=True).click()
        expect(person.get_by_role("heading", level=1)).to_be_visible()
        expect(person.locator("#menu [aria-current=page]")).to_have_text(title)
    person.goto(FOREIGN[username])
    expect(person.get_by_role("heading", level=1)).to_have_text("没有权限")
    person.screenshot(path=screens / f"refused_{username}.png")


def test_somebody_new_is_invited_takes_a_second_factor_and_is_put_out(people: People, screens: Path) -> None:
    administrator = people.sign_in("zhaomin")
    administrator.goto("/operators/new")
    administrator.get_by_label("姓名").fill("孙悦")
    administrator.get_by_label("角色").select_option("operator")
    administrator.get_by_label("用户名").fill("sunyue")
    administrator.get_by_role("button", name="建立并生成激活链接").click()
    link = administrator.locator("#link").inner_text()
    administrator.screenshot(path=screens / "activation_link.png")

    new = people.nobody()
    new.goto(link)
    expect(new.locator("main")).to_contain_text("sunyue")
    new.get_by_label("新密码").fill(NEW_PASSWORD)
    new.get_by_role("button", name="启用账号").click()
    _type_password(new, "sunyue", NEW_PASSWORD)
    expect(new.locator("#board")).to_be_visible()

    new.goto("/me/")
    new.get_by_role("button", name="开启动态验证码").click()
    secret = (new.locator(".secret-text [data-copy]").get_attribute("data-copy")) or ""
    new.screenshot(path=screens / "second_factor.png")
    totp = pyotp.TOTP(secret)
    new.locator("input[name=code]").fill(totp.now())
    new.locator("input[name=code]").press("Enter")
    codes = re.findall(r"[A-Z2-9]{5}-[A-Z2-9]{5}", new.locator("main").inner_text())
    assert len(codes) == 10
    new.screenshot(path=screens / "recovery_codes.png")

    _sign_out(new)
    _type_password(new, "sunyue", NEW_PASSWORD)
    expect(new).to_have_url(re.compile("/login/code$"))
    new.get_by_label("动态验证码").fill("000000")
    new.get_by_label("动态验证码").press("Enter")
    expect(new.get_by_role("alert")).to_contain_text("验证码不正确")
    new.get_by_label("动态验证码").fill(codes[0])
    new.get_by_label("动态验证码").press("Enter")
    expect(new.locator("#connection")).to_have_attribute("data-state", "live")

    people.expected = ["status of 401"]
    administrator.goto("/operators/sunyue")
    administrator.get_by_label("停用原因").fill("离职")
    administrator.get_by_role("button", name="停用此用户").click()
    administrator.get_by_role("button", name="确定").click()
    expect(administrator.locator("#operator_now")).to_contain_text("已停用")
    expect(new.get_by_role("dialog")).to_contain_text("已停用", timeout=2000)
    new.goto("/login")
    _type_password(new, "sunyue", NEW_PASSWORD)
    expect(new.get_by_role("alert")).to_contain_text("用户名或密码不正确")


def test_an_approval_after_a_while_asks_for_the_password_and_loses_nothing(
    people: People, console: Console, screens: Path
) -> None:
    operator = people.sign_in("wangfang")
    claim(operator, "CSP3301")
    number = withdraw(operator, "CSP3301", "66.00", bind(operator, "CSP3301"))
    supervisor = people.sign_in("chenjing")
    supervisor.goto(f"/withdrawals/{number}")
    _long_ago(console, "chenjing")
    supervisor.get_by_role("button", name="通过并发送").click()
    supervisor.get_by_role("button", name="确定").click()
    expect(supervisor.get_by_role("heading", level=1)).to_have_text("确认身份")
    supervisor.screenshot(path=screens / "proof.png")
    supervisor.get_by_label("密码或验证码").fill("not the password")
    supervisor.get_by_role("button", name="确认并继续").click()
    expect(supervisor.get_by_role("alert")).to_contain_text("密码或验证码不正确")
    supervisor.get_by_label("密码或验证码").fill(console.password_of("chenjing"))
    supervisor.get_by_role("button", name="确认并继续").click()
    expect(supervisor.locator("#flash")).to_contain_text("已审批")
    expect(operator.locator("#withdrawal_now .head")).to_contain_text("成功", timeout=15_000)


def test_a_role_changes_under_an_open_page(people: People) -> None:
    """What is granted acts on the next request; what is taken away too."""
    administrator, finance = people.sign_in("zhaomin"), people.sign_in("liuyang")
    _tick(administrator, "finance", "channel:refresh", ticked=False)
    finance.goto("/channels/CSP3302")
    expect(finance.get_by_role("button", name="向渠道刷新")).to_have_count(0)
    _tick(administrator, "finance", "channel:refresh", ticked=True)
    finance.reload()
    expect(finance.get_by_role("button", name="向渠道刷新")).to_be_visible()


def _tick(administrator: Page, role: str, permission: str, *, ticked: bool) -> None:
    administrator.goto(f"/roles/{role}")
    administrator.locator(f"input[value='{permission}']").set_checked(ticked)
    administrator.locator("form[action$=change] button[type=submit]").click()
    expect(administrator.locator("#flash")).to_contain_text("已")


def _type_password(person: Page, username: str, password: str) -> None:
    person.get_by_label("用户名").fill(username)
    person.get_by_label("密码").fill(password)
    person.get_by_label("密码").press("Enter")


def _sign_out(person: Page) -> None:
    person.locator(".user-menu summary").click()
    person.get_by_role("button", name="退出登录").click()


def _long_ago(console: Console, username: str) -> None:
    """Six minutes pass for this person's proof of who they are."""
    with sqlite3.connect(console.data_dir / "paydesk.db", timeout=10) as database:
        database.execute(
            "UPDATE operator_session SET verified_at = datetime(verified_at, '-6 minutes') || '.000000' "
            "WHERE ended_at IS NULL AND operator_id = (SELECT id FROM operator WHERE username = ?)",
            (username,),
        )

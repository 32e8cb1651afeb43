"""选渠道: by keyboard from a name to a withdrawal, and without JavaScript from one account's form to another's."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People

pytestmark = pytest.mark.browser
PAYEE, MEMO = "林晓梅", "换个渠道也不丢"


def held(person: Page) -> list[str]:
    """The ids of the rows of accounts that are this person's."""
    person.goto("/")
    return [row.get_attribute("id") or "" for row in person.locator("#board tr.is-mine").all()]


def gives_back(person: Page, before: list[str]) -> None:
    """Others begin with the accounts that were free before."""
    for row in set(held(person)) - set(before):
        person.locator(f"#{row}").get_by_role("button", name="释放", exact=True).click()
        expect(person.locator(f"#{row}").get_by_role("button", name="领取")).to_be_visible()


def compared(person: Page, amount: str) -> None:
    person.goto("/withdrawals/")
    person.get_by_role("link", name="选渠道").press("Enter")
    person.get_by_label("户名 / 卡尾号").fill(PAYEE)
    person.get_by_label("提现金额").fill(amount)
    person.get_by_label("提现金额").press("Enter")
    expect(person.locator(".is-best")).to_contain_text("推荐")


def test_by_keyboard_from_a_name_to_a_withdrawal(people: People) -> None:
    operator = people.sign_in("wangfang")
    before = held(operator)
    others = operator.locator("#board tr[id^=row-]").count() - 1
    compared(operator, "66.10")
    assert operator.locator("#routes tbody tr").count() == others >= 5, "every other account says why not"
    operator.locator(".is-best button").press("Enter")
    expect(operator.get_by_label("提现金额")).to_have_value("66.10")
    expect(operator.get_by_label("收款卡")).to_contain_text(PAYEE)
    operator.get_by_label("提现金额").press("Enter")
    operator.get_by_role("button", name=re.compile("确认提现")).press("Enter")
    expect(operator).to_have_url(re.compile(r"/withdrawals/W\w+$"))
    gives_back(operator, before)


def test_without_javascript_what_was_typed_goes_along_to_another_channel(people: People) -> None:
    operator = people.sign_in("wangfang", java_script_enabled=False)
    before = held(operator)
    compared(operator, "66.20")
    operator.locator(".is-best button").click()
    operator.get_by_label("备注").fill(MEMO)
    here = operator.locator(".head-note").inner_text()
    operator.get_by_role("button", name="换个渠道？").click()
    expect(operator.locator("#routes")).to_contain_text("正在用的")
    operator.locator("#routes tr:not(.is-mine) .action button").first.click()
    expect(operator.get_by_label("备注")).to_have_value(MEMO)
    expect(operator.get_by_label("提现金额")).to_have_value("66.20")
    assert operator.locator(".head-note").inner_text() != here
    gives_back(operator, before)

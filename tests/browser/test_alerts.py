"""Something rings: every page says so within a second, and it is seen to without the mouse."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console
from tests.browser.people import People

pytestmark = pytest.mark.browser


def test_what_rings_is_in_the_head_of_every_page_and_is_seen_to_by_keyboard(
    people: People, console: Console, screens: Path
) -> None:
    operator, supervisor = people.sign_in("wangfang"), people.sign_in("zhangwei")
    operator.goto("/cards/")
    supervisor.goto("/alerts/")
    for page in (operator, supervisor):
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        expect(page.locator(".alarm")).to_have_count(0)
    expect(supervisor.locator("#alert_list")).to_contain_text("没有未处理的告警")

    console.rings("one", "warning", "第一件坏事")
    for page in (operator, supervisor):
        expect(page.locator(".alarm b")).to_have_text("1", timeout=2000)
        expect(page.locator(".alarm")).not_to_have_class(re.compile("is-severe"))
    expect(supervisor.locator("#alert_list")).to_contain_text("第一件坏事", timeout=2000)
    note = supervisor.get_by_role("textbox", name="备注")
    note.focus()
    supervisor.keyboard.type("写到一半")
    console.rings("two", "severe", "第二件坏事")
    for page in (operator, supervisor):
        expect(page.locator(".alarm.is-severe b")).to_have_text("2", timeout=2000)
    expect(supervisor.locator("[data-fresh]")).to_have_text("有 1 条新记录，点击刷新", timeout=2000)
    expect(supervisor.locator("input[name=note]:focus")).to_have_value("写到一半")

    supervisor.keyboard.type("，在查")
    supervisor.screenshot(path=screens / "alerts.png")
    supervisor.keyboard.press("Enter")
    expect(supervisor.locator("#flash")).to_contain_text("已记下：您已知悉")
    expect(operator.locator(".alarm.is-severe b")).to_have_text("1", timeout=2000)
    operator.locator(".alarm").click()
    expect(operator.get_by_role("heading", level=1)).to_have_text("告警")
    expect(operator.locator("#alert_list")).not_to_contain_text("第一件坏事")
    expect(operator.get_by_role("button", name="知道了")).to_have_count(0)

    close = supervisor.get_by_text("结束告警", exact=True)
    close.focus()
    supervisor.keyboard.press("Enter")
    supervisor.get_by_label("为什么可以结束").fill("渠道修好了")
    supervisor.keyboard.press("Enter")
    expect(supervisor.locator("#flash")).to_contain_text("告警已结束")
    for page in (operator, supervisor):
        expect(page.locator(".alarm")).to_have_count(0, timeout=2000)
    supervisor.goto("/alerts/?standing=closed")
    expect(supervisor.locator("#alert_list")).to_contain_text("渠道修好了")

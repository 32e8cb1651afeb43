"""Everything without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People

pytestmark = pytest.mark.browser


def test_the_first_stop_is_the_way_past_the_menu(people: People) -> None:
    person = people.sign_in("wangfang")
    person.reload()
    person.keyboard.press("Tab")
    skip = person.get_by_role("link", name="跳到正文")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    person.keyboard.press("Enter")
    person.keyboard.press("Tab")
    expect(person.locator("main :focus")).to_have_count(1)


def test_letters_lead_to_every_page_of_the_menu(people: People) -> None:
    person = people.sign_in("wangfang")
    for letter, path in {"w": "/withdrawals/", "c": "/cards/", "p": "/channels/", "l": "/ledger/", "d": "/"}.items():
        person.keyboard.press("g")
        person.keyboard.press(letter)
        expect(person).to_have_url(re.compile(rf"//[^/]+{path}$"))
        person.locator("#main").focus()


def test_slash_searches_and_the_question_mark_explains(people: People) -> None:
    person = people.sign_in("wangfang")
    person.goto("/withdrawals/")
    person.keyboard.press("/")
    person.keyboard.type("没有这个人")
    person.keyboard.press("Enter")
    expect(person.locator("#withdrawal_list")).to_contain_text("没有符合条件的提现")
    person.locator("#main").focus()
    person.keyboard.press("?")
    expect(person.get_by_role("dialog")).to_contain_text("快捷键")
    person.keyboard.press("Escape")
    expect(person.get_by_role("dialog")).to_have_count(0)


def test_rows_are_walked_and_opened_by_letters(people: People) -> None:
    person = people.sign_in("wangfang")
    person.goto("/channels/")
    person.keyboard.press("j")
    person.keyboard.press("j")
    person.keyboard.press("k")
    row = person.locator("#accounts tbody tr").first
    expect(row.get_by_role("link").first).to_be_focused()
    person.keyboard.press("Enter")
    expect(person.locator("#account_now")).to_be_visible()


def test_what_has_the_focus_can_be_seen(people: People) -> None:
    """Every stop of the tab key on the dashboard draws an outline or a ring."""
    person = people.sign_in("wangfang")
    for _ in range(24):
        person.keyboard.press("Tab")
        assert seen(person), person.evaluate("document.activeElement.outerHTML.slice(0, 200)")


def seen(person: Page) -> bool:
    return bool(
        person.evaluate(
            """() => { const of = document.activeElement, look = getComputedStyle(of);
            return of === document.body || (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1)
                || look.boxShadow !== "none" }"""
        )
    )

"""How long a claim lives, on the page of its holder: counted down, asked about before it ends, taken again in place."""

import re
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import Console
from tests.browser.people import People, claim

pytestmark = pytest.mark.browser
ACCOUNT = "CEG20260017"
CHECK = "document.querySelector('#claim_now').dispatchEvent(new CustomEvent('lease-check'))"
LEFT = re.compile(r"领取还剩 (9:[0-5]\d|10:00)")


def let_it_live(console: Console, seconds: int) -> None:
    """Nobody wants to wait for ten minutes."""
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
    with sqlite3.connect(console.data_dir / "paydesk.db", timeout=20) as database:
        database.execute(
            "UPDATE claim SET lease_until = ? WHERE released_at IS NULL"
            " AND account_id = (SELECT id FROM channel_account WHERE number = ?)",
            (until.isoformat(sep=" ", timespec="microseconds"), ACCOUNT),
        )
    database.close()


@pytest.fixture
def typing(people: People) -> Page:
    """A holder in the middle of a form."""
    holder = people.sign_in("chenjing")
    claim(holder, ACCOUNT)
    holder.goto(f"/cards/new?account={ACCOUNT}")
    holder.locator("main input[type=text]:visible, main input:not([type]):visible").first.fill("6222 0210 0111")
    return holder


def test_a_holder_is_asked_before_the_end_and_loses_nothing_after_it(console: Console, typing: Page) -> None:
    lease = typing.locator("#claim_now")
    expect(lease).to_contain_text(LEFT)
    typed = typing.locator("main input[type=text]:visible, main input:not([type]):visible").first
    fence = typing.locator("main input[name=fence][type=hidden]").last.input_value()

    let_it_live(console, 100)
    typing.evaluate(CHECK)
    expect(lease.locator("[data-lease-warning]")).to_be_visible()
    expect(lease).to_contain_text(re.compile("领取还剩 1:[0-4]"))
    typing.mouse.move(200, 200)  # from now on only the button keeps it
    lease.get_by_role("button", name="继续处理").click()
    expect(lease.locator("[data-lease-warning]")).to_be_hidden()
    expect(lease).to_contain_text(LEFT)

    let_it_live(console, -1)
    typing.evaluate(CHECK)
    expect(lease).to_contain_text("超时失效")
    expect(typed).to_have_value("6222 0210 0111")
    lease.get_by_role("button", name="重新领取").click()
    expect(lease).to_contain_text(LEFT)
    expect(typed).to_have_value("6222 0210 0111")
    expect(typing.locator("main input[name=fence][type=hidden]").last).not_to_have_value(fence)
    typing.goto(f"/channels/{ACCOUNT}")
    typing.get_by_role("button", name="释放", exact=True).click()
    expect(typing.locator("#flash")).to_contain_text("已释放")

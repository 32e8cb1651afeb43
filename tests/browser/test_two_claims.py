"""One account, two people, the same moment."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import People

pytestmark = pytest.mark.browser
ACCOUNT = "CEG20260017"
AT_ONCE = """([account, moment]) => { setTimeout(
    () => document.querySelector(`#row-${account} form[action$='/claim']`).requestSubmit(), moment - Date.now()) }"""


def test_one_of_two_claims_wins_and_the_other_is_told_who_has_it(people: People) -> None:
    pages = {"王芳": people.sign_in("wangfang"), "陈静": people.sign_in("chenjing")}
    moment = pages["王芳"].evaluate("Date.now() + 700")
    for page in pages.values():
        page.evaluate(AT_ONCE, [ACCOUNT, moment])
    told = {}
    for name, page in pages.items():
        answer = page.locator("#flash .toast-line, .error-page")
        expect(answer).to_be_visible()
        told[name] = answer.inner_text()
    winners = [name for name, words in told.items() if "已领取，该渠道账号由您锁定" in words]
    assert len(winners) == 1, told
    (loser,) = set(pages) - set(winners)
    assert f"该渠道账号已被 {winners[0]} 于" in told[loser]

    pages[loser].get_by_role("link", name="回到工作台").click()
    row = pages[loser].locator(f"#row-{ACCOUNT}")
    expect(row).to_contain_text(winners[0])
    expect(row.get_by_role("button", name="领取")).to_have_count(0)

    # What the winner does next is seen at once by the other, who has touched nothing.
    pages[winners[0]].locator(f"#row-{ACCOUNT}").get_by_role("button", name="释放", exact=True).click()
    expect(row.get_by_role("button", name="领取")).to_be_visible(timeout=3000)

"""People at their screens: each in a browser context of their own, and whatever goes wrong there is written down."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from stdnum import luhn

from tests.browser.console import Console

# An answer that says no is no trouble by itself: the page that shows it is looked at by the test.
NO = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|422) ")
CSP = """document.addEventListener("securitypolicyviolation",
    (e) => console.error(`CSP: ${e.violatedDirective} stopped ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))"""


class People:
    def __init__(self, browser: Browser, console: Console, context: dict[str, object]) -> None:
        self._browser, self._console, self._context = browser, console, context
        self.trouble: list[str] = []
        self.expected: list[str] = []
        """What a test makes happen on purpose, as patterns."""

    def sign_in(self, username: str, **context: object) -> Page:
        """A browser of this person's own, on the dashboard."""
        person = self.nobody(**context)
        person.goto("/login")
        person.get_by_label("用户名").fill(username)
        person.get_by_label("密码").fill(self._console.password_of(username))
        person.get_by_label("密码").press("Enter")
        expect(person).to_have_url(self._console.url + "/")
        return person

    def nobody(self, **context: object) -> Page:
        """A browser in which nobody has signed in."""
        given = {**self._context, "base_url": self._console.url, **context}
        page = self._browser.new_context(**given).new_page()  # type: ignore[arg-type]
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        page.add_init_script(CSP)
        page.on("console", self._hear)
        page.on("pageerror", lambda problem: self.trouble.append(f"page error: {problem}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not NO.match(message.text):
            self.trouble.append(f"{message.text} ({message.location.get('url')})")

    @property
    def unexpected(self) -> list[str]:
        return [it for it in self.trouble if not any(re.search(pattern, it) for pattern in self.expected)]

    def leave(self, pictures: Path | None = None) -> None:
        """Everybody goes; where a test failed, the last thing that each of them saw is kept."""
        for context in self._browser.contexts:
            for number, page in enumerate(context.pages if pictures else ()):
                page.screenshot(path=f"{pictures}-{page.title()[:12]}-{number}.png")
            context.close()


def a_card(endings: Iterable[str] = ("27",)) -> str:
    """A number that passes Luhn, by its ending: the sandbox refuses 01 and 02, takes its time for 03, binds all others."""
    wanted = tuple(endings)
    while True:
        body = "622202" + "".join(str(random.randrange(10)) for _ in range(12))
        if (number := body + luhn.calc_check_digit(body)).endswith(wanted):
            return number


def claim(person: Page, account: str) -> None:
    person.goto(f"/channels/{account}")
    person.get_by_role("button", name="领取", exact=True).click()
    expect(person.get_by_role("button", name="释放", exact=True)).to_be_visible()


def bind(person: Page, account: str, *, ending: str = "27", holder: str = "陈志强", bank: str = "中国工商银行") -> str:
    """A card bound to an account that this person holds, on its own page. Its reference."""
    person.goto(f"/cards/new?account={account}")
    person.get_by_label("银行卡号").fill(a_card([ending]))
    person.get_by_label("开户人").fill(holder)
    person.get_by_label("开户行").fill(bank)
    person.get_by_label("开户行").press("Enter")
    sure = person.get_by_label("已核对，仍按填写的提交")
    expect(person.locator("#card_now").or_(sure)).to_be_visible()
    if sure.is_visible():  # the first digits speak of another bank
        sure.check()
        person.get_by_role("button", name="提交绑定").click()
    expect(person).to_have_url(re.compile(r"/cards/K\w+$"))
    expect(person.locator("#card_now .head")).to_contain_text(re.compile("已绑定|绑定被拒"))  # the channel has answered
    return person.url.rpartition("/")[2]


def withdraw(person: Page, account: str, amount: str, card: str) -> str:
    """Fills in, checks and makes a withdrawal, and stays on its page. Its number."""
    person.goto(f"/withdrawals/new?account={account}&card={card}")
    person.get_by_label("提现金额").fill(amount)
    person.get_by_label("提现金额").press("Enter")
    person.get_by_role("button", name="确认提现").click()
    expect(person).to_have_url(re.compile(r"/withdrawals/W\w+$"))
    return person.url.rpartition("/")[2]


def approve(person: Page, number: str) -> None:
    person.goto(f"/withdrawals/{number}")
    person.get_by_role("button", name="通过并发送").click()
    person.get_by_role("button", name="确定").click()
    expect(person.locator("#flash")).to_contain_text("已审批")

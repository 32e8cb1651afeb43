"""A sheet of cards as its owner sees it: from a download to the result, with the doctor in between, and by keyboard alone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from python_calamine import CalamineWorkbook

from tests.browser.people import People, a_card

pytestmark = pytest.mark.browser
ACCOUNT = "CSP3301"
HEAD = "银行卡号,开户人,开户行,银行预留手机号"


def test_a_sheet_from_the_template_to_its_result(people: People, tmp_path: Path) -> None:
    operator = people.sign_in("wangfang")
    hold(operator)
    operator.goto(f"/card-uploads/new?account={ACCOUNT}")
    with operator.expect_download() as given:
        operator.get_by_role("link", name="下载 .xlsx 模版").click()
    given.value.save_as(tmp_path / "template.xlsx")
    blank = CalamineWorkbook.from_path(str(tmp_path / "template.xlsx"))
    assert blank.sheet_names == ["绑卡", "填写说明"]
    assert ",".join(map(str, blank.get_sheet_by_index(0).to_python()[0])) == HEAD

    good, tabbed, refused = a_card(["27"]), a_card(["28"]), a_card(["01"])
    rows = [HEAD, *(f"{card},陈志强,中国工商银行,13800138000" for card in (good, f"{tabbed}\t", refused, "6222")), ""]
    upload(operator, "\n".join(rows).encode("gb18030"))
    expect(operator.locator(".stats")).to_contain_text("GB18030")
    expect(operator.locator("#rows .cells")).to_contain_text("现在是 4 位")
    assert good not in operator.content(), "numbers are masked"
    expect(operator.get_by_role("button", name="绑定 2 张卡")).to_be_visible()
    operator.get_by_role("button", name="同意改 1 行").click()
    operator.get_by_role("button", name="绑定 3 张卡").click()
    operator.get_by_role("button", name="确定").click()

    expect(operator.locator("#run_now .head")).to_contain_text("已完成")
    for label, count in {"已绑定": "2", "被拒绝": "1", "未提交": "1"}.items():
        expect(operator.locator(".stat", has_text=label).first).to_contain_text(count)
    expect(operator.locator("#run_now")).to_contain_text("户名不符")
    with operator.expect_download() as result:
        operator.get_by_role("link", name="下载结果表").click()
    result.value.save_as(tmp_path / "result.xlsx")
    told = CalamineWorkbook.from_path(str(tmp_path / "result.xlsx")).get_sheet_by_index(0).to_python()
    assert [row[-2] for row in told[1:]] == ["已绑定", "已绑定", "被拒绝", "未提交：有误"]
    assert all(isinstance(cell, str) for row in told for cell in row) and good not in str(told)

    operator.goto(f"/cards/?account={ACCOUNT}")
    expect(operator.locator("#card_list")).to_contain_text(good[-4:])


def test_the_same_by_keyboard_alone(people: People) -> None:
    operator = people.sign_in("wangfang")
    hold(operator)
    upload(operator, f"{HEAD}\n{a_card(['33'])},陈志强,中国工商银行,13800138000\t\n".encode())
    press(operator, "同意改 1 行")
    press(operator, "绑定 1 张卡")
    expect(operator.locator("#run_now .head")).to_contain_text("已完成")


def test_who_does_not_hold_the_account_only_looks(people: People) -> None:
    operator = people.sign_in("wangfang")
    hold(operator)
    upload(operator, f"{HEAD}\n{a_card(['35'])},陈志强,中国工商银行,13800138000\n".encode())
    finance = people.sign_in("liuyang")
    finance.goto(operator.url)
    expect(finance.locator("#upload_now")).to_contain_text("可以提交")
    expect(finance.get_by_role("button", name=re.compile("绑定 1 张卡"))).to_have_count(0)


def hold(person: Page) -> None:
    """The account is this person's, now or since an earlier test."""
    person.goto(f"/channels/{ACCOUNT}")
    free, mine = (person.get_by_role("button", name=name, exact=True) for name in ("领取", "释放"))
    expect(free.or_(mine)).to_be_visible()
    if free.is_visible():
        free.click()
    expect(mine).to_be_visible()


def upload(person: Page, content: bytes) -> None:
    """Choosing a file is enough; waits until it was checked."""
    person.goto(f"/card-uploads/new?account={ACCOUNT}")
    person.set_input_files("input[type=file]", {"name": "绑卡.csv", "mimeType": "text/csv", "buffer": content})
    expect(person).to_have_url(re.compile(r"/card-uploads/U\w+$"))
    expect(person.locator("#upload_now .head")).to_contain_text("待确认")


def press(person: Page, name: str) -> None:
    """Tab as long as it takes to come to the button, and press it."""
    button = person.get_by_role("button", name=name)
    expect(button).to_be_visible()
    for _step in range(80):
        person.keyboard.press("Tab")
        if button.evaluate("it => it === document.activeElement"):
            person.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached")

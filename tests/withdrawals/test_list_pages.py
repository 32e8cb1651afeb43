"""The pages around the list, by what a person sees and presses: views, columns, selections, downloads, the slip, help."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from app.auth import service as auth
from app.runtime.db import db
from app.withdrawals import queries
from app.withdrawals.queries import views
from app.withdrawals.rules import viewing
from app.withdrawals.rules.drawing import drawn
from app.withdrawals.states import WITHDRAWAL, State
from tests.auth.conftest import Browser
from tests.world import CARD, PASSWORD, World

ONE_ENGINE = True


class Person:
    """Somebody at a browser, who has just proved who they are."""

    def __init__(self, world: World, username: str) -> None:
        token, self.actor = auth.sign_in(username, PASSWORD, address="10.0.0.9", user_agent="test")
        world.app.test_client_class = Browser
        self.browser: FlaskClient = world.app.test_client()
        self.browser.set_cookie("paydesk_session", token)

    def reads(self, path: str, status: int = 200) -> str:
        db.session.rollback()
        answer = self.browser.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code}"
        return answer.text

    def does(self, path: str, status: int = 303, **form: object) -> str:
        """Presses a button: where it leads, or the page that it answers with."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.reads("/"))
        assert token
        db.session.rollback()
        answer = self.browser.post(path, data={"csrf_token": token[1], **form})
        assert answer.status_code == status, answer.text
        return answer.headers.get("Location", answer.text)


@pytest.fixture
def account(world: World) -> str:
    return world.account()


@pytest.fixture
def three(world: World, account: str) -> list[str]:
    return [world.withdrawal(amount, account=account) for amount in ("10.00", "20.00", "45.67")]


@pytest.fixture
def maker(world: World, three: list[str]) -> Person:
    return Person(world, "maker")


@pytest.fixture
def checker(world: World, three: list[str]) -> Person:
    return Person(world, "checker")


def test_a_view_is_saved_opened_made_default_renamed_and_deleted(maker: Person) -> None:
    today = viewing.days(*viewing.span("today", queries.page({}, account_id=None).rows[0].business_day))
    shown = maker.does("/withdrawals/views", name=" 今天 的 ", q="张三", state="review", **today)
    assert parse_qs(urlsplit(shown).query)["state"] == ["review"]
    (view,) = views.views(maker.actor.operator_id)
    assert (view.name, parse_qs(view.search)) == (
        "今天 的",
        {"state": ["review"], **{k: [v] for k, v in today.items()}},
    )
    maker.does(f"/withdrawals/views/{view.id}/default", wanted="1")
    assert maker.browser.get("/withdrawals/").headers["Location"] == f"/withdrawals/?{view.search}"
    assert maker.reads("/withdrawals/?state=").count("<tr id=") == 3, "all of it is one click away"
    maker.does(f"/withdrawals/views/{view.id}/rename", name="今日")
    assert "今日" in maker.reads("/withdrawals/views")
    maker.does(f"/withdrawals/views/{view.id}/rename", name="", status=422)
    maker.does(f"/withdrawals/views/{view.id}/delete")
    assert views.views(maker.actor.operator_id) == []
    maker.reads("/withdrawals/")


def test_ten_views_and_no_more_and_nobody_elses(maker: Person, checker: Person) -> None:
    for number in range(viewing.VIEWS_MOST):
        maker.does("/withdrawals/views", name=f"v{number}", state="paid")
    maker.does("/withdrawals/views", name="v3", state="failed")
    assert {"v3": "state=failed"}.items() <= {it.name: it.search for it in views.views(maker.actor.operator_id)}.items()
    assert "最多保存 10 个视图" in maker.does("/withdrawals/views", name="one more", status=409)
    (first, second, *_rest) = views.views(maker.actor.operator_id)
    assert "已有同名" in maker.does(f"/withdrawals/views/{first.id}/rename", name=second.name, status=409)
    for deed, form in (("delete", {}), ("default", {"wanted": "1"}), ("rename", {"name": "x"})):
        checker.does(f"/withdrawals/views/{first.id}/{deed}", status=404, **form)
    assert len(views.views(maker.actor.operator_id)) == viewing.VIEWS_MOST


def test_the_list_has_the_columns_that_were_chosen(maker: Person, three: list[str]) -> None:
    maker.does("/withdrawals/columns", column=["fee", "amount", "memo"], place_fee="1", place_memo="2", next="")
    head = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', maker.reads("/withdrawals/?state="))
    assert head == ["手续费", "备注", "订单编号", "金额", "状态"]
    maker.does("/withdrawals/columns")
    assert views.columns(maker.actor.operator_id) == viewing.DEFAULT_COLUMNS


def test_many_are_approved_from_the_list(world: World, checker: Person, three: list[str]) -> None:
    page = checker.reads("/withdrawals/?state=review")
    seal = re.search(r'name="everything" value="(\w+)"', page)
    assert seal and page.count("data-pick ") == 3
    where = checker.does("/withdrawals/selections", ticked="1", state="review", everything=seal[1])
    shown = checker.reads(where)
    assert "批量审批 3 笔" in shown and "按渠道账号" in shown and CARD not in shown
    assert f'href="{where}?size=20"' in checker.does(f"{where}/reject", reason="", status=422)
    checker.does(f"{where}/approve")
    assert {world.state(number) for number in three} == {"queued"}
    assert checker.reads(where).count("已办理") > 3
    checker.does(f"{where}/reject", reason="晚了", status=409)
    assert "已经办理过" in checker.does(f"{where}/approve", status=409)


def test_who_may_not_approve_picks_nothing_and_sees_nobodys_selection(
    maker: Person, checker: Person, three: list[str]
) -> None:
    where = checker.does("/withdrawals/selections", number=three[:1], ticked="1")
    maker.reads(where, status=403)
    maker.does("/withdrawals/selections", number=three, ticked="1", status=403)
    assert "没有选中" in checker.does("/withdrawals/selections", ticked="1", status=409)


def test_an_export_is_asked_for_and_downloaded(world: World, maker: Person, checker: Person, three: list[str]) -> None:
    where = maker.does("/withdrawals/export", format="csv", number=three[:2], ticked="1")
    assert where == "/downloads/"
    assert "没有选中" in maker.does("/withdrawals/export", format="csv", ticked="1", status=409)
    maker.does("/withdrawals/export", format="csv", state="review", q="张三")
    world.until(lambda: "生成中" not in (page := maker.reads(where)) and "排队中" not in page)
    page = maker.reads(where)
    files = re.findall(r'href="(/downloads/\w+/file)"', page)
    assert len(files) == 2 and "所选：2 笔" in page and "张三" in page
    answer = maker.browser.get(files[1], buffered=True)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].endswith(".csv")
    text = answer.get_data().decode("utf-8-sig")
    assert three[0] in text and three[2] not in text and CARD not in text
    assert int(answer.headers["Content-Length"]) == len(answer.get_data())
    checker.reads(files[1], status=404)
    maker.does(files[1].replace("/file", "/delete"))
    maker.reads(files[1], status=409)


def test_the_slip_says_it_all_in_capitals_too(world: World, maker: Person, three: list[str]) -> None:
    world.approve(three[2])
    page = maker.reads(f"/withdrawals/{three[2]}/slip")
    for said in (three[2], "人民币肆拾伍元陆角柒分", "张三", "6222 02** **** 5777", "maker", "checker", "待发送"):
        assert said in re.sub(r"<[^>]*>", "", page), said
    assert CARD not in page and f"/withdrawals/{three[2]}/slip" in maker.reads(f"/withdrawals/{three[2]}")
    maker.reads("/withdrawals/W-none/slip", status=404)


def test_the_help_page_draws_every_state(maker: Person) -> None:
    page = maker.reads("/withdrawals/help")
    assert page.count('class="life-state') == len(State)
    assert page.count("marker-end") == page.count('class="life-number"') == len(drawn(WITHDRAWAL).arrows)
    assert 'style="' not in page


def test_an_empty_search_offers_ninety_days(maker: Person) -> None:
    page = maker.reads("/withdrawals/?from=20200101&to=20200102")
    assert "扩大到 90 天" in page
    wider = re.search(r'href="(/withdrawals/\?[^"]+)">扩大到 90 天', page)
    assert wider and "扩大到" not in maker.reads(wider[1].replace("&amp;", "&"))


def test_a_list_that_grows_while_one_looks_says_so(world: World, checker: Person, account: str) -> None:
    seal = re.search(r'name="everything" value="(\w+)"', checker.reads("/withdrawals/?state=review"))
    assert seal
    world.withdrawal("5.00", account=account)
    where = checker.does("/withdrawals/selections", ticked="1", state="review", everything=seal[1])
    assert "列表有了变化" in checker.reads(where)


def test_pages_go_back_as_they_went(world: World, checker: Person, account: str) -> None:
    for amount in range(20):
        world.withdrawal(f"{amount + 1}.00", account=account)
    first = checker.reads("/withdrawals/?state=&size=20")
    onward = re.search(r'rel="next" href="([^"]+)"', first)
    assert onward
    second = checker.reads("/withdrawals/" + onward[1].replace("&amp;", "&"))
    back = re.search(r'rel="prev" href="([^"]+)"', second)
    assert back and len(re.findall(r'<tr id="w-', second)) == 3
    numbers = re.findall(r'<tr id="w-(\w+)"', first)
    assert re.findall(r'<tr id="w-(\w+)"', checker.reads("/withdrawals/" + back[1].replace("&amp;", "&"))) == numbers


def test_enter_in_the_question_agrees_to_it(checker: Person) -> None:
    """Enter presses the first submit button of a form: cancelling must not be one."""
    dialog = re.search(r'<dialog id="confirm".*?</dialog>', checker.reads("/"), re.S)
    assert dialog
    (submit,) = re.findall(r'<button[^>]*type="submit"[^>]*>', dialog[0])
    assert 'value="yes"' in submit


def test_what_rows_are_ticked_for_is_there_before_the_first_row(checker: Person) -> None:
    page = checker.reads("/withdrawals/?state=paid")
    assert "<tr id=" not in page
    assert 'id="pick"' in page and 'class="list-export"' in page


def test_after_the_password_one_stands_in_the_download_centre(world: World, maker: Person) -> None:
    world.ahead += timedelta(minutes=6)
    assert "/proof?next=/downloads/&amp;file=1" in maker.reads("/downloads/D1/file", status=303)

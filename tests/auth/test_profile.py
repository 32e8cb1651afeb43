"""One's own account: what one decides oneself, and what one sees of it."""

import re
from collections.abc import Callable

from app.auth import service
from app.auth.models import Operator, OperatorSession
from app.auth.permissions import Role
from app.runtime.db import db
from tests.auth.conftest import PASSWORD, Browser, Time, enters
from tests.auth.test_operators import told
from tests.auth.test_sign_in import live

ONE_ENGINE = True

New = Callable[[], Browser]
NEW = "another horse battery"


def test_the_page_shows_ones_own_account_and_is_in_the_menu(supervisor: Browser) -> None:
    assert 'href="/me/"' in supervisor.get("/").text
    page = supervisor.get("/me/").text
    assert "supervisor 甲" in page and "主管" in page and "本次登录" in page
    assert "administrator 甲" not in page


def test_the_time_out_is_ones_own_within_what_the_house_allows(
    time: Time, supervisor: Browser, people: dict[str, int]
) -> None:
    for wrong in ("0", "60", "86400", "-300", "x", ""):
        assert supervisor.deed("/me/time-out", time_out_s=wrong).status_code == 422
    assert supervisor.deed("/me/time-out", time_out_s="300").status_code == 303
    assert db.session.get_one(Operator, people["supervisor"]).time_out_s == 300
    time.passes(minutes=4)
    assert supervisor.get("/me/").status_code == 200
    time.passes(minutes=5)
    assert supervisor.get("/me/").status_code == 303
    assert [line.subject for line in told("operator.set_time_out")] == ["supervisor"]


def test_the_language_is_chosen_here_too(supervisor: Browser) -> None:
    answer = supervisor.deed("/language", language="en", next="/me/")
    assert answer.headers["Location"] == "/me/"
    assert 'lang="en"' in supervisor.get("/me/").text


def test_a_new_password_wants_the_old_one(time: Time, supervisor: Browser, new_browser: New) -> None:
    before = supervisor.token
    for form, says in (
        ({"old": "wrong" * 4, "password": NEW}, "密码或验证码不正确"),
        ({"old": PASSWORD, "password": "short"}, "12 到 128"),
        ({"old": PASSWORD, "password": "passwordpassword"}, "太容易"),
        ({"old": "", "password": NEW}, "请输入现在的密码"),
    ):
        refused = supervisor.deed("/me/password", **form)
        assert refused.status_code == 422
        assert says in refused.text
        assert PASSWORD not in refused.text and NEW not in refused.text
        time.passes(seconds=11)
        assert supervisor.get("/me/").status_code == 200, "whoever mistypes stays signed in"
    assert supervisor.deed("/me/password", old=PASSWORD, password=NEW).status_code == 303
    assert supervisor.token != before, "a new token"
    assert supervisor.get("/me/").status_code == 200
    assert len(live()) == 1
    assert new_browser().sign_in("supervisor").status_code == 422
    assert new_browser().sign_in("supervisor", NEW).status_code == 303


def test_wrong_old_passwords_are_counted_like_any_other_proof(supervisor: Browser, administrator: Browser) -> None:
    for _ in range(10):
        assert supervisor.deed("/me/password", old="wrong" * 4, password=NEW).status_code == 422
    refused = supervisor.deed("/me/password", old=PASSWORD, password=NEW)
    assert refused.status_code == 422
    assert "尝试的次数太多" in refused.text
    assert "已锁定" in administrator.get("/operators/supervisor").text
    assert administrator.deed("/operators/supervisor/unlock").status_code == 303
    assert supervisor.deed("/me/password", old=PASSWORD, password=NEW).status_code == 303


def test_the_last_twenty_sign_ins_with_how_each_ended(supervisor: Browser, new_browser: New) -> None:
    for _ in range(22):
        enters("supervisor")
    service.end_sessions("supervisor", actor=enters("administrator"))
    enters("operator")
    here = new_browser()
    here.sign_in("supervisor")
    page = here.get("/me/").text
    rows = re.findall(r'<tr id="session-(\d+)">(.*?)</tr>', page)
    assert len(rows) == 20
    mine = {str(row.id) for row in db.session.query(OperatorSession).filter_by(operator_id=2)}
    assert {number for number, _ in rows} <= mine, "nobody else's"
    assert "本次登录" in rows[0][1]
    assert "管理员结束" in rows[1][1]
    assert all("在别处登录" in row for _, row in rows[2:])
    assert "203.0.113.9" in rows[2][1]


def test_a_session_that_nobody_ended_yet_is_not_called_live(
    time: Time, people: dict[str, int], new_browser: New
) -> None:
    enters("operator")
    time.passes(minutes=16)
    here = new_browser()
    here.sign_in("administrator")
    page = here.get("/operators/operator").text
    assert "久未操作" in page and "在线" not in page
    assert "/operators/operator/end-sessions" not in page


def test_every_role_has_it(people: dict[str, int], new_browser: New) -> None:
    for role in Role:
        here = new_browser()
        here.sign_in(role)
        assert here.get("/me/").status_code == 200

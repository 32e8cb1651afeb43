"""People: let in by a link that is shown once, changed, locked out; by others only, and never all of them."""

import contextlib
import re
import time as wall
from collections.abc import Callable, Iterable

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import insert, select

from app.auth import audit, queries, rules, service, signals
from app.auth.identity import Actor
from app.auth.models import AuditRecord, Operator, OperatorSession
from app.auth.permissions import Permission, Role
from app.auth.service import roles
from app.channels import queries as channels
from app.channels import service as channel_service
from app.cli import main
from app.config import Config
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.runtime.db import db, transaction
from tests.auth.conftest import HX, PASSWORD, Browser, Time, another, enters
from tests.auth.test_sign_in import live, together
from tests.conftest import KEYS

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone

New = Callable[[], Browser]
WANG = {"username": "wang.lei", "display_name": "王磊", "role": "operator"}


def told(action: str) -> list[AuditRecord]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditRecord).where(AuditRecord.action == action).order_by(AuditRecord.seq)))


def link_in(text: str) -> str:
    found = re.search(r"http://localhost(/activate/[\w-]+)", text)
    assert found, "no link on this page"
    return found[1]


# -- letting in ---------------------------------------------------------------------------------------------------------


def test_somebody_new_comes_by_a_link_that_is_shown_once(administrator: Browser, new_browser: New) -> None:
    answer = administrator.deed("/operators/", **WANG)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    path = link_in(answer.text)
    token = path.rpartition("/")[2]
    assert not any(token in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    for page in ("/operators/", "/operators/wang.lei", "/"):
        assert token not in administrator.get(page).text
    assert "待激活" in administrator.get("/operators/wang.lei").text
    here = new_browser()
    assert "王磊" in here.get(path).text
    assert here.post(path, data={"csrf_token": here.csrf(path), "password": PASSWORD}).status_code == 303
    assert here.sign_in("wang.lei").status_code == 303
    assert new_browser().get(path).status_code == 410
    assert "启用中" in administrator.get("/operators/wang.lei").text
    stored = str([(line.before, line.after, line.why) for line in db.session.scalars(select(AuditRecord))])
    assert token not in stored and PASSWORD not in stored
    assert {line.actor for line in told("operator.create") if line.subject == "wang.lei"} == {"administrator"}


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"username": "1x"}, 409, "用户名须为"),
        ({"username": "new"}, 409, "系统保留"),
        ({"username": "worker"}, 409, "系统保留"),
        ({"username": "finance"}, 409, "已经有人用了"),
        ({"username": ""}, 422, "请输入用户名"),
        ({"display_name": ""}, 422, "请输入姓名"),
        ({"display_name": " "}, 409, "姓名须为"),
        ({"display_name": "x" * 41}, 422, ""),
        ({"role": "root"}, 422, ""),
        ({"role": ""}, 422, "请选择角色"),
        ({"channels": ["nowhere"]}, 422, ""),
        ({"is_admin": "1"}, 400, "与页面不符"),
    ],
)
def test_a_bad_form_comes_back_as_it_was_typed(
    administrator: Browser, wrong: dict[str, object], status: int, says: str
) -> None:
    answer = administrator.deed("/operators/", **WANG | wrong)
    assert answer.status_code == status
    assert says in answer.text
    if status != 400 and "display_name" not in wrong:
        assert 'value="王磊"' in answer.text
    assert queries.operator_named("wang.lei") is None


def test_a_new_link_voids_the_one_before_and_is_only_for_who_has_no_password(
    administrator: Browser, new_browser: New
) -> None:
    old = link_in(administrator.deed("/operators/", **WANG).text)
    new = link_in(administrator.deed("/operators/wang.lei/link").text)
    assert new_browser().get(old).status_code == 410
    assert new_browser().get(new).status_code == 200
    assert administrator.deed("/operators/operator/link").status_code == 409
    assert administrator.deed("/operators/wang.lei/disable", reason="没有来").status_code == 303
    assert new_browser().get(new).status_code == 410, "a disabled person's link is void"
    assert administrator.deed("/operators/wang.lei/link").status_code == 409


def test_the_command_line_lets_in_even_the_first_administrator(
    app: Flask, config: Config, new_browser: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PAYDESK_DATA_DIR", str(config.data_dir)),
        ("PAYDESK_DATABASE_URL", config.sqlalchemy_url),
        ("PAYDESK_SECRET_KEY", KEYS["secret_key"]),
        ("PAYDESK_FIELD_KEYS", KEYS["field_keys"]),
    ):
        monkeypatch.setenv(name, value)

    def says(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(main, ["create-operator", *arguments])
        assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
        db.session.rollback()
        return answer.exit_code, answer.output

    code, output = says("Zhao.Min", "--name", "赵敏", "--role", "administrator")
    assert code == 0
    path = re.search(r"/activate/\S+", output)
    assert path
    here = new_browser()
    assert here.post(path[0], data={"csrf_token": here.csrf(path[0]), "password": PASSWORD}).status_code == 303
    assert here.sign_in("zhao.min").status_code == 303
    assert here.get("/operators/").status_code == 200
    for arguments, words in (
        (("zhao.min", "--name", "甲", "--role", "operator"), "已经有人用了"),
        (("li", "--name", "甲", "--role", "root"), "没有这个角色"),
        (("li", "--name", " ", "--role", "operator"), "姓名须为"),
        (("李", "--name", "甲", "--role", "operator"), "用户名须为"),
        (("nobody", "--name", "甲", "--role", "operator"), "系统保留"),
    ):
        code, output = says(*arguments)
        assert code == 1 and words in output
    assert {line.actor for line in told("activation_link.create")} == {"command line"}


# -- locking out --------------------------------------------------------------------------------------------------------


def an_account() -> str:
    channel_service.open_channel(code="c", name="C", adapter="dolphin", actor="tests")
    settings = {"base_url": "http://127.0.0.1:1", "merchant_no": "M1", "key": "k" * 16}
    terms = {"single_limit": Money.parse("100.00"), "fee_fixed": Money.parse("0"), "fee_rate_ppm": 0}
    channel_service.open_account(channel="c", name="甲", settings=settings, actor="tests", number="C1", **terms)
    return "C1"


@pytest.mark.parametrize("deed", ["disable", "end-sessions", "reset-password"])
def test_whoever_is_put_out_is_out_at_once_and_lets_go_of_what_they_held(
    administrator: Browser, supervisor: Browser, deed: str
) -> None:
    number = an_account()
    assert supervisor.deed(f"/channels/{number}/claim").status_code == 303
    db.session.rollback()
    account = channels.account(number)
    assert channels.holder(account.id)
    heard: list[str] = []

    def hear(_sender: object, *, reason: str, **_more: object) -> None:
        heard.append(reason)

    with signals.session_ended.connected_to(hear):
        answer = administrator.deed(
            f"/operators/supervisor/{deed}", **({"reason": "离职"} if deed == "disable" else {})
        )
    assert answer.status_code == (200 if deed == "reset-password" else 303)
    db.session.rollback()
    assert channels.holder(account.id) is None, "the claim is released"
    assert heard == [{"disable": "disabled", "end-sessions": "ended", "reset-password": "reset"}[deed]]
    assert supervisor.get("/t/page").status_code == 303
    assert supervisor.get("/t/page", headers=HX).status_code == 401
    assert {
        "disable": "已停用",
        "end-sessions": "管理员已于",
        "reset-password": "被管理员重置",
    }[deed] in supervisor.get("/login").text


def test_a_disabled_person_stays_out_until_they_are_enabled(administrator: Browser, new_browser: New) -> None:
    assert administrator.deed("/operators/finance/disable", reason="").status_code == 422
    assert administrator.deed("/operators/finance/disable", reason="停薪留职").status_code == 303
    assert [line.why for line in told("operator.disable")] == ["停薪留职"]
    refused = new_browser().sign_in("finance")
    assert refused.status_code == 422
    assert "用户名或密码不正确" in refused.text
    for deed in ("disable", "reset-password", "link"):
        again = administrator.deed(f"/operators/finance/{deed}", **({"reason": "再来"} if deed == "disable" else {}))
        assert again.status_code == 409
    assert "已停用" in administrator.get("/operators/finance").text
    assert administrator.deed("/operators/finance/enable").status_code == 303
    assert administrator.deed("/operators/finance/enable").status_code == 409
    assert new_browser().sign_in("finance").status_code == 303


def test_a_reset_password_is_dead_and_another_is_chosen_by_link(administrator: Browser, new_browser: New) -> None:
    path = link_in(administrator.deed("/operators/operator/reset-password").text)
    assert new_browser().sign_in("operator").status_code == 422
    assert "待设新密码" in administrator.get("/operators/operator").text
    assert administrator.deed("/operators/operator/reset-password").status_code == 200, "and again, if it got lost"
    assert new_browser().get(path).status_code == 410
    path = link_in(administrator.deed("/operators/operator/link").text)
    here = new_browser()
    assert here.post(path, data={"csrf_token": here.csrf(path), "password": "another horse battery"}).status_code == 303
    assert here.sign_in("operator", "another horse battery").status_code == 303


def test_only_who_is_there_can_be_sent_away(administrator: Browser) -> None:
    assert administrator.deed("/operators/operator/end-sessions").status_code == 409
    enters("operator")
    assert administrator.deed("/operators/operator/end-sessions").status_code == 303
    assert len(live()) == 1


# -- by others only, and never all of them ------------------------------------------------------------------------------

TO_SOMEBODY: dict[str, Callable[[str, Actor], object]] = {
    "demote": lambda name, actor: service.change(name, display_name=name, role=Role.OPERATOR, channels=(), actor=actor),
    "disable": lambda name, actor: service.disable(name, reason="试一试", actor=actor),
    "reset": lambda name, actor: service.reset_password(name, actor=actor),
}
REST: dict[str, Callable[[str, Actor], object]] = {
    "rename": lambda name, actor: service.change(
        name, display_name="改名", role=Role.ADMINISTRATOR, channels=(), actor=actor
    ),
    "enable": lambda name, actor: service.enable(name, actor=actor),
    "unlock": lambda name, actor: service.unlock(name, actor=actor),
    "new_link": lambda name, actor: service.new_link(name, actor=actor),
    "second_factor": lambda name, actor: service.reset_second_factor(name, actor=actor),
    "end_sessions": lambda name, actor: service.end_sessions(name, actor=actor),
}


@pytest.mark.parametrize("what", [*TO_SOMEBODY, *REST])
def test_nobody_does_it_to_themselves(people: dict[str, int], what: str) -> None:
    another("second")
    myself = enters("administrator")
    with pytest.raises(Refused, match="不能对自己"):
        (TO_SOMEBODY | REST)[what]("administrator", myself)
    person = db.session.get_one(Operator, people["administrator"])
    assert (person.role, person.disabled_at, person.display_name) == ("administrator", None, "administrator 甲")
    assert person.password_hash


def test_the_page_of_oneself_has_no_buttons_and_says_why(administrator: Browser) -> None:
    page = administrator.get("/operators/administrator").text
    assert "这是您自己" in page
    assert "/operators/administrator/" not in page
    for deed in ("change", "disable", "enable", "unlock", "end-sessions", "link", "reset-password"):
        form = {"reason": "试试"} if deed == "disable" else {}
        form = {"display_name": "甲", "role": "supervisor"} if deed == "change" else form
        assert administrator.deed(f"/operators/administrator/{deed}", **form).status_code == 409


def test_somebody_who_does_not_exist_is_not_there(administrator: Browser) -> None:
    assert administrator.get("/operators/nobody-here").status_code == 404
    assert administrator.deed("/operators/nobody-here/enable").status_code == 404
    assert administrator.get("/operators/%00").status_code == 404
    with pytest.raises(NotThere):
        service.unlock("nobody-here", actor=enters("administrator"))


@pytest.mark.parametrize("what", TO_SOMEBODY)
def test_two_administrators_do_it_to_each_other_and_one_remains(app: Flask, people: dict[str, int], what: str) -> None:
    second = another("second")
    pairs = [("second", enters("administrator")), ("administrator", second)]
    done: list[str] = []

    def attack() -> None:
        name, actor = pairs.pop()
        with app.app_context(), contextlib.suppress(Refused):
            TO_SOMEBODY[what](name, actor)
            done.append(name)

    together(attack, times=2)
    db.session.rollback()
    assert len(done) == 1
    assert len(queries.administrators()) == 1
    assert audit.verify() == []


@pytest.mark.parametrize("what", TO_SOMEBODY)
def test_the_last_administrator_stays(people: dict[str, int], what: str) -> None:
    """Also against somebody who was an administrator a moment ago."""
    stale = another("second")
    TO_SOMEBODY["disable"]("second", enters("administrator"))
    with pytest.raises(Refused, match="最后一位管理员"):
        TO_SOMEBODY[what]("administrator", stale)
    assert queries.administrators() == [people["administrator"]]


# -- changing -----------------------------------------------------------------------------------------------------------


def change(administrator: Browser, username: str, **form: object) -> int:
    known = {"display_name": username, "role": username}
    return administrator.deed(f"/operators/{username}/change", **known | form).status_code


def test_a_role_change_acts_on_the_next_request_and_the_old_cookie_dies(
    time: Time, administrator: Browser, supervisor: Browser, new_browser: New
) -> None:
    before = supervisor.token
    assert supervisor.get("/t/money").status_code == 200
    assert change(administrator, "supervisor", role="operator") == 303
    assert supervisor.get("/t/money").status_code == 403, "the very next request"
    assert supervisor.get("/t/page").status_code == 200
    assert supervisor.token != before, "a new token"
    thief = new_browser()
    thief.set_cookie("paydesk_session", before)
    assert thief.get("/t/page").status_code == 200, "what was on its way still arrives"
    time.passes(seconds=10)
    assert thief.get("/t/page").status_code == 303
    assert thief.get("/t/page", headers=HX).status_code == 401
    assert supervisor.get("/t/page").status_code == 200
    assert [line.actor for line in told("operator.change")] == ["administrator"]


def test_what_was_not_changed_is_not_written_down(administrator: Browser) -> None:
    assert change(administrator, "finance", display_name="finance 甲") == 303
    assert told("operator.change") == []
    assert change(administrator, "finance", display_name="财务 乙") == 303
    assert [(line.subject, "财务 乙" in str(line.after)) for line in told("operator.change")] == [("finance", True)]


def test_a_role_that_is_gone_is_refused_in_words(people: dict[str, int]) -> None:
    with pytest.raises(Refused, match="没有这个角色"):
        service.change("finance", display_name="x", role="root", channels=(), actor=enters("administrator"))


def test_whoever_is_limited_gives_no_more_than_they_have(people: dict[str, int]) -> None:
    for code in ("a", "b"):
        channel_service.open_channel(code=code, name=f"渠道{code}", adapter="dolphin", actor="tests")
    boss = enters("administrator")
    another("second")
    service.change("second", display_name="x", role=Role.ADMINISTRATOR, channels=("a",), actor=boss)
    limited = enters("second")
    for given in ((), ("b",), ("a", "b")):
        with pytest.raises(Refused, match="您只能分配"):
            service.invite(**WANG, channels=given, actor=limited)
    service.invite(**WANG, channels=("a",), actor=limited)
    with pytest.raises(Refused, match="您只能分配"):
        service.change("wang.lei", display_name="x", role=Role.OPERATOR, channels=(), actor=limited)
    assert queries.channels_of(queries.person("wang.lei").id) == {"a"}


# -- the list -----------------------------------------------------------------------------------------------------------


def names_on(page: str) -> list[str]:
    return re.findall(r'<tr id="operator-([^"]+)"', page)


def test_the_list_finds_people_by_name_role_and_standing(time: Time, administrator: Browser) -> None:
    enters("operator")
    service.invite(**WANG, actor="tests")
    assert administrator.deed("/operators/finance/disable", reason="离职").status_code == 303
    for _ in range(10):
        with pytest.raises(Refused):
            enters("supervisor", "wrong" * 4)
    everybody = {"administrator", "supervisor", "operator", "finance", "wang.lei"}
    for query, found in {
        "": everybody,
        "?q=王": {"wang.lei"},
        "?q=ANG.L": {"wang.lei"},
        "?q=%": set(),
        "?q=_": set(),
        "?q=%00": set(),
        "?role=finance": {"finance"},
        "?role=root": set(),
        "?standing=disabled": {"finance"},
        "?standing=waiting": {"wang.lei"},
        "?standing=locked": {"supervisor"},
        "?standing=active": {"administrator", "operator"},
        "?standing=nonsense": everybody,
        "?standing=active&role=operator": {"operator"},
    }.items():
        page = administrator.get(f"/operators/{query}")
        assert page.status_code == 200
        assert set(names_on(page.text)) == found, query
    page = administrator.get("/operators/").text
    assert "203.0.113.9" in page and "在线" in page and "从未登录" in page
    counts = re.findall(r"(全部|启用中|待激活|已锁定|已停用)<b>(\d+)</b>", page)
    assert counts == [("全部", "5"), ("启用中", "2"), ("待激活", "1"), ("已锁定", "1"), ("已停用", "1")]
    time.passes(minutes=30)
    administrator.sign_in("administrator")
    assert names_on(administrator.get("/operators/?standing=locked").text) == []


def test_a_region_asks_for_itself_alone(administrator: Browser) -> None:
    for path, region in (("/operators/", "operator_list"), ("/operators/finance", "operator_now")):
        answer = administrator.get(path, headers=HX | {"HX-Target": f"section#{region}"})
        assert answer.text.lstrip().startswith(f'<section id="{region}"')
        assert "<html" not in answer.text


@pytest.mark.slow
def test_five_thousand_people_cost_what_a_few_do(administrator: Browser) -> None:
    def dearest() -> float:
        """Of these pages, each at its best: what matters is how it grows, not how busy the machine is."""

        def seconds(query: str) -> float:
            start = wall.perf_counter()
            assert administrator.get(f"/operators/{query}").status_code == 200
            return wall.perf_counter() - start

        return max(min(seconds(query) for _ in range(3)) for query in ("", "?q=员工49", "?standing=locked"))

    few = dearest()
    now = clock.now()
    many = [
        {"username": f"p{number}", "display_name": f"员工{number}", "role": "operator", "language": "zh"}
        | {"time_out_s": 900, "totp_step": 0, "created_at": now, "password_hash": "x"}
        for number in range(5000)
    ]
    with transaction():
        db.session.execute(insert(Operator), many)
        ids = db.session.scalars(select(Operator.id).where(Operator.username.like("p%"))).all()
        came = {"created_at": now, "last_active_at": now, "verified_at": now, "address": "", "user_agent": ""}
        came |= {"ended_at": now, "ended_reason": "signed out", "renew": False}
        db.session.execute(
            insert(OperatorSession),
            [
                {"operator_id": one, "token_sha256": f"{one}.{n}", "former_sha256": None, **came}
                for one in ids
                for n in (1, 2)
            ],
        )
    for _ in range(10):
        with pytest.raises(Refused):
            enters("p77", "wrong" * 4)

    assert dearest() < 10 * few, "three people or five thousand: a page has fifty rows at most"
    assert names_on(administrator.get("/operators/?standing=locked").text) == ["p77"]
    assert names_on(administrator.get("/operators/?size=100&q=员工").text) == [f"p{it}" for it in range(4999, 4899, -1)]
    page, seen = administrator.get("/operators/?size=100&q=员工1").text, 0
    while True:
        seen += len(names_on(page))
        further = re.search(r'rel="next" href="([^"]+)"', page)
        if further is None:
            break
        page = administrator.get("/operators/" + further[1].replace("&amp;", "&")).text
    assert seen == 1111, "a page after the other"


def test_who_may_only_look_sees_no_buttons(administrator: Browser, new_browser: New) -> None:
    keeper = another("keeper")
    roles.create(code="looker", title_zh="查看员", title_en="Looker", note="", actor=keeper)
    may: Iterable[str] = {Permission.OPERATOR_READ, Permission.ROLE_READ, Permission.DASHBOARD_READ}
    roles.change("looker", title_zh="查看员", title_en="L", note="", permissions=may, channels=(), actor=keeper)
    another("eye", "looker")
    here = new_browser()
    here.sign_in("eye")
    assert "/operators/new" not in here.get("/operators/").text
    assert "/operators/finance/" not in here.get("/operators/finance").text
    assert here.get("/operators/new").status_code == 403
    assert here.deed("/operators/finance/enable").status_code == 403
    assert 'action="/roles/' not in here.get("/roles/operator").text


def test_a_browser_is_called_as_people_call_it() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
    )
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1"
    assert rules.browser(chrome) == "Chrome · Windows"
    assert rules.browser(chrome + " Edg/140.0") == "Edge · Windows"
    assert rules.browser(iphone.replace("Safari", "Safari/")) == "Safari · iPhone"
    assert rules.browser("curl/8") == "curl/8"
    assert rules.browser("") == ""

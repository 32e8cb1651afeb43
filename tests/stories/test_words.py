"""Whatever a person gets wrong is told in their language, at the place where it is wrong, and nothing is written.

Through the pages: the form is read as a browser reads it, one thing in it is bad, and it is sent back with its token.
"""

import re
from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.auth.permissions import Role
from app.channels import service as channels
from app.ledger import queries as ledger
from app.runtime.db import db
from app.withdrawals import queries
from tests.world import CARD, PASSWORD, World

SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone

pytestmark = pytest.mark.slow

OTHER_CARD, MISTYPED_CARD = "6217001210024455220", "6217001210024455221"
WRITTEN = ("card", "withdrawal", "withdrawal_event", "transfer", "claim")
BAD_FORM, EXPIRED, NOT_ALLOWED, NO_PAGE = "提交的内容与页面不符", "页面已过期", "没有权限", "没有这一页"


class Person(FlaskClient):
    """Somebody at a browser without JavaScript. Every request gets a context of its own, as in production."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)

    def form(self, page: str, action: str) -> dict[str, str]:
        """The form with this action on this page, as the browser would send it untouched."""
        answer = self.get(page)
        for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", answer.text, re.S):
            if 'method="post"' in attributes and f'action="{action}"' in unescape(attributes):
                return fields_of(body)
        raise AssertionError(f"{page} has no form for {action}: {answer.status_code} {words(answer)[:300]}")


def fields_of(html: str) -> dict[str, str]:
    """What is typed or chosen in a form."""
    found = {
        attribute(tag, "name"): attribute(tag, "value")
        for tag in re.findall(r"<input[^>]*>", html)
        if attribute(tag, "name") and ('type="radio"' not in tag or " checked" in tag)
    }
    for tag, choices in re.findall(r"(<select[^>]*>)(.*?)</select>", html, re.S):
        chosen = re.search(r"<option[^>]*\bselected\b[^>]*>", choices)
        found[attribute(tag, "name")] = attribute(chosen[0], "value") if chosen else ""
    return found


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


def words(answer: TestResponse) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2] or answer.text)))


@pytest.fixture
def people(world: World) -> dict[Role, Person]:
    """One of each role at a browser; the world's maker and checker are the operator and the supervisor here."""
    world.app.test_client_class = Person
    found = {}
    for role, name in (
        (Role.OPERATOR, "maker"),
        (Role.SUPERVISOR, "checker"),
        (Role.FINANCE, "teller"),
        (Role.ADMINISTRATOR, "keeper"),
    ):
        if role in (Role.FINANCE, Role.ADMINISTRATOR):
            auth.create_operator(username=name, display_name=name, role=role, password=PASSWORD, actor="test")
        token, actor = auth.sign_in(name, PASSWORD, address="127.0.0.1", user_agent="test")
        if role in (Role.OPERATOR, Role.SUPERVISOR):
            setattr(world, name, actor)
        browser = world.app.test_client()
        assert isinstance(browser, Person)
        browser.set_cookie("paydesk_session", token)
        found[role] = browser
    return found


@dataclass
class Desk:
    """An account that the maker holds, a bound card, one withdrawal that waits for review, one page of each form."""

    world: World
    people: dict[Role, Person]
    account: str = ""
    card: str = ""
    number: str = ""
    forms: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.account = self.world.account()
        self.card = self.world.card(self.account)
        self.number = self.world.withdrawal("100.00", account=self.account, card=self.card)
        self.forms = {
            "bind": (f"/cards/new?account={self.account}", "/cards/"),
            "check": (f"/withdrawals/new?account={self.account}&card={self.card}", "/withdrawals/check"),
            "approve": (f"/withdrawals/{self.number}", f"/withdrawals/{self.number}/approve"),
            "reject": (f"/withdrawals/{self.number}", f"/withdrawals/{self.number}/reject"),
            "cancel": (f"/withdrawals/{self.number}", f"/withdrawals/{self.number}/cancel"),
        }

    def filled(self, name: str, by: Role = Role.OPERATOR) -> tuple[str, dict[str, str]]:
        """Where a good form goes, and what is in it."""
        page, action = self.forms[name]
        good = {
            "bind": {"c_number": OTHER_CARD, "c_holder": "李四", "c_bank": "中国建设银行", "c_phone": "13800000000"},
            "check": {"card": self.card, "amount": "12.34", "memo": "十一月货款"},
            "reject": {"reason": "收款人不对"},
        }.get(name, {})
        return action, self.people[by].form(page, action) | good

    def sends(
        self, name: str, by: Role = Role.OPERATOR, to: str = "", **bad: str
    ) -> tuple[TestResponse, dict[str, str]]:
        action, form = self.filled(name, by)
        typed = form | bad
        return self.people[by].post(to or action, data=typed), typed

    def counted(self) -> dict[str, Any]:
        """What must not change: how many rows, how the withdrawal stands, what is available."""
        db.session.rollback()
        rows = {table: db.session.scalar(text(f"SELECT count(*) FROM {table}")) for table in WRITTEN}
        state, balances = self.world.state(self.number), ledger.balances_of([self.account])[self.account]
        db.session.rollback()
        return rows | {"state": state, "available": balances.available, "in flight": balances.in_flight}


@pytest.fixture
def desk(world: World, people: dict[Role, Person]) -> Desk:
    return Desk(world, people)


def kept(answer: TestResponse, typed: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    """Which of these fields lost what was typed."""
    shown: dict[str, str] = {}
    for _attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", answer.text, re.S):
        shown |= {name: value for name, value in fields_of(body).items() if name in names}
    return [
        f"{name}: {shown.get(name)!r} instead of {typed[name]!r}" for name in names if shown.get(name) != typed[name]
    ]


TYPED = {
    "bind": ("c_number", "c_holder", "c_bank", "c_phone"),
    "check": ("card", "amount", "memo"),
    "reject": ("reason",),
}

# form, what is bad in it, status, what is said
MISTYPED = [
    ("bind", {"c_number": MISTYPED_CARD}, "可能有一位输错了"),
    ("bind", {"c_number": "62170012100244552２1"}, "可能有一位输错了"),
    ("bind", {"c_number": "6217"}, "现在是 4 位"),
    ("bind", {"c_number": "6" * 20}, "现在是 20 位"),
    ("bind", {"c_number": "6217 oo12 1002"}, "卡号只能是数字"),
    ("bind", {"c_number": ""}, "必填，没有填"),
    ("bind", {"c_number": "6.217e18"}, "科学计数法"),
    ("bind", {"c_holder": ""}, "必填，没有填"),
    ("bind", {"c_holder": "<b>四</b>" * 20}, "开户人"),
    ("bind", {"c_bank": ""}, "必填，没有填"),
    ("bind", {"c_phone": "0551-1234567"}, "手机号只能是数字"),
    ("check", {"amount": ""}, "请输入提现金额"),
    ("check", {"amount": "1e2"}, "不是金额"),
    ("check", {"amount": "1.005"}, "不是金额"),
    ("check", {"amount": "-1"}, "不是金额"),
    ("check", {"amount": "+1"}, "不是金额"),
    ("check", {"amount": "１００"}, "不是金额"),
    ("check", {"amount": "1,00"}, "不是金额"),
    ("check", {"amount": "NaN"}, "不是金额"),
    ("check", {"amount": "Infinity"}, "不是金额"),
    ("check", {"amount": "一百元"}, "不是金额"),
    ("check", {"amount": "0x64"}, "不是金额"),
    ("check", {"amount": "100.00.00"}, "不是金额"),
    ("check", {"amount": "9" * 40}, "不是金额"),
    ("check", {"amount": '"><script>alert(1)</script>'}, "不是金额"),
    ("check", {"card": ""}, "请选择收款人"),
    ("check", {"memo": "长" * 101}, "备注最多 100 个字"),
    ("reject", {"reason": ""}, "请写明驳回原因"),
    ("reject", {"reason": "否"}, "驳回原因"),
]


def test_what_is_mistyped_is_told_beside_what_was_typed(desk: Desk) -> None:
    before, wrong = desk.counted(), []
    for name, bad, sentence in MISTYPED:
        by = Role.SUPERVISOR if name == "reject" else Role.OPERATOR
        answer, typed = desk.sends(name, by, **bad)
        lost = kept(answer, typed, TYPED[name])
        if (answer.status_code, sentence in words(answer), lost) != (422, True, []):
            wrong.append(f"{name} {bad}: {answer.status_code}, lost {lost}, says {words(answer)[:200]}")
        assert "<script>alert" not in answer.text
    assert wrong == []
    assert desk.counted() == before


# The form is well written, and a rule says no: in words, with the form as it was.
REFUSED = [
    ("bind", "", {"c_number": CARD, "c_bank": "中国工商银行"}, "已绑定在该渠道账号上"),
    ("check", "", {"amount": "0"}, "必须大于 0"),
    ("check", "", {"amount": "0.00"}, "必须大于 0"),
    ("check", "", {"amount": "5,000.01"}, "单笔限额 ¥5,000.00"),
    ("check", "", {"memo": f"给 {OTHER_CARD}"}, "不能写银行卡号"),
    ("check", "/withdrawals/", {"amount": "0"}, "必须大于 0"),
    ("check", "/withdrawals/", {"amount": "5000.01"}, "单笔限额 ¥5,000.00"),
    ("check", "/withdrawals/", {"memo": f"给 {OTHER_CARD}"}, "不能写银行卡号"),
]


def test_what_a_rule_refuses_is_told_in_its_words_with_the_form_as_it_was(desk: Desk) -> None:
    before, wrong = desk.counted(), []
    for name, to, bad, sentence in REFUSED:
        answer, typed = desk.sends(name, to=to, **bad)
        lost = kept(answer, typed, TYPED[name])
        if (answer.status_code, sentence in words(answer), lost) != (409, True, []):
            wrong.append(f"{name} {to} {bad}: {answer.status_code}, lost {lost}, says {words(answer)[:200]}")
    assert wrong == []
    assert desk.counted() == before


def test_more_than_there_is_is_told_before_and_refused_after(world: World, people: dict[Role, Person]) -> None:
    desk = Desk(world, people)
    poor = world.account(balance="50.00")
    desk.account, desk.card = poor, world.card(poor)
    desk.forms["check"] = (f"/withdrawals/new?account={poor}&card={desk.card}", "/withdrawals/check")
    before = desk.counted()
    warned, _ = desk.sends("check", amount="49.00")  # and a fee of 2.00
    assert (warned.status_code, "可用余额不足，还差 ¥1.00" in words(warned)) == (200, True)
    assert re.search(r'<button[^>]*type="submit" disabled', warned.text), "what cannot succeed is not offered"
    refused, typed = desk.sends("check", to="/withdrawals/", amount="49.00")
    assert refused.status_code == 409
    assert "可用余额不足：可用 ¥50.00，需要 ¥51.00" in words(refused)
    assert kept(refused, typed, TYPED["check"]) == []
    assert desk.counted() == before


def test_a_disabled_account_takes_nothing_new(desk: Desk) -> None:
    forms = [("bind", "", desk.filled("bind")), ("check", "", desk.filled("check"))]
    forms.append(("check", "/withdrawals/", desk.filled("check")))
    channels.set_enabled(desk.account, enabled=False, actor="test")
    before = desk.counted()
    for name, to, (action, form) in forms:
        answer = desk.people[Role.OPERATOR].post(to or action, data=form)
        assert (answer.status_code, "已停用，不能办理业务" in words(answer)) == (409, True), f"{name} {to}"
        assert kept(answer, form, TYPED[name]) == []
    assert desk.counted() == before


def test_who_no_longer_holds_the_account_changes_nothing(desk: Desk) -> None:
    """The page was open when a supervisor released the account; then somebody else claimed it."""
    forms = [(desk.filled("bind"), ""), (desk.filled("check"), "/withdrawals/")]
    channels.force_release(desk.account, reason="下班了", actor=desk.world.checker)
    for holder, sentence in ((None, "您没有领取该渠道账号，或领取已超时失效"), ("checker", "已被 checker 于")):
        if holder:
            channels.claim(desk.account, actor=desk.world.checker)
        before = desk.counted()
        for (action, form), to in forms:
            answer = desk.people[Role.OPERATOR].post(to or action, data=form)
            assert (answer.status_code, sentence in words(answer)) == (409, True), (
                f"{to or action}: {words(answer)[:300]}"
            )
        assert desk.counted() == before


def test_a_page_of_an_earlier_claim_is_out_of_date(desk: Desk) -> None:
    (action, bind), (_check, withdrawal) = desk.filled("bind"), desk.filled("check")
    channels.release(desk.account, actor=desk.world.maker)
    channels.claim(desk.account, actor=desk.world.maker)
    before = desk.counted()
    for path, form, name in ((action, bind, "bind"), ("/withdrawals/", withdrawal, "check")):
        answer = desk.people[Role.OPERATOR].post(path, data=form)
        assert (answer.status_code, "此页面已过期" in words(answer)) == (409, True), words(answer)[:300]
        assert kept(answer, form, TYPED[name]) == []
    assert desk.counted() == before


def test_nobody_approves_or_rejects_what_they_made(desk: Desk) -> None:
    world = desk.world
    own = world.account()
    world.maker, before_maker = world.checker, world.maker
    number = world.withdrawal("20.00", account=own)
    world.maker = before_maker
    supervisor, page = desk.people[Role.SUPERVISOR], f"/withdrawals/{number}"
    token = supervisor.form(page, f"{page}/cancel")["csrf_token"]
    assert f'action="{page}/approve"' not in supervisor.get(page).text, "it is not even offered"
    before = desk.counted()
    seen = queries.digest(queries.by_number(number))
    for verb, form in (("approve", {"seen": seen}), ("reject", {"reason": "收款人不对"})):
        answer = supervisor.post(f"{page}/{verb}", data={"csrf_token": token, **form})
        assert (answer.status_code, "不能审批自己创建的提现" in words(answer)) == (409, True), verb
    assert world.state(number) == "review"
    assert desk.counted() == before


def test_what_changed_or_is_over_is_not_approved(desk: Desk) -> None:
    supervisor = desk.people[Role.SUPERVISOR]
    before = desk.counted()
    answer, _ = desk.sends("approve", Role.SUPERVISOR, seen="0" * 64)
    assert (answer.status_code, "请核对后再审批" in words(answer)) == (409, True)
    assert desk.counted() == before
    action, form = desk.filled("approve", Role.SUPERVISOR)
    assert desk.sends("cancel")[0].status_code == 303
    before = desk.counted()
    answer = supervisor.post(action, data=form)
    assert answer.status_code == 409
    assert "已撤销" in words(answer)
    assert desk.counted() == before


def test_a_form_that_is_not_ours_is_refused_whole(desk: Desk) -> None:
    before, wrong = desk.counted(), []
    for name, by in (("bind", Role.OPERATOR), ("check", Role.OPERATOR), ("approve", Role.SUPERVISOR)):
        action, form = desk.filled(name, by)
        field_name = {"bind": "c_holder", "check": "amount", "approve": "seen"}[name]
        bad: list[tuple[Any, str]] = [
            ({key: value for key, value in form.items() if key != "csrf_token"}, EXPIRED),
            (form | {"csrf_token": "nonsense"}, EXPIRED),
            (form | {"csrf_token": form["csrf_token"][:-1]}, EXPIRED),
            (form | {"csrf_token": desk.filled("approve", Role.SUPERVISOR)[1]["csrf_token"] + "x"}, EXPIRED),
            (form | {"maker_id": "1"}, BAD_FORM),
            (form | {"state": "paid"}, BAD_FORM),
            (MultiDict([*form.items(), (field_name, form[field_name])]), BAD_FORM),
            (form | {field_name: "a\0b"}, BAD_FORM),
        ]
        for data, sentence in bad:
            answer = desk.people[by].post(action, data=data)
            if (answer.status_code, sentence in words(answer)) != (400, True):
                wrong.append(f"{name} {data}: {answer.status_code}, {words(answer)[:200]}")
    assert wrong == []
    assert desk.counted() == before


def test_the_wrong_role_is_told_so_and_does_nothing(desk: Desk) -> None:
    before, wrong = desk.counted(), []
    tokens = {role: desk.people[role].form("/channels/", "/logout")["csrf_token"] for role in Role}
    _, bind = desk.filled("bind")
    _, check = desk.filled("check")
    _, approve = desk.filled("approve", Role.SUPERVISOR)
    here = f"/withdrawals/{desk.number}"
    tried = [
        (Role.OPERATOR, f"{here}/approve", approve),
        (Role.OPERATOR, f"{here}/reject", {"reason": "收款人不对"}),
        (Role.OPERATOR, f"/channels/{desk.account}/force-release", {"reason": "下班了"}),
        (Role.FINANCE, "/cards/", bind),
        (Role.FINANCE, "/withdrawals/", check),
        (Role.FINANCE, f"/channels/{desk.account}/claim", {}),
        (Role.FINANCE, f"{here}/cancel", {}),
        (Role.ADMINISTRATOR, f"{here}/approve", approve),
        (Role.ADMINISTRATOR, "/withdrawals/", check),
        (Role.ADMINISTRATOR, "/cards/", bind),
    ]
    for role, path, form in tried:
        answer = desk.people[role].post(path, data=form | {"csrf_token": tokens[role]})
        if (answer.status_code, NOT_ALLOWED in words(answer)) != (403, True):
            wrong.append(f"{role} POST {path}: {answer.status_code}, {words(answer)[:200]}")
    for role, path in ((Role.ADMINISTRATOR, here), (Role.ADMINISTRATOR, "/ledger/"), (Role.FINANCE, "/cards/new")):
        answer = desk.people[role].get(path)
        if (answer.status_code, NOT_ALLOWED in words(answer)) != (403, True):
            wrong.append(f"{role} GET {path}: {answer.status_code}, {words(answer)[:200]}")
    assert wrong == []
    assert desk.counted() == before


def test_an_address_that_leads_nowhere_says_so(desk: Desk) -> None:
    wrong = []
    operator, supervisor = desk.people[Role.OPERATOR], desk.people[Role.SUPERVISOR]
    _, check = desk.filled("check")
    _, approve = desk.filled("approve", Role.SUPERVISOR)
    elsewhere = desk.world.card(desk.world.account())
    before = desk.counted()
    answers = [
        operator.get(path) for path in ("/nowhere", "/withdrawals/W0", "/cards/K0", "/channels/C0", "/channels/calls/0")
    ]
    answers += [operator.get(path) for path in ("/withdrawals/new?account=C0", "/cards/new?account=C0")]
    answers += [
        supervisor.post("/withdrawals/W0/approve", data=approve),
        operator.post("/withdrawals/", data=check | {"card": "K0"}),
        operator.post("/withdrawals/", data=check | {"account": "C0"}),
        operator.post("/withdrawals/check", data=check | {"card": elsewhere}),
        operator.post("/withdrawals/", data=check | {"card": elsewhere}),
        operator.post("/channels/C0/claim", data={"csrf_token": check["csrf_token"]}),
    ]
    for answer in answers:
        if (answer.status_code, NO_PAGE in words(answer)) != (404, True):
            wrong.append(f"{answer.request.method} {answer.request.path}: {answer.status_code}, {words(answer)[:200]}")
    assert wrong == []
    assert desk.counted() == before


def broken(answers: Mapping[str, TestResponse]) -> dict[str, int]:
    """Which of these the program stumbled over: an incident is ours, what is asked for is theirs."""
    return {asked: answer.status_code for asked, answer in answers.items() if answer.status_code >= 500}


def test_a_number_that_no_database_can_hold_is_only_not_there(desk: Desk) -> None:
    operator = desk.people[Role.OPERATOR]
    paths = (
        "/channels/calls/9223372036854775808",
        "/channels/calls/99999999999999999999999999",
        f"/channels/{desk.account}?before=99999999999999999999",
        "/withdrawals/?before=-1&after=x&size=1000000",
        "/withdrawals/?before=999999999999999999",
        "/withdrawals/?least=1e400&from=99999999",
        "/ledger/?before=99999999999999999999",
    )
    assert broken({path: operator.get(path) for path in paths}) == {}


def test_a_nul_in_an_address_is_only_not_there(desk: Desk) -> None:
    """PostgreSQL cannot even be asked about one."""
    operator, anybody = desk.people[Role.OPERATOR], desk.world.app.test_client()
    paths = (
        "/withdrawals/%00",
        "/withdrawals/?q=%00",
        "/withdrawals/?sealed_card=%00",
        "/withdrawals/?account=%00",
        "/withdrawals/?state=%00",
        "/withdrawals/new?account=%00",
        "/withdrawals/new?card=%00",
        "/cards/%00",
        "/cards/?holder=%00",
        "/cards/?state=%00",
        "/channels/%00",
        "/ledger/about/%00",
        "/?channel=%00",
        "/login?next=%00",
        "/activate/%00",
    )
    answers = {path: operator.get(path) for path in paths}
    answers["POST /callbacks/%00, by anybody"] = anybody.post("/callbacks/%00", data=b"x")
    assert broken(answers) == {}


def test_the_same_desk_with_good_forms_does_write(desk: Desk) -> None:
    """So the tests above refuse what is bad, and not everything."""
    before = desk.counted()
    assert desk.sends("bind")[0].status_code == 303
    assert desk.sends("check")[0].status_code == 200
    assert desk.sends("check", to="/withdrawals/")[0].status_code == 303
    assert desk.sends("approve", Role.SUPERVISOR)[0].status_code == 303
    after = desk.counted()
    assert {name for name in before if before[name] != after[name]} >= {"card", "withdrawal", "transfer", "state"}

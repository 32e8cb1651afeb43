"""Roles: what is granted or taken acts at once, nobody grants to themselves, and who manages people moves no money."""

import contextlib
import re
from collections.abc import Callable

import pytest
from flask import Flask

from app.auth import audit, queries, service
from app.auth.identity import Actor
from app.auth.permissions import GRANTS, LABELS, MONEY, PEOPLE, Permission, Role
from app.auth.service import roles
from app.channels import service as channel_service
from app.kernel.errors import NotThere, Refused
from app.runtime.db import db
from tests.auth.conftest import HX, Browser, another, enters
from tests.auth.test_operators import told
from tests.auth.test_sign_in import together

P = Permission
New = Callable[[], Browser]
NAMES = {"title_zh": "值班员", "title_en": "Duty officer", "note": "夜班"}


def grant(code: str, permissions: set[Permission], *, actor: Actor, channels: tuple[str, ...] = ()) -> None:
    roles.change(code, **NAMES, permissions=permissions, channels=channels, actor=actor)


def may(code: str) -> set[str]:
    db.session.rollback()
    return set(queries.rights_of(0, code).permissions)


@pytest.fixture
def boss(people: dict[str, int]) -> Actor:
    return enters("administrator")


# -- the pages ----------------------------------------------------------------------------------------------------------


def test_the_matrix_shows_every_permission_of_every_role(administrator: Browser) -> None:
    page = administrator.get("/roles/").text
    for group, permissions in LABELS.items():
        assert str(group) in page
        for label in permissions.values():
            assert str(label) in page
    columns = re.findall(r'class="matrix-role"><a href="/roles/([^"]+)"', page)
    assert columns == list(Role), "in their order"
    rows = re.findall(r'<tr><th scope="row" class="matrix-what"><span class="may">([^<]+)</span>.*?</tr>', page)
    cells = [
        ["#check" in cell for cell in re.findall(r'<td class="matrix-cell">(.*?)</td>', row)]
        for row in re.findall(r'<tr><th scope="row" class="matrix-what"><span class="may">.*?</tr>', page)
    ]
    by_label = {str(label): permission for group in LABELS.values() for permission, label in group.items()}
    assert len(rows) == len(P)
    for label, ticks in zip(rows, cells, strict=True):
        assert ticks == [by_label[label] in GRANTS[role] for role in Role], label


def test_a_new_role_is_made_like_another_and_then_changed(administrator: Browser) -> None:
    made = administrator.deed("/roles/", code="duty", like="operator", **NAMES)
    assert made.headers["Location"] == "/roles/duty"
    assert may("duty") == set(GRANTS[Role.OPERATOR])
    page = administrator.get("/roles/duty").text
    assert set(re.findall(r'name="permissions" value="([^"]+)" checked', page)) == set(GRANTS[Role.OPERATOR])
    wanted = [str(P.DASHBOARD_READ), str(P.LEDGER_READ)]
    assert administrator.deed("/roles/duty/change", permissions=wanted, **NAMES).status_code == 303
    assert may("duty") == set(wanted)
    assert "值班员" in administrator.get("/operators/new").text
    (line,) = [line for line in told("role.grant") if line.before != '{"taken": []}']
    assert str(P.CARD_BIND) in str(line.before) and line.after == '{"given": []}'
    assert administrator.deed("/roles/duty/remove").headers["Location"] == "/roles/"
    assert administrator.get("/roles/duty").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"code": "1x"}, 409, "角色编码须为"),
        ({"code": "new"}, 409, "系统保留"),
        ({"code": "operator"}, 409, "已存在"),
        ({"code": ""}, 422, "请输入编码"),
        ({"title_zh": ""}, 422, "请输入名称"),
        ({"title_en": "x" * 41}, 422, ""),
        ({"like": "nothing"}, 422, ""),
        ({"permissions": "ledger:read"}, 400, ""),
    ],
)
def test_a_bad_form_comes_back(administrator: Browser, wrong: dict[str, str], status: int, says: str) -> None:
    answer = administrator.deed("/roles/", **{"code": "duty", "like": "", **NAMES} | wrong)
    assert answer.status_code == status
    assert says in answer.text
    if status != 400:
        assert 'value="夜班"' in answer.text
    assert queries.role("duty") is None


def test_money_and_people_in_one_role_are_refused_in_words_and_the_ticks_stay(administrator: Browser) -> None:
    both = [str(P.OPERATOR_EDIT), str(P.WITHDRAWAL_APPROVE)]
    refused = administrator.deed("/roles/finance/change", permissions=both, **NAMES)
    assert refused.status_code == 409
    assert "不能同时经手资金" in refused.text and "分给两个角色" in refused.text
    assert re.findall(r'name="permissions" value="([^"]+)" checked', refused.text) == sorted(both, reverse=True)
    assert may("finance") == set(GRANTS[Role.FINANCE])
    assert administrator.deed("/roles/finance/change", permissions=["root:all"], **NAMES).status_code == 422


def test_the_readers_own_role_is_shown_but_cannot_be_changed(administrator: Browser) -> None:
    page = administrator.get("/roles/administrator").text
    assert "这是您自己的角色" in page
    assert 'action="/roles/' not in page
    more = [str(it) for it in GRANTS[Role.ADMINISTRATOR]] + [str(P.LEDGER_READ)]
    refused = administrator.deed("/roles/administrator/change", permissions=more, **NAMES)
    assert refused.status_code == 409
    assert "不能改自己所属的角色" in refused.text
    assert may("administrator") == set(GRANTS[Role.ADMINISTRATOR])


def test_the_region_asks_for_itself_alone(administrator: Browser) -> None:
    answer = administrator.get("/roles/", headers=HX | {"HX-Target": "section#role_matrix"})
    assert answer.text.lstrip().startswith('<section id="role_matrix"')


# -- the commands -------------------------------------------------------------------------------------------------------


def test_a_grant_acts_on_the_next_request_and_renews_the_token(supervisor: Browser, boss: Actor) -> None:
    before = supervisor.token
    assert supervisor.get("/t/money").status_code == 200
    grant("supervisor", set(GRANTS[Role.SUPERVISOR]) - {P.WITHDRAWAL_APPROVE}, actor=boss)
    assert supervisor.get("/t/money").status_code == 403
    assert supervisor.get("/t/page").status_code == 200
    taken = supervisor.token
    assert taken != before
    grant("supervisor", set(GRANTS[Role.SUPERVISOR]), actor=boss)
    assert supervisor.get("/t/money").status_code == 200
    assert supervisor.token != taken


@pytest.mark.parametrize("people_too", sorted(PEOPLE))
@pytest.mark.parametrize("money", sorted(MONEY))
def test_who_manages_people_moves_no_money(boss: Actor, money: Permission, people_too: Permission) -> None:
    with pytest.raises(Refused, match="不能同时经手资金"):
        grant("finance", {money, people_too}, actor=boss)
    assert may("finance") == set(GRANTS[Role.FINANCE])


def test_an_unknown_permission_or_role_is_refused(boss: Actor) -> None:
    with pytest.raises(Refused, match="没有名为"):
        roles.change("finance", **NAMES, permissions={"root:all"}, channels=(), actor=boss)
    with pytest.raises(NotThere):
        grant("nothing", set(), actor=boss)
    with pytest.raises(NotThere):
        roles.remove("nothing", actor=boss)


def test_a_role_is_removed_only_when_nobody_has_it_and_it_is_not_built_in(boss: Actor) -> None:
    roles.create(code="duty", **NAMES, like="operator", actor=boss)
    another("li", "duty")
    for code, words in (("finance", "内置角色"), ("duty", "还有用户属于"), ("administrator", "自己所属")):
        with pytest.raises(Refused, match=words):
            roles.remove(code, actor=boss)
    service.change("li", display_name="li", role=Role.OPERATOR, channels=(), actor=boss)
    roles.remove("duty", actor=boss)
    assert queries.role("duty") is None
    assert may("duty") == set()
    assert audit.verify() == []


def test_somebody_can_always_manage_people(boss: Actor) -> None:
    """The role of those who do is changed by somebody who only manages roles, once nobody else is left."""
    roles.create(code="people", **NAMES, actor=boss)
    grant("people", {P.OPERATOR_READ, P.OPERATOR_EDIT}, actor=boss)
    roles.create(code="roles", **NAMES, actor=boss)
    grant("roles", {P.ROLE_READ, P.ROLE_EDIT}, actor=boss)
    another("pp", "people")
    r = another("rr", "roles")
    service.disable("administrator", reason="离职", actor=enters("pp"))
    with pytest.raises(Refused, match="没有人能管理用户"):
        grant("people", {P.OPERATOR_READ}, actor=r)
    assert P.OPERATOR_EDIT in may("people")


def test_two_administrators_take_it_from_each_others_role_and_one_remains(app: Flask, boss: Actor) -> None:
    for code in ("one", "two"):
        roles.create(code=code, **NAMES, like="administrator", actor=boss)
    first, second = another("first", "one"), another("second", "two")
    service.disable("administrator", reason="离职", actor=first)
    pairs, done = [("one", second), ("two", first)], []

    def attack() -> None:
        code, actor = pairs.pop()
        with app.app_context(), contextlib.suppress(Refused):
            grant(code, {P.DASHBOARD_READ}, actor=actor)
            done.append(code)

    together(attack, times=2)
    assert len(done) == 1
    db.session.rollback()
    assert len(queries.administrators()) == 1
    assert audit.verify() == []


def test_a_role_is_limited_to_channels_and_both_limits_count(boss: Actor) -> None:
    for code in ("a", "b", "c"):
        channel_service.open_channel(code=code, name=code, adapter="dolphin", actor="tests")
    person = enters("operator")
    assert person.channels is None
    grant("operator", set(GRANTS[Role.OPERATOR]), channels=("a", "b"), actor=boss)
    assert enters("operator").channels == {"a", "b"}
    service.change("operator", display_name="o", role=Role.OPERATOR, channels=("b", "c"), actor=boss)
    assert enters("operator").channels == {"b"}
    service.change("operator", display_name="o", role=Role.OPERATOR, channels=("c",), actor=boss)
    assert enters("operator").channels == frozenset(), "limits that exclude each other leave nothing"
    assert [line.after for line in told("role.limit")] == ['{"channels": ["a", "b"]}']

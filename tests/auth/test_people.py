"""Roles, names, passwords, and the first administrator."""

import contextlib
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.auth import audit, rules, service
from app.auth.models import AuditRecord, Operator
from app.auth.permissions import GRANTS, LABELS, MONEY, PEOPLE, Permission, Role
from app.kernel.errors import Refused
from app.runtime.db import db, transaction
from tests.auth.conftest import PASSWORD, Browser, Time
from tests.auth.test_sign_in import together

P, OP, SU, FI, AD = Permission, Role.OPERATOR, Role.SUPERVISOR, Role.FINANCE, Role.ADMINISTRATOR
MATRIX = {
    P.DASHBOARD_READ: {OP, SU, FI, AD},
    P.CHANNEL_READ: {OP, SU, FI, AD},
    P.CHANNEL_EDIT: {AD},
    P.CHANNEL_CONFIGURE: {AD},
    P.CHANNEL_ACTIVATE: {AD},
    P.CHANNEL_TEMPLATE: {AD},
    P.PLATFORM_READ: {OP, SU, AD},
    P.PLATFORM_MANAGE: {SU},
    P.PLATFORM_REVEAL: {OP, SU},
    P.CHANNEL_REFRESH: {OP, SU, FI},
    P.CLAIM_TAKE: {OP, SU},
    P.CLAIM_FORCE_RELEASE: {SU},
    P.CARD_READ: {OP, SU, FI},
    P.CARD_BIND: {OP, SU},
    P.WITHDRAWAL_READ: {OP, SU, FI},
    P.WITHDRAWAL_CREATE: {OP, SU},
    P.WITHDRAWAL_APPROVE: {SU, FI},
    P.WITHDRAWAL_CANCEL: {OP, SU},
    P.WITHDRAWAL_DECLARE: {SU, FI},
    P.WITHDRAWAL_RULES: {SU, FI},
    P.WITHDRAWAL_EXPORT: {OP, SU, FI},
    P.WORK_TAKE: {OP, SU, FI},
    P.ALERT_READ: {OP, SU, FI, AD},
    P.ALERT_ACKNOWLEDGE: {SU, FI, AD},
    P.ALERT_CLOSE: {SU, FI, AD},
    P.ALERT_HOOKS: {AD},
    P.SENDING_STOP: {SU, FI},
    P.JOB_READ: {OP, SU, AD},
    P.JOB_RETRY: {SU, AD},
    P.LEDGER_READ: {OP, SU, FI},
    P.COLLECTION_ENTER: {SU, FI},
    P.COLLECTION_APPROVE: {SU, FI},
    P.CARD_REVEAL: {SU},
    P.CARD_UNBIND: {OP, SU},
    P.CARD_TEMPLATE: {SU},
    P.SYSTEM_READ: {AD},
    P.OPERATOR_READ: {AD},
    P.OPERATOR_EDIT: {AD},
    P.ROLE_READ: {AD},
    P.ROLE_EDIT: {AD},
    P.MENU_EDIT: {AD},
    P.CACHE_READ: {AD},
    P.CACHE_CLEAR: {AD},
    P.AUDIT_READ: {AD},
    P.AUDIT_EXPORT: {AD},
}


def test_who_may_do_what() -> None:
    granted = {permission: {role for role in Role if permission in GRANTS[role]} for permission in Permission}
    assert granted == MATRIX
    assert {one for group in LABELS.values() for one in group} == set(Permission), "each in words"


def test_an_administrator_touches_no_money() -> None:
    rooms = ("withdrawal", "claim", "card", "ledger", "collection", "work", "sending")
    money = {p for p in Permission if p.value.split(":")[0] in rooms}
    money |= {P.PLATFORM_MANAGE, P.PLATFORM_REVEAL}
    assert GRANTS[Role.ADMINISTRATOR] & money == set()
    assert money >= MONEY and not MONEY & PEOPLE


@pytest.mark.parametrize("username", ["", "x", "张三", "1abc", "a b", "a" * 33, "-ab", "a\nb", "root;"])
def test_names_that_are_refused(app: Flask, username: str) -> None:
    with pytest.raises(Refused):
        service.create_operator(username=username, display_name="甲", role=OP, password=PASSWORD, actor="tests")


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("eleven-char", False),
        ("twelve-chars", True),
        ("x1y2z3" * 21 + "ab", True),
        ("x1y2z3" * 21 + "abc", False),
        ("长密码也可以是十二个汉字的", True),
        ("  spaces stay  ", True),
        ("aaaaaaaaaaaaaaa", False),
        ("Password1234", False),
        ("wang.lei-wang.lei", False),
    ],
)
def test_passwords(app: Flask, password: str, fits: bool) -> None:
    def make() -> None:
        service.create_operator(username="wang.lei", display_name="王磊", role=OP, password=password, actor="tests")

    if not fits:
        with pytest.raises(Refused):
            make()
        return
    make()
    assert service.sign_in("Wang.Lei ", password, address="", user_agent="")[1].display_name == "王磊"
    with pytest.raises(Refused):
        service.sign_in("wang.lei", password + " ", address="", user_agent="")


def test_a_random_password_is_good_enough_for_us(app: Flask) -> None:
    for _ in range(50):
        rules.require_password(service.new_password(), username="operator")


def test_a_name_belongs_to_one_person(app: Flask) -> None:
    made: list[int] = []
    told: list[str] = []

    def make() -> None:
        with app.app_context():
            try:
                made.append(
                    service.create_operator(
                        username="li.na", display_name="李娜", role=OP, password=PASSWORD, actor="tests"
                    )
                )
            except Refused as refusal:
                told.append(str(refusal))

    together(make, times=4)
    assert len(made) == 1
    assert told == ["用户名“li.na”已经有人用了"] * 3
    assert audit.verify() == []


def test_a_role_that_is_none_is_refused_by_the_database(app: Flask) -> None:
    with pytest.raises(IntegrityError), transaction():
        db.session.add(Operator(username="eve", display_name="Eve", role="root"))


FORM = {"username": "admin.wu", "display_name": "吴管理", "password": PASSWORD}


def test_the_first_administrator_comes_by_a_link_once(app: Flask, new_browser: Callable[[], Browser]) -> None:
    path = f"/activate/{service.first_administrator_link()}"
    here = new_browser()
    form = FORM | {"csrf_token": here.csrf(path)}
    short = here.post(path, data=form | {"password": "short"})
    assert short.status_code == 422
    assert "12 到 128" in short.text
    guessed = here.post(path, data=form | {"password": "administrator"})
    assert guessed.status_code == 422
    assert "太容易" in guessed.text
    assert here.post(path, data=form).headers["Location"] == "/login"
    assert here.sign_in("admin.wu").status_code == 303
    person = db.session.scalars(select(Operator)).one()
    assert person.role == Role.ADMINISTRATOR
    for again in (here.get(path), new_browser().get(path)):
        assert again.status_code == 410
        assert "这个链接已失效" in again.text
    with pytest.raises(Refused):
        service.first_administrator_link()
    told = str(db.session.scalars(select(AuditRecord.after)).all()) + str(
        db.session.scalars(select(AuditRecord.why)).all()
    )
    assert path.rpartition("/")[2] not in told
    assert PASSWORD not in told


def test_a_link_lives_fifteen_minutes(app: Flask, time: Time, new_browser: Callable[[], Browser]) -> None:
    token = service.first_administrator_link()
    time.passes(minutes=14, seconds=59)
    assert new_browser().get(f"/activate/{token}").status_code == 200
    time.passes(seconds=1)
    assert new_browser().get(f"/activate/{token}").status_code == 410
    with pytest.raises(Refused):
        service.activate(token, **FORM)


def test_a_new_link_voids_the_old(app: Flask) -> None:
    old, new = service.first_administrator_link(), service.first_administrator_link()
    with pytest.raises(Refused):
        service.activate(old, **FORM)
    assert service.activate(new, **FORM)


def test_one_link_makes_one_person_however_many_press_the_button(app: Flask) -> None:
    token = service.first_administrator_link()
    names, made, lock = iter("abcd"), [], threading.Lock()

    def press() -> None:
        with lock:
            name = f"admin.{next(names)}"
        with app.app_context(), contextlib.suppress(Refused):
            made.append(service.activate(token, **FORM | {"username": name}))

    together(press, times=4)
    assert len(made) == 1
    db.session.rollback()
    assert len(db.session.scalars(select(Operator)).all()) == 1

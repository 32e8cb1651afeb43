"""Every route × every role: who may enter does, who may not is told so, and nobody gets in without a session."""

from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.auth import service, views
from app.auth.identity import Actor
from app.auth.permissions import GRANTS, PUBLIC, SIGNED_IN, Role

ONE_ENGINE = True

ANYTHING: dict[str, Any] = {"int": 1, "IntegerConverter": 1, "FloatConverter": 1.0}


class Visitor(FlaskClient):
    """Every request in a context of its own: the fixture has one open, and `g` would remember the last visitor."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)


@pytest.fixture
def house(app: Flask) -> Flask:
    app.test_client_class = Visitor
    return app


def test_every_route_declares_who_may_enter(house: Flask) -> None:
    views.refuse_silent_routes(house)


def test_nobody_enters_without_a_session(house: Flask) -> None:
    visitor = house.test_client()
    for rule, method, path in _doors(house):
        if _declared(house, rule) == PUBLIC:
            continue
        answer = visitor.open(path, method=method)
        assert answer.status_code == 303, f"{method} {path}"
        assert answer.headers["Location"].startswith("/login"), f"{method} {path}"
        fragment = visitor.open(path, method=method, headers={"HX-Request": "true"})
        assert fragment.status_code == 401, f"{method} {path}"
        assert fragment.headers["HX-Redirect"].startswith("/login"), f"{method} {path}"
        stream = visitor.open(path, method=method, headers={"Accept": "text/event-stream"})
        assert stream.status_code == 401, f"{method} {path}"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_enters_where_it_may_and_nowhere_else(house: Flask, role: Role) -> None:
    visitor, _person = _visit_as(house, role)
    wrong = []
    for rule, method, path in _doors(house):
        declared = _declared(house, rule)
        may = declared in (PUBLIC, SIGNED_IN) or declared in GRANTS[role]
        if may and (method != "GET" or getattr(house.view_functions[rule.endpoint], "passive", False)):
            continue  # deeds have tests of their own; a stream would not end
        status = visitor.open(path, method=method).status_code
        if not may:
            fine = status == 403
        elif rule.arguments:
            fine = status not in (401, 403, 500)
        else:
            fine = status in (200, 204, 302, 303, 503)  # readiness is honest: this house has no Redis
        if not fine:
            wrong.append(f"{method} {path}: {status}")
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_no_deed_is_done_without_a_token(house: Flask, role: Role) -> None:
    visitor, _person = _visit_as(house, role)
    for rule, method, path in _doors(house):
        view = house.view_functions[rule.endpoint]
        if method in ("POST", "PUT", "PATCH", "DELETE") and not getattr(view, "csrf_exempt", False):
            assert visitor.open(path, method=method).status_code in (400, 403), f"{role}: {method} {path}"


def test_only_public_doors_are_open_to_machines_without_a_token(house: Flask) -> None:
    for endpoint, view in house.view_functions.items():
        if getattr(view, "csrf_exempt", False):
            assert getattr(view, "permission", None) == PUBLIC, endpoint


def _visit_as(house: Flask, role: Role) -> tuple[FlaskClient, Actor]:
    name, password = f"walker-{role}", service.new_password()
    service.create_operator(username=name, display_name="走", role=role, password=password, actor="tests")
    token, person = service.sign_in(name, password, address="", user_agent="")
    visitor = house.test_client()
    visitor.set_cookie("paydesk_session", token)
    return visitor, person


def _declared(house: Flask, rule: Rule) -> Any:
    return getattr(house.view_functions[rule.endpoint], "permission", None)


def _doors(house: Flask) -> list[tuple[Rule, str, str]]:
    """Every rule with every method, with something in the place of its arguments."""
    doors = []
    for rule in house.url_map.iter_rules():
        values = {name: ANYTHING.get(type(rule._converters[name]).__name__, "none-such") for name in rule.arguments}
        built = rule.build(values)
        assert built, rule
        doors += [(rule, method, built[1]) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return doors

"""The house with a few rooms that only these tests have: a page, a deed, a stream, a crash."""

import re
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.auth import service
from app.auth.identity import Actor
from app.auth.permissions import Permission, Role, needs, passive, proved, public, signed_in
from app.kernel import clock

PASSWORD = "correct horse battery"
HX = {
    "HX-Request": "true",
    "HX-Source": "a#more",
    "HX-Target": "section#rows",
    "HX-Current-URL": "http://localhost/t/page",
}
STREAM = {"Accept": "text/event-stream"}


class Browser(FlaskClient):
    """One person's browser. Every request gets a context of its own, as in production (the fixture has one open)."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)

    def csrf(self, path: str = "/login") -> str:
        """The token as the page carries it."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def sign_in(self, username: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        form = {"csrf_token": self.csrf(), "username": username, "password": password, **fields}
        return self.post("/login", data=form)

    def deed(self, path: str, **form: Any) -> TestResponse:
        """Press a button, with the token of a page of ours."""
        return self.post(path, data={"csrf_token": self.csrf("/t/page"), **form})

    @property
    def token(self) -> str:
        cookie = self.get_cookie("paydesk_session")
        assert cookie, "nobody is signed in here"
        return cookie.value


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = Browser

    @app.get("/t/page")
    @signed_in
    def t_page() -> str:
        return '<form><input name="csrf_token" value="' + app.jinja_env.globals["csrf_token"]() + '"></form>'  # type: ignore[operator]

    @app.post("/t/deed")
    @needs(Permission.WITHDRAWAL_APPROVE)
    def t_deed() -> str:
        return "done"

    @app.get("/t/money")
    @needs(Permission.WITHDRAWAL_APPROVE)
    def t_money() -> str:
        return "money"

    @app.post("/t/sensitive")
    @needs(Permission.WITHDRAWAL_APPROVE, proof=True)
    def t_sensitive() -> dict[str, list[str]]:
        return {name: request.form.getlist(name) for name in request.form if name != "csrf_token"}

    @app.get("/t/secret")
    @signed_in
    @proved
    def t_secret() -> str:
        return "secret"

    @app.get("/t/stream")
    @signed_in
    @passive
    def t_stream() -> str:
        return "data:\n\n"

    @app.get("/t/crash")
    @public
    def t_crash() -> str:
        raise RuntimeError("a fault")

    return app


@pytest.fixture
def new_browser(app: Flask) -> Callable[[], Browser]:
    """Another browser, with nothing in it."""
    return app.test_client  # type: ignore[return-value]


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    """One person of each role, named after it."""
    return {
        role: service.create_operator(
            username=role, display_name=f"{role} 甲", role=role, password=PASSWORD, actor="tests"
        )
        for role in Role
    }


@pytest.fixture
def supervisor(people: dict[str, int], new_browser: Callable[[], Browser]) -> Browser:
    here = new_browser()
    assert here.sign_in("supervisor").status_code == 303
    return here


@pytest.fixture
def administrator(people: dict[str, int], new_browser: Callable[[], Browser]) -> Browser:
    here = new_browser()
    assert here.sign_in("administrator").status_code == 303
    return here


def enters(username: str, password: str = PASSWORD) -> Actor:
    """Signs in, without a browser."""
    return service.sign_in(username, password, address="203.0.113.9", user_agent="tests")[1]


def another(username: str, role: str = Role.ADMINISTRATOR) -> Actor:
    """Somebody more, signed in."""
    service.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="tests")
    return enters(username)


class Time:
    """A clock in the tests' hand."""

    def __init__(self) -> None:
        self.now = datetime.fromisoformat("2026-11-21T02:02:00+00:00")

    def passes(self, **how_long: float) -> None:
        self.now += timedelta(**how_long)


@pytest.fixture
def time() -> Iterator[Time]:
    hand = Time()
    with clock.replaced(lambda: hand.now):
        yield hand

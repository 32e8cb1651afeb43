"""What every request passes: the CSRF token, the browser's word, the headers, the strict form."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.auth import views
from app.auth.permissions import csrf_exempt, public, signed_in
from app.config import Config
from tests.auth.conftest import HX, PASSWORD, Browser
from tests.conftest import KEYS

ONE_ENGINE = True

New = Callable[[], Browser]
EXPIRED = "页面已过期，请刷新后重试"


def test_a_deed_needs_the_token_of_its_page(supervisor: Browser) -> None:
    token = supervisor.csrf("/t/page")
    assert supervisor.post("/t/deed", data={"csrf_token": token}).text == "done"
    assert supervisor.post("/t/deed", headers={"X-CSRFToken": token}).text == "done"
    for data in ({}, {"csrf_token": ""}, {"csrf_token": token[:-1]}):
        refused = supervisor.post("/t/deed", data=data)
        assert refused.status_code == 400
        assert EXPIRED in refused.text


def test_htmx_is_told_in_a_fragment(supervisor: Browser) -> None:
    refused = supervisor.post("/t/deed", headers=HX)
    assert refused.status_code == 400
    assert EXPIRED in refused.text
    assert "<html" not in refused.text


def test_a_token_of_another_session_is_refused(supervisor: Browser, new_browser: New) -> None:
    """Also when the attacker's whole cookie jar is planted along with it (a sibling domain can write cookies)."""
    attacker = new_browser()
    attacker.sign_in("finance")
    theirs = attacker.csrf("/t/page")
    assert supervisor.post("/t/deed", data={"csrf_token": theirs}).status_code == 400
    state = attacker.get_cookie("paydesk_state")
    assert state
    supervisor.set_cookie("paydesk_state", state.value)
    assert supervisor.post("/t/deed", data={"csrf_token": theirs}).status_code == 400
    assert supervisor.post("/t/deed", data={"csrf_token": supervisor.csrf("/t/page")}).text == "done"


def test_the_token_is_fresh_at_sign_in(people: dict[str, int], new_browser: New) -> None:
    here = new_browser()
    before = here.csrf()
    here.post("/login", data={"csrf_token": before, "username": "supervisor", "password": PASSWORD})
    assert here.post("/t/deed", data={"csrf_token": before}).status_code == 400


def test_signing_in_needs_a_token_too(people: dict[str, int], new_browser: New) -> None:
    refused = new_browser().post("/login", data={"username": "supervisor", "password": PASSWORD})
    assert refused.status_code == 400
    assert EXPIRED in refused.text


@pytest.mark.parametrize(
    ("headers", "enters"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "null"}, True),  # what our own no-referrer policy makes of it
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
    ],
)
def test_another_site_cannot_post_even_with_a_token(supervisor: Browser, headers: dict[str, str], enters: bool) -> None:
    answer = supervisor.post("/t/deed", data={"csrf_token": supervisor.csrf("/t/page")}, headers=headers)
    assert answer.status_code == (200 if enters else 400)


def test_machines_that_sign_need_no_token(app: Flask, new_browser: New) -> None:
    @app.post("/t/callback")
    @public
    @csrf_exempt
    def t_callback() -> str:
        return "SUCCESS"

    assert new_browser().post("/t/callback", headers={"Sec-Fetch-Site": "cross-site"}).text == "SUCCESS"


def test_unknown_and_repeated_fields_are_refused(people: dict[str, int], new_browser: New) -> None:
    here = new_browser()
    form = {"csrf_token": here.csrf(), "username": "operator", "password": PASSWORD}
    for bad in (
        form | {"role": "administrator"},
        form | {"username": ["operator", "finance"]},
        form | {"next": "a\0b"},
    ):
        refused = here.post("/login", data=bad)
        assert refused.status_code == 400
        assert "提交的内容与页面不符" in refused.text
    assert here.post("/logout", data=form).status_code == 303  # nobody is signed in: the door comes first
    assert here.post("/login", data=form).status_code == 303


def test_the_cookie_is_for_the_server_only(people: dict[str, int], new_browser: New) -> None:
    cookies = new_browser().sign_in("operator").headers.getlist("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("paydesk_session="))
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "Path=/" in session
    assert "Secure" not in session
    assert "Domain" not in session


def test_behind_tls_the_cookies_are_locked_to_this_host(tmp_path: Path) -> None:
    app = create_app(Config(data_dir=tmp_path, secure_cookies=True, **KEYS))
    with app.test_request_context():
        response = app.make_response("")
        views.guard.give_cookie(response, "token", _anybody())
        cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-paydesk_session=token;")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert app.config["SESSION_COOKIE_NAME"] == "__Host-paydesk_state"
    assert app.config["SESSION_COOKIE_SECURE"] is True
    assert "Strict-Transport-Security" in app.test_client().get("/login").headers


@pytest.mark.parametrize(
    ("path", "status"), [("/login", 200), ("/no/such", 404), ("/t/money", 403), ("/t/crash", 500), ("/logout", 405)]
)
def test_every_answer_carries_the_headers(
    app: Flask, people: dict[str, int], new_browser: New, path: str, status: int
) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    here = new_browser()
    if status == 403:
        here.sign_in("administrator")
    answer = here.get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", answer.text)


def test_a_signed_in_page_is_never_stored_whatever_the_view_says(
    app: Flask, people: dict[str, int], new_browser: New
) -> None:
    @app.get("/t/cached")
    @signed_in
    def t_cached() -> tuple[str, dict[str, str]]:
        return "mine", {"Cache-Control": "public, max-age=600"}

    here = new_browser()
    here.sign_in("operator")
    assert here.get("/t/cached").headers["Cache-Control"] == "no-store"


def test_a_silent_route_stops_the_start(app: Flask) -> None:
    views.refuse_silent_routes(app)

    def silent() -> str:
        return ""

    app.add_url_rule("/t/silent", "t_silent", silent)
    with pytest.raises(RuntimeError, match="t_silent"):
        views.refuse_silent_routes(app)
    silent.permission = "withdrawal:aprove"  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="t_silent"):
        views.refuse_silent_routes(app)


def _anybody() -> "views.guard.Actor":
    from app.auth.permissions import Role

    return views.guard.Actor(operator_id=1, username="a", display_name="A", role=Role.OPERATOR, session_id=1)

"""A cookie whose session is over opens nothing: no page, no part of a page, no download, no stream, no deed."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.auth import service
from app.auth.models import OperatorSession
from app.auth.permissions import PUBLIC
from app.auth.service import second_factor
from app.runtime.db import db
from tests.auth.conftest import HX, PASSWORD, STREAM, Browser, enters
from tests.auth.test_second_factor import code_of
from tests.auth.test_sign_in import live
from tests.house.test_routes import _declared, _doors

pytestmark = pytest.mark.slow
ONE_ENGINE = True

New = Callable[[], Browser]


def signs_out(here: Browser) -> None:
    assert here.deed("/logout").status_code == 303


def is_displaced(_here: Browser) -> None:
    enters("supervisor")


def is_disabled(_here: Browser) -> None:
    service.disable("supervisor", reason="离职", actor=enters("administrator"))


def is_reset(_here: Browser) -> None:
    service.reset_password("supervisor", actor=enters("administrator"))


def loses_the_second_factor(here: Browser) -> None:
    actor = service.who(here.token, active=False)
    assert actor
    second_factor.begin(actor)
    shown = second_factor.secret_to_show(actor)
    assert shown
    second_factor.confirm(actor, code_of(shown[0]))
    service.reset_second_factor("supervisor", actor=enters("administrator"))


def is_sent_away(_here: Browser) -> None:
    service.end_sessions("supervisor", actor=enters("administrator"))


ENDS = [signs_out, is_displaced, is_disabled, is_reset, loses_the_second_factor, is_sent_away]


@pytest.mark.parametrize("ends", ENDS, ids=lambda it: it.__name__)
def test_a_cookie_whose_session_is_over_opens_nothing(
    app: Flask, supervisor: Browser, new_browser: New, ends: Callable[[Browser], None]
) -> None:
    cookies = {name: supervisor.get_cookie(name) for name in ("paydesk_session", "paydesk_state")}
    csrf = supervisor.csrf("/t/page")
    ends(supervisor)
    db.session.rollback()
    before = live()
    thief = new_browser()
    for name, cookie in cookies.items():
        assert cookie
        thief.set_cookie(name, cookie.value)
    tried = 0
    for rule, method, path in _doors(app):
        if _declared(app, rule) == PUBLIC:
            continue
        tried += 1
        form = {"csrf_token": csrf, "proof_secret": PASSWORD} if method == "POST" else None
        whole = thief.open(path, method=method, data=form)
        assert whole.status_code == 303, f"{method} {path}"
        assert whole.headers["Location"].startswith("/login"), f"{method} {path}"
        part = thief.open(path, method=method, data=form, headers=HX)
        assert part.status_code == 401, f"{method} {path}"
        assert part.headers["HX-Redirect"].startswith("/login")
        stream = thief.open(path, method=method, data=form, headers=STREAM)
        assert (stream.status_code, stream.text) == (401, ""), f"{method} {path}"
    assert tried > 40
    db.session.rollback()
    assert live() == before
    assert "paydesk_session" not in "".join(whole.headers.getlist("Set-Cookie")), "nothing is given back"


def test_nothing_in_the_other_cookie_opens_a_door(supervisor: Browser, new_browser: New) -> None:
    """Flask's own cookie can be replayed for ever: it must be worth nothing."""
    state = supervisor.get_cookie("paydesk_state")
    assert state
    thief = new_browser()
    thief.set_cookie("paydesk_state", state.value)
    assert thief.get("/t/page").status_code == 303
    assert thief.post("/t/deed", data={"csrf_token": supervisor.csrf("/t/page")}).status_code == 303


def test_the_tokens_before_and_after_a_proof_die_with_the_session(supervisor: Browser, new_browser: New) -> None:
    """Also the former one, which otherwise lives ten seconds longer."""
    former = supervisor.token
    actor = service.who(former, active=False)
    assert actor
    newer = service.prove(actor, PASSWORD)
    for token in (former, newer):
        assert service.who(token, active=False), "both are on their way"
    service.sign_out(actor)
    for token in (former, newer):
        thief = new_browser()
        thief.set_cookie("paydesk_session", token)
        assert thief.get("/t/page").status_code == 303
    assert db.session.get_one(OperatorSession, actor.session_id).ended_reason == "signed out"

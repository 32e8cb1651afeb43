"""Who are you, again? Asked when five minutes have passed; nothing that was typed is lost, and nothing secret is kept."""

import logging
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from app.auth import service
from app.auth.models import AuditRecord
from app.auth.service import second_factor
from app.kernel.errors import Refused
from app.runtime.db import db
from tests.auth.conftest import HX, PASSWORD, Browser, Time, enters
from tests.auth.test_operators import told
from tests.auth.test_second_factor import code_of

ONE_ENGINE = True

New = Callable[[], Browser]
TYPED = {"amount": "1,234.50", "memo": "给“张三”<b>&amp;", "ticked": ["a", "b"]}


@pytest.fixture
def tired(time: Time, supervisor: Browser) -> Browser:
    """Whose last proof is five minutes old."""
    time.passes(minutes=5)
    return supervisor


def kept(page: str) -> dict[str, list[str]]:
    """The hidden fields of the page that asks."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page):
        found.setdefault(unescape(name), []).append(unescape(value))
    return found


def test_within_five_minutes_nothing_is_asked(time: Time, supervisor: Browser) -> None:
    time.passes(minutes=4, seconds=59)
    assert supervisor.deed("/t/sensitive", **TYPED).json == {
        "amount": ["1,234.50"], "memo": [TYPED["memo"]], "ticked": ["a", "b"],
    }  # fmt: skip
    assert supervisor.get("/t/secret").text == "secret"


def test_after_five_minutes_it_asks_and_keeps_what_was_typed(tired: Browser) -> None:
    asked = tired.deed("/t/sensitive?from=here", **TYPED)
    assert asked.status_code == 403
    assert 'action="/t/sensitive?from=here"' in asked.text
    form = kept(asked.text)
    assert {name: form[name] for name in TYPED} == {
        "amount": ["1,234.50"], "memo": [TYPED["memo"]], "ticked": ["a", "b"],
    }  # fmt: skip
    before = tired.token
    done = tired.post("/t/sensitive", data={**form, "proof_secret": PASSWORD})
    assert done.status_code == 200
    assert done.json == {name: form[name] for name in TYPED}, "and the password never reaches the view"
    assert tired.token != before, "a new token"
    assert tired.deed("/t/sensitive").status_code == 200, "for five minutes nothing is asked"
    assert [line.actor for line in told("session.prove")] == ["supervisor"]


def test_a_real_form_with_many_fields_arrives_whole(time: Time, administrator: Browser) -> None:
    time.passes(minutes=6)
    form = {"display_name": "王磊 <b>", "username": "wang.lei", "role": "operator"}
    asked = administrator.deed("/operators/", **form)
    assert asked.status_code == 403
    done = administrator.post("/operators/", data={**kept(asked.text), "proof_secret": PASSWORD})
    assert done.status_code == 200
    assert "/activate/" in done.text
    assert "王磊 &lt;b&gt;" in administrator.get("/operators/").text


def test_a_wrong_password_is_said_counted_and_loses_nothing(tired: Browser) -> None:
    for _ in range(10):
        refused = tired.deed("/t/sensitive", proof_secret="wrong" * 4, **TYPED)
        assert refused.status_code == 422
        assert "密码或验证码不正确" in refused.text
        assert kept(refused.text)["amount"] == ["1,234.50"]
        assert "wrongwrong" not in refused.text
    refused = tired.deed("/t/sensitive", proof_secret=PASSWORD, **TYPED)
    assert refused.status_code == 422
    assert "尝试的次数太多" in refused.text
    assert len(told("session.refuse-proof")) == 10
    service.unlock("supervisor", actor=enters("administrator"))
    assert tired.deed("/t/sensitive", proof_secret=PASSWORD).status_code == 200


def test_a_page_is_asked_for_before_it_is_shown(tired: Browser) -> None:
    sent = tired.get("/t/secret?x=1")
    assert sent.headers["Location"] == "/proof?next=/t/secret?x%3D1"
    page = tired.get(sent.headers["Location"]).text
    assert "proof_secret" in page
    assert tired.deed("/proof", next="/t/secret?x=1", proof_secret="wrong" * 4).status_code == 422
    done = tired.deed("/proof", next="/t/secret?x=1", proof_secret=PASSWORD)
    assert done.headers["Location"] == "/t/secret?x=1"
    assert tired.get("/t/secret?x=1").text == "secret"
    assert tired.deed("/proof", next="//evil.example", proof_secret=PASSWORD).headers["Location"] == "/"


def test_a_part_of_a_page_sends_the_whole_page_to_be_asked(tired: Browser) -> None:
    for answer in (
        tired.get("/t/secret", headers=HX),
        tired.post("/t/sensitive", data={"csrf_token": tired.csrf("/t/page")}, headers=HX),
    ):
        assert answer.status_code == 403
        assert answer.headers["HX-Redirect"] == "/proof?next=/t/page"
        assert "<html" not in answer.text


def test_a_code_of_the_second_factor_proves_it_too_and_once(time: Time, tired: Browser) -> None:
    actor = enters("supervisor")
    second_factor.begin(actor)
    shown = second_factor.secret_to_show(actor)
    assert shown
    recovery = second_factor.confirm(actor, code_of(shown[0]))
    tired.sign_in("supervisor")
    tired.post("/login/code", data={"csrf_token": tired.csrf("/login/code"), "code": recovery[0]})
    time.passes(minutes=6)
    code = code_of(shown[0])
    assert tired.deed("/t/sensitive", proof_secret=code).status_code == 200
    person = service.who(tired.token, active=False)
    assert person
    with pytest.raises(Refused, match="密码或验证码不正确"):
        service.prove(person, code)
    time.passes(seconds=30)
    assert service.prove(person, code_of(shown[0]))


def test_the_right_is_looked_at_first(time: Time, people: dict[str, int], new_browser: New) -> None:
    here = new_browser()
    here.sign_in("operator")
    time.passes(minutes=6)
    refused = here.deed("/t/sensitive", proof_secret=PASSWORD)
    assert refused.status_code == 403
    assert "没有权限" in refused.text
    assert told("session.prove") == []


def test_nothing_secret_reaches_a_log_or_a_record(
    app: Flask, tired: Browser, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "mistyped horse battery"
    tired.deed("/t/sensitive", proof_secret=wrong, **TYPED)
    tired.deed("/t/sensitive", proof_secret=PASSWORD, **TYPED)
    out, err = capfd.readouterr()
    written = caplog.text + out + err
    written += str([(it.before, it.after, it.why, it.subject) for it in db.session.scalars(select(AuditRecord))])
    for secret in (wrong, PASSWORD):
        assert secret not in written
    cookie = tired.get_cookie("paydesk_state")
    assert cookie and PASSWORD not in cookie.value


SENSITIVE = {
    *("withdrawals.approve", "channels.force_release", "cards.reveal"),
    *("operators.create", "operators.change", "operators.disable", "operators.new_link"),
    *("operators.reset_password", "operators.reset_second_factor"),
    *("roles.create", "roles.change", "roles.remove"),
    *("profile.begin", "profile.second_factor_page", "profile.confirm", "profile.new_codes", "profile.disable"),
}


def test_what_is_sensitive_asks(app: Flask) -> None:
    asking = {name for name, view in app.view_functions.items() if getattr(view, "proof", False)}
    assert asking >= SENSITIVE


def test_what_is_a_file_leads_back_to_the_page_of_its_link(app: Flask) -> None:
    """A file leaves the browser where it is: on the page that asked for the password."""
    files = {name: view.page_of_file for name, view in app.view_functions.items() if hasattr(view, "page_of_file")}
    assert files == {
        "exports.download": "exports.index",
        "channel_templates.file": ".version",
        "withdrawal_sheets.result": "withdrawal_sheets.show",
        "binding_runs.result": "binding_runs.show",
        "binding_runs.whole_result": "binding_runs.show",
    }

"""The second factor: begun, confirmed, asked for, used once, lost and taken away."""

import contextlib
import re
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from app.auth import queries, service
from app.auth.identity import Actor
from app.auth.models import AuditRecord, Operator, RecoveryCode
from app.auth.service import second_factor
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.db import db
from tests.auth.conftest import HX, PASSWORD, Browser, Time, enters
from tests.auth.test_operators import told
from tests.auth.test_sign_in import live, sign_in, together

New = Callable[[], Browser]


def code_of(secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30 + steps)


def has_one(actor: Actor) -> tuple[str, list[str]]:
    """Their second factor is on from now: the secret and the recovery codes."""
    second_factor.begin(actor)
    shown = second_factor.secret_to_show(actor)
    assert shown
    return shown[0], second_factor.confirm(actor, code_of(shown[0]))


def half_way(username: str = "operator") -> str:
    """The password was right: the ticket."""
    with pytest.raises(service.SecondFactorNeeded) as half:
        sign_in(username)
    return half.value.ticket


def finish(ticket: str, code: str) -> None:
    service.finish_sign_in(ticket, code, address="203.0.113.9", user_agent="tests")


@pytest.fixture
def mine(time: Time, people: dict[str, int]) -> tuple[str, list[str]]:
    """The operator's second factor, a minute ago."""
    found = has_one(enters("operator"))
    time.passes(minutes=1)
    return found


# -- the pages ----------------------------------------------------------------------------------------------------------


def test_from_the_square_of_dots_to_the_next_sign_in(time: Time, supervisor: Browser, new_browser: New) -> None:
    assert supervisor.deed("/me/second-factor/begin").headers["Location"] == "/me/second-factor"
    page = supervisor.get("/me/second-factor").text
    found = re.search(r'data-copy="([A-Z2-7]{32})"', page)
    assert found
    secret = found[1]
    assert 'class="qr-dots"' in page and "style=" not in page
    wrong = supervisor.deed("/me/second-factor/confirm", code="000000")
    assert wrong.status_code == 422 and "验证码不正确" in wrong.text
    assert new_browser().sign_in("supervisor").headers["Location"] == "/", "not in force before it was confirmed"
    supervisor.sign_in("supervisor")
    told_once = supervisor.deed("/me/second-factor/confirm", code=code_of(secret))
    codes = re.findall(r"[A-Z2-9]{5}-[A-Z2-9]{5}", told_once.text)
    assert len(set(codes)) == 10
    assert told_once.headers["Cache-Control"] == "no-store"
    assert not any(code in cookie for code in codes for cookie in told_once.headers.getlist("Set-Cookie"))
    assert supervisor.get("/me/second-factor").headers["Location"] == "/me/", "the secret is never shown again"
    for path in ("/me/", "/"):
        again = supervisor.get(path).text
        assert secret not in again and not any(code in again for code in codes)
    assert "还有 10 个恢复码" in supervisor.get("/me/").text

    here = new_browser()
    assert here.sign_in("supervisor", next="/t/page").headers["Location"] == "/login/code"
    assert here.get("/t/page").status_code == 303, "half way is not inside"
    assert here.post("/login/code", data={"csrf_token": here.csrf(), "code": "123456"}).status_code == 422
    time.passes(seconds=30)
    done = here.post("/login/code", data={"csrf_token": here.csrf("/login/code"), "code": code_of(secret)})
    assert done.headers["Location"] == "/t/page"
    other = new_browser()
    other.sign_in("supervisor")
    form = {"csrf_token": other.csrf("/login/code"), "code": codes[0].lower().replace("-", " ")}
    assert other.post("/login/code", data=form).status_code == 303, "a recovery code, as people type it"
    assert "还有 9 个恢复码" in other.get("/me/").text


def test_it_is_a_step_that_wants_a_proof(time: Time, supervisor: Browser) -> None:
    time.passes(minutes=6)
    for path in ("begin", "confirm", "codes", "disable"):
        asked = supervisor.deed(f"/me/second-factor/{path}", **({"code": "123456"} if path == "confirm" else {}))
        assert asked.status_code == 403
        assert "确认身份" in asked.text
    assert supervisor.get("/me/second-factor").headers["Location"].startswith("/proof?next=")
    assert supervisor.get("/me/second-factor", headers=HX).headers["HX-Redirect"].startswith("/proof")
    done = supervisor.deed("/me/second-factor/begin", proof_secret=PASSWORD)
    assert done.headers["Location"] == "/me/second-factor"


def test_new_recovery_codes_void_the_old_and_it_can_be_switched_off(time: Time, supervisor: Browser) -> None:
    person = enters("supervisor")
    _secret, old = has_one(person)
    here = supervisor
    here.sign_in("supervisor")
    here.post("/login/code", data={"csrf_token": here.csrf("/login/code"), "code": old[0]})
    new = re.findall(r"[A-Z2-9]{5}-[A-Z2-9]{5}", here.deed("/me/second-factor/codes").text)
    assert len(new) == 10 and not set(new) & set(old)
    with pytest.raises(Refused):
        finish(half_way("supervisor"), old[1])
    assert here.deed("/me/second-factor/disable").headers["Location"] == "/me/"
    assert "未开启" in here.get("/me/").text
    assert db.session.scalars(select(RecoveryCode)).all() == []
    assert here.deed("/me/second-factor/codes").status_code == 409
    assert sign_in("supervisor")


def test_an_administrator_takes_it_away_and_the_session_ends(
    administrator: Browser, supervisor: Browser, new_browser: New
) -> None:
    assert administrator.deed("/operators/supervisor/reset-second-factor").status_code == 409, "there is none"
    has_one(enters("supervisor"))
    assert "重置动态验证码" in administrator.get("/operators/supervisor").text
    assert administrator.deed("/operators/supervisor/reset-second-factor").status_code == 303
    assert len(live()) == 1, "the administrator's"
    assert new_browser().sign_in("supervisor").headers["Location"] == "/"
    assert [line.actor for line in told("second_factor.reset")] == ["administrator"]


# -- the promises -------------------------------------------------------------------------------------------------------


def test_the_secret_is_sealed_and_the_codes_are_macs(people: dict[str, int]) -> None:
    secret, codes = has_one(enters("operator"))
    person = db.session.get_one(Operator, people["operator"])
    assert str(person.totp_sealed).startswith("k1:") and secret not in str(person.totp_sealed)
    kept = str(db.session.scalars(select(RecoveryCode.code_mac)).all())
    audited = str([(it.before, it.after, it.why) for it in db.session.scalars(select(AuditRecord))])
    for code in codes:
        for written in (code, code.replace("-", "")):
            assert written not in kept and written not in audited
    assert secret not in audited


def test_a_code_works_once(time: Time, mine: tuple[str, list[str]]) -> None:
    code = code_of(mine[0])
    finish(half_way(), code)
    for again in (code, code_of(mine[0], steps=-1)):
        with pytest.raises(Refused, match="不正确或已用过"):
            finish(half_way(), again)
    time.passes(seconds=30)
    finish(half_way(), code_of(mine[0]))
    finish(half_way(), mine[1][3])
    with pytest.raises(Refused):
        finish(half_way(), mine[1][3])


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_telephone_may_be_half_a_minute_off(mine: tuple[str, list[str]], steps: int, fits: bool) -> None:
    with contextlib.nullcontext() if fits else pytest.raises(Refused):
        finish(half_way(), code_of(mine[0], steps=steps))


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_two_requests_with_one_code_and_one_gets_in(app: Flask, mine: tuple[str, list[str]], kind: str) -> None:
    tickets = [half_way() for _ in range(4)]
    code = code_of(mine[0]) if kind == "totp" else mine[1][0]
    inside: list[str] = []

    def press() -> None:
        ticket = tickets.pop()
        with app.app_context(), contextlib.suppress(Refused):
            finish(ticket, code)
            inside.append(ticket)

    together(press, times=4)
    assert len(inside) == 1


def test_two_confirmations_at_once_and_the_codes_that_were_told_are_the_ones_that_count(
    app: Flask, people: dict[str, int]
) -> None:
    actor = enters("operator")
    second_factor.begin(actor)
    shown = second_factor.secret_to_show(actor)
    assert shown
    codes: list[list[str]] = []
    offsets = [-1, 0, 1]

    def confirm() -> None:
        steps = offsets.pop()
        with app.app_context(), contextlib.suppress(Refused):
            codes.append(second_factor.confirm(actor, code_of(shown[0], steps=steps)))

    together(confirm, times=3)
    db.session.rollback()
    assert len(codes) == 1
    assert queries.recovery_codes_left(actor.operator_id) == 10
    finish(half_way(), codes[0][0])


def test_the_way_in_between_lasts_five_minutes_and_dies_with_the_password(
    time: Time, mine: tuple[str, list[str]]
) -> None:
    ticket = half_way()
    time.passes(minutes=5)
    with pytest.raises(Refused, match="重新输入"):
        finish(ticket, code_of(mine[0]))
    ticket = half_way()
    service.reset_password("operator", actor=enters("administrator"))
    with pytest.raises(Refused, match="重新输入"):
        finish(ticket, code_of(mine[0]))
    for forged in ("", "1", "1.2.3", ticket[:-1] + "0", ticket.replace(".", "..", 1), "９.9999999999.x"):
        with pytest.raises(Refused, match="重新输入"):
            finish(forged, code_of(mine[0]))


def test_a_disabled_person_does_not_finish(mine: tuple[str, list[str]]) -> None:
    ticket = half_way()
    service.disable("operator", reason="离职", actor=enters("administrator"))
    with pytest.raises(Refused):
        finish(ticket, code_of(mine[0]))
    assert len(live()) == 1


def test_wrong_codes_are_counted_like_wrong_passwords(time: Time, mine: tuple[str, list[str]]) -> None:
    ticket = half_way()
    for _ in range(9):  # getting half way counted as one
        with pytest.raises(Refused, match="不正确或已用过"):
            finish(ticket, "000000")
    with pytest.raises(Refused, match="尝试的次数太多"):
        finish(ticket, code_of(mine[0]))
    assert "operator" in [line.subject for line in told("operator.lock")]


def test_one_that_is_on_is_not_begun_again(mine: tuple[str, list[str]]) -> None:
    with pytest.raises(Refused, match="已经开启"):
        second_factor.begin(enters_with(mine))
    assert second_factor.secret_to_show(enters_with(mine, code=mine[1][1])) is None


def enters_with(mine: tuple[str, list[str]], code: str = "") -> Actor:
    return service.finish_sign_in(half_way(), code or mine[1][0], address="", user_agent="")[1]


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "0" * 20, "-"])
def test_nonsense_is_no_code(mine: tuple[str, list[str]], typed: str) -> None:
    with pytest.raises(Refused):
        finish(half_way(), typed)

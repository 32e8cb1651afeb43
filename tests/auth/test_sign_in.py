"""Who gets in, and what everybody else is told."""

import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.auth import service, signals
from app.auth.models import AuditRecord, Operator, OperatorSession
from app.auth.permissions import Role
from app.auth.service import passwords, sessions
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.db import db, transaction
from tests.auth.conftest import HX, PASSWORD, STREAM, Browser, Time
from tests.conftest import REAL_HASHES

New = Callable[[], Browser]


@pytest.fixture(autouse=True)
def real_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashes as dear as in production; everywhere else the tests have cheap ones."""
    monkeypatch.setattr(passwords, "_ARGON2", REAL_HASHES)
    passwords._nobodys_hash.cache_clear()
    yield
    passwords._nobodys_hash.cache_clear()


def sign_in(username: str = "operator", password: str = PASSWORD) -> tuple[str, object]:
    return service.sign_in(username, password, address="203.0.113.9", user_agent="tests")


def live() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(OperatorSession.id).where(OperatorSession.ended_at.is_(None))))


def test_the_right_password_opens_the_door(people: dict[str, int], new_browser: New) -> None:
    here = new_browser()
    assert here.get("/t/page").headers["Location"] == "/login?next=/t/page"
    assert here.sign_in("operator", next="/t/page").headers["Location"] == "/t/page"
    assert here.get("/t/page").status_code == 200


def test_only_the_hash_of_the_token_is_kept(people: dict[str, int]) -> None:
    token, _ = sign_in()
    session = db.session.scalars(select(OperatorSession)).one()
    assert session.token_sha256 == sha256(token.encode()).hexdigest()
    assert len(token) >= 43  # 256 bits
    stored = str(
        [[getattr(row, c.key) for c in row.__table__.columns] for row in (session, db.session.get(Operator, 1))]
    )
    assert token not in stored
    assert PASSWORD not in stored


def test_passwords_are_kept_as_argon2id(people: dict[str, int]) -> None:
    operator = db.session.get(Operator, people["operator"])
    assert operator
    assert str(operator.password_hash).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_wrong_password_an_unknown_name_and_a_disabled_person_get_the_same_answer(
    people: dict[str, int], new_browser: New
) -> None:
    with transaction():
        db.session.get_one(Operator, people["finance"]).disabled_at = clock.now()
    service.create_operator(username="nopass", display_name="无", role=Role.OPERATOR, actor="tests")
    answers = set()
    for username, password in (
        ("operator", "wrong" * 4),
        ("nobody", PASSWORD),
        ("finance", PASSWORD),
        ("nopass", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("nul\0", "x"),
    ):
        with pytest.raises(Refused) as refusal:
            sign_in(username, password)
        answers.add(str(refusal.value))
    assert answers == {"用户名或密码不正确"}
    page = new_browser().sign_in("nobody", "wrong" * 4)
    assert page.status_code == 422
    assert "用户名或密码不正确" in page.text
    assert live() == []


def test_an_unknown_name_costs_the_same_hash(people: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []
    real = passwords._ARGON2
    monkeypatch.setattr(passwords, "_ARGON2", type("Spy", (), {
        "hash": real.hash,
        "verify": lambda _self, hashed, password: verified.append(hashed) or real.verify(hashed, password),
    })())  # fmt: skip
    for name in ("operator", "nobody"):
        with pytest.raises(Refused):
            sign_in(name, "wrong" * 4)
    assert [hashed.split("$")[1:4] for hashed in verified] == [["argon2id", "v=19", "m=19456,t=2,p=1"]] * 2


def test_never_more_than_two_hashes_at_a_time(
    app: Flask, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most, lock = [0], [0], threading.Lock()
    real = passwords._ARGON2

    def verify(_self: object, hashed: str, password: str) -> bool:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return real.verify(hashed, password)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(passwords, "_ARGON2", type("Spy", (), {"hash": real.hash, "verify": verify})())

    def knock() -> None:
        with app.app_context(), pytest.raises(Refused):
            sign_in("nobody", "wrong" * 4)

    together(knock, times=8)
    assert most[0] == 2


def test_refused_sign_ins_are_audited_without_what_was_typed(people: dict[str, int]) -> None:
    for name in ("operator", "my-secret-passphrase"):
        with pytest.raises(Refused):
            sign_in(name, "wrong" * 4)
    first, second = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "session.refuse")).all()
    assert first.subject == "operator"
    assert second.subject.startswith("unknown:")
    assert "passphrase" not in second.subject


def test_signing_in_again_displaces_the_first(supervisor: Browser, new_browser: New) -> None:
    old = supervisor.token
    heard: list[tuple[int, str]] = []

    def hear(_sender: object, *, session_id: int, reason: str, **_more: object) -> None:
        assert db.session.info.get("after_commit") is not None, "inside the transaction"
        heard.append((session_id, reason))

    first = live()
    with signals.session_ended.connected_to(hear):
        new_browser().sign_in("supervisor")
    assert heard == [(first[0], "displaced")]
    assert len(live()) == 1
    assert supervisor.token == old
    assert supervisor.get("/t/page").status_code == 303
    for path, headers in (("/t/page", HX), ("/t/money", HX), ("/t/stream", HX)):
        dead = supervisor.get(path, headers=headers)
        assert dead.status_code == 401
        assert dead.headers["HX-Redirect"] == "/login?next=/t/page"
        assert "<html" not in dead.text
    stream = supervisor.get("/t/stream", headers=STREAM)
    assert (stream.status_code, stream.text) == (401, "")
    assert supervisor.post("/t/deed", headers=HX).status_code == 401
    assert supervisor.post("/t/deed").headers["Location"] == "/login"
    assert "在另一处（127.0.0.1）登录" in supervisor.get("/login").text


def test_the_open_page_of_a_displaced_session_is_told(people: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(sessions, "announce", lambda topic, detail: told.append((topic, detail)))
    sign_in()
    first = live()[0]
    sign_in()
    assert told == [("session-ended", str(first))]


def test_two_sign_ins_at_once_leave_one_session(app: Flask, people: dict[str, int]) -> None:
    tokens: list[str] = []

    def knock() -> None:
        with app.app_context():
            tokens.append(sign_in()[0])

    for _ in range(5):
        together(knock, times=4)
    assert len(tokens) == 20, "nobody was turned away"
    assert len(live()) == 1
    assert sum(service.who(token, active=False) is not None for token in tokens) == 1


def test_the_database_itself_refuses_a_second_live_session(people: dict[str, int]) -> None:
    sign_in()
    now = clock.now()
    twin = OperatorSession(
        operator_id=people["operator"],
        token_sha256="0" * 64,
        created_at=now,
        last_active_at=now,
        address="",
        user_agent="",
    )
    with pytest.raises(IntegrityError), transaction():
        db.session.add(twin)


def test_a_receiver_that_fails_stops_the_sign_in(people: dict[str, int]) -> None:
    def fail(_sender: object, **_more: object) -> None:
        raise RuntimeError("the claim could not be given back")

    sign_in()
    before = live()
    with signals.session_ended.connected_to(fail), pytest.raises(RuntimeError):
        sign_in()
    assert live() == before


def test_signing_out_ends_the_row(supervisor: Browser) -> None:
    token = supervisor.token
    answer = supervisor.post("/logout", data={"csrf_token": supervisor.csrf("/t/page")})
    assert answer.headers["Location"] == "/login"
    assert live() == []
    supervisor.set_cookie("paydesk_session", token)
    assert supervisor.get("/t/page").status_code == 303
    assert "另一处" not in supervisor.get("/login").text


def test_somebody_else_signing_in_here_ends_the_session_of_the_first(supervisor: Browser) -> None:
    token = supervisor.csrf("/t/page")
    answer = supervisor.post("/login", data={"csrf_token": token, "username": "finance", "password": PASSWORD})
    assert answer.status_code == 303
    assert len(live()) == 1


@pytest.mark.parametrize(
    ("passes", "notice"), [({"minutes": 15}, "因长时间未操作已退出"), ({"hours": 12}, "因长时间未操作已退出")]
)
def test_fifteen_idle_minutes_end_a_session(
    time: Time, supervisor: Browser, passes: dict[str, int], notice: str
) -> None:
    time.passes(minutes=14)
    assert supervisor.get("/t/page").status_code == 200
    time.passes(minutes=14, seconds=59)
    assert supervisor.get("/t/page").status_code == 200
    time.passes(**passes)
    assert supervisor.get("/t/page").status_code == 303
    assert notice in supervisor.get("/login").text
    time.passes(hours=-1)  # the clock steps back: what is over stays over
    assert supervisor.get("/t/page").status_code == 303
    assert live() == []


def test_twelve_hours_end_even_a_busy_session(time: Time, supervisor: Browser) -> None:
    for _ in range(71):
        time.passes(minutes=10)
        assert supervisor.get("/t/page").status_code == 200
    time.passes(minutes=10)
    assert supervisor.get("/t/page").status_code == 303
    assert "12 小时" in supervisor.get("/login").text


SELF = {"HX-Request": "true", "HX-Source": "section#rows", "HX-Target": "section#rows"}


@pytest.mark.parametrize(
    ("what", "counts"),
    [
        ({"path": "/t/page"}, True),
        ({"path": "/t/page", "headers": HX}, True),  # a link inside the page, aimed at a region
        ({"path": "/t/page", "headers": SELF}, False),  # a region that refreshes itself
        ({"path": "/t/page", "headers": {"HX-Request": "true"}}, False),  # console.js
        ({"path": "/t/stream"}, False),  # declared passive
        ({"path": "/t/page", "headers": STREAM}, False),
        ({"path": "/t/deed", "method": "POST", "headers": SELF}, True),  # a form that replaces itself
        ({"path": "/t/deed", "method": "POST", "headers": {"HX-Request": "true"}}, False),  # a heartbeat
    ],
)
def test_only_what_a_person_does_is_activity(
    time: Time, supervisor: Browser, what: dict[str, object], counts: bool
) -> None:
    time.passes(minutes=10)
    supervisor.open(**what)
    time.passes(minutes=10)
    assert supervisor.get("/t/page").status_code == (200 if counts else 303)


def test_a_person_who_is_disabled_is_out_at_once(supervisor: Browser, people: dict[str, int]) -> None:
    with transaction():
        db.session.get_one(Operator, people["supervisor"]).disabled_at = clock.now()
    assert supervisor.get("/t/page").status_code == 303


def test_a_changed_role_counts_from_the_next_request(supervisor: Browser, people: dict[str, int]) -> None:
    assert supervisor.get("/t/money").status_code == 200
    with transaction():
        db.session.get_one(Operator, people["supervisor"]).role = Role.ADMINISTRATOR
    refused = supervisor.get("/t/money")
    assert refused.status_code == 403
    assert "没有权限" in refused.text


@pytest.mark.parametrize(
    ("next_", "leads_to"),
    [
        ("/t/page", "/t/page"),
        ("/t/page?state=pending&page=2", "/t/page?state=pending&page=2"),
        ("", "/"),
        ("//evil.example/t/page", "/"),
        ("///evil.example/t/page", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/t/page", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/t/page\r\nSet-Cookie: a=b", "/"),
        ("/\t/evil.example", "/"),
        (" /t/page", "/"),
        ("t/page", "/"),
        ("/t/deed", "/"),  # cannot be read
        ("/no/such/page", "/"),
        ("/login", "/"),
        ("/@evil.example", "/"),
        ("/t/page" + "x" * 3000, "/"),
    ],
)
def test_next_leads_nowhere_but_home(people: dict[str, int], new_browser: New, next_: str, leads_to: str) -> None:
    assert new_browser().sign_in("operator", next=next_).headers["Location"] == leads_to
    here = new_browser()
    here.sign_in("operator")
    assert here.get(f"/login?next={quote(next_)}").headers["Location"] == leads_to


def test_the_language_is_kept_with_the_person(supervisor: Browser, people: dict[str, int]) -> None:
    form = {"csrf_token": supervisor.csrf("/t/page"), "language": "en", "next": "/t/page"}
    assert supervisor.post("/language", data=form).headers["Location"] == "/t/page"
    assert db.session.get_one(Operator, people["supervisor"]).language == "en"
    assert supervisor.post("/language", data=form | {"language": "xx"}).status_code == 400


def test_the_sign_in_page_speaks_the_language_of_its_browser(new_browser: New) -> None:
    here = new_browser()
    here.post("/language", data={"csrf_token": here.csrf(), "language": "en"})
    assert '<html lang="en"' in here.get("/login").text


def together(what: Callable[[], None], *, times: int) -> None:
    """Run it in as many threads, let go at the same moment; a failure in one is a failure."""
    gate, problems = threading.Barrier(times), []

    def run() -> None:
        gate.wait()
        try:
            what()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []

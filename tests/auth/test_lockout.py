"""Ten tries and no more: counted before they are made, for names that exist and names that do not, never for the last key."""

import contextlib
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from app.auth import audit, queries, service
from app.auth.permissions import Role
from app.auth.service import passwords
from app.kernel.errors import Refused
from app.runtime import throttle
from app.runtime.db import db
from app.runtime.page import local
from tests.auth.conftest import PASSWORD, Browser, Time, another, enters
from tests.auth.test_operators import told
from tests.auth.test_sign_in import sign_in, together

New = Callable[[], Browser]
WRONG = "wrong" * 4


def wrong(username: str, *, address: str = "203.0.113.9", times: int = 1) -> list[str]:
    """What is said to so many wrong passwords."""
    said = []
    for _ in range(times):
        with pytest.raises(Refused) as refusal:
            service.sign_in(username, WRONG, address=address, user_agent="tests")
        said.append(str(refusal.value.text.template))
    return said


def test_a_crowd_of_wrong_passwords_gets_ten_hashes_and_a_lock(
    app: Flask, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified, lock, real = [0], threading.Lock(), passwords._ARGON2

    def verify(_self: object, hashed: str, password: str) -> bool:
        with lock:
            verified[0] += 1
        return real.verify(hashed, password)

    monkeypatch.setattr(passwords, "_ARGON2", type("Spy", (), {"hash": real.hash, "verify": verify})())
    addresses = iter(range(30))

    def knock() -> None:
        with lock:
            address = f"198.51.100.{next(addresses)}"
        with app.app_context(), contextlib.suppress(Refused):
            service.sign_in("operator", WRONG, address=address, user_agent="tests")

    together(knock, times=30)
    assert verified[0] <= 10
    with pytest.raises(Refused, match="尝试的次数太多"):
        enters("operator")
    assert [line.subject for line in told("operator.lock")] == ["operator"]
    assert queries.locked_until(queries.person("operator"))
    assert audit.verify() == []


def test_a_name_that_nobody_has_locks_in_the_same_words(people: dict[str, int]) -> None:
    with_it = wrong("operator", times=12)
    without = wrong("nobody-at-all", address="203.0.113.10", times=12)
    assert with_it == without == ["用户名或密码不正确"] * 10 + ["尝试的次数太多，请于 %(until)s 后再试"] * 2
    subjects = [line.subject for line in told("operator.lock")]
    assert subjects[0] == "operator" and subjects[1].startswith("unknown:")
    assert "nobody-at-all" not in str(subjects)


@pytest.mark.parametrize("spelling", ["OPERATOR", " operator ", "Operator"])
def test_another_spelling_is_the_same_name(people: dict[str, int], spelling: str) -> None:
    wrong("operator", times=5)
    wrong(spelling, times=5)
    with pytest.raises(Refused, match="尝试的次数太多"):
        enters("operator")


def test_a_disabled_person_locks_in_the_same_words(people: dict[str, int]) -> None:
    service.disable("finance", reason="离职", actor=enters("administrator"))
    assert wrong("finance", times=11)[-2:] == ["用户名或密码不正确", "尝试的次数太多，请于 %(until)s 后再试"]


def test_the_lock_opens_by_itself_after_half_an_hour(time: Time, people: dict[str, int]) -> None:
    wrong("operator", times=10)
    time.passes(minutes=29, seconds=59)
    with pytest.raises(Refused, match="尝试的次数太多"):
        enters("operator")
    time.passes(seconds=1)
    assert enters("operator")
    assert queries.locked_until(queries.person("operator")) is None


def test_knocking_at_a_locked_door_does_not_keep_it_locked(time: Time, people: dict[str, int]) -> None:
    wrong("operator", times=10)
    time.passes(minutes=15)
    wrong("operator", times=5)
    time.passes(minutes=15)
    assert enters("operator")


def test_the_right_password_begins_the_count_anew(people: dict[str, int]) -> None:
    for _ in range(3):
        wrong("operator", times=9)
        assert enters("operator")
    assert told("operator.lock") == []


def test_nine_mistakes_a_while_ago_are_forgotten(time: Time, people: dict[str, int]) -> None:
    wrong("operator", times=9)
    time.passes(minutes=31)
    wrong("operator", times=9)
    assert enters("operator")


def test_an_administrator_unlocks_it(administrator: Browser, new_browser: New) -> None:
    wrong("operator", times=10)
    assert new_browser().sign_in("operator").status_code == 422
    assert "解锁" in administrator.get("/operators/operator").text
    assert administrator.deed("/operators/operator/unlock").status_code == 303
    assert new_browser().sign_in("operator").status_code == 303
    assert [line.actor for line in told("operator.unlock")] == ["administrator"]


def test_the_last_administrator_is_never_locked_out(people: dict[str, int]) -> None:
    """Or a stranger could lock the house. The address still is, and the right password from elsewhere opens."""
    assert set(wrong("administrator", times=15)) == {"用户名或密码不正确"}
    assert wrong("administrator", times=16)[-1].startswith("尝试的次数太多")
    assert service.sign_in("administrator", PASSWORD, address="198.51.100.7", user_agent="tests")
    assert told("operator.lock") == [] or all(it.subject != "administrator" for it in told("operator.lock"))


def test_one_of_two_administrators_is_locked_like_anybody(people: dict[str, int]) -> None:
    another("second")
    wrong("administrator", times=10)
    with pytest.raises(Refused, match="尝试的次数太多"):
        enters("administrator")


def test_an_address_has_thirty_tries_for_a_whole_office(people: dict[str, int]) -> None:
    for number in range(29):
        wrong(f"guess{number}", address="192.0.2.1")
    assert service.sign_in("operator", PASSWORD, address="192.0.2.1", user_agent="tests"), (
        "whoever is right, gives back"
    )
    wrong("guess29", address="192.0.2.1")
    with pytest.raises(Refused, match="尝试的次数太多"):
        service.sign_in("operator", PASSWORD, address="192.0.2.1", user_agent="tests")
    assert sign_in("operator"), "from elsewhere it is open"


def test_the_page_says_it_in_words_and_shows_the_time_here(people: dict[str, int], new_browser: New) -> None:
    here = new_browser()
    for _ in range(10):
        assert "用户名或密码不正确" in here.sign_in("operator", WRONG).text
    page = here.sign_in("operator")
    assert page.status_code == 422
    until = queries.locked_until(queries.person("operator"))
    assert until
    assert local(until) in page.text
    assert "管理员可以解锁" in page.text


def test_every_role_is_counted_and_nothing_is_left_of_a_forgotten_count(people: dict[str, int]) -> None:
    for role in (Role.OPERATOR, Role.SUPERVISOR, Role.FINANCE):
        wrong(role, times=3)
        enters(role)
    db.session.rollback()
    assert throttle.all_shut() == {}
    assert queries.locks() == {}

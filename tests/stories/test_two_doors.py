"""Two web processes on one database, and two requests at the same moment: sign-ins, claims, the same form, decisions.

Of two people who decide, one has decided and the other is told; of two sign-ins, one cookie opens nothing.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, update

from app.auth import service as auth
from app.auth.models import OperatorSession
from app.auth.permissions import Role
from app.channels import queries as channels
from app.config import Config
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.withdrawals import queries
from app.withdrawals.models import Withdrawal, WithdrawalApproval
from tests.conftest import KEYS
from tests.world import PASSWORD, World

pytestmark = pytest.mark.slow
TOP = Path(__file__).resolve().parents[2]
ROUNDS = 6


@pytest.fixture
def doors(app: Flask, config: Config, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two gunicorns on one database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAYDESK_")}
    environment |= {
        "PAYDESK_DATABASE_URL": config.sqlalchemy_url,
        "PAYDESK_DATA_DIR": str(tmp_path),
        "PAYDESK_SECRET_KEY": KEYS["secret_key"],
        "PAYDESK_FIELD_KEYS": KEYS["field_keys"],
    }
    found, processes = [], []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        argv = [
            sys.executable,
            "-m",
            "gunicorn",
            "wsgi:app",
            "--bind",
            f"127.0.0.1:{port}",
            "--worker-class",
            "gthread",
        ]
        argv += ["--threads", "8", "--no-control-socket"]
        processes.append(subprocess.Popen(argv, cwd=TOP, env=environment, stderr=subprocess.DEVNULL))
        found.append(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 60
    for door in found:
        while not _answers(door):
            assert time.monotonic() < deadline, "it does not start"
    yield found
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


def _answers(door: str) -> bool:
    try:
        return requests.get(f"{door}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def test_two_sign_ins_at_one_moment_leave_one_session(doors: list[str]) -> None:
    auth.create_operator(username="twice", display_name="Twice", role=Role.OPERATOR, password=PASSWORD, actor="test")
    db.session.rollback()
    for _ in range(ROUNDS):
        barrier = threading.Barrier(2)
        browsers = [requests.Session() for _ in doors]

        def enters(door: str, browser: requests.Session, barrier: threading.Barrier = barrier) -> None:
            token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{door}/login", timeout=20).text)
            assert token
            form = {"csrf_token": token[1], "username": "twice", "password": PASSWORD}
            barrier.wait(20)
            browser.post(f"{door}/login", data=form, allow_redirects=False, timeout=30)

        hands = [threading.Thread(target=enters, args=pair) for pair in zip(doors, browsers, strict=True)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        assert all("paydesk_session" in browser.cookies for browser in browsers), "both were let in"
        # Each cookie at each door: what one process ended is over in the other.
        opened = [
            {browser.get(f"{door}/", allow_redirects=False, timeout=20).status_code for door in doors}
            for browser in browsers
        ]
        assert sorted(opened, key=max) == [{200}, {303}]
        live = select(func.count()).where(OperatorSession.ended_at.is_(None))
        assert db.session.scalar(live) == 1
        db.session.rollback()


class Visitor:
    """Somebody who is signed in, with one cookie for both doors."""

    def __init__(self, doors: list[str], username: str) -> None:
        self.doors, self._browser = doors, requests.Session()
        token, self.actor = auth.sign_in(username, PASSWORD, address="10.0.0.9", user_agent="test")
        self._browser.cookies.set("paydesk_session", token)

    def _token(self, page: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self._browser.get(page, timeout=20).text)
        assert found
        return found[1]

    def about_to(self, door: int, path: str, **form: object) -> Callable[[], requests.Response]:
        """Everything is typed; what is left is to press the button, at this door."""
        address = self.doors[door]
        filled = {"csrf_token": self._token(f"{address}/"), **form}
        cookies = self._browser.cookies.get_dict()
        return lambda: requests.post(
            f"{address}{path}", data=filled, cookies=cookies, allow_redirects=False, timeout=30
        )


def at_once(*deeds: Callable[[], requests.Response]) -> list[int]:
    """All of them at one moment. What each was answered, in their order."""
    return [it.status_code for it in answered(*deeds)]


def answered(*deeds: Callable[[], requests.Response]) -> list[requests.Response]:
    start = threading.Barrier(len(deeds))

    def one(deed: Callable[[], requests.Response]) -> requests.Response:
        start.wait(30)
        return deed()

    db.session.rollback()
    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(one, deeds))


def verbs(number: str) -> list[str]:
    """What was done to it, in its order; the trace has no gaps."""
    db.session.rollback()
    events = queries.events(queries.by_number(number).id)
    assert [it.seq for it in events] == list(range(1, len(events) + 1))
    return [it.verb for it in events]


def approvals(number: str) -> int:
    db.session.rollback()
    mine = WithdrawalApproval.withdrawal_id == queries.by_number(number).id
    return db.session.scalar(select(func.count()).where(mine, WithdrawalApproval.voided_at.is_(None))) or 0


def test_the_same_form_at_two_doors_is_one_withdrawal(doors: list[str], world: World) -> None:
    maker = Visitor(doors, "maker")
    account = world.account()
    world.maker = maker.actor
    card, fence = world.card(account), world.claimed(account)
    for round_ in range(1, ROUNDS + 1):
        key = str(uuid4())
        form = {"account": account, "card": card, "fence": fence, "form_key": key, "amount": "10.00", "memo": ""}
        both = answered(*(maker.about_to(door, "/withdrawals/", **form) for door in (0, 1)))
        assert [it.status_code for it in both] == [303, 303], "neither is told of a failure that was none"
        assert len({it.headers["Location"] for it in both}) == 1, "both are led to the same one"
        db.session.rollback()
        assert db.session.scalar(select(func.count()).select_from(Withdrawal)) == round_
        spent = Money.parse("12.00").minor * round_
        assert ledger.balances_of([account])[account].available.minor == Money.parse("10000.00").minor - spent
    world.all_is_well()


def test_of_two_claims_at_two_doors_one_is_held(doors: list[str], world: World) -> None:
    account = world.account()
    people = Visitor(doors, "maker"), Visitor(doors, "checker")
    for _ in range(ROUNDS):
        told = at_once(*(it.about_to(door, f"/channels/{account}/claim") for door, it in enumerate(people)))
        assert sorted(told) == [303, 409]
        winner = people[told.index(303)]
        db.session.rollback()
        held = channels.holder(channels.account(account).id)
        assert held is not None and held.operator_id == winner.actor.operator_id
        assert at_once(winner.about_to(0, f"/channels/{account}/release")) == [303]


@pytest.mark.parametrize("other", ["approve", "reject"])
def test_of_two_who_decide_at_once_one_has_and_the_other_is_told(doors: list[str], world: World, other: str) -> None:
    world.person("second", Role.SUPERVISOR)
    first, second = Visitor(doors, "checker"), Visitor(doors, "second")
    account = world.account()
    for _, (here, there) in zip(range(ROUNDS), cycle([(0, 1), (1, 0)]), strict=False):
        number = world.withdrawal("10.00", account=account)
        seen = queries.digest(queries.by_number(number))
        words = {"seen": seen} if other == "approve" else {"reason": "查无此人"}
        told = answered(
            first.about_to(here, f"/withdrawals/{number}/approve", seen=seen),
            second.about_to(there, f"/withdrawals/{number}/{other}", **words),
        )
        assert sorted(it.status_code for it in told) == [303, 409]
        (refused,) = (it for it in told if it.status_code == 409)
        assert "这笔提现现在是" in refused.text
        done = "approve" if told[0].status_code == 303 else other
        assert verbs(number) == ["create", done]
        assert approvals(number) == (done == "approve")
        winner = "checker" if told[0].status_code == 303 else "second"
        assert queries.by_number(number).checker == winner
    world.until(
        lambda: not db.session.scalar(select(func.count()).where(Withdrawal.state.not_in(["paid", "rejected"])))
    )
    world.all_is_well()


def test_where_two_must_approve_two_at_once_are_two(doors: list[str], world: World) -> None:
    world.person("second", Role.SUPERVISOR)
    people = Visitor(doors, "checker"), Visitor(doors, "second")
    account = world.account()
    for _ in range(ROUNDS):
        number = world.withdrawal("10.00", account=account)
        with transaction():
            db.session.execute(update(Withdrawal).values(checkers=2).where(Withdrawal.number == number))
        seen = queries.digest(queries.by_number(number))
        path = f"/withdrawals/{number}/approve"
        assert at_once(*(it.about_to(door, path, seen=seen) for door, it in enumerate(people))) == [303, 303]
        assert verbs(number) == ["create", "approve_first", "approve"] and approvals(number) == 2


def test_one_person_who_approves_at_two_doors_has_approved_once(doors: list[str], world: World) -> None:
    checker, account = Visitor(doors, "checker"), world.account()
    for _ in range(ROUNDS):
        number = world.withdrawal("10.00", account=account)
        with transaction():
            db.session.execute(update(Withdrawal).values(checkers=2).where(Withdrawal.number == number))
        seen = queries.digest(queries.by_number(number))
        path = f"/withdrawals/{number}/approve"
        assert sorted(at_once(*(checker.about_to(door, path, seen=seen) for door in (0, 1)))) == [303, 409]
        assert verbs(number) == ["create", "approve_first"] and approvals(number) == 1


def test_what_is_cancelled_while_it_is_approved_is_never_sent(doors: list[str], world: World) -> None:
    """Until it has left the maker may take it back: approved first or not, it is cancelled, and its money free once."""
    maker, checker, account = Visitor(doors, "maker"), Visitor(doors, "checker"), world.account()
    world.maker = maker.actor
    before = ledger.balances_of([account])[account].available
    for _ in range(ROUNDS):
        number = world.withdrawal("10.00", account=account)
        seen = queries.digest(queries.by_number(number))
        approved, cancelled = at_once(
            checker.about_to(0, f"/withdrawals/{number}/approve", seen=seen),
            maker.about_to(1, f"/withdrawals/{number}/cancel"),
        )
        assert cancelled == 303 and approved in (303, 409)
        assert verbs(number) == (["create", "approve", "cancel"] if approved == 303 else ["create", "cancel"])
        assert ledger.balances_of([account])[account].available == before
    world.until(lambda: not sum(jobs.drain(line) for line in Line))
    assert world.paid_by_sandbox(account)["submits"] == 0
    world.all_is_well()


def test_what_is_cancelled_while_a_worker_takes_it_is_sent_or_cancelled(doors: list[str], world: World) -> None:
    maker, account = Visitor(doors, "maker"), world.account()
    world.maker = maker.actor
    drain = jobs.inside(jobs.drain)
    for _ in range(ROUNDS):
        number = world.withdrawal("10.00", account=account)
        world.approve(number)
        press, start = maker.about_to(1, f"/withdrawals/{number}/cancel"), threading.Barrier(2)

        def works(start: threading.Barrier = start) -> None:
            start.wait(30)
            drain(Line.CHANNEL)

        db.session.rollback()
        worker = threading.Thread(target=works)
        worker.start()
        start.wait(30)
        answer = press().status_code
        worker.join()
        state = world.until_state(number, "paid", "cancelled")
        assert (answer, state) in [(303, "cancelled"), (409, "paid")]
    world.all_is_well()

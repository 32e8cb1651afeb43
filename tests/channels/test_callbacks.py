"""The channels' door, over real HTTP: what is taken, what is refused, and that each notice works once."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, select, text

from app.channels import gateway, intake, mailbox, versions
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.contract import RawCallback
from app.channels.models import CallbackInbox
from app.kernel import signing
from app.kernel.numbers import random_text
from app.ledger import queries as ledger
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from tests.world import World

QUIET = "10.17"  # the sandbox takes hours for it: all notices are ours


@pytest.fixture
def account(world: World) -> str:
    return world.account("spruce")


@pytest.fixture
def number(world: World, account: str) -> str:
    """A withdrawal that is out, and whose channel keeps quiet."""
    number = world.withdrawal(QUIET, account=account)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    return number


class Notice:
    """What Spruce posts when a payout's fate is known: JSON, signed in the headers."""

    def __init__(self, account: str, number: str, *, amount: str = QUIET, status: str = "arrived") -> None:
        given = gateway.settings(channels.account(account).id)
        self.secret = given["api_secret"]
        fields = {
            "merchant_no": given["merchant_no"],
            "order_id": number,
            "amount": amount,
            "status": status,
            "payout_id": "P1",
        }
        self.body = json.dumps(fields).encode()

    def headers(self, secret: str = "") -> dict[str, str]:
        timestamp, nonce = "1795000000", random_text(16)
        signed = f"NOTIFY\n/v1/payouts\n{timestamp}\n{nonce}\n".encode() + self.body + b"\n"
        return {
            "Content-Type": "application/json",
            "X-Spruce-Timestamp": timestamp,
            "X-Spruce-Nonce": nonce,
            "X-Spruce-Signature": signing.hmac_sha256(signed, (secret or self.secret).encode()),
        }


def post(world: World, account: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    url = f"http://127.0.0.1:{world.door.server_port}/callbacks/{account}"
    return requests.post(url, data=body, headers=headers or {}, timeout=60)


def deliver(world: World, account: str, notice: Notice, secret: str = "") -> requests.Response:
    return post(world, account, notice.body, notice.headers(secret))


def inbox() -> list[CallbackInbox]:
    db.session.rollback()
    return list(db.session.scalars(select(CallbackInbox).order_by(CallbackInbox.id)))


def verbs(number: str) -> Counter[str]:
    return Counter(event.verb for event in queries.events(queries.by_number(number).id))


def test_a_good_notice_is_answered_with_the_channels_word_and_works(world: World, account: str, number: str) -> None:
    answer = deliver(world, account, Notice(account, number))
    assert (answer.status_code, answer.text) == (200, "OK")
    assert world.until_state(number, "paid", hurry_s=0) == "paid"
    (row,) = inbox()
    assert (row.outcome, row.number, row.seen, row.times) == ("taken", number, "paid", 1)
    assert QUIET not in row.sealed and number not in row.sealed


def test_it_is_kept_with_the_headers_that_belong_to_it(world: World, account: str, number: str) -> None:
    notice = Notice(account, number)
    headers = notice.headers()
    post(world, account, notice.body, headers | {"Cookie": "a=b", "Authorization": "Basic x", "X-More": "Yes"})
    (row,) = inbox()
    kept = intake.unseal(account, row.body_hash, row.sealed)
    assert (kept.body, kept.content_type) == (notice.body, "application/json")
    assert headers.items() | {("X-More", "Yes")} <= {(name.title(), it) for name, it in kept.headers.items()}
    assert kept.headers.keys() == {name.lower() for name in kept.headers}
    assert not kept.headers.keys() & {"host", "cookie", "authorization", "connection", "content-length", "user-agent"}


def test_an_unknown_account_is_not_there(world: World) -> None:
    assert post(world, "CNOBODY", b"{}").status_code == 404


def test_only_posting_is_a_callback(world: World, account: str) -> None:
    url = f"http://127.0.0.1:{world.door.server_port}/callbacks/{account}"
    assert requests.get(url, timeout=60).status_code == 405


@pytest.mark.parametrize("size", [64 * 1024 + 1, 2 * 1024 * 1024])
def test_a_body_of_more_than_64_kibibytes_is_refused_and_not_kept(world: World, account: str, size: int) -> None:
    assert post(world, account, b"x" * size).status_code == 413
    assert inbox() == []


def test_a_body_of_exactly_64_kibibytes_is_read(world: World, account: str) -> None:
    assert post(world, account, b"x" * 64 * 1024).status_code == 400
    assert [row.outcome for row in inbox()] == ["bad_signature"]


def test_a_body_whose_length_is_not_told_is_not_waited_for(world: World, account: str) -> None:
    with socket.create_connection(("127.0.0.1", world.door.server_port), timeout=30) as wire:
        wire.sendall(f"POST /callbacks/{account} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b" 400 " in wire.recv(4096).split(b"\r\n")[0]


def test_a_badly_signed_notice_is_recorded_and_changes_nothing(world: World, account: str, number: str) -> None:
    answer = deliver(world, account, Notice(account, number), secret="somebody else's")
    assert answer.status_code == 400 and "OK" not in answer.text
    (row,) = inbox()
    assert (row.outcome, row.number) == ("bad_signature", "")
    world.until(lambda: True)
    assert world.state(number) == "pending"


def test_the_right_notice_counts_although_the_same_body_came_badly_signed_first(
    world: World, account: str, number: str
) -> None:
    notice = Notice(account, number)
    assert deliver(world, account, notice, secret="wrong").status_code == 400
    assert deliver(world, account, notice).status_code == 200
    assert deliver(world, account, notice, secret="wrong").status_code == 400
    assert world.until_state(number, "paid", hurry_s=0) == "paid"
    (row,) = inbox()
    assert (row.outcome, row.times) == ("taken", 3)
    assert verbs(number)["succeed"] == 1


def test_a_hundred_copies_at_once_have_one_effect(world: World, account: str, number: str) -> None:
    notice = Notice(account, number)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: deliver(world, account, notice), range(100)))
    assert Counter((answer.status_code, answer.text) for answer in answers) == {(200, "OK"): 100}
    world.until_state(number, "paid", hurry_s=0)
    (row,) = inbox()
    assert row.times == 100
    assert verbs(number)["succeed"] == 1
    assert ledger.balances_of([account])[account].in_flight.minor == 0


@pytest.mark.parametrize("status", ["arrived", "rejected", "bounced"])
def test_an_account_cannot_speak_for_anothers_order(world: World, account: str, number: str, status: str) -> None:
    stranger = world.account("spruce")
    assert deliver(world, stranger, Notice(stranger, number, status=status)).status_code == 200
    world.until(lambda: True)
    assert world.state(number) == "pending"
    assert queries.holds(queries.by_number(number).id) == []


def test_a_notice_posted_to_another_account_is_not_signed_for_it(world: World, account: str, number: str) -> None:
    stranger = world.account("spruce")
    assert deliver(world, stranger, Notice(account, number)).status_code == 400


def test_a_notice_about_another_amount_is_held_for_a_person(world: World, account: str, number: str) -> None:
    deliver(world, account, Notice(account, number, amount="10.14"))
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["amount_differs"])
    deliver(world, account, Notice(account, number, amount="10.15", status="remitting"))
    world.until(lambda: True)
    assert world.state(number) == "pending" and queries.is_unknown(queries.by_number(number)) is False
    assert verbs(number)["hold"] == 2, "two figures are more than one: whoever decides must have seen both"


def test_a_notice_about_nothing_of_ours_is_kept_and_answered(world: World, account: str) -> None:
    assert deliver(world, account, Notice(account, "W20261121NOTOURS")).text == "OK"
    world.until(lambda: True)
    assert [row.number for row in inbox()] == ["W20261121NOTOURS"]


def test_words_of_any_length_are_taken(world: World, account: str, number: str) -> None:
    """A refusal here would make the channel repeat itself for ever."""
    assert deliver(world, account, Notice(account, number, status="很" * 500)).status_code == 200
    assert deliver(world, account, Notice(account, "W" * 900)).status_code == 200
    assert world.until(lambda: True)
    assert world.state(number) == "pending"


def test_what_was_accepted_stays_readable_while_keys_change(world: World, account: str, number: str) -> None:
    assert deliver(world, account, Notice(account, number)).status_code == 200
    given = dict(gateway.settings(channels.account(account).id))
    for _ in range(3):
        channel_service.change_settings(account, given | {"api_secret": random_text(32)}, actor="test")
    assert world.until_state(number, "paid", hurry_s=0) == "paid"


@contextmanager
def nobody_may_write(world: World) -> Iterator[None]:
    """Somebody else is writing: commits wait."""
    engine = create_engine(world.app.extensions["paydesk.config"].sqlalchemy_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("BEGIN"))
            connection.execute(text("LOCK TABLE callback_inbox IN EXCLUSIVE MODE"))
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


def test_the_channels_word_is_said_after_the_commit_and_not_before(world: World, account: str, number: str) -> None:
    answers: list[requests.Response] = []
    notice = Notice(account, number)
    db.session.rollback()
    poster = threading.Thread(target=lambda: answers.append(deliver(world, account, notice)))
    with nobody_may_write(world):
        poster.start()
        poster.join(0.5)
        assert answers == []
    poster.join(60)
    assert answers[0].text == "OK"
    assert [row.number for row in inbox()] == [number]


def test_no_word_is_said_when_the_notice_could_not_be_kept(world: World, account: str, number: str) -> None:
    notice = Notice(account, number)
    refusal: Any = {
        "sqlite": "CREATE TRIGGER full BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        "postgresql": "ALTER TABLE job ADD CONSTRAINT full_disk CHECK (false) NOT VALID",
    }
    db.session.rollback()
    with db.engine.connect() as connection:
        connection.exec_driver_sql(refusal[db.engine.dialect.name])
        connection.commit()
    answer = deliver(world, account, notice)
    assert answer.status_code == 500 and "OK" not in answer.text
    assert inbox() == [], "all or nothing"


def test_a_late_refusal_after_success_is_held_for_a_person(world: World, account: str, number: str) -> None:
    deliver(world, account, Notice(account, number))
    world.until_state(number, "paid", hurry_s=0)
    deliver(world, account, Notice(account, number, status="rejected"))
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["contradiction"])
    assert world.state(number) == "paid"


def test_a_notice_about_a_withdrawal_that_was_never_sent_is_held_for_a_person(world: World, account: str) -> None:
    number = world.withdrawal("50.00", account=account)
    deliver(world, account, Notice(account, number, amount="50.00"))
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["never_sent"])
    assert world.state(number) == "review"
    service.cancel(number, actor=world.maker)


def test_those_that_are_written_together_are_each_put_down_as_alone(world: World, account: str, number: str) -> None:
    notice, other = Notice(account, number), Notice(account, "W0")

    def raw(notice: Notice, secret: str = "") -> RawCallback:
        lowered = {name.lower(): value for name, value in notice.headers(secret).items()}
        return RawCallback(body=notice.body, content_type="application/json", headers=lowered)

    came = [raw(notice, "wrong"), raw(notice), raw(other), raw(notice, "wrong"), raw(Notice(account, "W1"), "wrong")]
    with transaction():
        door = versions.doors([account, "CNOBODY"])
        assert list(door) == [account]
        taken = mailbox.take([(door[account], it) for it in came])
    assert [good for _, good in taken] == [False, True, True, False, False]
    of_notice, of_other, of_third = taken[0][0], taken[2][0], taken[4][0]
    assert [inbox_id for inbox_id, _ in taken] == [of_notice, of_notice, of_other, of_notice, of_third]
    rows = {row.id: (row.outcome, row.number, row.times) for row in inbox()}
    assert rows[of_notice] == ("taken", number, 3) and rows[of_other] == ("taken", "W0", 1)
    assert rows[of_third] == ("bad_signature", "", 1)
    with transaction():
        again = mailbox.take([(door[account], raw(notice)), (door[account], raw(notice, "wrong"))])
    assert again == [(of_notice, True), (of_notice, False)]
    assert {row.id: (row.outcome, row.times) for row in inbox()}[of_notice] == ("taken", 5)

"""Killed at any moment and started again, the third party goes on: nothing is paid twice, nothing is forgotten."""

from urllib.parse import urlsplit

import pytest
import requests

from app.channels.contract import Seen
from tests.sandbox.third_party import Line, Receiver, ThirdParty, new_order, until


@pytest.fixture
def line(own_third: ThirdParty, receiver: Receiver) -> Line:
    return Line(own_third, receiver, "dolphin")


def test_killed_between_acceptance_and_payment(line: Line) -> None:
    orders = [new_order() for _ in range(20)]
    for order in orders:
        line.submit(order)
    again(line.third)
    for order in orders:
        assert line.submit(order).seen in (Seen.PENDING, Seen.PAID)
        line.until_seen(order, Seen.PAID)
    summary = line.summary()
    assert (summary["paid"]["count"], summary["paid_more_than_once"]["count"]) == (20, 0)
    until(lambda: all(line.inbox.heard(order.number) for order in orders), "every callback")


def test_killed_while_nobody_takes_the_callback(line: Line) -> None:
    order = new_order()
    line.inbox.refusing = 10**6
    line.submit(order)
    until(lambda: line.inbox.heard(order.number), "a first try")
    line.third.kill()
    line.inbox.refusing = 0
    heard = len(line.inbox.heard(order.number))
    line.third.start(port(line.third))
    until(lambda: len(line.inbox.heard(order.number)) > heard, "another try")
    until(lambda: line.rows(order)[0]["callbacks"][0]["delivered_at"], "the word being read")


def test_merchants_figures_and_forced_faults_survive(line: Line) -> None:
    line.third.post(
        "/control/faults",
        {"manner": "dolphin", "merchant_no": line.name, "interface": "query", "fault": "error_taken", "times": 1},
    )
    line.third.post("/control/channels/egret/unavailable")
    line.submit(order := new_order(10_017))
    before = line.summary()
    again(line.third)
    assert line.summary() == before
    assert line.call(line.channel.write_query(order)).status == 500
    assert line.query(order).seen is Seen.PENDING
    assert requests.post(f"{line.third.url}/egret/openapi/transfer/submit", timeout=20).status_code == 503


def test_a_stop_is_quick_and_clean(own_third: ThirdParty) -> None:
    assert own_third.stop() == 0


def again(third: ThirdParty) -> None:
    third.kill()
    third.start(port(third))


def port(third: ThirdParty) -> int:
    found = urlsplit(third.url).port
    assert found is not None
    return found

"""The control door: the page without JavaScript, and what programs ask and switch."""

import re
from collections.abc import Callable

import pytest
import requests

from app.channels.contract import Seen
from app.sandbox.faults import FAULTS
from tests.sandbox.third_party import CARD, Line, ThirdParty, new_order, until


@pytest.fixture
def open_page(third: ThirdParty) -> Callable[[], requests.Response]:
    return lambda: requests.get(third.url + "/", timeout=20)


def test_the_page_shows_merchants_payouts_and_every_fault(
    line: Line, open_page: Callable[[], requests.Response]
) -> None:
    order = new_order()
    line.submit(order)
    reply = open_page()
    assert reply.status_code == 200
    for text in (line.name, order.number, "100.00", *(fault.title for fault in FAULTS)):
        assert text in reply.text
    assert CARD not in reply.text
    assert "6222 02** **** 3458" in reply.text
    for secret in (line.settings["key"], line.settings["api_secret"]):
        assert secret not in reply.text


def test_the_page_needs_no_script_and_allows_none(
    open_page: Callable[[], requests.Response], third: ThirdParty
) -> None:
    reply = open_page()
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r"<script|<style|\bstyle=|\bon[a-z]+=", reply.text)
    [sheet] = re.findall(r'rel="stylesheet" href="([^"]+)"', reply.text)
    assert requests.get(third.url + sheet, timeout=20).headers["Content-Type"].startswith("text/css")


def test_every_button_of_the_page_works_as_a_plain_form(line: Line, open_page: Callable[[], requests.Response]) -> None:
    order = new_order(10_017)  # stays pending for long
    line.submit(order)
    row = re.search(rf"<td class=\"code\">{order.number}</td>.*?</tr>", open_page().text, re.DOTALL)
    assert row is not None
    [pay] = re.findall(r'action="(/control/payouts/\d+/pay)"', row.group())
    reply = requests.post(
        line.third.url + pay, headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=20
    )
    assert reply.url == line.third.url + "/"
    assert line.query(order).seen is Seen.PAID
    line.until_called(order, Seen.PAID)


def test_a_page_of_another_site_cannot_press_a_button(third: ThirdParty) -> None:
    for origin in ("https://elsewhere.example", "null"):
        reply = requests.post(
            f"{third.url}/control/channels/dolphin/unavailable", headers={"Origin": origin}, timeout=20
        )
        assert reply.status_code == 403
    assert third.post("/control/channels/dolphin/open").status_code == 200
    rebound = requests.get(third.url, headers={"Host": "evil.example"}, timeout=20)
    assert rebound.status_code == 400


@pytest.mark.parametrize(
    ("verbs", "states", "called"),
    [
        (["pay"], ["paid"], [Seen.PAID]),
        (["fail"], ["failed"], [Seen.FAILED]),
        (["pay", "return"], ["paid", "returned"], [Seen.PAID, Seen.RETURNED]),
        (["fail", "pay"], ["failed", "paid"], [Seen.FAILED, Seen.PAID]),
        (["pay", "call"], ["paid", "paid"], [Seen.PAID, Seen.PAID]),
    ],
)
def test_a_persons_hand_decides(line: Line, verbs: list[str], states: list[str], called: list[Seen]) -> None:
    order = new_order(10_017)
    line.submit(order)
    [row] = line.rows(order)
    for verb, state in zip(verbs, states, strict=True):
        assert line.third.post(f"/control/payouts/{row['id']}/{verb}").status_code == 200
        assert line.rows(order)[0]["state"] == state
    line.until_called(order, *called)


def test_what_cannot_happen_is_refused(line: Line) -> None:
    order = new_order(10_017)
    line.submit(order)
    [row] = line.rows(order)
    assert line.third.post(f"/control/payouts/{row['id']}/return").status_code == 409
    assert line.third.post(f"/control/payouts/{row['id']}/explode").status_code == 400
    assert line.third.post("/control/payouts/999999999/pay").status_code == 409
    assert line.third.post("/control/channels/dolphin/sideways").status_code == 409


def test_a_held_payout_no_longer_changes(line: Line) -> None:
    order, other = new_order(10_012), new_order(10_012)
    for one in (order, other):
        line.submit(one)
    [row] = line.rows(order)
    line.third.post(f"/control/payouts/{row['id']}/hold")
    line.until_seen(other, Seen.PAID)
    assert line.query(order).seen is Seen.PENDING


def test_registering_again_changes_keys_and_address_but_not_the_money(new_line: Callable[..., Line]) -> None:
    for code in ("dolphin", "egret", "spruce"):
        line = new_line(code)
        told = line.register()
        again = line.register(starting_balance_minor=1, history_days=1, growth_minor_per_minute=1, name="新名字")
        assert told == again, "also their public key stays"
        line.submit(order := new_order())
        line.until_seen(order, Seen.PAID)


def test_a_key_can_be_changed(new_line: Callable[..., Line]) -> None:
    line = new_line("dolphin")
    line.register(keys={"key": "a new key"})
    line.channel = line.inbox.channel = type(line.channel)({**line.settings, "key": "a new key"})
    assert line.submit(new_order()).seen is Seen.PENDING


@pytest.mark.parametrize(
    "changes",
    [
        {"manner": "walrus"},
        {"merchant_no": ""},
        {"keys": {}},
        {"keys": "key"},
        {"starting_balance_minor": "100"},
        {"starting_balance_minor": -1},
        {"starting_balance_minor": 1.5},
        {"misbehaves": 1},
        {"unheard_of": 1},
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(third: ThirdParty, changes: dict[str, object]) -> None:
    asked = {"manner": "dolphin", "merchant_no": "X1", "keys": {"key": "k"}, **changes}
    assert third.post("/control/merchants", asked).status_code == 400


def test_the_summary_counts_what_was_asked_and_paid(line: Line) -> None:
    orders = [new_order(amount) for amount in (10_000, 20_000, 10_001, 10_002, 10_017)]
    for order in orders:
        line.submit(order)
    line.until_seen(orders[0], Seen.PAID)
    line.until_seen(orders[1], Seen.PAID)
    line.until_seen(orders[3], Seen.FAILED)
    assert line.summary() == {
        "manner": line.code,
        "merchant_no": line.name,
        "submits": 5,
        "accepted": {"count": 4, "sum_minor": 50_019},
        "refused": {"count": 1, "sum_minor": 10_001},
        "waiting": {"count": 1, "sum_minor": 10_017},
        "paid": {"count": 2, "sum_minor": 30_000},
        "returned": {"count": 0, "sum_minor": 0},
        "failed": {"count": 1, "sum_minor": 10_002},
        "paid_more_than_once": {"count": 0, "sum_minor": 0},
        "paid_and_kept_minor": 30_000,
        "out_minor": 40_017,
    }
    pages = []
    last = 0
    while rows := line.third.get("/control/payouts", merchant=line.name, after_id=last, limit=2)["payouts"]:
        pages.append([row["order_no"] for row in rows])
        last = rows[-1]["id"]
    assert pages == [[order.number for order in orders[at : at + 2]] for at in (0, 2, 4)]


def test_a_shut_channel_answers_503_and_calls_nobody_until_it_is_opened(new_line: Callable[..., Line]) -> None:
    line, other = new_line("dolphin"), new_line("egret")
    order = new_order()
    line.submit(order)
    try:
        line.third.post("/control/channels/dolphin/unavailable")
        assert line.call(line.channel.write_query(order)).status == 503
        line.third.post("/control/channels/dolphin/silent")
        with pytest.raises(requests.ConnectionError):
            line.submit(unheard := new_order())
        assert line.rows(unheard) == []
        other.submit(second := new_order())
        other.until_called(second, Seen.PAID)
    finally:
        line.third.post("/control/channels/dolphin/open")
    line.until_called(order, Seen.PAID)


def test_a_merchant_without_an_address_is_not_called(new_line: Callable[..., Line]) -> None:
    line, order = new_line("dolphin", callback_url=""), new_order()
    line.submit(order)
    line.until_seen(order, Seen.PAID)
    [call] = until(lambda: [call for row in line.rows(order) for call in row["callbacks"] if call["attempts"]], "a try")
    assert (call["attempts"], call["due_at"]) == (1, None)


def test_healthz(third: ThirdParty) -> None:
    assert third.get("/healthz") == {"ok": True}


def test_strangers_are_sent_away(third: ThirdParty) -> None:
    for path in ("/dolphin/api/payout/create", "/egret/openapi/transfer/submit", "/spruce/v1/payouts"):
        assert third.post(path).status_code == 403
    assert third.post("/walrus/pay").status_code == 404

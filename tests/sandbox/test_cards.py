"""What the three companies do with cards beside binding one, and with settlements: by every adapter, over real HTTP."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from app.channels.contract import (
    BindObservation,
    BindSeen,
    CardToBind,
    CardToUnbind,
    ListedCard,
    Seen,
    UnbindObservation,
    UnbindSeen,
    Unreadable,
)
from app.sandbox.store import Store
from tests.sandbox.third_party import Line, new_order

DETAILS = {"id_number": "110101199001011234", "branch": "朝阳支行", "cnaps": "102100099996", "city": "北京"}
KEEPERS = ["dolphin", "egret"]


@pytest.fixture(params=KEEPERS)
def keeper(request: pytest.FixtureRequest, new_line: Callable[..., Line]) -> Line:
    """A merchant of a company that lists cards, lets them go, and settles."""
    return new_line(request.param)


def test_a_corporate_account_is_bound_and_paid_whatever_its_number(line: Line) -> None:
    corporate = card("K1", "801234567", account_type="corporate", details=DETAILS)
    bind(line, corporate)
    bind(line, card("K2", details=DETAILS))
    bind(line, card("K3"))
    told = [(row["account_type"], row["details"]) for row in rows(line)]
    assert told == [("corporate", sorted(DETAILS)), ("private", sorted(DETAILS)), ("private", [])]
    assert line.submit(new_order(card_number=corporate.card_number)).seen is Seen.PENDING
    assert line.submit(new_order(card_number="801234568")).seen is Seen.FAILED


def test_each_card_of_a_batch_fares_as_its_ending_says(new_line: Callable[..., Line]) -> None:
    line = new_line("egret")
    cards = [card(f"K{ending}", f"62220202001122334{ending}") for ending in ("58", "01", "02", "03", "04", "06")]
    told = bind_many(line, cards)
    assert {reference: (it.seen, it.signed, it.message) for reference, it in told.items()} == {
        "K58": (BindSeen.BOUND, True, ""),
        "K01": (BindSeen.REFUSED, True, "户名不符"),
        "K02": (BindSeen.REFUSED, True, "卡号不存在或已挂失"),
        "K03": (BindSeen.PENDING, True, "审核中"),
        "K04": (BindSeen.BOUND, True, ""),
    }
    assert bind_many(line, cards)["K03"].seen is BindSeen.BOUND
    assert bind(line, cards[-1]).seen is BindSeen.BOUND, "the one that no answer spoke of"


def test_a_batch_sent_again_binds_nothing_twice(new_line: Callable[..., Line]) -> None:
    line = new_line("egret")
    cards = [card(f"K{at:03d}", f"6222020200112{at:03d}458", details=DETAILS) for at in range(500)]
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: bind_many(line, cards), range(4))
    assert len(first) == 500
    assert others == [first] * 3
    assert {(row["times_asked"], row["state"]) for row in rows(line)} == {(4, "bound")}
    assert len(rows(line)) == 500
    assert [it.reference for it in listed(line)] == [it.reference for it in cards]


def test_a_batch_that_makes_no_sense_is_not_taken(new_line: Callable[..., Line]) -> None:
    line = new_line("egret")
    for cards in ([], [card("K1"), card("K1")], [card(f"K{at}") for at in range(501)], [card("K1"), card("")]):
        assert bind_many(line, cards) == {}
    assert rows(line) == []


@pytest.mark.parametrize(("code", "count"), [("dolphin", 201), ("egret", 501)])
def test_a_list_goes_on_page_by_page(code: str, count: int, new_line: Callable[..., Line]) -> None:
    line, other = new_line(code), new_line(code)
    bind(other, card("foreign"))
    for at in range(count) if code == "dolphin" else (count - 1,):
        bind(line, card(f"K{at:03d}"))
    if code == "egret":
        bind_many(line, [card(f"K{at:03d}") for at in range(count - 1)])
    first = page(line, "")
    assert len(first.cards) == count - 1
    last = page(line, first.next)
    assert (len(last.cards), last.next) == (1, "")
    assert {it.reference for it in (*first.cards, *last.cards)} == {f"K{at:03d}" for at in range(count)}
    with pytest.raises(Unreadable):
        page(line, "nowhere")


def test_a_list_tells_states_and_no_whole_number_or_name(keeper: Line) -> None:
    bound = bind(keeper, card("K1"))
    bind(keeper, card("K2", "6222020200112233401"))
    bind(keeper, card("K3", "6222020200112233403"))
    assert rows(keeper)[0]["card"] == "6222 02** **** 3458", "the control door tells no more"
    found = listed(keeper)
    assert [(it.reference, it.state) for it in found] == [
        ("K1", BindSeen.BOUND),
        ("K2", BindSeen.REFUSED),
        ("K3", BindSeen.PENDING),
    ]
    assert found[0] == ListedCard(
        channel_card=bound.channel_card,
        reference="K1",
        number_masked="622202*********3458",
        holder="张**",
        bank="工商银行",
        state=BindSeen.BOUND,
    )


def test_a_card_that_was_let_go_is_paid_no_more_until_it_is_bound_anew(keeper: Line) -> None:
    bound = bind(keeper, card("K1"))
    bind(keeper, card("K2"))  # the same card under another reference
    assert keeper.submit(new_order()).seen is Seen.PENDING
    gone = CardToUnbind(reference="K1", channel_card=bound.channel_card, card_number=card("K1").card_number)
    assert unbind(keeper, gone) == UnbindObservation(seen=UnbindSeen.GONE, signed=True, message=said(keeper))
    assert listed(keeper) == []
    for order in (new_order(), replace(new_order(), kind="settlement")):
        refused = submit(keeper, order)
        assert (refused.seen, refused.message) == (Seen.FAILED, "收款卡未绑定")
    again = unbind(keeper, gone)
    assert (again.seen, again.signed, again.message) == (UnbindSeen.GONE, True, "没有这张卡")
    late = bind(keeper, card("K1"))
    assert (late.seen, late.message) == (BindSeen.REFUSED, "该绑卡流水号已解绑，请用新的流水号")
    anew = bind(keeper, card("K9"))
    assert anew.seen is BindSeen.BOUND
    assert anew.channel_card != bound.channel_card
    assert keeper.submit(new_order()).seen is Seen.PENDING


def test_an_unbinding_is_refused_or_looked_at_by_the_cards_ending(keeper: Line) -> None:
    for reference, ending in (("K4", "04"), ("K5", "05")):
        bind(keeper, card(reference, f"62220202001122334{ending}"))
    refused = unbind(keeper, CardToUnbind(reference="K4", channel_card=""))
    assert (refused.seen, refused.signed, refused.message) == (UnbindSeen.REFUSED, True, "卡片有未完成的交易，不能解绑")
    slow = CardToUnbind(reference="K5", channel_card="")
    told = [unbind(keeper, slow) for _ in range(2)]
    assert [(it.seen, it.signed) for it in told] == [(UnbindSeen.PENDING, True), (UnbindSeen.GONE, True)]
    assert [it.reference for it in listed(keeper)] == ["K4"]


def test_another_number_than_the_cards_lets_nothing_go(new_line: Callable[..., Line]) -> None:
    line = new_line("egret")
    bound = bind(line, card("K1"))
    wrong = CardToUnbind(reference="K1", channel_card=bound.channel_card, card_number="6222020200112233459")
    assert (unbind(line, wrong).seen, unbind(line, wrong).signed) == (UnbindSeen.PENDING, False)
    assert len(listed(line)) == 1


def test_a_settlement_is_paid_once_called_back_and_never_taken_for_a_payout(keeper: Line) -> None:
    order = replace(new_order(70_000), kind="settlement")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(keeper, order), range(8)))
    assert len({answer.channel_number for answer in answers}) == 1
    assert submit(keeper, replace(order, kind="payout")).channel_number == ""
    keeper.until_seen(order, Seen.PAID)
    keeper.until_called(order, Seen.PAID)
    [row] = keeper.rows(order)
    assert (row["kind"], row["times_submitted"], row["times_paid"]) == ("settlement", 9, 1)
    assert keeper.summary()["paid_more_than_once"]["count"] == 0


def test_a_settlement_misbehaves_by_its_amount_too(keeper: Line) -> None:
    order = replace(new_order(10_005), kind="settlement")
    with pytest.raises(requests.ConnectionError):
        submit(keeper, order)
    keeper.until_seen(order, Seen.PAID)


ASK: dict[str, Callable[[Line], object]] = {
    "bind_card": lambda line: bind(line, card("K2")),
    "bind_cards": lambda line: bind_many(line, [card("K2"), card("K3")]),
    "list_cards": lambda line: page(line, ""),
    "unbind_card": lambda line: unbind(line, CardToUnbind(reference="K1", channel_card="")),
    "settle": lambda line: submit(line, replace(new_order(), kind="settlement")),
}


@pytest.mark.parametrize("interface", ASK)
@pytest.mark.parametrize("code", KEEPERS)
def test_a_fault_can_be_forced_on_every_interface(code: str, interface: str, new_line: Callable[..., Line]) -> None:
    line = new_line(code)
    if interface not in line_interfaces(line):
        return
    ask = ASK[interface]
    bind(line, card("K1"))
    for fault in ("drop_before", "error_not_taken"):
        force(line, interface, fault)
        with pytest.raises((requests.ConnectionError, Unreadable)):
            ask(line)
    assert [row["state"] for row in rows(line)] == ["bound"], "not taken"
    for fault in ("garbage", "wrong_signature", "half", "error_taken", "drop_after"):
        force(line, interface, fault)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError, Unreadable)):
            ask(line)
    assert interface == "settle" or [row["state"] for row in rows(line)] == {
        "bind_card": ["bound", "bound"],
        "bind_cards": ["bound", "bound", "bound"],
        "list_cards": ["bound"],
        "unbind_card": ["unbound"],
    }.get(interface), "taken, although no answer said so"
    force(line, interface, "busy_taken")
    if interface == "list_cards":
        with pytest.raises(Unreadable):
            ask(line)
    else:
        busy: Any = ask(line)
        assert busy == {} or (busy.seen == "pending" and not getattr(busy, "channel_card", ""))
    force(line, interface, "answer_of_another")
    if interface == "settle":
        assert submit(line, order := replace(new_order(), kind="settlement")).number not in ("", order.number)
    else:
        with pytest.raises(Unreadable):
            ask(line)
    ask(line)


def test_a_file_of_an_older_program_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    Store(path).close()
    with sqlite3.connect(path) as old:
        for table, column in (("cards", "details"), ("cards", "account_type"), ("payouts", "kind")):
            old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    old.close()
    for _ in range(2):
        store = Store(path)
        with store.reading() as tx:
            tx.execute("SELECT account_type, details, unbind_asked, kind FROM cards, payouts")
        store.close()


def card(reference: str, number: str = "6222020200112233458", **more: Any) -> CardToBind:
    return CardToBind(
        reference=reference, card_number=number, holder="张三", bank="工商银行", phone="13800000000", **more
    )


def bind(line: Line, asked: CardToBind) -> BindObservation:
    channel: Any = line.channel
    told: BindObservation = channel.read_bind(asked, line.call(channel.write_bind(asked)))
    return told


def bind_many(line: Line, cards: list[CardToBind]) -> dict[str, BindObservation]:
    channel: Any = line.channel
    return dict(channel.read_bind_many(cards, line.call(channel.write_bind_many("CB1", cards))))


def page(line: Line, after: str) -> Any:
    channel: Any = line.channel
    return channel.read_list(after, line.call(channel.write_list(after)))


def listed(line: Line) -> list[ListedCard]:
    found = page(line, "")
    assert found.next == ""
    return list(found.cards)


def unbind(line: Line, asked: CardToUnbind) -> UnbindObservation:
    channel: Any = line.channel
    told: UnbindObservation = channel.read_unbind(asked, line.call(channel.write_unbind(asked)))
    return told


def submit(line: Line, order: Any) -> Any:
    channel: Any = line.channel
    write = channel.write_settle if order.kind == "settlement" else channel.write_submit
    return channel.read_submit(order, line.call(write(order)))


def rows(line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line.third.get("/control/cards", manner=line.code, merchant=line.name)["cards"]
    return found


def force(line: Line, interface: str, fault: str) -> None:
    asked = {"manner": line.code, "merchant_no": line.name, "interface": interface, "fault": fault, "times": 1}
    assert line.third.post("/control/faults", asked).status_code == 200


def line_interfaces(line: Line) -> list[str]:
    return [name for name in ASK if name != "bind_cards" or line.code == "egret"]


def said(line: Line) -> str:
    return {"dolphin": "", "egret": "成功"}[line.code]

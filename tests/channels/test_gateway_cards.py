"""The window, for cards in numbers, lists, unbinding and settlements: what comes back, and what of it is kept."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from flask import Flask
from sqlalchemy import inspect, select

from app.channels import gateway, queries, rules
from app.channels import service as channels
from app.channels.contract import (
    Abilities,
    BindObservation,
    BindSeen,
    CardToBind,
    CardToUnbind,
    Interface,
    Order,
    Seen,
    UnbindObservation,
    UnbindSeen,
)
from app.channels.manners import abilities
from app.channels.models import ChannelCall
from app.kernel import numbers, signing
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.runtime.db import db, transaction
from tests.channels.double import submitted
from tests.channels.test_gateway import Gossip
from tests.world import World

CARD, CORPORATE = "6217001210024455220", "80123456789012345"
HOLDER, OTHER_HOLDER = "欧阳&明德", "司空见惯"
PHONE = "13912345678"
DETAILS = {"id_number": "11010119900307123X", "branch": "望京西路支行", "cnaps": "102100099996", "city": "齐齐哈尔"}
PRIVATE = (CARD, CORPORATE, HOLDER, HOLDER.replace("&", "＆"), "明德", OTHER_HOLDER, "见惯", PHONE, *DETAILS.values())
THEIRS = signing.new_rsa_pair()


class Gossips(Gossip):
    """Dolphin's and Egret's manner: whatever it is asked, it repeats all that it was ever told, and more."""

    gossip = f"{HOLDER} {CARD} {CORPORATE} {PHONE} {' '.join(DETAILS.values())} {OTHER_HOLDER} {json.dumps(HOLDER)}"
    spoilt = False
    lost: frozenset[str] = frozenset()

    def answer(self, path: str, given: dict[str, str]) -> bytes:
        card = {"cardId": "K1", "bindNo": "B1", "accountNo": CARD, "accountName": OTHER_HOLDER, "bindStatus": "BOUND"}
        said = {
            "mchId": given["mchId"],
            "respCode": "0000",
            "respMsg": self.gossip if not path.endswith("/list") else "",
            "cardId": given.get("cardId", ""),
            "bindNo": given.get("bindNo", ""),
            "unbindStatus": "REJECT",
            "mchOrderNo": given.get("mchOrderNo", ""),
            "status": "PROCESSING",
            "cards": json.dumps([card, card | {"accountNo": CORPORATE}]) if path.endswith("/list") else "",
        }
        said = {name: value.replace("&", "＆") for name, value in said.items()}
        said["sign"] = signing.md5_with_key(signing.sorted_pairs(said), "wrong" if self.spoilt else self.key)
        return "&".join(f"{name}={quote_plus(value)}" for name, value in said.items() if value).encode()

    def egret(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        given = json.loads(body)
        each = [
            {"outBindNo": card["outBindNo"], "cardState": "INVALID", "msg": f"{card['cardHolder']} {card['cardNo']}"}
            for card in given["cards"]
            if card["outBindNo"] not in self.lost
        ]
        said = {"merchantNo": given["merchantNo"], "code": "OK", "msg": self.gossip, "data": {"cards": each}}
        answer = json.dumps(said, ensure_ascii=bool(self.spoilt)).encode()
        signature = signing.rsa_sign(b"1795224600000\n" + answer, THEIRS[0])
        return answer, {"Egret-Timestamp": "1795224600000", "Egret-Signature": signature[:: -1 if self.spoilt else 1]}


@pytest.fixture
def gossips(app: Flask) -> Iterator[Gossips]:
    gossips = Gossips(app)
    plain: Any = gossips.server.RequestHandlerClass

    class Door(plain):  # type: ignore[misc]
        def do_POST(self) -> None:
            if "Egret-Merchant" not in self.headers:
                super().do_POST()
                return
            body, headers = gossips.egret(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    gossips.server.RequestHandlerClass = Door
    yield gossips
    gossips.server.shutdown()
    gossips.server.server_close()


def moved(world: World, gossips: Gossips, manner: str) -> str:
    """An account whose calls go to the gossips."""
    account = world.account(manner)
    given = dict(gateway.settings(queries.account(account).id))
    gossips.key = given.get("key", "")
    url = f"http://127.0.0.1:{gossips.server.server_port}"
    theirs = {"channel_public_key": THEIRS[1]} if manner == "egret" else {}
    channels.change_settings(account, {**given, **theirs, "base_url": url}, actor="test")
    return account


def announced(account: str, interface: Interface) -> gateway.Call:
    with transaction():
        row = queries.account(account)
        setting = queries.active_setting_id(row.id)
        assert setting is not None
        return gateway.announce(interface, account_id=row.id, setting_id=setting, subject=account)


def card(reference: str, number: str = CARD, **more: Any) -> CardToBind:
    given = {"holder": HOLDER, "bank": "中国建设银行", "phone": PHONE, "details": DETAILS, **more}
    return CardToBind(reference=reference, card_number=number, **given)


def order(kind: str, number: str = "") -> Order:
    return Order(
        number=number or numbers.new_number("W"),
        amount=Money(10_000),
        card_number=CARD,
        holder=HOLDER,
        bank="",
        made_at=datetime(2026, 11, 21, tzinfo=UTC),
        kind=kind,
    )


def said_of(call: gateway.Call) -> dict[str, Any]:
    """Every column of a call."""
    db.session.rollback()
    table = inspect(ChannelCall).local_table
    return dict(db.session.execute(select(table).where(table.c.id == call.id)).one()._mapping)


CALLS: dict[Interface, tuple[str, Callable[[gateway.Call], object]]] = {
    Interface.BIND_CARD: ("dolphin", lambda call: gateway.bind_card(call, card("B1"))),
    Interface.BIND_CARDS: (
        "egret",
        lambda call: gateway.bind_cards(call, "CB1", [card("B1"), card("B2", CORPORATE, account_type="corporate")]),
    ),
    Interface.LIST_CARDS: ("dolphin", lambda call: gateway.list_cards(call, "")),
    Interface.UNBIND_CARD: (
        "dolphin",
        lambda call: gateway.unbind_card(
            call, CardToUnbind(reference="B1", channel_card="K1", card_number=CARD, holder=HOLDER)
        ),
    ),
    Interface.SETTLE: ("dolphin", lambda call: submitted(call, order("settlement"))),
}


@pytest.mark.parametrize("spoilt", [False, True], ids=["well signed", "badly signed"])
@pytest.mark.parametrize("interface", CALLS)
def test_the_canary_is_in_no_column_of_any_call(
    world: World, gossips: Gossips, interface: Interface, spoilt: bool
) -> None:
    manner, ask = CALLS[interface]
    account = moved(world, gossips, manner)
    # What nobody here can know of is a list's to tell: of a bind only what belongs to its card may come back.
    known = {Interface.UNBIND_CARD: (HOLDER, CARD), Interface.SETTLE: (HOLDER, CARD)}.get(interface)
    gossips.gossip = " ".join(known or (HOLDER, CARD, PHONE, *DETAILS.values(), json.dumps(HOLDER), quote(HOLDER)))
    gossips.spoilt = spoilt
    call = announced(account, interface)
    told = "no answer"
    try:
        told = repr(ask(call))
    except gateway.NoAnswer:
        assert spoilt and interface is Interface.LIST_CARDS
    kept = said_of(call)
    assert kept["outcome"] == ("bad_signature" if spoilt else "ok")
    assert kept["request"]
    for column, value in (*kept.items(), ("told", told if interface is not Interface.LIST_CARDS else "")):
        for secret in PRIVATE:
            for written in (secret, quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]):
                assert written not in str(value), f"{written[:4]}… in {column}: {value}"
    if interface is Interface.LIST_CARDS:
        assert bool(kept["reply"]) is not spoilt, "a list that cannot be read names people nobody can cover"
    else:
        assert "**" in kept["reply"] or spoilt


def test_the_canary_would_be_found(world: World, gossips: Gossips) -> None:
    """What is searched for is said."""
    account = moved(world, gossips, "dolphin")
    gossips.gossip = "一位没人知道的人"
    gateway.bind_card(call := announced(account, Interface.BIND_CARD), card("B1"))
    assert gossips.gossip in said_of(call)["message"]


def test_a_card_that_a_batch_does_not_speak_of_is_pending_and_unproved(world: World, gossips: Gossips) -> None:
    account = moved(world, gossips, "egret")
    gossips.lost = frozenset({"B2"})
    told = gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", [card("B1"), card("B2")])
    assert told["B1"] == BindObservation(
        seen=BindSeen.REFUSED, signed=True, message="欧** 6217 00** **** 5220", channel_card=""
    )
    assert told["B2"] == BindObservation(seen=BindSeen.PENDING)
    gossips.spoilt = True
    told = gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", [card("B1"), card("B2")])
    assert told == dict.fromkeys(("B1", "B2"), BindObservation(seen=BindSeen.PENDING))


def test_a_batch_sent_twice_binds_nothing_twice_and_in_review_is_told_from_unproved(world: World) -> None:
    account = world.account("egret")
    cards = [card(f"B{ending}", f"62170012100244552{ending}") for ending in ("58", "01", "03", "06")]
    first = gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", cards)
    assert {reference: (it.seen, it.signed) for reference, it in first.items()} == {
        "B58": (BindSeen.BOUND, True),
        "B01": (BindSeen.REFUSED, True),
        "B03": (BindSeen.PENDING, True),
        "B06": (BindSeen.PENDING, False),
    }
    again = gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", cards)
    assert (again["B58"], again["B01"], again["B03"].seen) == (first["B58"], first["B01"], BindSeen.BOUND)
    listed = gateway.list_cards(announced(account, Interface.LIST_CARDS), "")
    assert [it.reference for it in listed.cards] == ["B58", "B01", "B03", "B06"]
    assert listed.cards[0].number_masked == "6217 00** **** 5258"


@pytest.mark.parametrize("fault", ["drop_after", "busy_taken", "garbage", "error_taken", "wrong_signature"])
def test_nothing_is_proved_by_an_answer_that_went_wrong(world: World, fault: str) -> None:
    account = world.account("egret")
    manner, merchant_no = world.terms[account]
    for interface in ("bind_card", "bind_cards", "list_cards", "unbind_card"):
        asked = {"manner": manner, "merchant_no": merchant_no, "interface": interface, "fault": fault, "times": 1}
        world.third.post("/control/faults", asked)
    alone = gateway.bind_card(announced(account, Interface.BIND_CARD), card("B1"))
    assert (alone.seen, alone.signed) == (BindSeen.PENDING, False)
    two = [card("B1"), card("B2", CORPORATE, account_type="corporate")]
    told = gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", two)
    assert [(it.seen, it.signed) for it in told.values()] == [(BindSeen.PENDING, False)] * 2
    with pytest.raises(gateway.NoAnswer):
        gateway.list_cards(announced(account, Interface.LIST_CARDS), "")
    gone = CardToUnbind(reference="B1", channel_card="")
    unbound = gateway.unbind_card(announced(account, Interface.UNBIND_CARD), gone)
    assert (unbound.seen, unbound.signed) == (UnbindSeen.PENDING, False)
    # All of it was taken in: asked again, the channel says so.
    assert gateway.unbind_card(announced(account, Interface.UNBIND_CARD), gone).seen is UnbindSeen.GONE
    assert [it.reference for it in gateway.list_cards(announced(account, Interface.LIST_CARDS), "").cards] == ["B2"]


def test_an_unbound_card_is_paid_no_more(world: World) -> None:
    account = world.account("dolphin")
    told = gateway.bind_card(announced(account, Interface.BIND_CARD), card("B1"))
    asked = CardToUnbind(reference="B1", channel_card=told.channel_card, card_number=CARD, holder=HOLDER)
    gone = gateway.unbind_card(announced(account, Interface.UNBIND_CARD), asked)
    assert gone == UnbindObservation(seen=UnbindSeen.GONE, signed=True)
    refused = submitted(announced(account, Interface.SUBMIT), order("payout"))
    assert (refused.seen, refused.message) == (Seen.FAILED, "收款卡未绑定")


def test_a_settlement_is_asked_for_where_the_channel_settles_and_paid_elsewhere(world: World) -> None:
    for manner, path in (
        ("dolphin", "/api/payout/settle"),
        ("egret", "/openapi/transfer/settle"),
        ("spruce", "/v1/payouts"),
    ):
        account, asked = world.account(manner), order("settlement")
        call = announced(account, Interface.SETTLE)
        assert submitted(call, asked).seen is Seen.PENDING
        assert said_of(call)["request"].startswith(f"POST {path}\n")
        assert gateway.query(announced(account, Interface.QUERY), asked).seen in (Seen.PENDING, Seen.PAID)


def test_what_each_channel_can() -> None:
    assert abilities("dolphin") == Abilities(binds=True, cards_at_once=1, lists=True, unbinds=True, settles=True)
    assert abilities("egret") == Abilities(
        binds=True, cards_at_once=500, lists=True, unbinds=True, settles=True, statements=True, funds=frozenset(Funds)
    )
    assert abilities("spruce") == Abilities(binds=True, cards_at_once=1, lists=False, unbinds=False, settles=False)


def test_a_channel_without_a_list_says_so(world: World) -> None:
    account = world.account("spruce")
    with pytest.raises(gateway.NoAnswer, match="没有查询已绑卡的接口"):
        gateway.list_cards(announced(account, Interface.LIST_CARDS), "")
    with pytest.raises(AssertionError, match="abilities"):
        gateway.unbind_card(announced(account, Interface.UNBIND_CARD), CardToUnbind(reference="B1", channel_card=""))
    with pytest.raises(AssertionError, match="abilities"):
        gateway.bind_cards(announced(account, Interface.BIND_CARDS), "CB1", [card("B1")])


def test_every_interface_has_a_name_for_people() -> None:
    assert set(rules.INTERFACES) == set(Interface)


# What is covered, and how fast


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("622202*********3458", "6222 02** **** 3458"),
        ("6222 02** **** 3458", "6222 02** **** 3458"),
        ("6222020200112233458", "6222 02** **** 3458"),
        ("622202020011*3458", "6222 02** **** 3458"),
        ("6222-0202-0011-2233-458", "6222 02** **** 3458"),
        ("６２２２０２＊＊＊＊＊＊＊＊＊３４５８", "6222 02** **** 3458"),
        ("801234567", "*****4567"),
        ("12345*7890", "**** 7890"),
        ("尾号3458", "**** 3458"),
        ("***", "**** "),
        ("", ""),
    ],
)
def test_what_a_channel_calls_masked_is_masked_again(told: str, shown: str) -> None:
    assert rules.masked_again(told) == shown


def test_the_data_of_five_hundred_cards_is_covered_quickly_wherever_the_text_is_cut() -> None:
    private: dict[str, str] = {}
    cards = [
        card(
            f"B{at}",
            f"6217001{at:011d}8",
            holder=f"欧阳{at}明德",
            phone=f"139{at:08d}",
            details={**DETAILS, "id_number": f"1101011990{at:07d}X", "branch": f"望京{at}支行"},
        )
        for at in range(500)
    ]
    text_of_all = json.dumps([{"no": it.card_number, "who": it.holder, **it.details} for it in cards])
    started = time.process_time()
    for it in cards:
        private |= rules.of_card(it)
    cover = rules.Cover(private)
    shown = [cover.over("·" * pad + text_of_all) for pad in (0, 1)]
    assert time.process_time() - started < 1
    for pad in range(2, 400):
        shown.append(cover.over("·" * (7700 + pad) + text_of_all))
    for said in shown:
        assert len(said) <= 8000
        for it in cards[:60]:
            for private_one in (it.card_number, it.card_number[:8], it.details["id_number"][:12], it.holder[2:]):
                assert private_one not in said.replace("6217 00", "")


def test_values_that_overlap_are_covered_as_one() -> None:
    cover = rules.Cover({"abcd": "a**", "cdef": "c**", "xy": "x**", "xyz": "x***", "": "?", "q": "**"})
    assert cover.over("_abcdef_xyz_xy_abcd_cdef_q") == "_******_x***_x**_a**_c**_**"
    assert cover.over("abcdxyz") == "a**x***"


def test_a_text_without_end_is_looked_at_no_further_than_is_kept() -> None:
    cover = rules.Cover({CARD: "6217**", HOLDER: "欧**"})
    started = time.process_time()
    assert len(cover.over(" " * 1_000_000)) == 8000
    assert cover.over(CARD * 1000) == "6217**" * 1000
    assert cover.over(CARD * 2000) == ("6217**" * 2000)[:8000]
    assert time.process_time() - started < 0.5

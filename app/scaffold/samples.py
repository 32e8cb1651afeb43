"""The messages a new channel's suite begins with: made up, to be replaced by recorded ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from app.kernel import signing

_CARDS = ("BOUND", "REFUSED", "IN_REVIEW")


@dataclass(frozen=True, slots=True)
class Sample:
    """One file, and what the suite promises that it reads as."""

    name: str
    promised: str
    first: str
    headers: dict[str, str]
    body: bytes

    def written(self) -> bytes:
        lines = [self.first, *(f"{name}: {text}" for name, text in self.headers.items())]
        return "\n".join(lines).encode() + b"\n\n" + self.body


def samples(code: str, abilities: frozenset[str]) -> Iterator[Sample]:
    """Signed with the sample key of the suite."""
    key = f"{code}-sample-key"
    for name, promised, fields in _rows(abilities):
        is_callback = name.startswith("callback")
        body = json.dumps({"merchant_no": "M0001", **fields}, ensure_ascii=False, separators=(",", ":")).encode()
        signed = f"{'NOTICE' if is_callback else 'ANSWER'}\n1795234659\n".encode() + body
        signature = signing.hmac_sha256(signed, (key if promised != "BadSignature" else "somebody").encode())
        headers = {"content-type": "application/json", "x-timestamp": "1795234659", "x-signature": signature}
        yield Sample(name, promised, "POST /callbacks" if is_callback else "HTTP/1.1 200", headers, body)
    page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    yield Sample("submit.web_page", "Unreadable", "HTTP/1.1 502", {"content-type": "text/html"}, page)


def _rows(abilities: frozenset[str]) -> Iterator[tuple[str, str, dict[str, object]]]:
    taken = {"code": "OK", **_order("PROCESSING")}
    yield "submit.accepted", "Seen.PENDING", taken
    yield "submit.balance", "Seen.FAILED", {"code": "BALANCE_NOT_ENOUGH", "message": "余额不足", **_order()}
    yield "submit.busy", "Seen.PENDING", {"code": "SYSTEM_BUSY", "message": "系统繁忙"}
    yield "submit.unknown_word", "Seen.PENDING", {"code": "OK", **_order("ON_THE_MOON")}
    yield "submit.badly_signed", "BadSignature", taken
    yield "query.processing", "Seen.PENDING", taken
    yield "query.paid", "Seen.PAID", {"code": "OK", **_order("PAID")}
    yield "query.failed", "Seen.FAILED", {"code": "OK", "message": "收款账户异常", **_order("FAILED")}
    yield "query.returned", "Seen.RETURNED", {"code": "OK", "message": "银行退票", **_order("RETURNED")}
    yield "query.not_found", "Seen.NOT_FOUND", {"code": "ORDER_NOT_FOUND", **_order()}
    yield "callback.paid", "Seen.PAID", _order("PAID")
    yield "callback.failed", "Seen.FAILED", _order("FAILED")
    yield "callback.returned", "Seen.RETURNED", _order("RETURNED")
    yield "callback.unknown_word", "Seen.PENDING", _order("ON_THE_MOON")
    yield "callback.badly_signed", "BadSignature", _order("PAID")
    if "binds" in abilities:
        for word, seen in zip(_CARDS, ("BOUND", "REFUSED", "PENDING"), strict=True):
            card = {"bind_no": f"B20261121{word}", "card_id": "card_1", "card_status": word}
            yield f"bind_card.{word.lower()}", f"BindSeen.{seen}", {"code": "OK", **card}
    if "lists" in abilities:
        yield "list_cards.first", _LISTED, {"code": "OK", "after": "", "next": "p2", "cards": [*map(_card, _CARDS)]}
        yield "list_cards.badly_signed", "BadSignature", {"code": "OK", "after": "", "next": "", "cards": []}
    if "unbinds" in abilities:
        for word, seen in (("GONE", "GONE"), ("REFUSED", "REFUSED"), ("IN_REVIEW", "PENDING")):
            fields = {"bind_no": f"U20261121{word}", "card_id": "", "card_status": word}
            yield f"unbind_card.{word.lower()}", f"UnbindSeen.{seen}", {"code": "OK", **fields}
        yield (
            "unbind_card.no_card",
            "UnbindSeen.GONE",
            {"code": "CARD_NOT_FOUND", "bind_no": "U20261121NO_CARD", "card_id": ""},
        )
    if "settles" in abilities:
        yield "settle.accepted", "Seen.PENDING", taken
    if "figures" in abilities:
        totals = {"total": 6309175591, "yesterday": 172259979, "today": 59086140, "settled": 6004783769}
        told = {"code": "OK", "day": "2026-11-21", **totals, "settleable": 280396927}
        yield "figures.today", "", told
        yield "figures.no_day", "Unreadable", {"code": "NO_SUCH_DAY", "message": "没有这一天的数据"}
    if "statements" in abilities:
        told = {"code": "OK", "day": "2026-11-21", "after": "", "next": ""}
        yield "statement.first", _STATED, {**told, "lines": [*map(_line, ("PAID", "RETURNED", "ON_THE_MOON"))]}
        yield "statement.badly_signed", "BadSignature", {**told, "lines": []}
        yield "statement.no_day", "Unreadable", {"code": "NO_SUCH_DAY", "message": "没有这一天的数据"}
    if "balance" in abilities:
        yield "figures.today", "", {"code": "OK", "balance": 280396927}


def _order(status: str = "") -> dict[str, object]:
    said = {"status": status} if status else {}
    return {"order_no": "W202611210000000031", "channel_no": "C20261121001", "amount": 10000, **said}


def _card(word: str) -> dict[str, str]:
    named = {"card_id": f"card_{word.lower()}", "bind_no": f"B20261121{word}", "card_no": "622202******3441"}
    return {**named, "card_name": "张**", "bank_name": "工商银行", "card_status": word}


def _line(status: str) -> dict[str, object]:
    return {**_order(status), "fee": 200, "at": "2026-11-21 09:30:00"}


_STATED = """{
            "W202611210000000031 PAID": Seen.PAID,
            "W202611210000000031 RETURNED": Seen.RETURNED,
            "W202611210000000031 ON_THE_MOON": Seen.PENDING,
        }"""
_LISTED = """{
            "B20261121BOUND": BindSeen.BOUND,
            "B20261121REFUSED": BindSeen.REFUSED,
            "B20261121IN_REVIEW": BindSeen.PENDING,
        }"""

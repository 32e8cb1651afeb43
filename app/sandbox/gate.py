"""The three companies' common front door: who asks, what, what becomes of it, and how the answer goes wrong."""

import socket
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from app.sandbox import cards, merchants, payouts, statements, switches
from app.sandbox.cards import BindMany, CardToBind, ListCards, Unbind
from app.sandbox.faults import NORMAL, Fault, Say
from app.sandbox.house import house
from app.sandbox.manners import MANNERS
from app.sandbox.manners.manner import (
    Asked,
    AskFigures,
    BindsMany,
    Incoming,
    KeepsCards,
    KeepsStatements,
    Manner,
    Outgoing,
    Query,
    Rejected,
    Voice,
)
from app.sandbox.merchants import Merchant
from app.sandbox.payouts import Payout, Submit
from app.sandbox.statements import AskStatement
from app.sandbox.states import State

gate = Blueprint("gate", __name__)

WEB_PAGE = (
    b"<html>\r\n<head><title>200 OK</title></head>\r\n<body>\r\n<center><h1>System Maintenance</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One request on its way through: whose it is, in which manner, and what was understood."""

    manner: Manner
    merchant: Merchant
    interface: str
    path: str
    asked: Asked

    def voice(self, fault: Fault) -> Voice:
        return Voice(self.merchant, self.path, spoilt=fault.say is Say.BADLY_SIGNED)


@gate.route("/<code>/<path:rest>", methods=["GET", "POST"])
def serve(code: str, rest: str) -> Response:
    manner = MANNERS.get(code)
    if manner is None:
        raise NotFound
    incoming = Incoming(
        method=request.method,
        path=str(request.environ.get("REQUEST_URI", request.full_path)).removeprefix(f"/{code}"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(),
    )
    if shut := _shut(manner):
        return shut
    with house().store.reading() as tx:
        merchant = _caller(tx, manner, incoming)
    interface = manner.interface(incoming)
    if merchant is None or interface is None:
        return Response("unknown merchant or interface", 403, mimetype="text/plain")
    try:
        asked = manner.read(incoming, interface, merchant)
    except Rejected as rejected:
        return _respond(manner.problem(Voice(merchant, incoming.path), rejected.problem))
    case = Case(manner, merchant, interface, incoming.path, asked)
    with house().store.writing() as tx:
        outgoing, fault = _answer(tx, case)
    return _go_wrong(outgoing, fault)


def _caller(tx: sqlite3.Connection, manner: Manner, incoming: Incoming) -> Merchant | None:
    try:
        name, value = manner.caller(incoming)
    except Rejected:
        return None
    if name == "merchant_no":
        return merchants.find(tx, manner.code, value)
    return merchants.find_by_key(tx, manner.code, name, value)


def _answer(tx: sqlite3.Connection, case: Case) -> tuple[Outgoing, Fault]:
    forced = switches.take_forced(tx, case.merchant, case.interface)
    fault = forced or NORMAL
    voice = case.voice(fault)
    if fault.say is Say.KICKED_OUT and not isinstance(case.asked, Submit):
        return case.manner.problem(voice, "kicked_out"), fault
    match case.asked:
        case Submit():
            return _submit(tx, case, case.asked, forced)
        case Query(order_no=order_no):
            payout = None if fault.hidden_queries else payouts.look(tx, case.merchant, order_no)
            return _payout(case, payout, fault, order_no=order_no), fault
        case AskFigures(day=day):
            account = merchants.account_on(tx, case.merchant, day)
            outgoing = case.manner.figures(voice, account) if account else case.manner.problem(voice, "no_day")
        case AskStatement():
            outgoing = _statement(tx, case, case.asked, voice, fault)
        case _:
            # Nothing was taken in, and the fault sees to it that no proper answer leaves.
            outgoing = _cards(tx, case, voice, fault) if fault.taken else case.manner.problem(voice, "busy")
    return case.manner.problem(voice, "busy") if fault.say is Say.BUSY else outgoing, fault


def _statement(tx: sqlite3.Connection, case: Case, asked: AskStatement, voice: Voice, fault: Fault) -> Outgoing:
    manner, merchant = case.manner, case.merchant
    assert isinstance(manner, KeepsStatements)
    if merchants.account_on(tx, merchant, asked.day) is None:
        return manner.problem(voice, "no_day")
    told = statements.page(tx, merchant, asked, size=manner.lines_a_page)
    if told is None:
        return manner.problem(voice, "malformed")
    if fault.say is Say.OF_ANOTHER:
        told = replace(told, day=told.day - timedelta(days=1))
    return manner.statement(voice, told)


def _cards(tx: sqlite3.Connection, case: Case, voice: Voice, fault: Fault) -> Outgoing:
    """What is asked about cards; all of a batch in this one transaction."""
    manner, merchant, asked = case.manner, case.merchant, case.asked
    of_another = fault.say is Say.OF_ANOTHER
    match asked:
        case CardToBind():
            card = cards.bind(tx, merchant, asked)
            return manner.card(voice, replace(card, reference=_another(card.reference)) if of_another else card)
        case BindMany():
            assert isinstance(manner, BindsMany)
            told = cards.bind_many(tx, merchant, asked)
            if of_another and told:
                told[0] = replace(told[0], reference=_another(told[0].reference))
            return manner.cards(voice, asked.batch, told)
        case ListCards():
            assert isinstance(manner, KeepsCards)
            page = cards.page(tx, merchant, asked, size=manner.page_size)
            if page is None:
                return manner.problem(voice, "malformed")
            return manner.card_page(voice, replace(page, after=_another(page.after)) if of_another else page)
        case Unbind():
            assert isinstance(manner, KeepsCards)
            unbound = cards.unbind(tx, merchant, asked)
            if of_another:
                other = replace(asked, token=_another(asked.token), reference=_another(asked.reference))
                unbound = replace(unbound, asked=other)
            return manner.unbound(voice, unbound)
    raise AssertionError(asked)


def _submit(tx: sqlite3.Connection, case: Case, asked: Submit, forced: Fault | None) -> tuple[Outgoing, Fault]:
    taken = payouts.take(
        tx, case.merchant, asked, deduplicates=case.manner.deduplicates, forced=forced, pace=house().pace
    )
    payout, fault = taken.payout, taken.fault
    problem = taken.problem
    if payout is None and not problem:
        # Nothing was taken in, and the fault sees to it that no proper answer leaves.
        problem = "kicked_out" if fault.say is Say.KICKED_OUT else "busy"
    if payout is not None and payout.state is State.REFUSED:
        problem = payout.reason
    if problem:
        voice = case.voice(fault)
        return (
            case.manner.problem(voice, problem, order_no=asked.order_no, amount_minor=asked.amount_minor),
            fault,
        )
    return _payout(case, payout, fault, order_no=asked.order_no), fault


def _payout(case: Case, payout: Payout | None, fault: Fault, *, order_no: str) -> Outgoing:
    if payout is None:
        return case.manner.problem(case.voice(fault), "not_found", order_no=order_no)
    if fault.say is Say.BUSY:
        return case.manner.problem(case.voice(fault), "busy", order_no=order_no)
    if fault.say is Say.OF_ANOTHER:
        payout = replace(payout, order_no=_another(payout.order_no))
    if fault.say is Say.AFTER_CALLBACK:  # the answer was written before the callback, and travels longer
        payout = replace(payout, state=State.PROCESSING)
    return case.manner.payout(case.voice(fault), payout)


def _another(number: str) -> str:
    return f"{number[:-1]}{'1' if number.endswith('0') else '0'}"


def _shut(manner: Manner) -> Response | None:
    """What a shut company does with a request, before it looks at it; None: it is open."""
    with house().store.reading() as tx:
        mode = switches.mode(tx, manner.code)
    if mode == switches.OPEN:
        return None
    if mode == switches.SILENT:
        time.sleep(house().pace.slow_s)
        _hang_up()
    return Response("Service Unavailable", 503, mimetype="text/plain")


def _go_wrong(outgoing: Outgoing, fault: Fault) -> Response:
    match fault.say:
        case Say.NOTHING:
            _hang_up()
        case Say.HALF:
            return _respond(outgoing, half=True)
        case Say.ERROR:
            return Response("Internal Server Error", 500, mimetype="text/plain")
        case Say.HTML:
            return Response(WEB_PAGE, 200, mimetype="text/html")
        case Say.SLOWLY:
            time.sleep(house().pace.slow_s)
        case Say.AFTER_CALLBACK:
            time.sleep(house().pace.early_answer_s)
    return _respond(outgoing)


def _respond(outgoing: Outgoing, *, half: bool = False) -> Response:
    body = _half_of(outgoing.body, request.environ["werkzeug.socket"]) if half else [outgoing.body]
    response = Response(body, outgoing.status, dict(outgoing.headers), content_type=outgoing.content_type)
    response.content_length = len(outgoing.body)
    return response


def _half_of(body: bytes, connection: socket.socket) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    connection.shutdown(socket.SHUT_RDWR)


def _hang_up() -> None:
    """Close the connection: whatever is answered after this, not a byte of it leaves."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)

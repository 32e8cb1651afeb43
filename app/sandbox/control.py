"""The control door: one page for people, JSON for programs. Nothing here is part of the three companies' interfaces."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable

from app.kernel.errors import Malformed, Refused
from app.kernel.money import Money
from app.sandbox import cards, merchants, payouts, reports, switches
from app.sandbox.faults import FAULTS, NORMAL
from app.sandbox.house import house
from app.sandbox.manners import MANNERS
from app.sandbox.merchants import Registration
from app.sandbox.states import PAYOUT, State

control = Blueprint("control", __name__)

T = TypeVar("T", str, int, bool)
ON_PAGE = 50
DECISIONS = {"pay": "到账", "fail": "失败", "return": "退票", "hold": "不再变化", "call": "再发通知"}


@control.before_request
def _only_from_here() -> None:
    """There is no sign-in here, so a page of another site must not be able to press these buttons."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and origin.partition("://")[2] != request.host:
        raise Forbidden


@control.errorhandler(Refused)
@control.errorhandler(Malformed)
def _refused(refusal: Refused | Malformed) -> tuple[Response, int]:
    return jsonify(error=str(refusal)), 409


@control.get("/")
def page() -> str:
    with house().store.reading() as tx:
        rows = reports.payouts(tx, limit=ON_PAGE, newest_first=True)
        return render_template(
            "sandbox.html",
            faults=(NORMAL, *FAULTS),
            card_endings=cards.ENDINGS,
            channels=[(manner, switches.mode(tx, manner.code)) for manner in MANNERS.values()],
            modes=switches.MODES,
            merchants=[
                (merchant, merchant.account(), MANNERS[merchant.manner].takes_deposits)
                for merchant in merchants.every(tx)
            ],
            payouts=[(row, _decisions(str(row["state"]))) for row in rows],
            yuan=lambda minor: str(Money(minor)),
        )


@control.get("/healthz")
def healthz() -> Response:
    with house().store.reading() as tx:
        tx.execute("SELECT 1")
    if not house().postman.walks:
        raise ServiceUnavailable
    return jsonify(ok=True)


@control.post("/control/merchants")
def register() -> Response:
    asked = _registration(_json())
    manner = MANNERS[asked.manner]
    with house().store.writing() as tx:
        known = merchants.find(tx, asked.manner, asked.merchant_no)
        keys = manner.complete_keys(asked.keys, known.keys if known else {})
        values = {item.name: getattr(asked, item.name) for item in fields(asked)}
        merchant = merchants.register(tx, Registration(**{**values, "keys": keys}))
    return jsonify(
        manner=merchant.manner,
        merchant_no=merchant.merchant_no,
        base_path=f"/{merchant.manner}",
        opened_on=merchant.terms.opened_on.isoformat(),
        registered_on=merchant.terms.registered_on.isoformat(),
        **manner.told(merchant.keys),
    )


@control.post("/control/merchants/<code>/<merchant_no>/deposit")
def deposit(code: str, merchant_no: str) -> Response:
    """The merchant pays in to pay out of: yuan from the page, fen from a program."""
    from_page = request.mimetype == "application/x-www-form-urlencoded"
    amount_minor = (
        Money.parse(request.form.get("amount", "")).minor if from_page else _value(_json(), "amount_minor", 0)
    )
    manner = MANNERS.get(code)
    if manner is None or not manner.takes_deposits or amount_minor <= 0:
        raise BadRequest
    with house().store.writing() as tx:
        merchant = merchants.find(tx, code, merchant_no)
        if merchant is None:
            raise BadRequest("unknown merchant")
        merchants.deposit(tx, merchant, amount_minor)
    return _done()


@control.get("/control/summary")
def summary() -> Response:
    with house().store.reading() as tx:
        rows = reports.summary(tx, manner=request.args.get("manner", ""), merchant_no=request.args.get("merchant", ""))
    return jsonify(merchants=rows)


@control.get("/control/payouts")
def list_payouts() -> Response:
    with house().store.reading() as tx:
        rows = reports.payouts(
            tx,
            manner=request.args.get("manner", ""),
            merchant_no=request.args.get("merchant", ""),
            order_no=request.args.get("order", ""),
            after_id=request.args.get("after_id", 0, int),
            limit=request.args.get("limit", 1000, int),
        )
    return jsonify(payouts=rows)


@control.get("/control/cards")
def list_cards() -> Response:
    with house().store.reading() as tx:
        rows = reports.cards(
            tx,
            manner=request.args.get("manner", ""),
            merchant_no=request.args.get("merchant", ""),
            after_id=request.args.get("after_id", 0, int),
            limit=request.args.get("limit", 1000, int),
        )
    return jsonify(cards=rows)


@control.post("/control/payouts/<int:payout_id>/<verb>")
def decide(payout_id: int, verb: str) -> Response:
    if verb not in DECISIONS:
        raise BadRequest
    with house().store.writing() as tx:
        payouts.decide(tx, payout_id, verb, pace=house().pace)
    return _done()


@control.post("/control/channels/<code>/<mode>")
def switch(code: str, mode: str) -> Response:
    if code not in MANNERS:
        raise BadRequest
    with house().store.writing() as tx:
        switches.set_mode(tx, code, mode)
    return _done()


@control.get("/control/faults")
def faults() -> Response:
    table = [
        {"ending": fault.ending, "name": fault.name, "title": fault.title, "english": fault.english} for fault in FAULTS
    ]
    return jsonify(faults=table)


@control.post("/control/faults")
def force() -> Response:
    asked = _json()
    with house().store.writing() as tx:
        merchant = merchants.find(tx, _value(asked, "manner", ""), _value(asked, "merchant_no", ""))
        if merchant is None:
            raise BadRequest("unknown merchant")
        switches.force(
            tx, merchant, _value(asked, "interface", ""), _value(asked, "fault", ""), _value(asked, "times", 1)
        )
    return jsonify(ok=True)


def _decisions(state: str) -> list[tuple[str, str]]:
    """The buttons beside a payout: the edges its life has now, and what is always possible."""
    if state == State.REFUSED:
        return []
    verbs = [*(verb for verb in PAYOUT.verbs(state) if verb in DECISIONS), "hold", "call"]
    return [(verb, DECISIONS[verb]) for verb in verbs]


def _done() -> Response:
    """A form goes back to the page, a program gets its JSON."""
    if request.mimetype == "application/x-www-form-urlencoded":
        back: Response = redirect(url_for(".page"), 303)  # type: ignore[assignment]
        return back
    return jsonify(ok=True)


def _registration(given: Mapping[str, object]) -> Registration:
    unknown = set(given) - {item.name for item in fields(Registration)}
    if unknown:
        raise BadRequest(f"unknown: {sorted(unknown)}")
    manner = MANNERS.get(_value(given, "manner", ""))
    keys = given.get("keys")
    if manner is None or not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise BadRequest("manner and keys are needed")
    missing = [name for name in manner.keys if not keys.get(name)]
    merchant_no = _value(given, "merchant_no", "")
    if missing or not merchant_no:
        raise BadRequest(f"missing: {missing or 'merchant_no'}")
    return Registration(
        manner=manner.code,
        merchant_no=merchant_no,
        keys=keys,
        callback_url=_value(given, "callback_url", ""),
        name=_value(given, "name", ""),
        starting_balance_minor=_value(given, "starting_balance_minor", 0),
        deposited_minor=_value(given, "deposited_minor", 0),
        starting_total_minor=_value(given, "starting_total_minor", 0),
        growth_minor_per_minute=_value(given, "growth_minor_per_minute", 0),
        collect_fee_ppm=_value(given, "collect_fee_ppm", merchants.COLLECT_FEE_PPM),
        payout_fee_minor=_value(given, "payout_fee_minor", 0),
        history_days=_value(given, "history_days", merchants.HISTORY_DAYS),
        misbehaves=_value(given, "misbehaves", True),
        needs_bound_cards=_value(given, "needs_bound_cards", False),
    )


def _json() -> Mapping[str, object]:
    found = request.get_json()
    if not isinstance(found, dict):
        raise BadRequest("an object is needed")
    return found


def _value(given: Mapping[str, object], name: str, default: T) -> T:
    """A field of exactly the default's type."""
    value = given.get(name, default)
    if type(value) is not type(default) or (type(value) is int and not 0 <= value < 10**15):
        raise BadRequest(f"{name} is not a {type(default).__name__}")
    return value

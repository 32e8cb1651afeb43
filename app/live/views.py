"""The dashboard, the live stream, the meter of unknown money, and two questions a supervisor of machines asks."""

from datetime import datetime

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from app.auth import queries as auth_queries
from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive, public, signed_in
from app.channels import queries as channels
from app.channels import rules
from app.kernel.money import Money
from app.live import queries
from app.runtime import live_events
from app.runtime.page import page
from app.withdrawals import queries as withdrawals

bp = Blueprint("live", __name__)


@bp.get("/")
@needs(Permission.DASHBOARD_READ)
def dashboard() -> ResponseReturnValue:
    name = request.args.get("channel", "")
    return page("live/dashboard.html", board=queries.dashboard(name), channel=name, rules=rules)


@bp.get("/meter")
@signed_in
@passive
def meter() -> ResponseReturnValue:
    """How much money has a fate that nobody knows: in the header of every page."""
    unknown = withdrawals.unknown()
    return page("live/meter.html", unknown=unknown, rows=_unknown_by_account() if unknown.count else ())


@bp.get("/live")
@signed_in
@passive
def stream() -> ResponseReturnValue:
    """One stream a page. It carries names of topics, nothing else; looking is not activity."""
    session_id = me().session_id
    return Response(
        live_events.stream(session_id, lambda: auth_queries.is_over(session_id)),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """200 only with the database, Redis, a worker that answers its nudges, and the clock."""
    found = queries.alive()
    try:
        found["redis"] = bool(current_app.extensions["redis"].ping())
    except RedisError:
        found["redis"] = False
    ready = all(found.values())
    return jsonify(ready=ready, **found), 200 if ready else 503


def _unknown_by_account() -> list[tuple[str, Money, int, datetime, datetime | None]]:
    """Per channel account: how much, how many, since when, and when the oldest of them is asked about next."""
    titles = {account.id: account.title for account in channels.accounts()}
    return [
        (titles[account_id], amount, count, oldest.made_at, withdrawals.next_look(oldest.number))
        for account_id, count, amount, oldest in withdrawals.unknown_by_account()
    ]

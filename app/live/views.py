"""The dashboard, the live stream, the meter of unknown money, two questions a supervisor of machines asks, the cache."""

from datetime import datetime

from flask import Blueprint, Response, current_app, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from redis.exceptions import RedisError

from app.auth import queries as auth_queries
from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive, public, signed_in
from app.auth.rules import own_path
from app.channels import queries as channels
from app.channels import rules
from app.kernel.money import Money
from app.live import queries, service
from app.live.forms import ClearForm, ClearKeyForm
from app.runtime import live_events
from app.runtime.page import page
from app.withdrawals import queries as withdrawals

bp = Blueprint("live", __name__)
cache = Blueprint("cache", __name__, url_prefix="/cache")


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
@passive
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@bp.get("/readyz")
@public
@passive
def readyz() -> ResponseReturnValue:
    """200 only with the database, Redis, a worker that answers its nudges, and the clock."""
    found = queries.alive()
    try:
        found["redis"] = bool(current_app.extensions["redis"].ping())
    except RedisError:
        found["redis"] = False
    ready = all(found.values())
    return jsonify(ready=ready, **found), 200 if ready else 503


@cache.get("/")
@needs(Permission.CACHE_READ)
def index() -> ResponseReturnValue:
    text = request.args.get("q", "")
    return page("live/caches.html", caches=queries.caches(text), text=text, may_clear=me().can(Permission.CACHE_CLEAR))


@cache.get("/<room>/<name>")
@needs(Permission.CACHE_READ)
def show(room: str, name: str) -> ResponseReturnValue:
    cached = queries.cached(room, name)
    return page(
        "live/cache.html",
        cached=cached,
        keys=queries.keys(cached, request.args),
        text=request.args.get("q", ""),
        may_clear=me().can(Permission.CACHE_CLEAR),
    )


@cache.get("/<room>/<name>/value")
@needs(Permission.CACHE_READ)
def value(room: str, name: str) -> ResponseReturnValue:
    cached = queries.cached(room, name)
    look = queries.look(cached, request.args.get("key", ""))
    return page("live/cache_value.html", cached=cached, look=look, may_clear=me().can(Permission.CACHE_CLEAR))


@cache.post("/<room>/<name>/clear-key")
@needs(Permission.CACHE_CLEAR)
def clear_key(room: str, name: str) -> ResponseReturnValue:
    form = ClearKeyForm()
    if not form.validate():
        flash(_("没有指明要清除哪个键"), "bad")
        return redirect(url_for(".show", room=room, name=name), 303)
    return _cleared(service.clear_key(room, name, form.key.data, actor=me()), form)


@cache.post("/<room>/<name>/clear")
@needs(Permission.CACHE_CLEAR)
def clear(room: str, name: str) -> ResponseReturnValue:
    form = ClearForm()
    return _cleared(service.clear_cache(room, name, actor=me()), form)


@cache.post("/<room>/clear")
@needs(Permission.CACHE_CLEAR)
def clear_room(room: str) -> ResponseReturnValue:
    form = ClearForm()
    return _cleared(service.clear_room(room, actor=me()), form)


@cache.post("/clear")
@needs(Permission.CACHE_CLEAR)
def clear_all() -> ResponseReturnValue:
    form = ClearForm()
    return _cleared(service.clear_all(actor=me()), form)


def _cleared(count: int, form: ClearForm) -> ResponseReturnValue:
    if count:
        flash(_("已清除 %(count)s 个键，再用到时会重新读取", count=f"{count:,}"), "good")
    else:
        flash(_("没有可清除的键：可能已过期，或已被清除"), "info")
    return redirect(own_path(form.next.data or "") or url_for(".index"), 303)


def _unknown_by_account() -> list[tuple[str, Money, int, datetime, datetime | None]]:
    """Per channel account: how much, how many, since when, and when the oldest of them is asked about next."""
    titles = {account.id: account.title for account in channels.accounts()}
    return [
        (titles[account_id], amount, count, oldest.made_at, withdrawals.next_look(oldest.number))
        for account_id, count, amount, oldest in withdrawals.unknown_by_account()
    ]

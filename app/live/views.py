"""The dashboard, the live stream, the meter of unknown money, two questions a supervisor of machines asks, the cache, the
background jobs."""

from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from redis.exceptions import RedisError
from wtforms.fields.choices import SelectChoice

from app.alerts import queries as alerts
from app.auth import queries as auth_queries
from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive, public, signed_in
from app.auth.rules import own_path
from app.channels import queries as channels
from app.channels import rules
from app.channels.rules.health import GRADES
from app.kernel.money import Money
from app.live import queries, service
from app.live.forms import ClearForm, ClearKeyForm, JobFilters
from app.live.rules import JOBS, PAGES, PAYOUTS, STANDINGS
from app.runtime import job_list, live_events
from app.runtime.job_list import JobRow, Standing
from app.runtime.page import page, say
from app.withdrawals import queries as withdrawals

bp = Blueprint("live", __name__)
cache = Blueprint("cache", __name__, url_prefix="/cache")
jobs = Blueprint("jobs", __name__, url_prefix="/jobs")


@bp.get("/")
@needs(Permission.DASHBOARD_READ)
def dashboard() -> ResponseReturnValue:
    name = request.args.get("channel", "")
    board = queries.dashboard(name, reader=me())
    return page("live/dashboard.html", board=board, channel=name, rules=rules, grades=GRADES)


@bp.get("/meter")
@signed_in
@passive
def meter() -> ResponseReturnValue:
    """What is wrong, what waits for people, and how much money has a fate that nobody knows: in the header of every page."""
    unknown = withdrawals.unknown()
    return page(
        "live/meter.html",
        ringing=alerts.ringing() if me().can(Permission.ALERT_READ) else None,
        unknown=unknown,
        rows=_unknown_by_account() if unknown.count else (),
        work=withdrawals.work_waiting() if me().can(Permission.WORK_TAKE) else None,
        disputed=queries.disputed(),
        stopped=withdrawals.is_house_stopped(),
        may_see_stops=me().can(Permission.WITHDRAWAL_READ),
    )


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


@jobs.get("/", endpoint="index")
@needs(Permission.JOB_READ, whole=True)
def job_index() -> ResponseReturnValue:
    filters = JobFilters(formdata=request.args)
    kinds = sorted((SelectChoice(kind, say(words)) for kind, words in JOBS.items()), key=lambda choice: choice.label)
    filters.kind.choices = [SelectChoice("", _("全部")), *kinds]
    listing, rows = job_list.page(request.args, _among())
    return page(
        "live/jobs.html",
        filters=filters,
        listing=listing,
        rows=rows,
        pages={row.id: _page_of(row) for row in rows},
        tabs=_job_tabs(),
        presets=[
            (_("代付"), url_for(".index"), bool(_among())),
            (_("全部任务"), url_for(".index", of="all"), request.args.get("of") == "all"),
        ],
        kinds=JOBS,
        standings=STANDINGS,
        may_retry=me().can(Permission.JOB_RETRY),
    )


@jobs.post("/<int:job_id>/retry", endpoint="retry")
@needs(Permission.JOB_RETRY, whole=True)
def retry_job(job_id: int) -> ResponseReturnValue:
    form = ClearForm()
    service.retry_job(job_id, actor=me())
    flash(_("已排到最前，正在办理"), "good")
    return redirect(own_path(form.next.data or "") or url_for(".index"), 303)


def _among() -> Collection[str]:
    """Payouts, unless somebody asks for all, or for one kind or one subject of whatever it is."""
    asks_more = any(request.args.get(name) for name in ("of", "kind", "subject"))
    return () if asks_more else PAYOUTS


def _job_tabs() -> list[tuple[str, str, str, bool]]:
    counts, current = job_list.counts(request.args, _among()), request.args.get("standing", "")
    kept = {name: request.args[name] for name in ("kind", "subject", "of") if request.args.get(name)}

    def tab(label: str, standing: str, count: int) -> tuple[str, str, str, bool]:
        query = urlencode(kept | ({"standing": standing} if standing else {}))
        many = count >= job_list.COUNT_LIMIT
        return label, f"{url_for('.index')}?{query}", f"{count:,}{'+' if many else ''}", current == standing

    each = [tab(say(STANDINGS[standing][0]), standing, counts[standing]) for standing in Standing]
    return [tab(_("全部"), "", sum(counts.values())), *each]


def _page_of(row: JobRow) -> str:
    """Where one sees what the job is about, for whoever may."""
    endpoint, argument, permission = PAGES.get(row.kind, ("", "", ""))
    may = endpoint and row.subject and me().can(Permission(permission))
    return url_for(endpoint, **{argument: row.subject}) if may else ""  # type: ignore[arg-type]


def _cleared(count: int, form: ClearForm) -> ResponseReturnValue:
    if count:
        flash(_("已清除 %(count)s 个键，再用到时会重新读取", count=f"{count:,}"), "good")
    else:
        flash(_("没有可清除的键：可能已过期，或已被清除"), "info")
    return redirect(own_path(form.next.data or "") or url_for(".index"), 303)


def _unknown_by_account() -> list[tuple[str, Money, int, datetime | None, datetime | None]]:
    """Per channel account: how much, how many, since when, and when the oldest of them is asked about next."""
    titles = {account.id: account.title for account in channels.accounts()}
    found = withdrawals.unknown_by_account()
    looks = withdrawals.next_looks([oldest.number for *_sums, oldest in found])
    return [
        (titles[account_id], amount, count, oldest.sent_at, looks.get(oldest.number))
        for account_id, count, amount, oldest in found
    ]

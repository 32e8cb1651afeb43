"""渠道健康: how the channels do, what stops them, and when people are told."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.alerts.rules import SEVERITIES
from app.auth.identity import me
from app.auth.permissions import Permission, label, needs
from app.channels import health, opening, queries, rules, service, versions
from app.channels.contract import Interface
from app.channels.forms import HealthRuleForm, LiftForm, MaintenanceForm
from app.channels.rules import health as words
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime.forms import StrictForm
from app.runtime.page import local, page

bp = Blueprint("channel_health", __name__, url_prefix="/channels")

RANGES = {"hour": (3600, 300), "day": (24 * 3600, 1800), "week": (7 * 24 * 3600, 3 * 3600)}
"""How far back a page looks, and how long a bar is, in seconds."""


@bp.get("/health/")
@needs(Permission.CHANNEL_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.get("/<number>/health")
@needs(Permission.CHANNEL_READ)
def show(number: str) -> ResponseReturnValue:
    return _show(number)


@bp.post("/<number>/health/ask")
@needs(Permission.SENDING_STOP)
def ask(number: str) -> ResponseReturnValue:
    StrictForm()
    service.pausing.ask_now(number, actor=me())
    flash(_("正在试探渠道，有结果时本页自动更新"), "info")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/health/lift")
@needs(Permission.SENDING_STOP, proof=True)
def lift(number: str) -> ResponseReturnValue:
    form = LiftForm()
    if not form.validate():
        return _show(number, form, 422)
    service.pausing.lift(number, reason=form.reason.data, actor=me())
    flash(_("已恢复发送，等待的提现立即发出"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/health/maintenance")
@needs(Permission.SENDING_STOP)
def announce() -> ResponseReturnValue:
    form = _maintenance_form(MaintenanceForm())
    if not form.validate():
        return _index(form, 422)
    service.maintaining.announce(
        form.channel.data, begins_at=form.begins_at, ends_at=form.ends_at, note=form.note.data, actor=me()
    )
    flash(_("维护时段已登记；期间不发送新的提现，结束后自动发送"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/health/maintenance/<int:maintenance_id>/call-off")
@needs(Permission.SENDING_STOP)
def call_off(maintenance_id: int) -> ResponseReturnValue:
    StrictForm()
    service.maintaining.call_off(maintenance_id, actor=me())
    flash(_("维护时段已取消"), "good")
    return redirect(url_for(".index"), 303)


@bp.get("/health/rules/<measure>/<severity>")
@needs(Permission.CHANNEL_EDIT, whole=True)
def rule(measure: str, severity: str) -> ResponseReturnValue:
    found = health.rule(measure, severity)
    return _rule(measure, severity, HealthRuleForm(formdata=None, obj=found))


@bp.post("/health/rules/<measure>/<severity>")
@needs(Permission.CHANNEL_EDIT, whole=True)
def change_rule(measure: str, severity: str) -> ResponseReturnValue:
    form = HealthRuleForm()
    most = 100 if words.MEASURES[words.Measure(health.rule(measure, severity).measure)][1] == "%" else 24 * 3600_000
    if form.validate() and not 0 <= (form.bound.data or 0) <= most:
        form.bound.errors = [_("应为 0 到 %(most)s", most=most)]
    if form.errors:
        return _rule(measure, severity, form, 422)
    given = {name: form[name].data for name in ("bound", "minutes", "at_least", "enabled", "why")}
    service.alerting.change_rule(measure, severity, **given, actor=me())
    flash(_("告警规则已修改"), "good")
    return redirect(url_for(".index"), 303)


def _index(form: MaintenanceForm | None = None, status: int = 200) -> ResponseReturnValue:
    accounts, channels = queries.accounts(), queries.channels()
    return page(
        "channels/health/index.html",
        status,
        accounts=accounts,
        found=health.of(accounts),
        stands=opening.of([account.id for account in accounts]),
        closed=_closed(accounts),
        maintenance=health.maintenance([it.id for it in channels]),
        names={it.id: it.name for it in channels},
        rules=health.rules() if me().channels is None else [],
        words=words,
        severities=SEVERITIES,
        may_stop=me().can(Permission.SENDING_STOP),
        stopping=label(Permission.SENDING_STOP),
        may_edit=me().can(Permission.CHANNEL_EDIT) and me().channels is None,
        form=form or _maintenance_form(MaintenanceForm(formdata=None)),
    )


def _show(number: str, form: LiftForm | None = None, status: int = 200) -> ResponseReturnValue:
    account = queries.account(number)
    chosen = request.args.get("range", "hour")
    chosen = chosen if chosen in RANGES else "hour"
    seconds, step_s = RANGES[chosen]
    found, spans = health.history(account.id, seconds=seconds, step_s=step_s)
    stands = opening.now(account.id)
    by_interface = {
        Text(rules.INTERFACES[name]): found.by_interface[name]
        for name in Interface
        if name in found.by_interface and name != Interface.CALLBACK
    }
    return page(
        "channels/health/show.html",
        status,
        account=account,
        found=found,
        stands=stands,
        closed=_closed([account])[account.id],
        spans=[(local(it.begins_at)[11:16] if chosen == "hour" else local(it.begins_at)[5:16], it) for it in spans],
        by_interface=by_interface,
        chosen=chosen,
        past=health.past_pauses(account.id),
        hours=(opening.days(stands.hours), opening.times(stands.hours)) if not stands.hours.always else None,
        maintenance=health.maintenance([account.channel_id]),
        words=words,
        may_stop=me().can(Permission.SENDING_STOP),
        form=form or LiftForm(formdata=None),
        told=Text.told,
    )


def _closed(accounts: Sequence[queries.Account]) -> dict[int, Text | None]:
    """By account: why it takes no new withdrawals, whatever its channel does."""
    ready = versions.ready([it.id for it in accounts])
    return {
        it.id: rules.takes_nothing_new(channel=it.channel_enabled, account=it.enabled, is_ready=it.id in ready)
        for it in accounts
    }


def _rule(measure: str, severity: str, form: HealthRuleForm, status: int = 200) -> ResponseReturnValue:
    return page(
        "channels/health/rule.html",
        status,
        measure=words.MEASURES[words.Measure(measure)],
        severity=severity,
        severities=SEVERITIES,
        form=form,
        action=url_for(".change_rule", measure=measure, severity=severity),
    )


def _maintenance_form(form: MaintenanceForm) -> MaintenanceForm:
    form.channel.choices = [SelectChoice(it.code, it.name) for it in queries.channels()]
    if not form.is_submitted():
        start = clock.later(3600).astimezone(clock.BUSINESS_ZONE).replace(minute=0, tzinfo=None)
        form.begins.data = form.begins.data or start
    return form

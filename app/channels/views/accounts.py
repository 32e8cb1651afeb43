"""Channel pages: the accounts, who holds them, what was said to them."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.auth.rules import own_path
from app.channels import health, history, manners, opening, platforms, pulse, queries, rules, service, vacancy, versions
from app.channels.forms import FinishForm, NextForm, ReasonForm
from app.channels.rules import asking
from app.channels.rules.health import GRADES
from app.runtime.page import page

bp = Blueprint("channels", __name__, url_prefix="/channels")


@bp.get("/")
@needs(Permission.CHANNEL_READ)
def index() -> ResponseReturnValue:
    accounts = queries.accounts()
    ids = [account.id for account in accounts]
    return page(
        "channels/index.html",
        accounts=accounts,
        holders=queries.holders(ids),
        vacancies=vacancy.of(ids, me()),
        health=health.of(accounts),
        grades=GRADES,
        figures=queries.latest_figures(ids),
        channels=queries.channels() if me().can(Permission.CHANNEL_EDIT) else [],
        adapters=manners.offered(),
        may_edit=me().can(Permission.CHANNEL_EDIT),
        sees_all=me().channels is None,
    )


@bp.get("/<number>")
@needs(Permission.CHANNEL_READ)
def show(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    holder = queries.holder(account.id)
    active = versions.active(account.id)
    figures = queries.latest_figures([account.id])
    return page(
        "channels/show.html",
        account=account,
        adapter=queries.adapter_class(account),
        holder=holder,
        vacancy=vacancy.one(account.id, me()),
        lost=_lost(account.id, holder),
        beside=platforms.numbers_beside(account.id),
        figures=figures.get(account.id),
        trend=pulse.trend([account], figures)[account.id],
        claims=queries.claims_of(account.id),
        active=active,
        draft=versions.draft(account.id),
        lines=versions.lines(account, active) if active else {},
        may_edit=me().can(Permission.CHANNEL_EDIT),
        place=platforms.of_account(account.id),
        unsigned=queries.unsigned_handover(account.id),
        health=health.of([account])[account.id],
        grades=GRADES,
        stands=opening.now(account.id),
        calls=queries.calls(account.id, request.args, {}),
        asking=asking.lines(account.chosen, asking.own(queries.adapter_class(account))),
        rules=rules,
    )


@bp.post("/<number>/claim")
@needs(Permission.CLAIM_TAKE)
def claim(number: str) -> ResponseReturnValue:
    service.claim(number, actor=me())
    flash(_("已领取，该渠道账号由您锁定"), "good")
    waits = queries.unsigned_handover(queries.account(number).id)
    if waits is not None:
        flash(_("前一位留下了交接单，请看过并接收确认后再办理"), "wait")
        return redirect(url_for("handovers.show", reference=waits.reference), 303)
    again = own_path(request.args.get("again", ""))
    # 307: the browser sends there what it has just sent here, so nothing that was typed is in an address.
    return redirect(again, 307) if again else _back(number)


@bp.post("/<number>/release")
@needs(Permission.CLAIM_TAKE)
def release(number: str) -> ResponseReturnValue:
    service.release(number, actor=me())
    flash(_("已释放"), "good")
    return _back(number)


@bp.post("/<number>/finish")
@needs(Permission.CLAIM_TAKE)
def finish(number: str) -> ResponseReturnValue:
    form = FinishForm()
    if not form.validate():
        flash(next(iter(form.errors.values()))[0], "bad")
        return _back(number)
    service.finish(number, note=form.note.data or "", actor=me())
    flash(_("任务已完成，渠道账号已释放"), "good")
    return _back(number)


@bp.post("/<number>/force-release")
@needs(Permission.CLAIM_FORCE_RELEASE, proof=True)
def force_release(number: str) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        flash(_("请写明强制释放的原因"), "bad")
        return _back(number)
    holder = service.force_release(number, reason=form.reason.data, actor=me())
    flash(_("已强制释放 %(holder)s 领取的渠道账号", holder=holder), "good")
    return _back(number)


@bp.post("/<number>/refresh")
@needs(Permission.CHANNEL_REFRESH)
def refresh(number: str) -> ResponseReturnValue:
    service.refresh(number, actor=me())
    flash(_("正在向渠道查询最新数据"), "info")
    return _back(number)


def _lost(account_id: int, holder: queries.Held | None) -> history.Latest | None:
    """The reader's claim that ended while this page was open: it asks for itself as `held` from then on."""
    mine = holder is not None and holder.operator_id == me().operator_id
    return None if mine or "held" not in request.args else history.latest(account_id, me().operator_id)


def _back(number: str) -> ResponseReturnValue:
    wanted = own_path(NextForm(meta={"csrf": False}, formdata=request.form).next.data or "")
    return redirect(wanted or url_for("channels.show", number=number), 303)

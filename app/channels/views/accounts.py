"""Channel pages: the accounts, who holds them, what was said to them."""

import json

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive
from app.auth.rules import own_path
from app.channels import manners, pulse, queries, rules, service
from app.channels.forms import FinishForm, NextForm, ReasonForm, RenewForm
from app.runtime.page import page, say

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
        health=pulse.health(accounts),
        figures=queries.latest_figures(ids),
    )


@bp.get("/<number>")
@needs(Permission.CHANNEL_READ)
def show(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    settings = queries.settings_of(account.id)
    figures = queries.latest_figures([account.id])
    return page(
        "channels/show.html",
        account=account,
        adapter=manners.adapter(account.adapter),
        holder=queries.holder(account.id),
        figures=figures.get(account.id),
        trend=pulse.trend([account], figures)[account.id],
        claims=queries.claims_of(account.id),
        settings=settings,
        shown=json.loads(settings[0].shown) if settings else {},
        health=pulse.health([account])[account.id],
        calls=queries.calls(account.id, request.args, {}),
        rules=rules,
    )


@bp.get("/calls/<int(max=9223372036854775807):call_id>")
@needs(Permission.CHANNEL_READ)
def call(call_id: int) -> ResponseReturnValue:
    found = queries.call(call_id)
    words = {name: say(rules.kept(getattr(found, name))) for name in ("request", "signed_text", "reply")}
    account = queries.account_by_id(found.account_id)
    return page("channels/call.html", call=vars(found) | words, account=account, rules=rules)


@bp.post("/<number>/claim")
@needs(Permission.CLAIM_TAKE)
def claim(number: str) -> ResponseReturnValue:
    service.claim(number, actor=me())
    flash(_("已领取，该渠道账号由您锁定"), "good")
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


@bp.post("/<number>/renew")
@needs(Permission.CLAIM_TAKE)
@passive
def renew(number: str) -> ResponseReturnValue:
    """The holder's open page is alive. 410 when the claim is no longer theirs: the page then says so."""
    form = RenewForm()
    if not form.validate() or not service.renew(number, fence=int(form.fence.data), actor=me()):
        return "", 410
    return "", 204


@bp.post("/<number>/refresh")
@needs(Permission.CHANNEL_REFRESH)
def refresh(number: str) -> ResponseReturnValue:
    service.refresh(number, actor=me())
    flash(_("正在向渠道查询最新数据"), "info")
    return _back(number)


def _back(number: str) -> ResponseReturnValue:
    wanted = own_path(NextForm(meta={"csrf": False}, formdata=request.form).next.data or "")
    return redirect(wanted or url_for("channels.show", number=number), 303)

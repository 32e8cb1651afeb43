"""领取 as its holder sees it: how long it lives, going on, taking it again, being put out; and every claim there was."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive
from app.auth.rules import own_path
from app.channels import history, queries, rules, service, vacancy
from app.channels.forms import ClaimFilters, NextForm, RenewForm
from app.kernel.errors import Malformed, Refused
from app.runtime.page import page, said, say

bp = Blueprint("claims", __name__, url_prefix="/channels/<number>")


@bp.get("/lease")
@needs(Permission.CLAIM_TAKE)
@passive
def lease(number: str) -> ResponseReturnValue:
    """How long the reader's claim still lives, or how it ended: a part of every page on which they work with the account."""
    return _lease(number)


@bp.post("/lease/renew")
@needs(Permission.CLAIM_TAKE)
@passive
def renew(number: str) -> ResponseReturnValue:
    """The holder does something on an open page. 410 when the claim is no longer theirs: the page then says so."""
    form = RenewForm()
    if not form.validate() or not service.renew(number, fence=int(form.fence.data), actor=me()):
        return "", 410
    return "", 204


@bp.post("/lease/continue")
@needs(Permission.CLAIM_TAKE)
def go_on(number: str) -> ResponseReturnValue:
    """继续处理: the holder was asked whether they are still there."""
    form = RenewForm()
    if form.validate():
        service.renew(number, fence=int(form.fence.data), actor=me())
    return redirect(own_path(form.next.data or "") or url_for(".lease", number=number), 303)


@bp.post("/lease/again")
@needs(Permission.CLAIM_TAKE)
def again(number: str) -> ResponseReturnValue:
    """Take it once more, on a page where something is typed already: the answer is the lease alone."""
    NextForm()
    try:
        service.claim(number, actor=me())
    except Refused as problem:
        return _lease(number, 409, refused=said(problem))
    return redirect(url_for(".lease", number=number), 303)


@bp.post("/kicked-out")
@needs(Permission.CLAIM_TAKE)
def kicked_out(number: str) -> ResponseReturnValue:
    NextForm()
    names = service.kicked_out(number, actor=me())
    flash(_("已记下您被第三方踢下线，释放了：%(names)s", names=_("、").join(names)), "wait")
    return redirect(url_for("channels.show", number=number), 303)


@bp.get("/claims")
@needs(Permission.CHANNEL_READ)
def past(number: str) -> ResponseReturnValue:
    """Every claim of the account, with what was there at its start and at its end."""
    account, filters = queries.account(number), ClaimFilters(formdata=request.args)
    try:
        listing, status = history.page(account.id, request.args), 200
    except Malformed as problem:
        filters.day.errors = [say(problem.text)]
        listing, status = history.page(account.id, {}), 422
    return page("channels/claims.html", status, account=account, filters=filters, listing=listing, rules=rules)


def _lease(number: str, status: int = 200, refused: Sequence[str] = ()) -> ResponseReturnValue:
    account = queries.account(number)
    holder = queries.holder(account.id)
    return page(
        "channels/lease.html",
        status,
        account=account,
        holder=holder,
        mine=holder is not None and holder.session_id == me().session_id,
        last=history.latest(account.id, me().operator_id),
        unsigned=queries.unsigned_handover(account.id),
        vacancy=vacancy.one(account.id, me()),
        refused=refused,
        rules=rules,
    )

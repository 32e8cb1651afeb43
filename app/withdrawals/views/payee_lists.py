"""黑名单, 白名单, 来源卡: who stands on them, put on, taken off."""

from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries as cards
from app.kernel.errors import NotThere, Refused
from app.runtime.page import page, say
from app.withdrawals import queries, service
from app.withdrawals.forms import EntryFilters, EntryForm, EntrySearch, UnlistForm, entry_form
from app.withdrawals.rules import LISTS, PayeeList
from app.withdrawals.views.rule_tabs import tabs

bp = Blueprint("payee_lists", __name__, url_prefix="/withdrawal-rules/lists")


@bp.get("/<kind>")
@needs(Permission.WITHDRAWAL_READ, whole=True)
def show(kind: str) -> ResponseReturnValue:
    chosen = _kind(kind)
    return page(
        "withdrawals/payee_list.html",
        tabs=tabs(chosen),
        kind=chosen,
        lists=LISTS,
        listing=queries.payee_entries(chosen, request.args),
        filters=EntryFilters(formdata=request.args),
        past=request.args.get("show") == "past",
        may_edit=me().can(Permission.WITHDRAWAL_RULES),
    )


@bp.post("/<kind>/search")
@needs(Permission.WITHDRAWAL_READ, whole=True)
def search(kind: str) -> ResponseReturnValue:
    """A search with a card number in it: what it becomes may stand in an address."""
    EntrySearch()
    query = urlencode(cards.safe_search(request.form))
    return redirect(f"{url_for('.show', kind=_kind(kind))}?{query}", 303)


@bp.get("/<kind>/new")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def new(kind: str) -> ResponseReturnValue:
    chosen = _kind(kind)
    return _new(chosen, entry_form(chosen, blank=True))


@bp.post("/<kind>")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def add(kind: str) -> ResponseReturnValue:
    chosen = _kind(kind)
    form = entry_form(chosen)
    if not form.validate():
        return _new(chosen, form, 422)
    try:
        service.payee_lists.enlist(
            chosen,
            card=form.parsed,
            name=form.named,
            reason=form.reason.data,
            until=form.last_day,
            actor=me(),
        )
    except Refused as refused:
        form.form_errors.append(say(refused.text))
        return _new(chosen, form, 409)
    flash(_("已加入“%(list)s”，立即生效", list=say(LISTS[chosen][0])), "good")
    return redirect(url_for(".show", kind=chosen), 303)


@bp.get("/entries/<int:entry_id>")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def entry(entry_id: int) -> ResponseReturnValue:
    return _entry(entry_id, UnlistForm(formdata=None))


@bp.post("/entries/<int:entry_id>/remove")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def remove(entry_id: int) -> ResponseReturnValue:
    form = UnlistForm()
    if not form.validate():
        return _entry(entry_id, form, 422)
    kind = service.payee_lists.unlist(entry_id, reason=form.reason.data, actor=me())
    flash(_("已移出“%(list)s”，立即生效", list=say(LISTS[kind][0])), "good")
    return redirect(url_for(".show", kind=kind), 303)


def _new(kind: PayeeList, form: EntryForm, status: int = 200) -> ResponseReturnValue:
    return page("withdrawals/payee_new.html", status, kind=kind, lists=LISTS, form=form)


def _entry(entry_id: int, form: UnlistForm, status: int = 200) -> ResponseReturnValue:
    return page("withdrawals/payee_entry.html", status, entry=queries.payee_entry(entry_id), lists=LISTS, form=form)


def _kind(text: str) -> PayeeList:
    if text not in set(PayeeList):
        raise NotThere(text)
    return PayeeList(text)

"""黑名单, 白名单, 来源卡: who stands on them, put on, taken off."""

from urllib.parse import urlencode

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries as cards
from app.kernel.errors import NotThere, Refused
from app.runtime.page import page, said, say
from app.withdrawals import queries, service
from app.withdrawals.forms import EntryFilters, EntryForm, EntrySearch, UnlistForm, entry_form
from app.withdrawals.rules import LISTS, PayeeList
from app.withdrawals.views.rule_tabs import tabs
from app.withdrawals.views.rulebook import bp


@bp.get("/lists/<kind>")
@needs(Permission.WITHDRAWAL_READ, whole=True)
def payees(kind: str) -> ResponseReturnValue:
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


@bp.post("/lists/<kind>/search")
@needs(Permission.WITHDRAWAL_READ, whole=True)
def search_payees(kind: str) -> ResponseReturnValue:
    """A search with a card number in it: what it becomes may stand in an address."""
    EntrySearch()
    query = urlencode(cards.safe_search(request.form))
    return redirect(f"{url_for('.payees', kind=_kind(kind))}?{query}", 303)


@bp.get("/lists/<kind>/new")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def new_payee(kind: str) -> ResponseReturnValue:
    chosen = _kind(kind)
    return _new(chosen, entry_form(chosen, blank=True))


@bp.post("/lists/<kind>")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def add_payee(kind: str) -> ResponseReturnValue:
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
        form.form_errors += said(refused)
        return _new(chosen, form, 409)
    flash(_("已加入“%(list)s”，立即生效", list=say(LISTS[chosen][0])), "good")
    return redirect(url_for(".payees", kind=chosen), 303)


@bp.get("/lists/entries/<int:entry_id>")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def payee(entry_id: int) -> ResponseReturnValue:
    return _entry(entry_id, UnlistForm(formdata=None))


@bp.post("/lists/entries/<int:entry_id>/remove")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def remove_payee(entry_id: int) -> ResponseReturnValue:
    form = UnlistForm()
    if not form.validate():
        return _entry(entry_id, form, 422)
    kind = service.payee_lists.unlist(entry_id, reason=form.reason.data, actor=me())
    flash(_("已移出“%(list)s”，立即生效", list=say(LISTS[kind][0])), "good")
    return redirect(url_for(".payees", kind=kind), 303)


def _new(kind: PayeeList, form: EntryForm, status: int = 200) -> ResponseReturnValue:
    return page("withdrawals/payee_new.html", status, kind=kind, lists=LISTS, form=form)


def _entry(entry_id: int, form: UnlistForm, status: int = 200) -> ResponseReturnValue:
    return page("withdrawals/payee_entry.html", status, entry=queries.payee_entry(entry_id), lists=LISTS, form=form)


def _kind(text: str) -> PayeeList:
    if text not in set(PayeeList):
        raise NotThere(text)
    return PayeeList(text)

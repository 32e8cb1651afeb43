"""选渠道: a payee and an amount, and all accounts beside each other: the one that is proposed, and why not each other."""

from collections.abc import Mapping
from uuid import uuid4

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries as cards
from app.channels import opening
from app.channels import queries as channels
from app.channels.rules.health import GRADES
from app.runtime.page import page
from app.withdrawals.forms import CheckForm, RouteForm, RouteSearch
from app.withdrawals.queries import limits, routing
from app.withdrawals.queries.routing import Found, Target
from app.withdrawals.rules.routing import FITS, Fit
from app.withdrawals.views.withdrawals import bp, carried, form_page


@bp.get("/route")
@needs(Permission.WITHDRAWAL_CREATE)
def route() -> ResponseReturnValue:
    asked, form = request.args, RouteForm(formdata=request.args)
    status = 422 if asked.get("amount") and not form.validate() else 200
    found = cards.payees_named(asked.get("q", "")) if asked.get("q") else {}
    whom = _whom(asked, found)
    return _page(form, status, whom=whom, choices=found if whom is None else {}, found_none=whom is None and not found)


@bp.post("/route")
@needs(Permission.WITHDRAWAL_CREATE)
def find_route() -> ResponseReturnValue:
    """What was typed, as an address may hold it."""
    form = RouteSearch()
    card, name, payee = ((form[it].data or "").strip() for it in ("card", "q", "payee"))
    if form.validate() and not (card or name or payee):
        form.q.errors = [_("请写收款人的户名或卡尾号，或者完整卡号")]
    if form.errors or form.amount.data is None:
        whom = routing.target(cards.card(payee)) if payee and not (card or name) else None
        return _page(form, 422, whom=whom)
    payee_as = cards.safe_search({"card": card}) if card else {"q": name} if name else {"payee": payee}
    return redirect(url_for(".route", **payee_as, amount=form.amount.data.yuan), 303)


@bp.post("/route/compare")
@needs(Permission.WITHDRAWAL_CREATE)
def compare() -> ResponseReturnValue:
    """换个渠道？ asked on the form: what is typed there goes along to whichever account is chosen here."""
    form = CheckForm()
    if not form.validate():
        return form_page(form, form.account.data or "", status=422)
    whom = routing.target(cards.card(form.card.data))
    account = channels.account(form.account.data)
    shown = RouteForm(formdata=None, amount=form.amount.data)
    return _page(shown, whom=whom, current=account.number, fields=carried(form))


@bp.get("/accounts/<number>/day")
@needs(Permission.CHANNEL_READ)
def account_day(number: str) -> ResponseReturnValue:
    """What an account has sent today and still may: a part of its page."""
    account = channels.account(number)
    return page("withdrawals/account_day.html", account=account, day=limits.account_day(account))


def _whom(asked: Mapping[str, str], found: Found) -> Target | None:
    """Whom the address names; None where that is nobody, or several."""
    if asked.get("payee"):
        return routing.target(cards.card(asked["payee"].replace("\0", "")))
    if asked.get("sealed_card"):
        return routing.target_of(asked["sealed_card"].replace("\0", ""))
    return routing.target(next(iter(found.values()))[0]) if len(found) == 1 else None


def _page(
    form: RouteForm,
    status: int = 200,
    *,
    whom: Target | None = None,
    choices: Found | None = None,
    found_none: bool = False,
    current: str = "",
    fields: Mapping[str, str] | None = None,
) -> ResponseReturnValue:
    amount = None if form.amount.errors else form.amount.data
    options = routing.options(whom, amount, actor=me()) if whom and amount else []
    best = next((it for it in options if it.judged.proposed), None)
    return page(
        "withdrawals/route.html",
        status,
        form=form,
        whom=whom,
        amount=amount,
        choices=choices or {},
        found_none=found_none,
        best=best,
        others=[it for it in options if it is not best],
        waits=any(it.judged.fit == Fit.WAITS for it in options),
        current=current,
        carried=fields or {"form_key": str(uuid4()), "amount": amount.yuan if amount else "", "edit": "1"},
        fits=FITS,
        grades=GRADES,
        times=opening.times,
        days=opening.days,
    )

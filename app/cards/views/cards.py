"""Card pages."""

from urllib.parse import urlencode
from uuid import uuid4

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs, passive
from app.cards import queries, rules, service
from app.cards.forms import (
    PAYEE_HINTS,
    AccountForm,
    BindForm,
    CardFilters,
    CardSearch,
    PayeeForm,
    RevealForm,
    UnbindForm,
    bind_form,
)
from app.cards.states import LABELS, State
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.manners import abilities
from app.kernel import bins
from app.kernel.bank_card import BankCard, normalise
from app.kernel.errors import Refused
from app.kernel.payee import EXAMPLES, PAYEES, Payee
from app.runtime.page import page, said, say
from app.uploads.pages import held_account

bp = Blueprint("cards", __name__, url_prefix="/cards")


@bp.get("/")
@needs(Permission.CARD_READ)
def index() -> ResponseReturnValue:
    accounts = channels.accounts()
    filters = CardFilters(formdata=request.args)
    filters.account.choices = [SelectChoice("", _("全部")), *(SelectChoice(one.number, one.title) for one in accounts)]
    wanted = request.args.get("account")
    chosen = next((account.id for account in accounts if account.number == wanted), -1 if wanted else None)
    can = {adapter: abilities(adapter) for adapter in {one.adapter for one in accounts}}
    return page(
        "cards/index.html",
        listing=queries.cards(request.args, account_id=chosen),
        filters=filters,
        accounts={account.id: account for account in accounts},
        labels=LABELS,
        mixed=any(it.pays_to != {Payee.BANK_CARD} for it in can.values()),
        registers={one.id for one in accounts if not can[one.adapter].binds},
    )


@bp.post("/search")
@needs(Permission.CARD_READ)
def search() -> ResponseReturnValue:
    """A search with a card number in it: what it becomes may stand in an address."""
    CardSearch()
    query = urlencode(queries.safe_search(request.form))
    return redirect(f"{url_for('.index')}?{query}", 303)


@bp.get("/<reference>")
@needs(Permission.CARD_READ)
def show(reference: str) -> ResponseReturnValue:
    return _show(reference, RevealForm(formdata=None))


@bp.post("/<reference>/reveal")
@needs(Permission.CARD_REVEAL, proof=True)
def reveal(reference: str) -> ResponseReturnValue:
    """The full number, on this one answer and nowhere else."""
    form = RevealForm()
    if not form.validate():
        return _show(reference, form, status=422)
    number = service.reveal(reference, reason=str(form.reason.data), actor=me())
    return _show(reference, RevealForm(formdata=None), number=number)


def _show(
    reference: str,
    reveal_form: RevealForm,
    *,
    number: str = "",
    unbind_form: UnbindForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    card = queries.card(reference)
    place = held_account(channels.account_by_id(card.account_id).number)
    account = place.account
    assert account is not None
    unbind_form = unbind_form or UnbindForm(formdata=None, fence=place.fence)
    return page(
        "cards/show.html",
        status,
        card=card,
        account=account,
        place=place,
        can=account.can,
        kind=PAYEES[Payee(card.payee)],
        details=queries.details_shown(card),
        history=queries.history(card),
        unbind_form=unbind_form,
        may_unbind=me().can(Permission.CARD_UNBIND),
        calls=channels.calls_about(reference),
        labels=LABELS,
        rules=channel_rules,
        number=number,
        reveal_form=reveal_form,
        may_reveal=me().can(Permission.CARD_REVEAL),
    )


@bp.get("/new")
@needs(Permission.CARD_BIND)
def new() -> ResponseReturnValue:
    return _form(None, request.args.get("account", ""), kind=request.args.get("payee", ""))


@bp.post("/")
@needs(Permission.CARD_BIND)
def bind() -> ResponseReturnValue:
    number = request.form.get("account", "")
    template = queries.template(channels.account(number).channel_id)
    if request.form.get("template") != str(template.id):
        flash(_("绑定模版刚刚更新，请按新的要求重新填写"), "wait")
        return redirect(url_for(".new", account=number), 303)
    form = bind_form(template.columns)()
    if not form.validate():
        return _form(form, number, status=422)
    wish = rules.wish(form.texts)
    read = BankCard.parse_corporate if wish.corporate else BankCard.parse
    try:
        reference = service.bind(
            account=number,
            number=read(wish.number),
            holder=wish.holder,
            bank=wish.bank,
            phone=wish.phone,
            corporate=wish.corporate,
            details=wish.details,
            fence=int(form.fence.data),
            form_key=form.form_key.data,
            actor=me(),
        )
    except Refused as problem:
        return _form(form, number, status=409, refused=problem)
    return _made(reference)


@bp.post("/register")
@needs(Permission.CARD_BIND)
def register() -> ResponseReturnValue:
    """A payee that is no bank card."""
    form = PayeeForm()
    number = form.account.data or ""
    if not form.validate():
        return _form(form, number, status=422, kind=form.payee.data or "")
    assert form.read is not None
    try:
        reference = service.bind(
            account=number,
            number=form.read,
            holder=form.holder.data,
            bank=form.read.institution,
            phone="",
            fence=int(form.fence.data),
            form_key=form.form_key.data,
            actor=me(),
        )
    except Refused as problem:
        return _form(form, number, status=409, refused=problem, kind=form.payee.data or "")
    return _made(reference)


def _made(reference: str) -> ResponseReturnValue:
    if queries.card(reference).state == State.BOUND:
        flash(_("已登记，可以提现"), "good")
    else:
        flash(_("已提交渠道绑定，结果会自动显示在本页"), "info")
    return redirect(url_for(".show", reference=reference), 303)


def _form(
    form: BindForm | PayeeForm | None,
    number: str,
    status: int = 200,
    refused: Refused | None = None,
    kind: str = Payee.BANK_CARD,
) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused; a new one of this kind, or of the first that the channel pays to."""
    if form is not None and refused is not None:
        form.form_errors += said(refused)
        flash(say(refused.text), "bad")
    place = held_account(number)
    if place.account is None:
        return page("cards/new.html", status, form=None, place=place)
    template = queries.template(place.account.channel_id)
    can = place.account.can
    offered = sorted(can.pays_to, key=list(Payee).index)
    offered = [it for it in offered if it is not Payee.BANK_CARD] + [it for it in offered if it is Payee.BANK_CARD]
    chosen = Payee(kind) if kind in can.pays_to else offered[0]
    if form is not None and place.mine:
        form.fence.data = place.fence  # they may have claimed it anew meanwhile
    if form is None:
        blank = {"form_key": str(uuid4()), "account": place.account.number, "fence": place.fence}
        if chosen is Payee.BANK_CARD:
            form = bind_form(template.columns)(formdata=None, template=str(template.id), **blank)
        else:
            form = PayeeForm(formdata=None, payee=chosen.value, **blank)
    if isinstance(form, PayeeForm):
        form.number.label.text = say(PAYEES[chosen])
    return page(
        "cards/new.html",
        status,
        form=form,
        place=place,
        template=template,
        can=can,
        chosen=chosen,
        offered=offered,
        kinds=PAYEES,
        hints=PAYEE_HINTS,
        examples=EXAMPLES,
    )


@bp.post("/hint")
@passive
@needs(Permission.CARD_BIND)
def hint() -> ResponseReturnValue:
    """What the first digits of a number say, while it is typed. Sent, never in an address."""
    form = bind_form(queries.template(channels.account(request.form.get("account", "")).channel_id).columns)()
    number = normalise(form[f"c_{rules.NUMBER}"].data or "")
    found = bins.look_up(number) if 12 <= len(number) <= 19 and number.isascii() and number.isdigit() else None
    return page("cards/_hint.html", found=found)


@bp.post("/<reference>/unbind")
@needs(Permission.CARD_UNBIND, proof=True)
def unbind(reference: str) -> ResponseReturnValue:
    form = UnbindForm()
    if not form.validate():
        return _show(reference, RevealForm(formdata=None), unbind_form=form, status=422)
    service.listing.unbind(reference, why=str(form.reason.data), fence=int(form.fence.data), actor=me())
    if queries.card(reference).state == State.DELETED:
        flash(_("已移除，不能再向它提现"), "good")
    else:
        flash(_("已请渠道删除这张卡，结果会自动显示在本页"), "info")
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/listed")
@needs(Permission.CARD_READ)
def listed() -> ResponseReturnValue:
    """The cards of one account as the channel lists them, beside ours."""
    accounts = [one for one in channels.accounts() if abilities(one.adapter).binds]
    number = request.args.get("account", "")
    best = sorted(accounts, key=lambda one: not abilities(one.adapter).lists)
    account = channels.account(number) if number else next(iter(best), None)
    if account is None:
        return page("cards/listed.html", accounts=[], account=None)
    return page(
        "cards/listed.html",
        accounts=accounts,
        account=account,
        can=abilities(account.adapter),
        listing=queries.listing(account.id),
        rows=queries.compared(account.id, request.args),
        counts=queries.comparison(account.id),
        labels=LABELS,
        verdicts=queries.VERDICTS,
        verdict=queries.verdict,
        shown=request.args.get("show", ""),
    )


@bp.post("/listed/refresh")
@needs(Permission.CHANNEL_REFRESH)
def refresh_listed() -> ResponseReturnValue:
    number = AccountForm().account.data or ""
    service.listing.refresh(number, actor=me())
    flash(_("已向渠道查询，结果会自动显示"), "info")
    return redirect(url_for(".listed", account=number), 303)

"""Card pages."""

from urllib.parse import urlencode
from uuid import uuid4

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries, service
from app.cards.forms import BindForm, CardFilters, CardSearch, RevealForm
from app.cards.states import LABELS
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.kernel.errors import NotThere, Refused
from app.runtime.page import page, say

bp = Blueprint("cards", __name__, url_prefix="/cards")


@bp.get("/")
@needs(Permission.CARD_READ)
def index() -> ResponseReturnValue:
    accounts = channels.accounts()
    filters = CardFilters(formdata=request.args)
    filters.account.choices = [SelectChoice("", _("全部")), *(SelectChoice(one.number, one.title) for one in accounts)]
    wanted = request.args.get("account")
    chosen = next((account.id for account in accounts if account.number == wanted), -1 if wanted else None)
    return page(
        "cards/index.html",
        listing=queries.cards(request.args, account_id=chosen),
        filters=filters,
        accounts={account.id: account for account in accounts},
        labels=LABELS,
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


def _show(reference: str, reveal_form: RevealForm, *, number: str = "", status: int = 200) -> ResponseReturnValue:
    card = queries.card(reference)
    return page(
        "cards/show.html",
        status,
        card=card,
        account=channels.account_by_id(card.account_id),
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
    return _form(BindForm(formdata=None, form_key=str(uuid4())), request.args.get("account", ""))


@bp.post("/")
@needs(Permission.CARD_BIND)
def bind() -> ResponseReturnValue:
    form = BindForm()
    if not form.validate():
        return _form(form, form.account.data or "", status=422)
    assert form.number.data is not None
    try:
        reference = service.bind(
            account=form.account.data,
            number=form.number.data,
            holder=form.holder.data,
            bank=form.bank.data,
            phone=form.phone.data or "",
            fence=int(form.fence.data),
            form_key=form.form_key.data,
            actor=me(),
        )
    except Refused as problem:
        return _form(form, form.account.data, status=409, refused=problem)
    flash(_("已提交渠道绑定，结果会自动显示在本页"), "info")
    return redirect(url_for(".show", reference=reference), 303)


def _form(form: BindForm, number: str, status: int = 200, refused: Refused | None = None) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused."""
    if refused is not None:
        form.form_errors.append(say(refused.text))
        flash(say(refused.text), "bad")
    held = channels.held_by(me().operator_id)
    account = next((one for one in held if one.number == number), held[0] if held and not number else None)
    if number and account is None:
        account = next((one for one in channels.accounts() if one.number == number), None)
        if account is None:
            raise NotThere(number)
    claim = channels.holder(account.id) if account else None
    if account is not None and status == 200:
        form.account.data = account.number
        form.fence.data = str(claim.fence) if claim else ""
    mine = claim is not None and claim.session_id == me().session_id
    return page("cards/new.html", status=status, form=form, account=account, held=held, claim=claim, mine=mine)

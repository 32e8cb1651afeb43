"""充值入账: entered by one person, let into the book by another."""

from uuid import uuid4

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.collections import queries, service
from app.collections.forms import RejectForm, ReverseForm, TopUpForm
from app.collections.queries import Purse
from app.collections.states import KINDS, LABELS, REVERSAL_LABELS, Kind, ReversalState, State
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.kernel.funds import FUNDS, Funds
from app.ledger import queries as ledger
from app.ledger.chart import LABELS as LEDGER_LABELS
from app.runtime.page import page, said, say

bp = Blueprint("collections", __name__, url_prefix="/collections")


@bp.get("/")
@needs(Permission.LEDGER_READ)
def index() -> ResponseReturnValue:
    accounts = channels.accounts()
    silent = queries.purses(accounts)
    return page(
        "collections/index.html",
        listing=queries.top_ups(request.args),
        accounts={account.id: account for account in accounts},
        silent=silent,
        standings=queries.standings(silent),
        everything=request.args.get("show") == "all",
        labels=LABELS,
        kinds=KINDS,
        funds=FUNDS,
        may_enter=me().can(Permission.COLLECTION_ENTER),
    )


@bp.get("/new")
@needs(Permission.COLLECTION_ENTER)
def new() -> ResponseReturnValue:
    key, today = request.args.get("account", ""), f"{clock.business_day():%Y%m%d}"
    purse = _named(key) if key else None
    begins = purse is not None and _begins(purse) and queries.opening_of(purse.account.id, purse.funds) is None
    kind = Kind.OPENING if begins else Kind.TOP_UP
    return _form(TopUpForm(formdata=None, form_key=str(uuid4()), account=key, kind=kind.value, arrived_on=today))


@bp.post("/")
@needs(Permission.COLLECTION_ENTER)
def enter() -> ResponseReturnValue:
    form = TopUpForm()
    _offer(form)
    if not form.validate():
        return _form(form, 422)
    assert form.amount.data is not None and form.day is not None
    purse = _named(form.account.data)
    try:
        number = service.enter(
            account=purse.account.number,
            funds=purse.funds,
            kind=Kind(form.kind.data),
            amount=form.amount.data,
            arrived_on=form.day,
            evidence=form.evidence.data.strip(),
            form_key=form.form_key.data,
            actor=me(),
        )
    except Refused as refused:
        form.form_errors += said(refused)
        flash(say(refused.text), "bad")
        return _form(form, 409)
    flash(_("已记下，另一人审批后入账"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.get("/<number>")
@needs(Permission.LEDGER_READ)
def show(number: str) -> ResponseReturnValue:
    return _show(number)


@bp.post("/<number>/approve")
@needs(Permission.COLLECTION_APPROVE, proof=True)
def approve(number: str) -> ResponseReturnValue:
    service.approve(number, actor=me())
    flash(_("已入账，可以提现了"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reject")
@needs(Permission.COLLECTION_APPROVE)
def reject(number: str) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate():
        return _show(number, form, 422)
    service.reject(number, reason=form.reason.data, actor=me())
    flash(_("已驳回，没有入账"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/withdraw")
@needs(Permission.COLLECTION_ENTER)
def withdraw(number: str) -> ResponseReturnValue:
    service.withdraw(number, actor=me())
    flash(_("已撤回，没有入账"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reverse")
@needs(Permission.COLLECTION_ENTER)
def reverse(number: str) -> ResponseReturnValue:
    form = ReverseForm()
    if not form.validate():
        return _show(number, reverse_form=form, status=422)
    service.reversals.ask(number, reason=form.reversal_reason.data.strip(), actor=me())
    flash(_("已申请冲正：这笔钱先冻结，另一人审批后出账"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reverse/approve")
@needs(Permission.COLLECTION_APPROVE, proof=True)
def approve_reversal(number: str) -> ResponseReturnValue:
    service.reversals.approve(number, actor=me())
    flash(_("已冲正，钱已从账本转出"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reverse/reject")
@needs(Permission.COLLECTION_APPROVE)
def reject_reversal(number: str) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate():
        return _show(number, form, 422)
    service.reversals.reject(number, reason=form.reason.data, actor=me())
    flash(_("已驳回，入账不变"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reverse/withdraw")
@needs(Permission.COLLECTION_ENTER)
def withdraw_reversal(number: str) -> ResponseReturnValue:
    service.reversals.withdraw(number, actor=me())
    flash(_("已撤回冲正，入账不变"), "good")
    return redirect(url_for(".show", number=number), 303)


def _show(
    number: str, form: RejectForm | None = None, status: int = 200, *, reverse_form: ReverseForm | None = None
) -> ResponseReturnValue:
    found, person = queries.top_up(number), me()
    account = channels.account_by_id(found.account_id)
    waits, mine = found.state == State.WAITING, found.maker_id == person.operator_id
    purse = Purse(account, Funds(found.funds))
    standing, told_at = queries.standings([purse])[purse]
    reversals = queries.reversals(found.id)
    reversing = next((it for it in reversals if it.state == ReversalState.WAITING), None)
    own_reversal = reversing is not None and reversing.maker_id == person.operator_id
    return page(
        "collections/show.html",
        status,
        top_up=found,
        account=account,
        kind=KINDS[Kind(found.kind)],
        funds=FUNDS[purse.funds] if len(account.can.funds) > 1 else None,
        is_prefunded=purse.funds is Funds.PREFUNDED,
        label=LABELS[State(found.state)],
        labels=LABELS,
        kinds=KINDS,
        standing=standing,
        told_at=told_at,
        echoes=queries.echoes(found),
        entries=[*ledger.entries(number), *(row for it in reversals for row in ledger.entries(it.number))],
        reversals=reversals,
        reversing=reversing,
        reversal_labels=REVERSAL_LABELS,
        may_reverse=found.state == State.BOOKED and reversing is None and person.can(Permission.COLLECTION_ENTER),
        may_check_reversal=reversing is not None and not own_reversal and person.can(Permission.COLLECTION_APPROVE),
        may_keep=own_reversal and person.can(Permission.COLLECTION_ENTER),
        reverse_form=reverse_form or ReverseForm(formdata=None),
        ledger_labels=LEDGER_LABELS,
        may_check=waits and not mine and person.can(Permission.COLLECTION_APPROVE),
        may_take_back=waits and mine and person.can(Permission.COLLECTION_ENTER),
        waits=waits,
        form=form or RejectForm(formdata=None),
    )


def _form(form: TopUpForm, status: int = 200) -> ResponseReturnValue:
    silent = _offer(form)
    chosen = next((purse for purse in silent if purse.key == form.account.data), None)
    return page(
        "collections/new.html",
        status,
        form=form,
        silent=silent,
        chosen=chosen,
        standings=queries.standings(silent),
        funds=FUNDS,
    )


def _offer(form: TopUpForm) -> list[Purse]:
    silent = queries.purses(channels.accounts())
    form.account.choices = [SelectChoice("", _("请选择")), *(SelectChoice(it.key, _title(it)) for it in silent)]
    return silent


def _title(purse: Purse) -> str:
    """Of an account with several balances, which of them."""
    title = purse.account.title
    return f"{title} · {say(FUNDS[purse.funds])}" if len(purse.account.can.funds) > 1 else title


def _named(key: str) -> Purse:
    """The balance that an address or a form names; NotThere where there is none."""
    number, _slash, funds = key.partition("/")
    if funds not in ("", *Funds):
        raise NotThere(key)
    return Purse(channels.account(number), Funds(funds or Funds.COLLECTED))


def _begins(purse: Purse) -> bool:
    """May its first entry be what it held before?"""
    return purse.funds is Funds.PREFUNDED or not purse.account.can.balance

"""Withdrawal pages: make, check, follow."""

from uuid import uuid4

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries as cards
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels import vacancy
from app.kernel import clock
from app.kernel.errors import NotThere, Refused, Text
from app.kernel.funds import FUNDS, Funds
from app.kernel.payee import PAYEES, Payee
from app.ledger import queries as ledger
from app.ledger.chart import LABELS as LEDGER_LABELS
from app.runtime.page import is_fragment, page, said, say
from app.withdrawals import queries, rules, service
from app.withdrawals.forms import ApproveForm, CheckForm, ReasonForm, RejectForm, WithdrawalForm
from app.withdrawals.queries import limits, routing
from app.withdrawals.states import LABELS, UNKNOWN, Kind
from app.withdrawals.views.show import show_page

bp = Blueprint("withdrawals", __name__, url_prefix="/withdrawals")


@bp.get("/<number>")
@needs(Permission.WITHDRAWAL_READ)
def show(number: str) -> ResponseReturnValue:
    if not is_fragment():
        service.look(number)
    return show_page(number)


@bp.get("/new")
@needs(Permission.WITHDRAWAL_CREATE)
def new() -> ResponseReturnValue:
    kind = Kind.SETTLEMENT if request.args.get("kind") == Kind.SETTLEMENT else Kind.PAYOUT
    form = WithdrawalForm(formdata=None, form_key=str(uuid4()), card=request.args.get("card", ""), kind=kind.value)
    number = request.args.get("account", "")
    if replaced := request.args.get("replaces"):
        old = queries.by_number(replaced)
        form.replaces.data, form.amount.data = old.number, old.amount
        form.card.data = form.card.data or cards.by_id(old.card_id).reference
        form.funds.data = old.funds
        number = number or channels.account_by_id(old.account_id).number
    return form_page(form, number)


@bp.get("/check")
@bp.get("/route/compare")
@needs(Permission.WITHDRAWAL_CREATE)
def begin_again() -> ResponseReturnValue:
    """A reload, or Back from further on: what was typed went with the form, so it is asked anew."""
    return redirect(url_for(".new"))


@bp.post("/check")
@needs(Permission.WITHDRAWAL_CREATE)
def check(status: int = 200) -> ResponseReturnValue:
    """Shows the fee and what remains before anything is made."""
    form = CheckForm()
    if form.edit.data:
        return form_page(form, form.account.data or "")
    if not form.validate():
        return form_page(form, form.account.data or "", status=422)
    assert form.amount.data is not None
    account = channels.account(form.account.data)
    card = cards.card(form.card.data)
    if card.account_id != account.id:
        raise NotThere(card.reference)
    try:
        channel_rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        channel_rules.require_pays_to(Payee(card.payee), account.can.pays_to, name=account.title)
        channel_rules.require_complete(queries.lacks(account, card), name=account.title)
        funds = Funds(form.funds.data)
        channel_rules.require_funds(funds, account.can.funds, name=account.title)
        rules.require_fit_funds(Kind(form.kind.data or Kind.PAYOUT), funds)
        rules.require_amount(form.amount.data, limit=account.single_limit)
        rules.require_clean_memo(form.memo.data or "")
        if form.replaces.data:
            queries.require_replaceable(form.replaces.data, amount=form.amount.data, holder=card.holder)
        service.preview(account, card, amount=form.amount.data, funds=funds)
    except Refused as problem:
        return form_page(form, account.number, status=409, refused=problem)
    halt = routing.halt(account.id)
    fee = channel_rules.fee(form.amount.data, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)
    balances = ledger.balances_of([account.number])[account.number]
    available, hold = balances.left(funds), form.amount.data + fee
    remains = available - hold
    others = [it for it in account.can.funds if it != funds and form.kind.data != Kind.SETTLEMENT]
    return page(
        "withdrawals/check.html",
        form=form,
        account=account,
        card=card,
        kind=PAYEES[Payee(card.payee)],
        fee=fee,
        available=available,
        remains=remains,
        funds=funds,
        funds_words=FUNDS,
        other_funds=next((it for it in others if remains.minor < 0 and balances.left(it) >= hold), None),
        halt=halt,
        after=_after(queries.rulebook_in_force().book.checkers(form.amount.data, made_at=clock.now())),
        other=instead(form, account.number) if halt or remains.minor < 0 else None,
        carried=carried(form),
        echoes=queries.echoes_of(card, form.amount.data),
        labels=LABELS,
        unknown_label=UNKNOWN,
    )


@bp.post("/")
@needs(Permission.WITHDRAWAL_CREATE)
def create() -> ResponseReturnValue:
    form = WithdrawalForm()
    if not form.validate():
        return form_page(form, form.account.data or "", status=422)
    assert form.amount.data is not None
    try:
        number = service.create(
            account=form.account.data,
            card=form.card.data,
            amount=form.amount.data,
            memo=form.memo.data or "",
            fence=int(form.fence.data),
            form_key=form.form_key.data,
            kind=Kind(form.kind.data or Kind.PAYOUT),
            funds=Funds(form.funds.data),
            replaces=form.replaces.data or "",
            actor=me(),
        )
    except Refused as problem:
        return form_page(form, form.account.data, status=409, refused=problem)
    flash(say(_made(queries.by_number(number).checkers)), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/approve")
@needs(Permission.WITHDRAWAL_APPROVE, proof=True)
def approve(number: str) -> ResponseReturnValue:
    form = ApproveForm()
    try:
        left = service.approve(number, seen=form.seen.data or "", actor=me())
    except service.Changed as changed:
        flash(say(changed.text), "bad")
        return show_page(number, 409, shown=form.shown.data or "")
    if left:
        flash(_("已记下您的审批，还需另一人审批"), "good")
    elif halt := routing.halt(queries.by_number(number).account_id):
        flash(_("已审批，现在还不发送：%(why)s", why=say(halt)), "info")
    else:
        flash(_("已审批，正在发送给渠道"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reject")
@needs(Permission.WITHDRAWAL_APPROVE)
def reject(number: str) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate():
        return show_page(number, 422, reject_form=form)
    service.reject(number, reason=form.reason.data, actor=me())
    flash(_("已驳回，冻结的资金已退回"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/send-back")
@needs(Permission.WITHDRAWAL_APPROVE)
def send_back(number: str) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return show_page(number, 422, back_form=form)
    service.send_back(number, reason=form.reason.data, actor=me())
    flash(_("已退回审批，没有发送"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/cancel")
@needs(Permission.WITHDRAWAL_CANCEL)
def cancel(number: str) -> ResponseReturnValue:
    service.cancel(number, actor=me())
    flash(_("已撤销，冻结的资金已退回"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/ask")
@needs(Permission.WITHDRAWAL_READ)
def ask(number: str) -> ResponseReturnValue:
    service.ask_now(number, actor=me())
    flash(_("正在向渠道查询"), "info")
    return redirect(url_for(".show", number=number), 303)


@bp.get("/<number>/entries")
@needs(Permission.LEDGER_READ)
def entries(number: str) -> ResponseReturnValue:
    """What the ledger says about it, also of what it cost after it had counted as failed: a part of its page."""
    own = queries.by_number(number).number
    found = [*ledger.entries(own), *ledger.entries(rules.late(own))]
    return page("ledger/entries.html", number=number, entries=found, labels=LEDGER_LABELS)


def _made(checkers: int) -> Text:
    """What was done, and how many people it waits for now."""
    if checkers > 1:
        return Text("提现已创建，资金已冻结，等待另外 %(count)s 人审批", count=checkers)
    return (
        Text("提现已创建，资金已冻结，等待另一人审批")
        if checkers
        else Text("提现已创建，资金已冻结，不需要审批，等待发送")
    )


def _after(checkers: int | None) -> Text:
    """What comes after the form is sent. None: the amount, and with it who must check it, is not known yet."""
    if checkers is None:
        return Text("审批或直接发送") if queries.rulebook_in_force().book.none_below.minor else Text("等待审批")
    return Text("等待审批") if checkers else Text("等待发送")


def _joined(refused: Refused) -> str:
    """Why not and what to do about it, as one problem."""
    return str(_("；")).join(said(refused))


def _typed() -> dict[str, str]:
    """What was sent here, to be sent to `check` once more: it comes back for editing when the account is claimed anew."""
    sent = {name: text for name, text in request.form.items() if name != "csrf_token"}
    return sent | {"edit": "1"} if sent else {}


def instead(form: WithdrawalForm, number: str) -> routing.Option | None:
    """Where this account does not take what the form asks for: one that would at once. A settlement is its account's own."""
    if not form.card.data or form.amount.data is None or form.kind.data == Kind.SETTLEMENT:
        return None
    return routing.instead(number, cards.card(form.card.data), form.amount.data, actor=me())


def carried(form: WithdrawalForm) -> dict[str, str]:
    """What was typed and goes along to another account."""
    amount = form.amount.data.yuan if form.amount.data is not None else ""
    names = ("form_key", "kind", "memo", "replaces")
    return {name: form[name].data or "" for name in names} | {"amount": amount, "edit": "1"}


def form_page(
    form: WithdrawalForm, number: str, status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused: once, at its field where one is to blame."""
    if isinstance(refused, rules.UncleanMemo):
        form.memo.errors = [_joined(refused)]
    elif refused is not None:
        form.form_errors.append(_joined(refused))
    held = channels.held_by(me().operator_id)
    account = next((one for one in held if one.number == number), held[0] if held and not number else None)
    if number and account is None:
        account = channels.account(number)
    claim = channels.holder(account.id) if account else None
    mine = claim is not None and claim.session_id == me().session_id
    if account is not None:
        form.account.data = account.number
    if claim is not None and mine:
        form.fence.data = str(claim.fence)  # also after a refusal: they may have claimed it anew meanwhile
    bound = cards.bound_to(account.id) if account else []
    if refused is not None and not (mine and bound):
        flash(say(refused.text), "bad")  # there is no form to say it
    _offer_funds(form, account)
    pays_to = account.can.pays_to if account else frozenset()
    form.card.choices = [
        SelectChoice("", _("请选择")),
        *(SelectChoice(c.reference, f"{c.holder} · {c.bank} · {c.number_masked}") for c in bound if c.payee in pays_to),
    ]
    if only_cards := pays_to <= {Payee.BANK_CARD}:
        form.card.label.text = _("收款卡")
    return page(
        "withdrawals/new.html",
        status,
        form=form,
        account=account,
        held=held,
        claim=claim,
        mine=mine,
        vacancy=vacancy.one(account.id, me()) if account and claim is None else None,
        typed=_typed(),
        other=instead(form, account.number) if refused is not None and account is not None else None,
        carried=carried(form),
        bound=bound,
        only_cards=only_cards,
        balances=ledger.balances_of([account.number])[account.number] if account else None,
        day=limits.account_day(account) if account else None,
        halt=routing.halt(account.id) if account else None,
        after=_after(None),
    )


def _offer_funds(form: WithdrawalForm, account: channels.Account | None) -> None:
    """Of what this account can pay; a settlement is of collected funds. What was chosen elsewhere and is not there, is not."""
    is_settlement = form.kind.data == Kind.SETTLEMENT
    offered = [
        it for it in FUNDS if account and it in account.can.funds and not (is_settlement and it != Funds.COLLECTED)
    ]
    form.funds.choices = [SelectChoice(it.value, say(FUNDS[it])) for it in offered]
    if form.funds.data not in offered and offered:
        form.funds.data = offered[0].value

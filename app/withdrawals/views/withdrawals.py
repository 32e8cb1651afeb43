"""Withdrawal pages: list, make, check, follow."""

from datetime import timedelta
from urllib.parse import urlencode
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
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.ledger import queries as ledger
from app.ledger.chart import LABELS as LEDGER_LABELS
from app.runtime.page import page, say
from app.withdrawals import queries, rules, service
from app.withdrawals.forms import ApproveForm, RejectForm, WithdrawalFilters, WithdrawalForm, WithdrawalSearch
from app.withdrawals.queries import sheets
from app.withdrawals.states import KINDS, LABELS, UNKNOWN, VERBS, Kind, State

bp = Blueprint("withdrawals", __name__, url_prefix="/withdrawals")


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    named = queries.exact(request.args.get("q", "").strip())
    if named and not request.headers.get("HX-Request"):
        return redirect(url_for(".show", number=named), 303)
    accounts = channels.accounts()
    filters = WithdrawalFilters(formdata=request.args)
    filters.account.choices = [SelectChoice("", _("全部")), *(SelectChoice(one.number, one.title) for one in accounts)]
    wanted = request.args.get("account")
    chosen = next((account.id for account in accounts if account.number == wanted), -1 if wanted else None)
    return page(
        "withdrawals/index.html",
        listing=queries.page(request.args, account_id=chosen),
        totals=queries.totals(request.args, account_id=chosen),
        tabs=_tabs(
            queries.counts(request.args, account_id=chosen),
            unknown=queries.totals({**request.args, "state": "unknown"}, account_id=chosen).count,
        ),
        problem=say(queries.problem_filter(request.args)),
        filters=filters,
        presets=_presets(),
        accounts={account.id: account for account in accounts},
        labels=LABELS,
        kinds=KINDS,
        unknown=UNKNOWN,
        out=queries.OUT,
    )


@bp.post("/search")
@needs(Permission.WITHDRAWAL_READ)
def search() -> ResponseReturnValue:
    """A search with a card number in it: what it becomes may stand in an address."""
    WithdrawalSearch()
    query = urlencode(cards.safe_search(request.form))
    return redirect(f"{url_for('.index')}?{query}", 303)


@bp.get("/<number>")
@needs(Permission.WITHDRAWAL_READ)
def show(number: str) -> ResponseReturnValue:
    return _show(number, RejectForm(formdata=None))


@bp.get("/new")
@needs(Permission.WITHDRAWAL_CREATE)
def new() -> ResponseReturnValue:
    kind = Kind.SETTLEMENT if request.args.get("kind") == Kind.SETTLEMENT else Kind.PAYOUT
    form = WithdrawalForm(formdata=None, form_key=str(uuid4()), card=request.args.get("card", ""), kind=kind.value)
    return _form(form, request.args.get("account", ""))


@bp.post("/check")
@needs(Permission.WITHDRAWAL_CREATE)
def check(status: int = 200) -> ResponseReturnValue:
    """Shows the fee and what remains before anything is made."""
    form = WithdrawalForm()
    if not form.validate():
        return _form(form, form.account.data or "", status=422)
    assert form.amount.data is not None
    account = channels.account(form.account.data)
    card = cards.card(form.card.data)
    if card.account_id != account.id:
        raise NotThere(card.reference)
    try:
        channel_rules.require_enabled(channel=account.channel_enabled, account=account.enabled, name=account.title)
        rules.require_amount(form.amount.data, limit=account.single_limit)
        rules.require_clean_memo(form.memo.data or "")
    except Refused as problem:
        return _form(form, account.number, status=409, refused=problem)
    fee = channel_rules.fee(form.amount.data, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)
    available = ledger.balances_of([account.number])[account.number].available
    return page(
        "withdrawals/check.html",
        form=form,
        account=account,
        card=card,
        fee=fee,
        available=available,
        remains=available - form.amount.data - fee,
    )


@bp.post("/")
@needs(Permission.WITHDRAWAL_CREATE)
def create() -> ResponseReturnValue:
    form = WithdrawalForm()
    if not form.validate():
        return _form(form, form.account.data or "", status=422)
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
            actor=me(),
        )
    except Refused as problem:
        return _form(form, form.account.data, status=409, refused=problem)
    flash(_("提现已创建，资金已冻结，等待另一人审批"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/approve")
@needs(Permission.WITHDRAWAL_APPROVE, proof=True)
def approve(number: str) -> ResponseReturnValue:
    form = ApproveForm()
    service.approve(number, seen=form.seen.data or "", actor=me())
    flash(_("已审批，正在发送给渠道"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/reject")
@needs(Permission.WITHDRAWAL_APPROVE)
def reject(number: str) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate():
        return _show(number, form, status=422)
    service.reject(number, reason=form.reason.data, actor=me())
    flash(_("已驳回，冻结的资金已退回可用余额"), "good")
    return redirect(url_for(".show", number=number), 303)


@bp.post("/<number>/cancel")
@needs(Permission.WITHDRAWAL_CANCEL)
def cancel(number: str) -> ResponseReturnValue:
    service.cancel(number, actor=me())
    flash(_("已撤销，冻结的资金已退回可用余额"), "good")
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
    """What the ledger says about it: a part of its page."""
    withdrawal = queries.by_number(number)
    return page("ledger/entries.html", number=number, entries=ledger.entries(withdrawal.number), labels=LEDGER_LABELS)


def _show(number: str, reject_form: RejectForm, status: int = 200) -> ResponseReturnValue:
    withdrawal = queries.by_number(number)
    person = me()
    in_review = withdrawal.state == State.REVIEW
    mine = withdrawal.maker_id == person.operator_id
    trace = queries.trace(withdrawal)
    return page(
        "withdrawals/show.html",
        status,
        withdrawal=withdrawal,
        account=channels.account_by_id(withdrawal.account_id),
        card=cards.by_id(withdrawal.card_id),
        sheet=sheets.reference_of(withdrawal.sheet_id),
        trace=trace,
        names=_names(trace, maker=withdrawal.maker, checker=withdrawal.checker),
        why=trace[-1].note,
        holds=[(rules.HOLDS[hold.reason], hold) for hold in queries.holds(withdrawal.id)],
        next_look=queries.next_look(number),
        seen=queries.digest(withdrawal),
        reject_form=reject_form,
        label=UNKNOWN if queries.is_unknown(withdrawal) else LABELS[State(withdrawal.state)],
        unknown=queries.is_unknown(withdrawal),
        steps=queries.steps(withdrawal),
        may_check=in_review and not mine and person.can(Permission.WITHDRAWAL_APPROVE),
        may_cancel=in_review and mine and person.can(Permission.WITHDRAWAL_CANCEL),
        own=in_review and mine,
        may_ask=withdrawal.state in queries.OUT,
        moving=withdrawal.state in (State.REVIEW, State.QUEUED, *queries.OUT),
    )


def _names(trace: list[queries.TraceLine], *, maker: str, checker: str) -> dict[str, str]:
    """Who the trace speaks of, as people say it: names instead of usernames, words for the parts of the machine."""
    verbs = {"create": maker, "cancel": maker, "approve": checker, "reject": checker}
    by_title = {str(VERBS[verb]): name for verb, name in verbs.items()}
    return {line.who: by_title[line.title] for line in trace if line.title in by_title} | {
        "worker": _("系统"),
        "submit": _("渠道答复"),
        "query": _("系统查询"),
        "callback": _("渠道回调"),
        "rule": _("系统核对"),
    }


def _form(form: WithdrawalForm, number: str, status: int = 200, refused: Refused | None = None) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused."""
    if refused is not None:
        form.form_errors.append(say(refused.text))
        flash(say(refused.text), "bad")
    held = channels.held_by(me().operator_id)
    account = next((one for one in held if one.number == number), held[0] if held and not number else None)
    if number and account is None:
        account = channels.account(number)
    claim = channels.holder(account.id) if account else None
    if account is not None:
        form.account.data = account.number
        if status == 200:
            form.fence.data = str(claim.fence) if claim else ""
    bound = cards.bound_to(account.id) if account else []
    form.card.choices = [
        SelectChoice("", _("请选择")),
        *(SelectChoice(c.reference, f"{c.holder} · {c.bank} · {c.number_masked}") for c in bound),
    ]
    return page(
        "withdrawals/new.html",
        status,
        form=form,
        account=account,
        held=held,
        claim=claim,
        mine=claim is not None and claim.session_id == me().session_id,
        bound=bound,
        available=ledger.balances_of([account.number])[account.number].available if account else None,
    )


def _tabs(counts: dict[str, int], *, unknown: int) -> list[tuple[str, str, int | None, bool]]:
    current = request.args.get("state", "")
    kept = {name: request.args[name] for name in queries.FILTERS if request.args.get(name) and name != "state"}

    def tab(label: str, state: str, count: int | None) -> tuple[str, str, int | None, bool]:
        return (
            label,
            url_for(".index") + "?" + urlencode({**kept, "state": state} if state else kept),
            count,
            current == state,
        )

    return [
        tab(_("全部"), "", sum(counts.values())),
        *(tab(say(label), str(state), counts.get(state, 0)) for state, (label, _tone) in LABELS.items()),
        tab(say(UNKNOWN[0]), "unknown", unknown),
    ]


def _presets() -> list[tuple[str, str, bool]]:
    today = clock.business_day()
    spans = (
        (_("今日"), today, today),
        (_("昨日"), today - timedelta(days=1), today - timedelta(days=1)),
        (_("近 7 天"), today - timedelta(days=6), today),
        (_("本月"), today.replace(day=1), today),
    )
    found = []
    for label, first, last in spans:
        asked = {"from": f"{first:%Y%m%d}", "to": f"{last:%Y%m%d}"}
        current = all(request.args.get(name) == value for name, value in asked.items())
        state = {"state": request.args["state"]} if request.args.get("state") else {}
        found.append((label, url_for(".index") + "?" + urlencode(asked | state), current))
    return found

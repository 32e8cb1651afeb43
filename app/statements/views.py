"""渠道流水: what each channel says about each day, and what is odd about it."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.channels.rules import SEEN, reason
from app.kernel import clock
from app.kernel.errors import Malformed, NotThere, Refused
from app.runtime.page import page, said, say
from app.statements import queries, rules, service
from app.statements.forms import LineFilters, RefreshForm, StatementFilters
from app.statements.states import FINDINGS, LABELS, ODD, OURS

bp = Blueprint("statements", __name__, url_prefix="/statements")


@bp.get("/")
@needs(Permission.LEDGER_READ)
def index() -> ResponseReturnValue:
    yesterday = clock.business_day() - timedelta(days=1)
    return _index(RefreshForm(formdata=None, account=request.args.get("account", ""), on=f"{yesterday:%Y%m%d}"))


@bp.post("/refresh")
@needs(Permission.CHANNEL_REFRESH)
def refresh() -> ResponseReturnValue:
    form = RefreshForm()
    _offer(form, [account for account in channels.accounts() if account.can.statements])
    if not form.validate():
        return _index(form, 422)
    assert form.day is not None
    try:
        service.refresh(form.account.data, form.day, actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _index(form, 409)
    flash(_("正在向渠道取这一天的流水"), "info")
    return redirect(url_for(".show", number=form.account.data, day=f"{form.day:%Y%m%d}"), 303)


@bp.get("/<number>/<day>")
@needs(Permission.LEDGER_READ)
def show(number: str, day: str) -> ResponseReturnValue:
    account, on = channels.account(number), _day(day)
    found, person = queries.statement(account.id, on), me()
    filters, today = LineFilters(formdata=request.args), clock.business_day()
    count = queries.counts(found.id) if found else {}
    shown = queries.shown(request.args)
    return page(
        "statements/show.html",
        account=account,
        day=on,
        can=account.can.statements,
        statement=found,
        filters=filters,
        listing=queries.lines(found.id, request.args) if found else None,
        tabs=[
            (
                label,
                url_for(".show", number=number, day=day, show=name or None),
                count.get(name or "all", 0),
                shown == (name or "all"),
            )
            for name, label in (
                *(("", _("全部")), ("odd", _("要留意")), ("paid", _("付出")), ("returned", _("退回"))),
                ("past", _("后来变了的")),
            )
            if found and (name != "past" or count["past"])
        ],
        labels=LABELS,
        reason=reason,
        findings=FINDINGS,
        odd=ODD,
        ours=OURS,
        seen=SEEN,
        late_from=rules.late_from(on),
        is_open=on >= today,
        is_ahead=on > today,
        may_pull=account.can.statements and person.can(Permission.CHANNEL_REFRESH),
        may_see_withdrawals=person.can(Permission.WITHDRAWAL_READ),
    )


def _index(form: RefreshForm, status: int = 200) -> ResponseReturnValue:
    accounts = channels.accounts()
    able = [account for account in accounts if account.can.statements]
    _offer(form, able)
    filters = StatementFilters(formdata=request.args if request.method == "GET" else None)
    filters.account.choices = [SelectChoice("", _("全部")), *(SelectChoice(it.number, it.title) for it in able)]
    asked: dict[str, Any] = dict(request.args) if request.method == "GET" else {}
    wrong, listing = "", None
    try:
        listing = queries.statements(asked)
    except Malformed as problem:
        wrong, status = say(problem.text), 422
    only_odd = asked.get("show") == "odd"
    return page(
        "statements/index.html",
        status,
        form=form,
        filters=filters,
        listing=listing,
        wrong=wrong,
        accounts={account.id: account for account in accounts},
        able=able,
        unable=[account for account in accounts if not account.can.statements],
        tabs=[
            (_("全部"), url_for(".index"), None, not only_odd),
            (_("要留意"), url_for(".index", show="odd"), None, only_odd),
        ],
        labels=LABELS,
        reason=reason,
        is_filtered=any(asked.get(name) for name in ("account", "from", "to", "show")),
        may_pull=me().can(Permission.CHANNEL_REFRESH),
    )


def _offer(form: RefreshForm, able: list[channels.Account]) -> None:
    form.account.choices = [SelectChoice("", _("请选择")), *(SelectChoice(it.number, it.title) for it in able)]


def _day(text: str) -> date:
    try:
        return clock.parse_day(text)
    except Malformed:
        raise NotThere(text) from None

"""The list of withdrawals: looking for some, adding them up, taking them along."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import queries as cards
from app.channels import queries as channels
from app.exports.states import Format
from app.kernel import clock
from app.kernel.bank_card import has_card_number
from app.kernel.errors import NotThere, Text
from app.kernel.funds import FUNDS
from app.kernel.payee import could_be_account
from app.runtime.page import page, say
from app.withdrawals import queries, service
from app.withdrawals.forms import ExportForm, WithdrawalFilters, WithdrawalSearch
from app.withdrawals.queries import selections, sheets, views
from app.withdrawals.rules import viewing
from app.withdrawals.states import ACCOUNT_TYPES, HANGING, HANGS, KINDS, LABELS, UNKNOWN
from app.withdrawals.views.withdrawals import bp


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    asked, person, whole_page = request.args, me(), not request.headers.get("HX-Request")
    if whole_page and (elsewhere := _elsewhere(asked)):
        return redirect(elsewhere, 303)
    if not asked and whole_page and (search := views.default_search(person.operator_id)):
        return redirect(f"{url_for('.index')}?{search}", 303)
    chosen = account_id(asked)
    totals = queries.totals(asked, account_id=chosen)
    listing = queries.page(asked, account_id=chosen)
    return page(
        "withdrawals/index.html",
        listing=listing,
        totals=totals,
        tabs=_tabs(
            queries.counts(asked, account_id=chosen),
            unknown=queries.totals({**asked, "state": "unknown"}, account_id=chosen),
            hanging=totals if asked.get("state") == HANGING else None,
        ),
        problem=say(queries.problem_filter(asked)),
        filters=_filters(asked),
        presets=_presets(asked),
        wider=_wider(asked),
        everything=address({}),
        accounts={account.id: account for account in channels.accounts()},
        labels=LABELS,
        kinds=KINDS,
        account_types=ACCOUNT_TYPES,
        funds=FUNDS,
        unknown=UNKNOWN,
        out=queries.OUT,
        columns=views.columns(person.operator_id),
        all_columns=viewing.COLUMNS,
        views=views.views(person.operator_id),
        views_most=viewing.VIEWS_MOST,
        search={name: asked[name] for name in ("q", "sealed_card", *viewing.KEPT) if asked.get(name)},
        seal="" if totals.is_floor else selections.seal_of(asked, totals),
        may_pick=person.can(Permission.WITHDRAWAL_APPROVE),
        picked_most=service.selecting.PICKED_MOST,
        may_export=person.can(Permission.WITHDRAWAL_EXPORT),
    )


@bp.post("/search")
@needs(Permission.WITHDRAWAL_READ)
def search() -> ResponseReturnValue:
    """A search with a card number in it, perhaps: what it becomes may stand in an address."""
    WithdrawalSearch()
    return redirect(_elsewhere(request.form) or address(cards.safe_search(request.form)), 303)


@bp.post("/export")
@needs(Permission.WITHDRAWAL_EXPORT, proof=True)
def export() -> ResponseReturnValue:
    """What the filter finds, or the rows that are ticked, with this person's columns."""
    form = ExportForm()
    if not form.validate():
        flash(_("请选择导出成 Excel 还是 CSV"), "bad")
        return redirect(address({}), 303)
    service.exporting.require_ticked(form.number.data or (), wanted=bool(form.ticked.data))
    asked = {} if form.number.data else {name: str(form[name].data or "") for name in queries.FILTERS}
    service.exporting.ask(
        asked,
        account_id=account_id(asked),
        numbers=form.number.data or (),
        columns=views.columns(me().operator_id),
        words=_words(asked, len(form.number.data or ())),
        titles={key: say(word) for key, word in service.exporting.words_of().items()},
        format_=Format(form.format.data),
        actor=me(),
    )
    flash(_("正在生成，好了会出现在这里"), "info")
    return redirect(url_for("exports.index"), 303)


def address(asked: Mapping[str, str]) -> str:
    """The list with this search and nothing else: without any query it would open with somebody's own view."""
    return f"{url_for('.index')}?{urlencode(asked or {'state': ''})}"


def _elsewhere(asked: Mapping[str, str]) -> str:
    """Where a search leads that names one thing, or whose text may be a card number; "" where it is one for the list."""
    text = asked.get("q", "").strip()
    found = queries.named(text)
    if len(found) == 1:
        return url_for(".show", number=found[0])
    if _is_there(sheets.sheet, text):
        return url_for("withdrawal_sheets.show", reference=text)
    if _is_there(service.sheets.DESK.upload, text):
        return url_for("withdrawal_uploads.show", reference=text)
    if could_be_account(text) and (not found or has_card_number(text)):
        return address(cards.safe_search({**asked, "q": "", "card": text}))
    return ""


def _is_there(read: Callable[[str], object], reference: str) -> bool:
    try:
        return read(reference) is not None
    except NotThere:
        return False


def account_id(asked: Mapping[str, str]) -> int | None:
    """The account that a search names: -1 for one that is nobody's, None for none."""
    wanted = asked.get("account")
    return next((it.id for it in channels.accounts() if it.number == wanted), -1) if wanted else None


def _filters(asked: Mapping[str, str]) -> WithdrawalFilters:
    filters = WithdrawalFilters(formdata=request.args if asked is request.args else None, data=asked)
    accounts = (SelectChoice(it.number, it.title) for it in channels.accounts())
    filters.account.choices = [SelectChoice("", _("全部")), *accounts]
    return filters


def _words(asked: Mapping[str, str], ticked: int) -> list[tuple[str, str]]:
    """A filter as people read it."""
    if ticked:
        return [(_("所选"), _("%(count)s 笔", count=ticked))]
    titles = {it.number: it.title for it in channels.accounts()}
    said: dict[str, str | None] = {"sealed_card": _("已填写")}
    said |= {"account": titles.get(asked.get("account", "")), "state": _state(asked.get("state", ""))}
    labels = {field.name: str(field.label.text) for field in _filters({})}
    labels |= {"sealed_card": _("完整卡号"), "state": _("状态")}
    return [(labels[name], said.get(name) or asked[name]) for name in queries.FILTERS if asked.get(name)]


def _state(state: str) -> str:
    labels: dict[str, Text] = {str(it): label for it, (label, _tone) in LABELS.items()}
    labels |= {"unknown": UNKNOWN[0], HANGING: HANGS[0]}
    return say(labels.get(state, state))


Tab = tuple[str, str, int | str | None, bool]


def _tabs(
    counts: dict[str, int] | None, *, unknown: queries.Totals, hanging: queries.Totals | None = None
) -> list[Tab]:
    """`hanging`: where somebody looks at these."""
    current = request.args.get("state", "")
    kept = {name: request.args[name] for name in queries.FILTERS if request.args.get(name) and name != "state"}
    many = f"{queries.SUM_LIMIT:,}+"

    def tab(label: str, state: str, count: int | str | None) -> Tab:
        return label, address({**kept, "state": state}), count, current == state

    return [
        tab(_("全部"), "", many if counts is None else sum(counts.values())),
        *(
            tab(say(label), str(state), None if counts is None else counts.get(state, 0))
            for state, (label, _tone) in LABELS.items()
        ),
        tab(say(UNKNOWN[0]), "unknown", many if unknown.is_floor else unknown.count),
        *([tab(say(HANGS[0]), HANGING, many if hanging.is_floor else hanging.count)] if hanging else []),
    ]


def _presets(asked: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    today, state = clock.business_day(), asked.get("state", "")
    found = []
    for name, label in viewing.SPANS.items():
        days = viewing.days(*viewing.span(name, today))
        current = all(asked.get(end) == day for end, day in days.items())
        found.append((say(label), address(days | ({"state": state} if state else {})), current))
    return found


def _wider(asked: Mapping[str, str]) -> str:
    """The same search over the last 90 days; "" where it has no days, or these already."""
    days = viewing.days(*viewing.span("quarter", clock.business_day()))
    if not (asked.get("from") or asked.get("to")) or all(asked.get(end) == day for end, day in days.items()):
        return ""
    kept = {name: asked[name] for name in queries.FILTERS if asked.get(name)}
    return address(kept | days)

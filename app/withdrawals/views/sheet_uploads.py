"""Bulk withdrawals, until they are confirmed. The doors up to there are those of every room that takes sheets."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.channels.queries import Account
from app.kernel.cells import Column
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.funds import FUNDS, Funds
from app.ledger import queries as ledger
from app.runtime.page import said
from app.uploads import pages
from app.uploads import queries as uploads
from app.uploads.states import State
from app.withdrawals import service
from app.withdrawals.forms import SheetConfirmForm
from app.withdrawals.queries import routing, sheets
from app.withdrawals.queries.forecast import forecast
from app.withdrawals.rules.forecast import LABELS, WAITS
from app.withdrawals.rules.sheet import FORMS, form_of

bp = Blueprint("withdrawal_uploads", __name__, url_prefix="/withdrawal-uploads")
DESK = service.sheets.DESK
STEPS = (gettext_noop("上传"), gettext_noop("核对"), gettext_noop("确认"), gettext_noop("生成"), gettext_noop("审批"))


def _downloads(account: Account) -> list[tuple[Text, str]]:
    form = form_of(account.can.pays_to) or None
    return [
        (gettext_noop("下载 .xlsx 模版"), url_for("withdrawal_uploads.xlsx", form=form)),
        (gettext_noop("下载 .csv 模版"), url_for("withdrawal_uploads.csv", form=form)),
    ]


def _columns() -> Sequence[Column]:
    """Those that the address asks for: of bank cards, where it does not say."""
    return FORMS[1] if request.args.get("form") == "1" else FORMS[0]


def _totals(upload: uploads.Upload) -> Mapping[str, object]:
    """What one confirms: the good rows together, and what they leave of the balance."""
    account = channels.account_by_id(upload.account_id)
    good, balances = sheets.totals(upload), ledger.balances_of([account.number])[account.number]
    funds = _funds(account)
    available = balances.left(funds)
    place, ahead = pages.held_account(account.number), None
    if place.mine and good.count:
        ahead = forecast(upload, funds=funds, reason=_reason(), after_row=_after_row())
    form = SheetConfirmForm(
        formdata=None, fence=place.fence, funds=funds.value, stay=str(ahead.all.count) if ahead else ""
    )
    made = good.less(count=ahead.refused.count, amount=ahead.refused.amount, fee=ahead.refused.fee) if ahead else good
    whole = routing.whole(account, good, left=available, actor=me())
    return {
        "totals": good,
        "funds": funds,
        "offered": [(it, FUNDS[it], balances.left(it)) for it in FUNDS if it in account.can.funds],
        "available": available,
        "made": made,
        "funds_words": FUNDS,
        "remains": available - made.hold,
        "other_funds": next(
            (it for it in FUNDS if it in account.can.funds and it != funds and made.hold <= balances.left(it)), None
        ),
        "confirm": form,
        "whole": whole,
        "ahead": ahead,
        "stay_reason": _reason(),
        "stay_labels": LABELS,
        "stay_waits": WAITS,
    }


def _funds(account: Account) -> Funds:
    """Of which funds the page is asked to pay the sheet, or was asked to by its form; the first that the account has."""
    asked = request.form.get("funds") or request.args.get("funds", "")
    return next(it for it in sorted(FUNDS, key=lambda it: it != asked) if it in account.can.funds)


def _reason() -> str:
    """Of which rows that stay the page lists some; "": of all."""
    asked = request.args.get("stay", "")
    return asked if asked in LABELS else ""


def _after_row() -> int:
    asked = request.args.get("stay_after", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 0


ROOM = pages.Room(
    desk=DESK,
    title=gettext_noop("批量提现"),
    index="withdrawal_sheets.index",
    steps=STEPS,
    make=Permission.WITHDRAWAL_CREATE,
    confirm="withdrawals/_sheet_confirm.html",
    downloads=_downloads,
    more=_totals,
)
pages.open_doors(bp, ROOM)


@bp.get("/<reference>")
@needs(Permission.WITHDRAWAL_READ)
def show(reference: str) -> ResponseReturnValue:
    upload = DESK.upload(reference)
    if upload.state == State.CONFIRMED and (sheet := sheets.sheet_of(upload.id)):
        return pages.lead_on(url_for("withdrawal_sheets.show", reference=sheet.reference))
    return pages.show_upload(ROOM, upload)


@bp.post("/<reference>/confirm")
@needs(Permission.WITHDRAWAL_CREATE)
def confirm(reference: str) -> ResponseReturnValue:
    form = SheetConfirmForm()
    if not form.validate():
        return _again(reference, form, 422)
    assert form.amount.data is not None
    count, amount, fence = form.count.data, form.amount.data, int(form.fence.data)
    try:
        sheet = service.sheets.confirm(
            reference,
            count=count,
            amount=amount,
            fence=fence,
            funds=Funds(form.funds.data),
            stay=form.accepted,
            actor=me(),
        )
    except Refused as refused:
        form.form_errors += said(refused)
        return _again(reference, form, 409)
    return redirect(url_for("withdrawal_sheets.show", reference=sheet), 303)


def _again(reference: str, form: SheetConfirmForm, status: int) -> ResponseReturnValue:
    """What stays may be another number now: whether to go on is asked anew."""
    form.goes_on.data = False
    return pages.show_upload(ROOM, DESK.upload(reference), confirm=form, status=status)


@bp.get("/sheet.xlsx")
@needs(Permission.WITHDRAWAL_CREATE)
def xlsx() -> Response:
    """An empty sheet to fill in: every cell is text, a second sheet explains."""
    first = _("第一行是表头，请不要改动；从第二行起每行一笔提现，示例行请删除或改写。")
    return pages.send_xlsx(pages.blank(_("提现"), first, _columns()), _("批量提现模版"))


@bp.get("/sheet.csv")
@needs(Permission.WITHDRAWAL_CREATE)
def csv() -> Response:
    return pages.send_csv(_columns(), _("批量提现模版"))

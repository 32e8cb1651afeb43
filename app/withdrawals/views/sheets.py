"""Bulk withdrawals: all of them, and one: how far it is, what came of its rows, what is decided about the whole of it."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, attached, needs
from app.channels import queries as channels
from app.kernel.errors import Refused
from app.kernel.funds import FUNDS, Funds
from app.ledger import queries as ledger
from app.runtime.forms import StrictForm
from app.runtime.page import page
from app.uploads import pages
from app.uploads import queries as uploads
from app.uploads.forms import HeldForm
from app.uploads.states import LABELS as UPLOAD_LABELS
from app.uploads.states import State as UploadState
from app.withdrawals import service
from app.withdrawals.forms import SheetOrderForm, SheetRejectForm
from app.withdrawals.queries import sheets, unusual
from app.withdrawals.states import LABELS, ORDERS, SHEET_LABELS, UNKNOWN, SheetState
from app.withdrawals.views.sheet_uploads import STEPS

bp = Blueprint("withdrawal_sheets", __name__, url_prefix="/withdrawal-sheets")


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    accounts = {account.id: account for account in channels.accounts()}
    purpose, chosen = service.sheets.DESK.purpose, pages.chosen_account(accounts)
    listing = uploads.uploads(request.args, purpose=purpose, account_id=chosen)
    return page(
        "withdrawals/sheets.html",
        listing=listing,
        accounts=accounts,
        sheets=sheets.sheets_of([row.id for row in listing.rows]),
        labels=UPLOAD_LABELS,
        sheet_labels=SHEET_LABELS,
    )


@bp.get("/<reference>")
@needs(Permission.WITHDRAWAL_READ)
def show(reference: str) -> ResponseReturnValue:
    return _show(reference)


@bp.post("/<reference>/pause")
@needs(Permission.WITHDRAWAL_CREATE)
def pause(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.sheets.pause(reference, fence=int(form.fence.data), actor=me())
        flash(_("已暂停：已经生成的照常办理"), "info")
    return _back(reference)


@bp.post("/<reference>/resume")
@needs(Permission.WITHDRAWAL_CREATE)
def resume(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.sheets.resume(reference, fence=int(form.fence.data), actor=me())
    return _back(reference)


@bp.post("/<reference>/stop")
@needs(Permission.WITHDRAWAL_CREATE)
def stop(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.sheets.stop(reference, fence=int(form.fence.data), actor=me())
        flash(_("已停止：其余的行不再生成"), "info")
    return _back(reference)


@bp.post("/<reference>/approve")
@needs(Permission.WITHDRAWAL_APPROVE, proof=True)
def approve(reference: str) -> ResponseReturnValue:
    form = SheetOrderForm()
    if form.validate():
        service.sheet_orders.give(reference, "approve", seen=form.seen.data, actor=me())
        flash(_("正在逐笔审批，可以离开本页"), "good")
    return _back(reference)


@bp.post("/<reference>/reject")
@needs(Permission.WITHDRAWAL_APPROVE)
def reject(reference: str) -> ResponseReturnValue:
    form = SheetRejectForm()
    if not form.validate():
        return _show(reference, form, status=422)
    service.sheet_orders.give(reference, "reject", seen=form.seen.data, reason=form.reason.data, actor=me())
    flash(_("正在逐笔驳回，可以离开本页"), "info")
    return _back(reference)


@bp.post("/<reference>/cancel")
@needs(Permission.WITHDRAWAL_CANCEL)
def cancel(reference: str) -> ResponseReturnValue:
    form = SheetOrderForm()
    if form.validate():
        service.sheet_orders.give(reference, "cancel", seen=form.seen.data, actor=me())
        flash(_("正在逐笔撤回，可以离开本页"), "info")
    return _back(reference)


@bp.post("/<reference>/result")
@needs(Permission.WITHDRAWAL_READ)
def write_result(reference: str) -> ResponseReturnValue:
    StrictForm()
    service.sheet_results.ask(reference)
    flash(_("正在生成结果表，好了会出现在本页"), "info")
    return _back(reference)


@bp.get("/<reference>/result.xlsx")
@needs(Permission.WITHDRAWAL_READ, proof=True)
@attached("withdrawal_sheets.show")
def result(reference: str) -> Response:
    file, upload = service.sheet_results.FILE, uploads.by_id(sheets.sheet(reference).upload_id)
    if not uploads.has_file(upload.id, file):
        raise Refused("还没有结果表，或已按期清除", advice="请先生成")
    service.sheet_results.take(reference, actor=me())
    # All of it at once: a slow reader must not keep a connection to the database.
    answer = Response(b"".join(uploads.file(upload, file)), mimetype=pages.XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=f"{reference}-{file}.xlsx")
    return answer


def _show(reference: str, reject_form: SheetRejectForm | None = None, status: int = 200) -> ResponseReturnValue:
    sheet = sheets.sheet(reference)
    account = channels.account_by_id(sheet.account_id)
    place = pages.held_account(account.number)
    upload = uploads.by_id(sheet.upload_id)
    orders = sheets.orders(sheet.id)
    decision = _decision(sheet, any(it.ended_at is None for it in orders), reject_form)
    found = unusual.of_sheet(sheet.id) if decision["may_check"] else None
    shown = request.args.get("state", "")
    listing, lines = sheets.rows(sheet.id, request.args, only=found.only(shown) if found else None)
    return page(
        "withdrawals/sheet.html",
        status,
        sheet=sheet,
        account=account,
        place=place,
        fence=place.fence,
        upload=upload,
        erased=upload.state == UploadState.ERASED,
        steps=STEPS,
        done=sheet.made + sheet.refused,
        seconds_left=sheets.seconds_left(sheet),
        available=ledger.balances_of([account.number])[account.number].left(Funds(sheet.funds))
        if sheet.needed
        else None,
        funds=FUNDS[Funds(sheet.funds)],
        states=sheets.states(sheet.id),
        orders=orders,
        order_words=ORDERS,
        listing=listing,
        lines=lines,
        shown=shown,
        unusual=found,
        labels=LABELS,
        unknown=UNKNOWN,
        sheet_labels=SHEET_LABELS,
        has_result=uploads.has_file(upload.id, service.sheet_results.FILE),
        **decision,
    )


def _decision(
    sheet: sheets.WithdrawalSheet, is_ordered: bool, reject_form: SheetRejectForm | None
) -> dict[str, object]:
    """What this person may decide about all that waits for review, and what that is."""
    person = me()
    mine = sheet.maker_id == person.operator_id
    may_check = not mine and person.can(Permission.WITHDRAWAL_APPROVE)
    may_cancel = mine and person.can(Permission.WITHDRAWAL_CANCEL)
    is_open = sheet.state != SheetState.MAKING and not is_ordered and (may_check or may_cancel)
    review = sheets.in_review(sheet.id) if is_open else None
    if review is None or not review.count:
        return {"review": None, "may_check": False, "may_cancel": False, "reject_form": None}
    form = reject_form or SheetRejectForm(formdata=None)
    return {"review": review, "may_check": may_check, "may_cancel": may_cancel, "reject_form": form}


def _back(reference: str) -> ResponseReturnValue:
    return redirect(url_for(".show", reference=reference), 303)

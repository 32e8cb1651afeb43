"""Runs that bind many cards: how far they are, what came of each row, and the result to take along."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, attached, needs
from app.cards import queries, service
from app.cards.forms import RunForm
from app.cards.queries import runs
from app.cards.states import ROW_LABELS, RUN_LABELS, RunState
from app.channels import queries as channels
from app.channels.manners import abilities
from app.kernel.errors import Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page
from app.uploads import queries as uploads
from app.uploads.forms import HeldForm
from app.uploads.pages import XLSX, held_account
from app.uploads.states import State as UploadState

bp = Blueprint("binding_runs", __name__, url_prefix="/binding-runs")


@bp.get("/<reference>")
@needs(Permission.CARD_READ)
def show(reference: str) -> ResponseReturnValue:
    run = runs.run(reference)
    account = channels.account_by_id(run.account_id)
    place = held_account(account.number)
    upload = uploads.by_id(run.upload_id)
    return page(
        "cards/run.html",
        run=run,
        account=account,
        place=place,
        fence=place.fence,
        upload=upload,
        erased=upload.state == UploadState.ERASED,
        waits_for=runs.waits_for(run) if run.state == RunState.RUNNING else None,
        done=run.bound + run.refused + run.known + run.pending,
        seconds_left=runs.seconds_left(run),
        refused=runs.refused(run.id),
        listing=runs.run_rows(run.id, request.args),
        shown=request.args.get("state", ""),
        labels=RUN_LABELS,
        row_labels=ROW_LABELS,
        has_result=uploads.has_file(upload.id, service.results.MASKED),
        has_whole=uploads.has_file(upload.id, service.results.WHOLE),
        at_once=abilities(account.adapter).cards_at_once,
        may_reveal=me().can(Permission.CARD_REVEAL),
        template=queries.template_by_id(run.template_id or 0),
    )


@bp.post("/<reference>/pause")
@needs(Permission.CARD_BIND)
def pause(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.runs.pause(reference, fence=int(form.fence.data), actor=me())
        flash(_("已暂停：已经提交的照常等结果"), "info")
    return _back(reference)


@bp.post("/<reference>/resume")
@needs(Permission.CARD_BIND)
def resume(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.runs.resume(reference, fence=int(form.fence.data), actor=me())
    return _back(reference)


@bp.post("/<reference>/stop")
@needs(Permission.CARD_BIND)
def stop(reference: str) -> ResponseReturnValue:
    form = HeldForm()
    if form.validate():
        service.runs.stop(reference, fence=int(form.fence.data), actor=me())
        flash(_("已停止：其余的行不再提交"), "info")
    return _back(reference)


@bp.post("/<reference>/retry")
@needs(Permission.CARD_BIND)
def retry(reference: str) -> ResponseReturnValue:
    form = RunForm()
    if form.validate():
        row = int(form.row.data) if form.row.data else None
        count = service.runs.retry(reference, row=row, fence=int(form.fence.data), actor=me())
        flash(_("正在重新提交 %(count)d 行", count=count), "info")
    return _back(reference)


@bp.post("/<reference>/result")
@needs(Permission.CARD_READ)
def write_result(reference: str) -> ResponseReturnValue:
    StrictForm()
    service.results.ask(reference, whole=False, actor=me())
    flash(_("正在生成结果表，好了会出现在本页"), "info")
    return _back(reference)


@bp.post("/<reference>/whole-result")
@needs(Permission.CARD_REVEAL, proof=True)
def write_whole_result(reference: str) -> ResponseReturnValue:
    StrictForm()
    service.results.ask(reference, whole=True, actor=me())
    flash(_("正在生成含完整卡号的结果表，好了会出现在本页"), "info")
    return _back(reference)


@bp.get("/<reference>/result.xlsx")
@needs(Permission.CARD_READ, proof=True)
@attached("binding_runs.show")
def result(reference: str) -> Response:
    return _download(reference, whole=False)


@bp.get("/<reference>/whole-result.xlsx")
@needs(Permission.CARD_REVEAL, proof=True)
@attached("binding_runs.show")
def whole_result(reference: str) -> Response:
    return _download(reference, whole=True)


def _download(reference: str, *, whole: bool) -> Response:
    file = service.results.WHOLE if whole else service.results.MASKED
    run = runs.run(reference)
    upload = uploads.by_id(run.upload_id)
    if not uploads.has_file(upload.id, file):
        raise Refused("还没有结果表，或已按期清除", advice="请先生成")
    service.results.take(reference, whole=whole, actor=me())
    # All of it at once: a slow reader must not keep a connection to the database.
    answer = Response(b"".join(uploads.file(upload, file)), mimetype=XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=f"{reference}-{file}.xlsx")
    return answer


def _back(reference: str) -> ResponseReturnValue:
    return redirect(url_for(".show", reference=reference), 303)

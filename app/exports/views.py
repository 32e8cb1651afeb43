"""下载中心: what one asked for, how far it is, and taking it along."""

from flask import Blueprint, Response, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, attached, needs
from app.exports import queries, service
from app.exports.states import LABELS, UNDER_WAY
from app.kernel import clock
from app.kernel.errors import gettext_noop
from app.runtime.forms import StrictForm
from app.runtime.page import page

bp = Blueprint("exports", __name__, url_prefix="/downloads")
KINDS = {"withdrawals": gettext_noop("提现列表")}
TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@bp.get("/")
@needs(Permission.WITHDRAWAL_EXPORT)
def index() -> ResponseReturnValue:
    listing = queries.exports(request.args, operator_id=me().operator_id)
    return page(
        "exports/index.html",
        listing=listing,
        questions={row.id: queries.question_of(row) for row in listing.rows},
        troubles={row.id: queries.trouble_of(row) for row in listing.rows},
        labels=LABELS,
        kinds=KINDS,
        under_way=UNDER_WAY,
    )


@bp.get("/<reference>/file")
@needs(Permission.WITHDRAWAL_EXPORT, proof=True)
@attached("exports.index")
def download(reference: str) -> ResponseReturnValue:
    export = service.take(reference, actor=me())
    name = f"{export.kind}-{export.asked_at.astimezone(clock.BUSINESS_ZONE):%Y%m%d-%H%M%S}.{export.format}"
    headers = {"Content-Length": str(export.size), "Content-Disposition": f"attachment; filename={name}"}
    body = stream_with_context(queries.pieces(export))
    return Response(body, mimetype=TYPES[export.format], headers=headers)


@bp.post("/<reference>/delete")
@needs(Permission.WITHDRAWAL_EXPORT)
def delete(reference: str) -> ResponseReturnValue:
    StrictForm()
    service.delete(reference, actor=me())
    flash(_("已删除，内容无法恢复"), "good")
    return redirect(url_for(".index"), 303)

"""Bulk binding, until it is confirmed. The doors up to there are those of every room that takes sheets."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards import service
from app.cards.queries import runs
from app.cards.states import RUN_LABELS
from app.channels import queries as channels
from app.channels.queries import Account
from app.kernel.errors import Text, gettext_noop
from app.runtime.page import page
from app.uploads import pages
from app.uploads import queries as uploads
from app.uploads.forms import ConfirmForm
from app.uploads.states import LABELS, State

bp = Blueprint("card_uploads", __name__, url_prefix="/card-uploads")
DESK = service.uploads.DESK


def _downloads(account: Account) -> list[tuple[Text, str]]:
    code = account.channel_code
    return [
        (gettext_noop("下载 .xlsx 模版"), url_for("card_templates.xlsx", channel=code)),
        (gettext_noop("下载 .csv 模版"), url_for("card_templates.csv", channel=code)),
    ]


ROOM = pages.Room(
    desk=DESK,
    title=gettext_noop("批量绑卡"),
    index="card_uploads.index",
    steps=(gettext_noop("上传"), gettext_noop("核对"), gettext_noop("确认"), gettext_noop("绑定")),
    make=Permission.CARD_BIND,
    confirm="cards/_confirm.html",
    downloads=_downloads,
    more=lambda upload: {"binds": channels.account_by_id(upload.account_id).can.binds},
)
pages.open_doors(bp, ROOM)


@bp.get("/")
@needs(Permission.CARD_READ)
def index() -> ResponseReturnValue:
    accounts = {account.id: account for account in channels.accounts()}
    listing = uploads.uploads(request.args, purpose=DESK.purpose, account_id=pages.chosen_account(accounts))
    return page(
        "cards/uploads.html",
        listing=listing,
        accounts=accounts,
        runs=runs.runs_of([row.id for row in listing.rows]),
        labels=LABELS,
        run_labels=RUN_LABELS,
    )


@bp.get("/<reference>")
@needs(Permission.CARD_READ)
def show(reference: str) -> ResponseReturnValue:
    upload = DESK.upload(reference)
    if upload.state == State.CONFIRMED and (run := runs.run_of(upload.id)):
        return pages.lead_on(url_for("binding_runs.show", reference=run.reference))
    return pages.show_upload(ROOM, upload)


@bp.post("/<reference>/confirm")
@needs(Permission.CARD_BIND)
def confirm(reference: str) -> ResponseReturnValue:
    form = ConfirmForm()
    if not form.validate():
        return redirect(url_for(".show", reference=reference), 303)
    run = service.runs.confirm(reference, seen=int(form.seen.data), fence=int(form.fence.data), actor=me())
    return redirect(url_for("binding_runs.show", reference=run), 303)

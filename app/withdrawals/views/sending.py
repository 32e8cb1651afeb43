"""发送控制: what may leave, what must not, and why; the state of a restored database."""

from datetime import datetime

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import channels as my_channels
from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import opening
from app.channels import queries as channels
from app.runtime.page import page
from app.withdrawals import queries, rules, service
from app.withdrawals.forms import ResumeForm, StopForm

bp = Blueprint("sending", __name__, url_prefix="/sending")


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/pause")
@needs(Permission.SENDING_STOP)
def pause() -> ResponseReturnValue:
    form = StopForm()
    if not form.validate():
        return _index(form, 422)
    service.stops.pause(account=form.account.data or "", reason=form.reason.data, actor=me())
    flash(_("已停发；已发出的照常查询"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/resume")
@needs(Permission.SENDING_STOP, proof=True)
def resume() -> ResponseReturnValue:
    form = ResumeForm()
    service.stops.resume(account=form.account.data or "", actor=me())
    flash(_("已恢复发送"), "good")
    return redirect(url_for(".index"), 303)


def _index(form: StopForm | None = None, status: int = 200) -> ResponseReturnValue:
    """`form`: as it was sent and refused, of one account or of the house."""
    stops, past, blank = queries.stops(), queries.past_stops(), StopForm(formdata=None)
    lost = queries.lost_sends() if my_channels() is None else []
    return page(
        "withdrawals/sending.html",
        status,
        stands=opening.of([account.id for account in channels.accounts()]),
        house=[stop for stop in stops if stop.account_id is None],
        stops={stop.account_id: stop for stop in stops if stop.account_id is not None},
        past=past,
        accounts=channels.accounts(),
        titles={account.id: account.title for account in channels.accounts()},
        waiting=queries.waiting_to_leave(),
        lost=lost,
        troubles={it.number: queries.trouble_of(it) for it in lost},
        lost_since={
            it.id: datetime.fromisoformat(it.detail) for it in (*stops, *past) if it.reason == service.stops.RESTORED
        },
        uncleared=queries.uncleared(),
        reasons=rules.STOPS,
        briefly=rules.HOUSE_STOPS,
        may_stop=me().can(Permission.SENDING_STOP),
        whole=my_channels() is None,
        form=form or blank,
        house_form=form if form and not form.account.data else blank,
    )

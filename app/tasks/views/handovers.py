"""交接: the brief before it is given, and the one that was given, to be read and signed."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.cards.states import RUN_LABELS
from app.channels import history
from app.channels import queries as channels
from app.kernel.errors import Refused
from app.runtime.page import page, said, say
from app.tasks import queries, service
from app.tasks.forms import HandoverForm, ReasonForm, SignForm
from app.tasks.rules import Brief
from app.uploads.pages import held_account
from app.withdrawals.rules import HOLDS
from app.withdrawals.states import LABELS

bp = Blueprint("handovers", __name__, url_prefix="/handovers")
WORDS = {"labels": LABELS, "holds": HOLDS, "run_labels": RUN_LABELS}


@bp.get("/new")
@needs(Permission.CLAIM_TAKE)
def new() -> ResponseReturnValue:
    return _form(request.args.get("account", ""))


@bp.post("/")
@needs(Permission.CLAIM_TAKE)
def give() -> ResponseReturnValue:
    form = HandoverForm()
    number = str(form.account.data or "")
    _offer(form, number)
    if not form.validate():
        return _form(number, form, 422)
    successor_id = int(form.successor.data) if form.successor.data else None
    try:
        reference = service.hand_over(
            number, fence=int(form.fence.data), successor_id=successor_id, note=form.note.data or "", actor=me()
        )
    except Refused as problem:
        return _form(number, form, 409, problem)
    flash(_("已交接，账号已释放，等待接收确认"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/<reference>")
@needs(Permission.CHANNEL_READ)
def show(reference: str) -> ResponseReturnValue:
    return _show(reference, ReasonForm(formdata=None))


@bp.post("/<reference>/sign")
@needs(Permission.CLAIM_TAKE)
def sign(reference: str) -> ResponseReturnValue:
    SignForm()
    number = service.sign(reference, actor=me())
    flash(_("已接收确认，该渠道账号由您锁定"), "good")
    return redirect(url_for("channels.show", number=number), 303)


@bp.post("/<reference>/sign-instead")
@needs(Permission.CLAIM_FORCE_RELEASE, proof=True)
def sign_instead(reference: str) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _show(reference, form, 422)
    service.sign_instead(reference, reason=str(form.reason.data), actor=me())
    flash(_("已代为接收，领取该账号的人可以办理了"), "good")
    return redirect(url_for(".show", reference=reference), 303)


def _show(reference: str, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    handover = queries.handover(reference)
    account = channels.account_by_id(handover.account_id)
    mine = handover.successor_id in (None, me().operator_id) or handover.giver_id == me().operator_id
    held = channels.holder(account.id)
    return page(
        "tasks/handover.html",
        status,
        handover=handover,
        account=account,
        claim=history.claim(handover.claim_id),
        brief=Brief.told(handover.brief),
        may_sign=mine and me().can(Permission.CLAIM_TAKE) and (held is None or held.operator_id == me().operator_id),
        may_sign_instead=me().can(Permission.CLAIM_FORCE_RELEASE) and handover.successor_id != me().operator_id,
        held=held,
        form=form,
        **WORDS,
    )


def _form(
    number: str, form: HandoverForm | None = None, status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    place = held_account(number)
    account, held = place.account, place.claim
    if account is None or held is None or not place.mine:
        return page("tasks/handover_new.html", status, account=account, held=held, vacancy=place.vacancy, form=None)
    form = form or HandoverForm(formdata=None, account=account.number)
    form.fence.data = str(held.fence)  # also after a refusal: they may have claimed it anew meanwhile
    if refused is not None:
        form.form_errors += said(refused)
        flash(say(refused.text), "bad")
    _offer(form, account.number)
    brief = queries.brief(account, held)
    return page("tasks/handover_new.html", status, account=account, held=held, form=form, brief=brief, **WORDS)


def _offer(form: HandoverForm, number: str) -> None:
    found = queries.successors(channels.account(number), but=me().operator_id)
    choices = [SelectChoice(str(one.id), f"{one.display_name} ({one.username})") for one in found]
    form.successor.choices = [SelectChoice("", _("不指定")), *choices]

"""人工认定: one proposes with a file, another confirms; what is missing before nothing was paid counts as proved."""

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, longest_body, needs
from app.kernel.errors import Refused
from app.runtime.page import said, say
from app.withdrawals import rules, service
from app.withdrawals.forms import OutcomeForm, ReasonForm
from app.withdrawals.views.show import show_page

bp = Blueprint("withdrawal_outcomes", __name__, url_prefix="/withdrawals")


@bp.post("/<number>/outcomes")
@needs(Permission.WITHDRAWAL_DECLARE)
@longest_body(rules.LARGEST_FILE + 64 * 1024)
def propose(number: str) -> ResponseReturnValue:
    form = OutcomeForm()
    if not form.validate():
        return show_page(number, 422, outcome_form=form)
    file = form.file.data
    try:
        service.outcomes.propose(
            number,
            outcome=form.outcome.data,
            reason=form.reason.data,
            file_name=file.filename or "" if file else "",
            content=file.read() if file else b"",
            actor=me(),
        )
    except Refused as refused:
        form.form_errors += said(refused)
        flash(say(refused.text), "bad")
        return show_page(number, 409, outcome_form=form)
    flash(_("已提出，等另一人确认"), "good")
    return redirect(url_for("withdrawals.show", number=number), 303)


@bp.post("/<number>/outcomes/<int:outcome_id>/confirm")
@needs(Permission.WITHDRAWAL_DECLARE, proof=True)
def confirm(number: str, outcome_id: int) -> ResponseReturnValue:
    service.outcomes.confirm(number, outcome_id, actor=me())
    flash(_("已认定"), "good")
    return redirect(url_for("withdrawals.show", number=number), 303)


@bp.post("/<number>/outcomes/<int:outcome_id>/refuse")
@needs(Permission.WITHDRAWAL_DECLARE)
def refuse(number: str, outcome_id: int) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return show_page(number, 422, refuse_form=form)
    service.outcomes.refuse(number, outcome_id, reason=form.reason.data, actor=me())
    flash(_("认定未通过，提现保持原状"), "good")
    return redirect(url_for("withdrawals.show", number=number), 303)


@bp.get("/<number>/outcomes/<int:outcome_id>/evidence")
@needs(Permission.WITHDRAWAL_READ)
def evidence(number: str, outcome_id: int) -> ResponseReturnValue:
    found, content = service.outcomes.evidence_file(number, outcome_id, actor=me())
    answer = Response(content, mimetype=found.file_type)
    # Downloaded, never shown in the console's own origin.
    answer.headers.set("Content-Disposition", "attachment", filename=found.file_name)
    return answer

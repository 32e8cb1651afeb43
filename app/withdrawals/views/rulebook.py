"""提现规则: what is in force, the draft and its trial, what was before."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.kernel.errors import Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page, said
from app.withdrawals import queries, rules, service
from app.withdrawals.forms import ActivateForm, DraftForm, RulebookForm
from app.withdrawals.rules import trial
from app.withdrawals.rules.admission import LABELS
from app.withdrawals.rules.rulebook import unpacked
from app.withdrawals.views.rule_tabs import may_edit, tabs

bp = Blueprint("withdrawal_rules", __name__, url_prefix="/withdrawal-rules")


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    found = queries.rulebook_in_force()
    return page(
        "withdrawals/rules.html",
        found=found,
        groups=rules.lines(found.book, _titles()),
        draft=queries.rulebook_draft(),
        tabs=tabs("index"),
        may_edit=may_edit(),
    )


@bp.get("/versions")
@needs(Permission.WITHDRAWAL_READ)
def versions() -> ResponseReturnValue:
    return page("withdrawals/rules_versions.html", versions=queries.rulebook_versions(), tabs=tabs("versions"))


@bp.get("/versions/<int:number>")
@needs(Permission.WITHDRAWAL_READ)
def version(number: int) -> ResponseReturnValue:
    found, titles = queries.rulebook_version(number), _titles()
    known = [0, *(it.version for it in reversed(queries.rulebook_versions()))]
    asked = request.args.get("beside", "")
    earlier = [it for it in known if it < number]
    beside = next((it for it in known if str(it) == asked), earlier[-1] if earlier else None)
    other = queries.rulebook_version(beside) if beside is not None else None
    return page(
        "withdrawals/rules_version.html",
        found=found,
        groups=rules.lines(found.book, titles),
        other=other,
        others=[it for it in known if it != number],
        differences=rules.differences(other.book, found.book, titles) if other else [],
    )


@bp.get("/draft")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def draft() -> ResponseReturnValue:
    return _draft()


@bp.post("/draft")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def begin() -> ResponseReturnValue:
    StrictForm()
    service.rulebook.draft(actor=me())
    flash(_("已建立草稿：改好、试算、由另一人启用后才生效"), "info")
    return redirect(url_for(".edit"), 303)


@bp.get("/draft/edit")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def edit() -> ResponseReturnValue:
    found = queries.rulebook_draft()
    if found is None:
        return redirect(url_for(".draft"), 303)
    return _edit(RulebookForm.of(unpacked(found.body), found.edition))


@bp.post("/draft/edit")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def change() -> ResponseReturnValue:
    form = RulebookForm()
    _offer(form)
    if not form.validate():
        return _edit(form, 422)
    try:
        service.rulebook.change(form.rulebook(), edition=int(form.edition.data), actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _edit(form, 409)
    flash(_("草稿已保存，请试算"), "good")
    return redirect(url_for(".draft"), 303)


@bp.post("/draft/try")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def try_out() -> ResponseReturnValue:
    form = DraftForm()
    if form.validate():
        service.rulebook.try_out(edition=int(form.edition.data), actor=me())
    return redirect(url_for(".draft", _anchor="trial"), 303)


@bp.post("/draft/discard")
@needs(Permission.WITHDRAWAL_RULES, whole=True)
def discard() -> ResponseReturnValue:
    StrictForm()
    service.rulebook.discard(actor=me())
    flash(_("草稿已放弃"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/draft/activate")
@needs(Permission.WITHDRAWAL_RULES, proof=True, whole=True)
def activate() -> ResponseReturnValue:
    form = ActivateForm()
    if not form.validate():
        return _draft(form, 422)
    version = service.rulebook.activate(edition=int(form.edition.data), note=form.note.data, actor=me())
    flash(_("已启用第 %(version)d 版，新的提现按它办理", version=version), "good")
    return redirect(url_for(".index"), 303)


def _draft(form: ActivateForm | None = None, status: int = 200) -> ResponseReturnValue:
    found, active = queries.rulebook_draft(), queries.rulebook_in_force()
    tried = found is not None and found.trial_edition == found.edition
    return page(
        "withdrawals/rules_draft.html",
        status,
        tabs=tabs("draft"),
        draft=found,
        active=active,
        differences=rules.differences(active.book, unpacked(found.body), _titles()) if found else [],
        trial=trial.unpacked(found.trial) if found and tried else None,
        rule_labels=LABELS,
        own=found is not None and found.changed_by_id == me().operator_id,
        form=form or ActivateForm(formdata=None, edition=str(found.edition) if found else ""),
    )


def _edit(form: RulebookForm, status: int = 200) -> ResponseReturnValue:
    _offer(form)
    return page("withdrawals/rules_edit.html", status, form=form)


def _offer(form: RulebookForm) -> None:
    form.card_funded.choices = [SelectChoice(account.number, account.title) for account in channels.accounts()]


def _titles() -> dict[str, str]:
    """What accounts are called; those of other channels stay numbers for whoever is limited to some."""
    return {account.number: account.title for account in channels.accounts()}

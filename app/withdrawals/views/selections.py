"""批量审批: pick, look at what was picked, decide all of it, see what became of each."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.runtime.forms import StrictForm
from app.runtime.page import page
from app.withdrawals import queries, service
from app.withdrawals.forms import PickForm, RejectForm
from app.withdrawals.queries import selections, unusual
from app.withdrawals.states import OUTCOMES
from app.withdrawals.views.listing import account_id
from app.withdrawals.views.withdrawals import bp


@bp.post("/selections")
@needs(Permission.WITHDRAWAL_APPROVE)
def pick() -> ResponseReturnValue:
    form = PickForm()
    asked = {name: str(form[name].data or "") for name in queries.FILTERS}
    picked = service.selecting.pick(
        form.number.data or (),
        asked,
        account_id=account_id(asked),
        everything=form.everything.data or "",
        actor=me(),
    )
    if picked.changed:
        flash(_("您选择之后列表有了变化：下面是现在的笔数和金额，请以此为准"), "wait")
    return redirect(url_for(".selection", reference=picked.reference), 303)


@bp.get("/selections/<reference>")
@needs(Permission.WITHDRAWAL_APPROVE)
def selection(reference: str) -> ResponseReturnValue:
    return _selection(reference, RejectForm(formdata=None))


@bp.post("/selections/<reference>/approve")
@needs(Permission.WITHDRAWAL_APPROVE, proof=True)
def approve_selection(reference: str) -> ResponseReturnValue:
    StrictForm()
    done = service.selecting.decide(reference, "approve", actor=me())
    flash(_("已逐笔办理，结果如下") if done else _("正在逐笔办理，可以离开本页，结果会留在这里"), "info")
    return redirect(url_for(".selection", reference=reference), 303)


@bp.post("/selections/<reference>/reject")
@needs(Permission.WITHDRAWAL_APPROVE)
def reject_selection(reference: str) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate():
        return _selection(reference, form, status=422)
    done = service.selecting.decide(reference, "reject", why=str(form.reason.data), actor=me())
    flash(_("已逐笔办理，结果如下") if done else _("正在逐笔办理，可以离开本页，结果会留在这里"), "info")
    return redirect(url_for(".selection", reference=reference), 303)


def _selection(reference: str, reject_form: RejectForm, status: int = 200) -> ResponseReturnValue:
    picked = selections.selection(reference, me())
    found = unusual.of_selection(picked.id) if not picked.verb else None
    only = request.args.get("only", "")
    listing = selections.rows(picked.id, request.args, only=found.only(only) if found else None)
    return page(
        "withdrawals/selection.html",
        status,
        picked=picked,
        listing=listing,
        messages={row.id: selections.message_of(row) for row in listing.rows},
        by_account=selections.by_account(picked.id),
        counts=selections.outcomes(picked.id),
        shown=request.args.get("outcome", ""),
        unusual=found,
        only=only,
        accounts={it.id: it for it in channels.accounts()},
        outcomes=OUTCOMES,
        reject_form=reject_form,
    )

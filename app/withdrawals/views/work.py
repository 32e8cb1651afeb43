"""人工待办: what no rule may decide, who cares for it, how long it waits."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.runtime.page import page, say
from app.withdrawals import queries, rules, service
from app.withdrawals.forms import ReasonForm
from app.withdrawals.states import LABELS, UNKNOWN

bp = Blueprint("work", __name__, url_prefix="/work")
SHOWN = 200


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/<int:hold_id>/take")
@needs(Permission.WORK_TAKE)
def take(hold_id: int) -> ResponseReturnValue:
    service.work.take(hold_id, actor=me())
    flash(_("已由您办理"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/<int:hold_id>/resolve")
@needs(Permission.WORK_TAKE)
def resolve(hold_id: int) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _index(form, hold_id, 422)
    service.work.resolve(hold_id, reason=form.reason.data, actor=me())
    flash(_("已办结"), "good")
    return redirect(url_for(".index"), 303)


def _index(form: ReasonForm | None = None, at: int = 0, status: int = 200) -> ResponseReturnValue:
    reason = request.args.get("reason", "")
    mine = request.args.get("mine") == "1"
    counts = queries.work_counts()
    rows = queries.work(owner_id=me().operator_id if mine else None, reason=reason, limit=SHOWN + 1)
    tabs: list[tuple[str, str, int | None, bool]] = [
        (_("全部"), url_for(".index"), sum(counts.values()), not reason and not mine),
        (_("我办理的"), url_for(".index", mine=1), None, mine),
    ]
    tabs += [
        (say(rules.WORK[name]), url_for(".index", reason=name), counts[name], reason == name)
        for name in rules.HOLDS
        if counts.get(name)
    ]
    return page(
        "withdrawals/work.html",
        status,
        rows=rows[:SHOWN],
        shown=SHOWN if len(rows) > SHOWN else None,
        tabs=tabs,
        oldest=queries.oldest_work(),
        accounts={account.id: account for account in channels.accounts()},
        holds=rules.HOLDS,
        tones=rules.HOLD_TONES,
        words=rules.WORK,
        heard={row.id: queries.heard(row) for row in rows},
        acknowledged=rules.ACKNOWLEDGED,
        labels=LABELS,
        unknown=UNKNOWN,
        out=queries.OUT,
        may_take=me().can(Permission.WORK_TAKE),
        may_declare=me().can(Permission.WITHDRAWAL_DECLARE),
        form=form or ReasonForm(formdata=None),
        at=at,
    )

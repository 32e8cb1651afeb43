"""人工待办: what no rule may decide, who cares for it, how long it waits."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

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
FILTERS = ("account", "mine", "pressing", "reason")


@bp.get("/")
@needs(Permission.WITHDRAWAL_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/<int:hold_id>/take")
@needs(Permission.WORK_TAKE)
def take(hold_id: int) -> ResponseReturnValue:
    service.work.take(hold_id, actor=me())
    flash(_("已由您办理"), "good")
    return redirect(url_for(".index", **_kept()), 303)


@bp.post("/<int:hold_id>/resolve")
@needs(Permission.WORK_TAKE)
def resolve(hold_id: int) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _index(form, hold_id, 422)
    service.work.resolve(hold_id, reason=form.reason.data, actor=me())
    flash(_("已办结"), "good")
    return redirect(url_for(".index", **_kept()), 303)


def _kept() -> dict[str, Any]:
    """What the list is narrowed to: whoever has done one thing of it goes on with the next."""
    return {name: request.args[name] for name in FILTERS if request.args.get(name)}


def _index(form: ReasonForm | None = None, at: int = 0, status: int = 200) -> ResponseReturnValue:
    asked = request.args
    reason, mine, accounts = asked.get("reason", ""), asked.get("mine") == "1", channels.accounts()
    account = next((it for it in accounts if it.number == asked.get("account")), None)
    account_id = account.id if account else -1 if asked.get("account") else None
    pressing = rules.Pressing(asked["pressing"]) if asked.get("pressing") in set(rules.Pressing) else None
    counts = queries.work_counts(account_id=account_id)
    rows = queries.work(
        owner_id=me().operator_id if mine else None,
        reason=reason,
        pressing=pressing,
        account_id=account_id,
        limit=SHOWN + 1,
    )
    return page(
        "withdrawals/work.html",
        status,
        rows=rows[:SHOWN],
        shown=SHOWN if len(rows) > SHOWN else None,
        tabs=_tabs(counts, reason=reason, mine=mine, pressing=pressing),
        account=account,
        oldest=queries.oldest_work(account_id=account_id),
        accounts={it.id: it for it in accounts},
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
        kept=_kept(),
        at=at,
    )


def _tabs(
    counts: Mapping[str, int], *, reason: str, mine: bool, pressing: rules.Pressing | None
) -> list[tuple[str, str, int | None, bool]]:
    """`pressing`: what an alert led to, while somebody looks at it."""

    def address(**what: str) -> str:
        kept = what | ({"account": request.args["account"]} if request.args.get("account") else {})
        return url_for(".index") + (f"?{urlencode(kept)}" if kept else "")

    plain = not (reason or mine or pressing)
    return [
        (_("全部"), address(), sum(counts.values()), plain),
        (_("我办理的"), address(mine="1"), None, mine),
        *([(say(rules.PRESSING[pressing]), address(pressing=pressing), None, True)] if pressing else []),
        *(
            (say(rules.WORK[name]), address(reason=name), counts[name], reason == name)
            for name in rules.HOLDS
            if counts.get(name)
        ),
    ]

"""告警: what is wrong, who sees to it, what is over."""

from urllib.parse import urlencode, urlsplit

from flask import Blueprint, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from wtforms.fields.choices import SelectChoice

from app.alerts import queries, rules, service
from app.alerts.forms import AcknowledgeForm, AlertFilters, CloseForm
from app.alerts.rules import Standing
from app.auth import scope
from app.auth.identity import me
from app.auth.permissions import Permission, needs, shut_for
from app.kernel.errors import Text
from app.runtime.listing import COUNT_LIMIT
from app.runtime.page import page, say

bp = Blueprint("alerts", __name__, url_prefix="/alerts")


@bp.get("/")
@needs(Permission.ALERT_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/<int(max=9223372036854775807):alert_id>/acknowledge")
@needs(Permission.ALERT_ACKNOWLEDGE)
def acknowledge(alert_id: int) -> ResponseReturnValue:
    form = AcknowledgeForm()
    if not form.validate():
        return _index(alert_id, acknowledge_form=form)
    service.acknowledge(alert_id, seen=form.seen.data or "", note=form.note.data or "", actor=me())
    flash(_("已记下：您已知悉"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/<int(max=9223372036854775807):alert_id>/close")
@needs(Permission.ALERT_CLOSE)
def close(alert_id: int) -> ResponseReturnValue:
    form = CloseForm()
    if not form.validate():
        return _index(alert_id, close_form=form)
    service.close(alert_id, reason=form.reason.data or "", actor=me())
    flash(_("告警已结束；若问题还在，会再次告警"), "good")
    return redirect(url_for(".index"), 303)


def _index(
    at: int = 0, *, acknowledge_form: AcknowledgeForm | None = None, close_form: CloseForm | None = None
) -> ResponseReturnValue:
    """`at`: the alert whose form was refused."""
    found = queries.alerts(request.args)
    return page(
        "alerts/index.html",
        422 if at else 200,
        listing=found,
        said={row.id: say(Text.told(row.said)) for row in found.rows},
        endings={row.id: _ending(row.ending, row.closed_by) for row in found.rows},
        opens={row.id: _opens(row.path) for row in found.rows},
        filters=_filters(),
        tabs=_tabs(),
        standing=str(queries.standing_asked(request.args)),
        asked=any(request.args.get(name) for name in queries.FILTERS),
        channels=dict(scope.on_offer(me().channels)),
        rules=rules,
        at=at,
        acknowledge_form=acknowledge_form or AcknowledgeForm(formdata=None),
        close_form=close_form or CloseForm(formdata=None),
        may_acknowledge=me().can(Permission.ALERT_ACKNOWLEDGE),
        may_close=me().can(Permission.ALERT_CLOSE),
        may_hooks=me().can(Permission.ALERT_HOOKS) and me().channels is None,
    )


def _ending(kept: str, closed_by: str) -> str:
    """A person's reason as they wrote it, a sentence of ours in the reader's language."""
    return kept if closed_by else say(Text.told(kept))


def _opens(path: str) -> bool:
    """May whoever reads this open the page that it is about?"""
    if not path:
        return False
    try:
        endpoint, _arguments = current_app.url_map.bind("localhost").match(urlsplit(path).path, method="GET")
    except HTTPException:
        return False
    return shut_for(current_app.view_functions[endpoint], me().permissions, me().channels) is None


def _filters() -> AlertFilters:
    filters = AlertFilters(formdata=request.args)
    everything = SelectChoice("", _("全部"))
    filters.severity.choices = [
        everything,
        *(SelectChoice(str(severity), say(label)) for severity, (label, _tone) in rules.SEVERITIES.items()),
    ]
    filters.kind.choices = [everything, *(SelectChoice(it, say(rules.KINDS.get(it, it))) for it in queries.kinds())]
    filters.channel.choices = [everything, *(SelectChoice(*pair) for pair in scope.on_offer(me().channels))]
    return filters


def _tabs() -> list[tuple[str, str, str, bool]]:
    counts, current = queries.counts(request.args), queries.standing_asked(request.args)
    kept = {name: request.args[name] for name in queries.FILTERS if request.args.get(name)}

    def tab(standing: Standing) -> tuple[str, str, str, bool]:
        many = counts[standing] >= COUNT_LIMIT
        query = urlencode(kept | {"standing": str(standing)})
        label = say(rules.STANDINGS[standing])
        return label, f"{url_for('.index')}?{query}", f"{counts[standing]:,}{'+' if many else ''}", standing == current

    return [tab(standing) for standing in Standing]

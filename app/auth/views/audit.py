"""审计日志: who did what, to what, why and from where; proving it whole; taking it along."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth import audit, queries
from app.auth.audit import changes, reading, words
from app.auth.forms import AuditExportForm, AuditFilters, NothingForm
from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.auth.service import trail
from app.auth.views.answers import in_my_language
from app.kernel import clock
from app.kernel.errors import Malformed
from app.runtime import sheet
from app.runtime.page import local, page, say

bp = Blueprint("audit", __name__, url_prefix="/audit")

_PEOPLE = ("operators.show", "username")
_PAGES = {
    "withdrawal": ("withdrawals.show", "number"),
    "card": ("cards.show", "reference"),
    "claim": ("channels.show", "number"),
    "channel": ("channels.show", "number"),
    "setting": ("channel_settings.index", "number"),
    "operator": _PEOPLE,
    "session": _PEOPLE,
    "second_factor": _PEOPLE,
    "activation_link": _PEOPLE,
}
"""Where the subject of an action has its page. Of the actions on a channel, `open` and `change` are about no account."""

_OF_NO_ACCOUNT = ("channel.open", "channel.change")


@bp.get("/")
@needs(Permission.AUDIT_READ)
def index() -> ResponseReturnValue:
    return _index()


@bp.get("/<int:seq>")
@needs(Permission.AUDIT_READ)
def show(seq: int) -> ResponseReturnValue:
    record = reading.one(seq)
    flaw = audit.check(seq)
    (entry,) = _entries([record])
    return page(
        "audit/show.html",
        record=record,
        entry=entry,
        told=say(words.flawed(flaw, seq)) if flaw else "",
        last=audit.head()[0],
        raw=[(label, _pretty(text)) for label, text in ((_("之前"), record.before), (_("之后"), record.after)) if text],
    )


@bp.post("/verify")
@needs(Permission.AUDIT_READ)
def verify() -> ResponseReturnValue:
    NothingForm()
    found = trail.verify(me())
    if found is None:
        flash(_("记录较多，正在后台核验；完成后结果显示在这里"), "info")
    elif found.flaw:
        flash(say(words.flawed(found.flaw, found.flaw_at)), "bad")
    else:
        flash(_("核验完成：%(count)s 条记录都完好", count=f"{found.seq:,}"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/export")
@needs(Permission.AUDIT_EXPORT, proof=True)
def export() -> ResponseReturnValue:
    form = AuditExportForm()
    if not form.validate():
        return _index(422)
    asked = {name: str(form[name].data or "") for name in reading.FILTERS}
    try:
        found = trail.export(asked, actor=me())
    except Malformed:
        return _index(422)
    name = f"audit-{clock.now().astimezone(clock.BUSINESS_ZONE):%Y%m%d-%H%M%S}.csv"
    return Response(
        stream_with_context(sheet.lines(_columns(), _lines(found))),
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"},
    )


def _index(status: int = 200) -> ResponseReturnValue:
    asked = request.values
    filters = AuditFilters(formdata=asked)
    filters.what.choices = _deeds()
    found, problem = None, ""
    try:
        found = reading.page(asked)
    except Malformed as malformed:
        problem = say(malformed.text)
    return page(
        "audit/index.html",
        status,
        listing=found,
        entries=_entries(found.rows if found else ()),
        problem=problem,
        filters=filters,
        asked={name: asked[name] for name in reading.FILTERS if asked.get(name)},
        **_chain(),
        may_export=me().can(Permission.AUDIT_EXPORT),
    )


def _chain() -> dict[str, Any]:
    """The head, and what the last walk over the chain found; `walking`: somebody asked after it."""
    verified, wanted = reading.last("audit.verify"), reading.last("audit.ask-verify")
    after = json.loads(verified.after or "{}") if verified else {}
    return {
        "head": audit.head(),
        "verified": verified,
        "verified_upto": after.get("records", 0),
        "whole": not after.get("flaw"),
        "result": say(words.result(after)),
        "walking": wanted if wanted and (verified is None or verified.seq < wanted.seq) else None,
    }


def _entries(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The records as the page says them."""
    names = reading.names({text for row in rows for text in (row.actor, row.subject)})
    titles = {role.code: in_my_language((role.title_zh, role.title_en)) for role in queries.roles()}
    return [
        {
            "row": row,
            "who": words.who(row.actor, row.session_id, names),
            "person": row.actor in names and words.who(row.actor, row.session_id, names) == names[row.actor],
            "deed": say(words.deed(row.action)),
            "subject": _subject(row, names, titles),
            "url": _page_of(row, names),
            "changes": changes.changes(row.before, row.after, titles),
            "why": words.why(row.action, row.why),
        }
        for row in rows
    ]


def _subject(row: Any, names: dict[str, str], titles: dict[str, str]) -> str:
    """What it was done to, where it has a name; "" where its number says it."""
    kind = row.action.partition(".")[0]
    if kind == "role":
        return titles.get(row.subject, "")
    if _PAGES.get(kind) == _PEOPLE and row.subject in names:
        return names[row.subject]
    said = words.subject(row.action, row.subject)
    return "" if said == row.subject else say(said)


def _page_of(row: Any, names: dict[str, str]) -> str:
    """The subject's own page, where it has one that the reader may open."""
    endpoint, argument = _PAGES.get(row.action.partition(".")[0], ("", ""))
    view = current_app.view_functions.get(endpoint)
    if view is None or not me().can(getattr(view, "permission")) or row.action in _OF_NO_ACCOUNT:  # noqa: B009
        return ""
    if argument == "username" and row.subject not in names:
        return ""
    return url_for(endpoint, **{argument: row.subject})


def _deeds() -> list[SelectChoice]:
    """What one may ask for: everything, a group, one action."""
    found = [SelectChoice("", _("全部"))]
    for group, actions in words.DEEDS.items():
        title, kinds = say(group), sorted({action.partition(".")[0] for action in actions})
        if len(kinds) == 1 and len(actions) > 1:
            found.append(SelectChoice(kinds[0], _("%(group)s（全部）", group=title), optgroup=title))
        found += [SelectChoice(action, say(word), optgroup=title) for action, word in actions.items()]
    return found


def _columns() -> list[str]:
    return [
        *(_("编号"), _("时间"), _("用户名"), _("姓名"), _("做了什么"), _("动作"), _("对象"), _("之前"), _("之后")),
        *(_("原因"), _("来自地址"), _("登录编号"), _("校验值")),
    ]


def _lines(pages: Iterable[reading.Page]) -> Iterator[Sequence[object]]:
    for rows, names in pages:
        for row in rows:
            yield (
                *(row.seq, local(row.at), row.actor, say(words.who(row.actor, row.session_id, names))),
                *(say(words.deed(row.action)), row.action, row.subject, row.before, row.after),
                *(say(words.why(row.action, row.why)), row.address, row.session_id, row.hash),
            )


def _pretty(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)

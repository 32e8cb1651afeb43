"""The draft of a channel template as forms, one page for each part of it; the whole as JSON lies beside them."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import FieldList, FormField

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import manners, service
from app.channels.adapters.templated import pretty
from app.channels.adapters.templated.filling import CALL, SOURCES
from app.channels.forms import PartSeenForm
from app.channels.forms.parts import PARTS, Part, field_at, rows_at, unreadable
from app.channels.forms.parts.fields import RowsField
from app.channels.views.drafts import draft_of, flaws_of, tabs_of, told_of
from app.kernel.errors import NotThere, Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page, said, say

bp = Blueprint("template_parts", __name__, url_prefix="/channel-templates/<code>/edit")


@bp.get("/<part>")
@needs(Permission.CHANNEL_TEMPLATE)
def show(code: str, part: str) -> ResponseReturnValue:
    it, found = _part(part), draft_of(code)
    told = told_of(found)
    return _page(code, it, it.filled(told) if it.fits(told) else None, is_saved=True)


@bp.post("/<part>")
@needs(Permission.CHANNEL_TEMPLATE)
def change(code: str, part: str) -> ResponseReturnValue:
    it, found = _part(part), draft_of(code)
    told, form = told_of(found), it.blank()
    if not it.fits(told):
        return _page(code, it, None, 409)
    if not form.validate():
        return _page(code, it, form, 422)
    return _keep(code, it, found, it.put(told, form), form)


@bp.get("/<part>/rows")
@needs(Permission.CHANNEL_TEMPLATE)
def start_again(code: str, part: str) -> ResponseReturnValue:
    """Where a reload of the page with a row more leads to."""
    _part(part)
    return redirect(url_for(".show", code=code, part=part))


@bp.post("/<part>/rows")
@needs(Permission.CHANNEL_TEMPLATE)
def alter_rows(code: str, part: str) -> ResponseReturnValue:
    """A row more, one less, or one a place higher, on the page; nothing is kept until it is saved."""
    it = _part(part)
    form = it.blank()
    deed, _colon, name = request.args.get("deed", "").partition(":")
    rows, at = rows_at(form, name)
    size = len(rows) if rows is not None else 0
    if rows is not None and deed == "add" and size < RowsField.LONGEST:
        rows.append_entry()
        at = size
    elif rows is not None and deed == "drop" and at < size:
        rows.pop_entry(at)
        at = min(at, size - 2)
    elif rows is not None and deed == "lift" and 0 < at < size:
        rows.lift(at)
        at -= 1
    else:
        raise NotThere(name)
    focus = rows[at].id if at >= 0 else rows.id
    return _page(code, it, form, focus=f"lift:{focus}" if deed == "lift" and at else focus)


@bp.post("/<part>/remove")
@needs(Permission.CHANNEL_TEMPLATE)
def remove(code: str, part: str) -> ResponseReturnValue:
    """The channel has no such interface."""
    it, form, found = _part(part), PartSeenForm(), draft_of(code)
    told = told_of(found)
    if not it.may_go or not it.fits(told) or not form.validate():
        raise NotThere(part)
    shown = it.filled(told)
    shown.seen.data = form.seen.data
    return _keep(code, it, found, it.without(told), shown)


def _keep(code: str, part: Part, found: manners.Version, told: dict[str, Any], form: StrictForm) -> ResponseReturnValue:
    """Refused where somebody altered this part since the page was made; what was altered elsewhere stays."""
    try:
        if form.seen.data != part.mark(told_of(found)):
            raise Refused(
                "这一部分刚刚被改过，您看到的不是最新的", advice="您写的还在下面；请在另一页打开最新的，对照着改"
            )
        service.templates.change(code, pretty(told)[0], edition=found.edition, actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _page(code, part, form, 409)
    flash(_("草稿已保存"), "good")
    return redirect(url_for(".show", code=code, part=part.code), 303)


def _page(
    code: str, part: Part, form: StrictForm | None, status: int = 200, *, is_saved: bool = False, focus: str = ""
) -> ResponseReturnValue:
    """`is_saved`: the page shows the draft itself, so what is wrong with the draft is said beside its fields."""
    found = draft_of(code)
    told, wrong = told_of(found), flaws_of(found.description)
    here = [it for it in wrong if it.part == part.code]
    shown = [(field_at(form, it.place), it) for it in here] if form is not None and is_saved else []
    unread = list(unreadable(form)) if form is not None else []
    beside: dict[str, list[str]] = {}
    for (field, _words), flaw in shown:
        if isinstance(field, FormField | FieldList):
            beside.setdefault(field.id, []).append(flaw.text)
        else:
            field.errors = [*field.errors, say(flaw.text)]
    settings = [it.get("name") for it in told.get("settings", ()) if isinstance(it, dict)]
    return page(
        "channels/templates/part.html",
        status,
        template=found,
        part=part,
        form=form,
        fields=part.shown(form) if form else (),
        is_there=part.is_there(told),
        is_saved=is_saved,
        wrong=[(field.id, words, flaw) for (field, words), flaw in shown],
        unread=unread,
        beside=beside,
        focus=focus or (unread[0][0].id if unread and status == 422 else ""),
        tabs=tabs_of(found, wrong),
        tried=part.code if part.code in SOURCES else "submit",
        settings=settings,
        sources=[*SOURCES.get(part.code, ()), *CALL, *(f"account.{name}" for name in settings)],
    )


def _part(name: str) -> Part:
    if name not in PARTS:
        raise NotThere(name)
    return PARTS[name]

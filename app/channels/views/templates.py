"""The designer of channel templates: how a channel is spoken to, described, tried out, put to use."""

import difflib
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, attached, needs
from app.channels import manners, queries, rules, service, tryout
from app.channels.adapters.templated import Broken, Description, flaws, flaws_without_samples, parse, warnings
from app.channels.adapters.templated.examples import NAMES, beginning, example
from app.channels.adapters.templated.filling import CALL, FILTERS, SOURCES, example_texts
from app.channels.contract import Reply
from app.channels.forms import (
    ActivateTemplateForm,
    AdoptTemplateForm,
    NewTemplateForm,
    TemplateForm,
    TrialForm,
    trial_form,
)
from app.channels.forms.parts import part_of
from app.channels.views.drafts import draft_of, flaws_of, tabs_of
from app.kernel.errors import Malformed, NotThere, Refused, gettext_noop
from app.runtime.forms import StrictForm
from app.runtime.page import page, said, say

bp = Blueprint("channel_templates", __name__, url_prefix="/channel-templates")
STATES = {
    "draft": (gettext_noop("草稿"), "wait"),
    "active": (gettext_noop("现用"), "good"),
    "retired": (gettext_noop("已被取代"), "neutral"),
}


@bp.get("/")
@needs(Permission.CHANNEL_TEMPLATE)
def index() -> ResponseReturnValue:
    used = [account.adapter.partition("@")[0] for account in queries.accounts()]
    templates = manners.templates()
    return page(
        "channels/templates/index.html",
        templates=templates,
        drafted=manners.drafted(),
        accounts={it.code: used.count(manners.name_of(it.code)) for it in templates},
        unproved={it.code for it in templates if not _is_verified(it.description)},
        states=STATES,
    )


@bp.get("/new")
@needs(Permission.CHANNEL_TEMPLATE)
def new() -> ResponseReturnValue:
    return _new(NewTemplateForm(formdata=None))


@bp.post("/new")
@needs(Permission.CHANNEL_TEMPLATE)
def create() -> ResponseReturnValue:
    form = NewTemplateForm()
    form.like.choices = _examples()
    if not form.validate():
        return _new(form, 422)
    code = str(form.code.data)
    try:
        service.templates.draft(code, _uploaded(form) or beginning(str(form.like.data)), actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _new(form, 409)
    flash(_("已建立草稿：改好、试过、启用之后，渠道才能用它"), "info")
    return redirect(url_for(".show", code=code), 303)


@bp.get("/<code>")
@needs(Permission.CHANNEL_TEMPLATE)
def show(code: str) -> ResponseReturnValue:
    return _show(code)


@bp.get("/<code>/versions/<int(max=9999):version>")
@needs(Permission.CHANNEL_TEMPLATE)
def version(code: str, version: int) -> ResponseReturnValue:
    found = manners.version(code, version)
    before = next((it for it in manners.versions(code) if it.version < version), None)
    return page(
        "channels/templates/version.html",
        template=found,
        description=(described := _described(found.description)),
        parts=_parts(described),
        before=before,
        differences=_differences(before.description, found.description) if before else [],
        states=STATES,
        interfaces=rules.INTERFACES,
    )


@bp.get("/<code>/versions/<int(max=9999):version>.json")
@needs(Permission.CHANNEL_TEMPLATE)
@attached(".version")
def file(code: str, version: int) -> ResponseReturnValue:
    found = manners.version(code, version)
    answer = Response(found.description, content_type="application/json; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{code}-{version}.json")
    return answer


@bp.post("/<code>/draft")
@needs(Permission.CHANNEL_TEMPLATE)
def draft(code: str) -> ResponseReturnValue:
    StrictForm()
    newest = manners.versions(code)[0]
    service.templates.draft(code, newest.description, actor=me())
    flash(_("已建立草稿：改好、试过、启用之后，渠道才能用它"), "info")
    return redirect(url_for("template_parts.show", code=code, part="basis"), 303)


@bp.get("/<code>/edit")
@needs(Permission.CHANNEL_TEMPLATE)
def edit(code: str) -> ResponseReturnValue:
    found = draft_of(code)
    return _edit(code, TemplateForm(formdata=None, edition=str(found.edition), text=found.description))


@bp.post("/<code>/edit")
@needs(Permission.CHANNEL_TEMPLATE)
def change(code: str) -> ResponseReturnValue:
    form = TemplateForm()
    if not form.validate():
        return _edit(code, form, 422)
    try:
        text = _uploaded(form) or str(form.text.data or "")
        service.templates.change(code, text, edition=int(form.edition.data), actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _edit(code, form, 409)
    flash(_("草稿已保存"), "good")
    return redirect(url_for(".edit", code=code), 303)


@bp.post("/<code>/discard")
@needs(Permission.CHANNEL_TEMPLATE)
def discard(code: str) -> ResponseReturnValue:
    StrictForm()
    service.templates.discard(code, actor=me())
    flash(_("草稿已放弃"), "good")
    known = any(it.code == code for it in manners.templates())
    return redirect(url_for(".show", code=code) if known else url_for(".index"), 303)


@bp.post("/<code>/activate")
@needs(Permission.CHANNEL_TEMPLATE, proof=True)
def activate(code: str) -> ResponseReturnValue:
    form = ActivateTemplateForm()
    if not form.validate():
        return _show(code, activate_form=form, status=422)
    edition, note = int(form.edition.data), str(form.note.data)
    version = service.templates.activate(code, edition=edition, note=note, actor=me())
    flash(_("已启用第 %(version)d 版；已开的账号仍用原来的版本，逐个改用", version=version), "good")
    return redirect(url_for(".show", code=code), 303)


@bp.post("/<code>/adopt")
@needs(Permission.CHANNEL_TEMPLATE, proof=True)
def adopt(code: str) -> ResponseReturnValue:
    form = AdoptTemplateForm()
    if not form.validate():
        raise NotThere(code)
    version = service.templates.adopt(str(form.account.data), actor=me())
    flash(_("账号已改用第 %(version)d 版", version=version), "good")
    return redirect(url_for(".show", code=code), 303)


@bp.get("/<code>/try")
@needs(Permission.CHANNEL_TEMPLATE)
def try_out(code: str) -> ResponseReturnValue:
    interface, description, is_ready = _on_trial(code)
    form = _trial_form(description, interface)(formdata=None) if description and is_ready else None
    return _trial(code, interface, description, form)


@bp.post("/<code>/try")
@needs(Permission.CHANNEL_TEMPLATE)
def tried(code: str) -> ResponseReturnValue:
    interface, description, is_ready = _on_trial(code)
    if description is None or not is_ready:
        return _trial(code, interface, description, None, status=409)
    form = _trial_form(description, interface)()
    if not form.validate():
        return _trial(code, interface, description, form, status=422)
    try:
        seen = service.templates.try_out(
            code,
            description,
            interface,
            about=form.about,
            settings=form.given,
            reply=_reply(form),
            asks=form.deed.data == "ask",
            actor=me(),
        )
    except Malformed as problem:
        form.form_errors.append(say(problem.text))
        return _trial(code, interface, description, form, status=422)
    except Refused as refused:
        form.form_errors += said(refused)
        return _trial(code, interface, description, form, status=409)
    return _trial(code, interface, description, form, seen=seen)


def _new(form: NewTemplateForm, status: int = 200) -> ResponseReturnValue:
    form.like.choices = _examples()
    return page("channels/templates/new.html", status, form=form)


def _show(code: str, *, activate_form: ActivateTemplateForm | None = None, status: int = 200) -> ResponseReturnValue:
    versions = manners.versions(code)
    draft = next((it for it in versions if it.state == "draft"), None)
    active = next((it for it in versions if it.state == "active"), None)
    shown = active or versions[0]
    using = [it for it in queries.accounts() if manners.template_of(it.adapter) == code]
    description = _described(draft.description) if draft else None
    return page(
        "channels/templates/show.html",
        status,
        code=code,
        template=shown,
        draft=draft,
        active=active,
        versions=versions,
        description=(described := _described(shown.description)),
        parts=_parts(described),
        wrong=flaws_of(draft.description) if draft else [],
        warned=[*(warnings(description) if description and not flaws(description) else ())],
        proved=description is not None and description.verified,
        differences=_differences(active.description, draft.description) if active and draft else [],
        using=[(it, manners.version_of(it.adapter)) for it in using],
        activate_form=activate_form or ActivateTemplateForm(formdata=None, edition=str(draft.edition) if draft else ""),
        states=STATES,
        interfaces=rules.INTERFACES,
    )


def _edit(code: str, form: TemplateForm, status: int = 200) -> ResponseReturnValue:
    found = draft_of(code)
    wrong = flaws_of(found.description)
    return page(
        "channels/templates/edit.html",
        status,
        template=found,
        form=form,
        wrong=wrong if status == 200 else [],
        tabs=tabs_of(found, wrong),
        sources=SOURCES,
        call=CALL,
        filters=FILTERS,
        interfaces=rules.INTERFACES,
    )


def _examples() -> list[SelectChoice]:
    return [SelectChoice(name, parse(example(name)).title) for name in NAMES]


def _uploaded(form: Any) -> str:
    """The text of a file, "" where none was chosen."""
    if not form.file.data:
        return ""
    try:
        return str(form.file.data.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Refused("文件不是 UTF-8 编码的 JSON") from None


def _described(text: str) -> Description | None:
    try:
        return parse(text)
    except Broken:
        return None


def _is_verified(text: str) -> bool:
    described = _described(text)
    return described is not None and described.verified


def _parts(description: Description | None) -> list[tuple[str, object]]:
    """The interfaces that it has, in the order in which they are shown."""
    if description is None:
        return []
    found = [(name, getattr(description.interfaces, name, None)) for name in SOURCES]
    return [(name, interface) for name, interface in found if interface is not None]


def _differences(before: str, after: str) -> list[tuple[str, str]]:
    """Line by line, with two lines around each change: (" " | "-" | "+" | "@", text)."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))[2:]
    return [(line[0], line[1:] if line[0] != "@" else "⋯") for line in lines]


def _on_trial(code: str) -> tuple[str, Description | None, bool]:
    """The interface that is tried, what the newest version says (the draft, if there is one), and whether that is enough."""
    interface = request.args.get("interface", "submit")
    description = _described(manners.versions(code)[0].description)
    if interface not in SOURCES or (description is not None and interface not in _offered(description)):
        raise NotThere(interface)
    return interface, description, description is not None and not _is_in_the_way(description, interface)


def _is_in_the_way(description: Description, interface: str) -> bool:
    """Is anything wrong with the interface itself, or with what all have in common? The samples come later: one tries first."""
    needed = {"basis", "signing", "answer", interface} | ({"submit"} if interface == "settle" else set())
    parts = [part_of(flaw.place) for flaw in flaws_without_samples(description)]
    return any(part is None or part.code in needed for part in parts)


def _offered(description: Description) -> list[str]:
    found = [name for name, _interface in _parts(description)]
    return [*found, "callback"] if description.callback else found


def _trial_form(description: Description, interface: str) -> type[TrialForm]:
    settings = [
        (it.name, it.label, description.sample_settings.get(it.name, ""), it.multiline) for it in description.settings
    ]
    return trial_form(example_texts(interface), settings)


def _reply(form: TrialForm) -> Reply | None:
    body = str(form.reply.data or "").replace("\r\n", "\n")
    if not body:
        return None
    return Reply(status=int(form.status.data or 200), body=body.encode(), headers=form.reply_headers)


def _trial(
    code: str,
    interface: str,
    description: Description | None,
    form: TrialForm | None,
    *,
    seen: tryout.Trial | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    return page(
        "channels/templates/try.html",
        status,
        template=manners.versions(code)[0],  # read again: before a question goes out, everything is let go
        interface=interface,
        offered=_offered(description) if description else [],
        form=form,
        seen=seen,
        may_ask=interface in tryout.ASKS,
        interfaces=rules.INTERFACES,
        says=rules.SEEN,
    )

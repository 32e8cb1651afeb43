"""渠道参数: the versions of an account's parameters, the draft, trying one out, putting the draft in force."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import parameters, queries, rules, service, trial, versions
from app.channels.forms import ActivateForm, BaseForm, DraftForm, SettingsForm, settings_form
from app.channels.parameters import Flawed
from app.channels.states import LABELS, State
from app.kernel.errors import Refused, Text
from app.runtime.forms import StrictForm
from app.runtime.page import page, said, say

bp = Blueprint("channel_settings", __name__, url_prefix="/channels/<number>/settings")


@bp.get("/")
@needs(Permission.CHANNEL_READ)
def index(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    found = queries.settings_of(account.id)
    return page(
        "channels/settings/index.html",
        account=account,
        found=found,
        lines={it.version: versions.lines(account, it) for it in found},
        draft=versions.draft(account.id),
        labels=LABELS,
        why=versions.why,
        may_draft=me().can(Permission.CHANNEL_CONFIGURE),
    )


@bp.get("/<int(max=999999999):version>")
@needs(Permission.CHANNEL_READ)
def show(number: str, version: int) -> ResponseReturnValue:
    account = queries.account(number)
    found = versions.version(account.id, version)
    others = [it for it in queries.settings_of(account.id) if it.id != found.id]
    asked = request.args.get("beside", "")
    own = found.based_on or version - 1
    other = next((it for it in others if str(it.version) == asked), None) or next(
        (it for it in others if it.version == own), None
    )
    lines = versions.lines(account, found)
    return page(
        "channels/settings/version.html",
        account=account,
        found=found,
        lines=lines,
        other=other,
        others=others,
        differences=parameters.differences(versions.lines(account, other), lines) if other else [],
        trials=trial.latest(found.id),
        draft=versions.draft(account.id),
        **_words(),
    )


@bp.post("/begin")
@needs(Permission.CHANNEL_CONFIGURE)
def begin(number: str) -> ResponseReturnValue:
    form = BaseForm()
    base = int(form.base.data) if form.validate() and form.base.data else None
    version = service.settings.begin(number, base=base, actor=me())
    flash(_("已建立草稿第 %(version)d 版：改好、试过、启用之后才生效", version=version), "info")
    return redirect(url_for(".edit", number=number), 303)


@bp.get("/draft")
@needs(Permission.CHANNEL_CONFIGURE)
def draft(number: str) -> ResponseReturnValue:
    return _draft(number)


@bp.get("/draft/edit")
@needs(Permission.CHANNEL_CONFIGURE)
def edit(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    found = versions.draft(account.id)
    if found is None:
        return redirect(url_for(".index", number=number), 303)
    told = {f"s_{name}": text for name, text in versions.told(found).items()}
    form = settings_form(queries.adapter_class(account).settings)
    return _edit(account, form(formdata=None, edition=str(found.edition), **told))


@bp.post("/draft/edit")
@needs(Permission.CHANNEL_CONFIGURE)
def save(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    form = settings_form(queries.adapter_class(account).settings)()
    if not form.validate():
        return _edit(account, form, 422)
    try:
        missing = service.settings.save(
            number, form.typed(), cleared=form.cleared(), edition=int(form.edition.data), actor=me()
        )
    except Flawed as problem:
        form.blame(problem.flaws)
        return _edit(account, form, 422)
    except Refused as refused:
        form.form_errors += said(refused)
        return _edit(account, form, 409)
    flash(_("草稿已保存，还缺 %(count)d 项", count=len(missing)) if missing else _("草稿已保存，可以试一下"), "good")
    return redirect(url_for(".draft", number=number), 303)


@bp.post("/draft/discard")
@needs(Permission.CHANNEL_CONFIGURE)
def discard(number: str) -> ResponseReturnValue:
    form = DraftForm()
    if form.validate():
        service.settings.discard(number, edition=int(form.edition.data), actor=me())
        flash(_("草稿已放弃，其中的密钥已清除"), "good")
    return redirect(url_for(".index", number=number), 303)


@bp.post("/draft/activate")
@needs(Permission.CHANNEL_ACTIVATE, proof=True)
def activate(number: str) -> ResponseReturnValue:
    form = ActivateForm()
    if not form.validate():
        return _draft(number, form, 422)
    version = service.settings.activate(
        number, edition=int(form.edition.data), overlap_s=int(form.overlap.data), why=form.why.data, actor=me()
    )
    flash(_("第 %(version)d 版已启用，从现在起按它签名", version=version), "good")
    return redirect(url_for(".index", number=number), 303)


@bp.post("/<int(max=999999999):version>/try")
@needs(Permission.CHANNEL_CONFIGURE, proof=True)
def try_out(number: str, version: int) -> ResponseReturnValue:
    StrictForm()
    call_id = service.settings.try_out(number, version, actor=me())
    return redirect(url_for("channel_calls.show", call_id=call_id), 303)


def _draft(number: str, form: ActivateForm | None = None, status: int = 200) -> ResponseReturnValue:
    account = queries.account(number)
    found = versions.draft(account.id)
    if found is None:
        return redirect(url_for(".index", number=number), 303)
    active, lines = versions.active(account.id), versions.lines(account, found)
    before = versions.lines(account, active) if active else {}
    told = parameters.differences(before, lines)
    return page(
        "channels/settings/draft.html",
        status,
        account=account,
        found=found,
        active=active,
        differences=[it for it in told if not it.is_same],
        missing=_missing(account, versions.told(found)),
        trials=trial.latest(found.id, since=found.changed_at),
        may_activate=me().can(Permission.CHANNEL_ACTIVATE),
        form=form or ActivateForm(formdata=None, edition=str(found.edition)),
        **_words(),
    )


def _edit(account: queries.Account, form: SettingsForm, status: int = 200) -> ResponseReturnValue:
    found = versions.draft(account.id)
    return page(
        "channels/settings/edit.html",
        status,
        account=account,
        form=form,
        lines=versions.lines(account, found) if found else {},
        version=found.version if found else 0,
    )


def _missing(account: queries.Account, told: dict[str, str]) -> list[str]:
    """The labels of what must be filled in yet. Of secrets their fingerprint says that they are there."""
    settings = queries.adapter_class(account).settings
    names = parameters.missing(settings, told)
    return [say(Text(setting.label)) for setting in settings if setting.name in names]


def _words() -> dict[str, object]:
    return {
        "rules": rules,
        "labels": LABELS,
        "states": State,
        "why": versions.why,
        "may_draft": me().can(Permission.CHANNEL_CONFIGURE),
    }

"""Channels and accounts as administrators keep them: opened, renamed, limited, put into and out of use."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import manners, queries, service, versions
from app.channels.forms import AskingForm, ChangeChannelForm, ChangeTermsForm, NewChannelForm, TermsForm, WhyForm
from app.channels.rules import asking
from app.kernel.errors import Refused
from app.runtime.forms import StrictForm
from app.runtime.page import page, said, say

bp = Blueprint("channel_admin", __name__, url_prefix="/channels")


@bp.get("/new")
@needs(Permission.CHANNEL_EDIT, whole=True)
def new_channel() -> ResponseReturnValue:
    return _new_channel(_offered(NewChannelForm(formdata=None)))


@bp.post("/new")
@needs(Permission.CHANNEL_EDIT, whole=True)
def open_channel() -> ResponseReturnValue:
    form = _offered(NewChannelForm())
    if not form.validate():
        return _new_channel(form, 422)
    try:
        service.open_channel(code=form.code.data, name=form.name.data, adapter=form.adapter.data, actor=me())
    except Refused as refused:
        form.form_errors += said(refused)
        return _new_channel(form, 409)
    flash(_("渠道已建立，请在其下新建账号"), "good")
    return redirect(url_for(".new_account", code=form.code.data), 303)


@bp.get("/code/<code>")
@needs(Permission.CHANNEL_EDIT)
def channel(code: str) -> ResponseReturnValue:
    found = queries.channel(code)
    return _channel(code, ChangeChannelForm(formdata=None, obj=found))


@bp.post("/code/<code>")
@needs(Permission.CHANNEL_EDIT)
def change_channel(code: str) -> ResponseReturnValue:
    form = ChangeChannelForm()
    if not form.validate():
        return _channel(code, form, 422)
    given = {name: form[name].data for name in ("name", "pause_after", "enabled")}
    service.change_channel(code, **given, actor=me())
    flash(_("渠道已修改"), "good")
    return redirect(url_for("channels.index"), 303)


@bp.post("/code/<code>/asking")
@needs(Permission.CHANNEL_EDIT)
def set_asking(code: str) -> ResponseReturnValue:
    form, found = AskingForm(), queries.channel(code)
    if not form.accepts(_own(found.adapter)):
        return _channel(code, ChangeChannelForm(formdata=None, obj=found), 422, asked=form)
    service.set_asking(code, form.chosen, why=form.why.data, actor=me())
    flash(_("已保存，从下一次查询、下一笔退票起按新的办"), "good")
    return redirect(url_for(".channel", code=code), 303)


@bp.get("/code/<code>/accounts/new")
@needs(Permission.CHANNEL_EDIT)
def new_account(code: str) -> ResponseReturnValue:
    return _new_account(code, TermsForm(formdata=None))


@bp.post("/code/<code>/accounts/new")
@needs(Permission.CHANNEL_EDIT)
def open_account(code: str) -> ResponseReturnValue:
    form = TermsForm()
    if not form.validate():
        return _new_account(code, form, 422)
    try:
        number = service.open_account(channel=code, actor=me(), **form.terms())
    except Refused as refused:
        form.form_errors += said(refused)
        return _new_account(code, form, 409)
    flash(_("渠道账号已建立，暂为停用：填好参数、试过、启用参数，再启用账号"), "good")
    return redirect(url_for("channel_settings.draft", number=number), 303)


@bp.get("/<number>/edit")
@needs(Permission.CHANNEL_EDIT)
def edit(number: str) -> ResponseReturnValue:
    account = queries.account(number)
    return _edit(account, _filled(account))


@bp.post("/<number>/edit")
@needs(Permission.CHANNEL_EDIT)
def change_account(number: str) -> ResponseReturnValue:
    account, form = queries.account(number), ChangeTermsForm()
    if not form.validate():
        return _edit(account, form, 422)
    try:
        service.change_account(number, why=form.why.data, actor=me(), **form.terms())
    except Refused as refused:
        form.form_errors += said(refused)
        return _edit(account, form, 409)
    flash(_("渠道账号已修改，从下一笔起按新的算"), "good")
    return redirect(url_for("channels.show", number=number), 303)


@bp.post("/<number>/enable")
@needs(Permission.CHANNEL_EDIT)
def enable(number: str) -> ResponseReturnValue:
    StrictForm()
    service.set_enabled(number, enabled=True, actor=me())
    flash(_("渠道账号已启用"), "good")
    return redirect(url_for("channels.show", number=number), 303)


@bp.post("/<number>/disable")
@needs(Permission.CHANNEL_EDIT)
def disable(number: str) -> ResponseReturnValue:
    account, form = queries.account(number), WhyForm()
    if not form.validate():
        return _edit(account, _filled(account), 422, why_form=form)
    service.set_enabled(number, enabled=False, why=form.why.data, actor=me())
    flash(_("渠道账号已停用：不再接新业务，已在途的照常办完"), "good")
    return redirect(url_for("channels.show", number=number), 303)


_RATES = ("fee_fixed", "fee_rate_ppm", "bind_per_s", "send_per_s")
_TERMS = ("name", "merchant_no", "single_limit", "day_amount", "day_count", *_RATES, "opens", "closes", "weight")


def _filled(account: queries.Account) -> ChangeTermsForm:
    terms = {name: getattr(account, name) for name in _TERMS}
    return ChangeTermsForm(formdata=None, open_days=list(account.open_days), **terms)


def _offered(form: NewChannelForm) -> NewChannelForm:
    form.adapter.choices = [
        SelectChoice(code, f"{say(kind.title)} ({code})") for code, kind in manners.offered().items()
    ]
    return form


def _new_channel(form: NewChannelForm, status: int = 200) -> ResponseReturnValue:
    return page("channels/admin/new_channel.html", status, form=form)


def _channel(
    code: str, form: ChangeChannelForm, status: int = 200, *, asked: AskingForm | None = None
) -> ResponseReturnValue:
    found = queries.channel(code)
    chosen, its = asking.chosen(found), _own(found.adapter)
    if asked is None:
        asked = AskingForm.of(chosen)
        asked.leave_to(its)
    lines = asking.lines(chosen, its)
    return page("channels/admin/channel.html", status, channel=found, form=form, asking=lines, asked=asked)


def _own(adapter: str) -> asking.Asking:
    return asking.own(manners.adapter(adapter))


def _new_account(code: str, form: TermsForm, status: int = 200) -> ResponseReturnValue:
    return page("channels/admin/new_account.html", status, channel=queries.channel(code), form=form)


def _edit(
    account: queries.Account, form: ChangeTermsForm, status: int = 200, *, why_form: WhyForm | None = None
) -> ResponseReturnValue:
    return page(
        "channels/admin/account.html",
        status,
        account=account,
        form=form,
        why_form=why_form or WhyForm(formdata=None),
        was_used=bool(versions.ever_used(account.id)),
        has_active=queries.active_setting_id(account.id) is not None,
    )

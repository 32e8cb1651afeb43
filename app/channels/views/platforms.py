"""第三方平台账号: where and as whom one signs in at the third party; its password is for whoever sits there."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.channels import platforms, queries, rules, service
from app.channels.forms import PlatformForm, PlatformPasswordForm, RevealForm
from app.kernel.errors import Refused
from app.runtime.page import page, said, say

bp = Blueprint("platforms", __name__, url_prefix="/platform-accounts")


@bp.get("/")
@needs(Permission.PLATFORM_READ)
def index() -> ResponseReturnValue:
    listing = platforms.page(request.args)
    ids = [row.id for row in listing.rows]
    return page(
        "channels/platforms.html",
        listing=listing,
        accounts=platforms.accounts_of(ids),
        seats=platforms.seats(ids),
        may_manage=me().can(Permission.PLATFORM_MANAGE),
    )


@bp.get("/new")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def new() -> ResponseReturnValue:
    return _form(PlatformForm(formdata=None, channel=request.args.get("channel", "")))


@bp.post("/")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def add() -> ResponseReturnValue:
    form = PlatformForm()
    _offer(form)
    if not form.validate():
        return _form(form, status=422)
    password = service.platforms.new_password() if form.generate.data else str(form.password.data)
    try:
        reference = service.platforms.add(
            channel=form.channel.data,
            login_name=form.login_name.data,
            address=form.address.data,
            password=password,
            accounts=form.accounts.data,
            note=form.note.data or "",
            actor=me(),
        )
    except Refused as problem:
        return _form(form, status=409, refused=problem)
    flash(_("平台账号已添加"), "good")
    return _once(reference, password if form.generate.data else "")


@bp.get("/<reference>")
@needs(Permission.PLATFORM_READ)
def show(reference: str) -> ResponseReturnValue:
    return _show(reference)


@bp.get("/<reference>/edit")
@needs(Permission.PLATFORM_MANAGE)
def edit(reference: str) -> ResponseReturnValue:
    place = platforms.platform(reference)
    accounts = [account.number for account in platforms.accounts_of([place.id])[place.id]]
    kept = {name: getattr(place, name) for name in ("login_name", "address", "note")}
    return _form(PlatformForm(formdata=None, **kept, accounts=accounts), reference)


@bp.post("/<reference>/edit")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def change(reference: str) -> ResponseReturnValue:
    form = PlatformForm()
    _offer(form, reference)
    if not form.validate():
        return _form(form, reference, status=422)
    try:
        service.platforms.change(
            reference,
            login_name=form.login_name.data,
            address=form.address.data,
            accounts=form.accounts.data,
            note=form.note.data or "",
            actor=me(),
        )
    except Refused as problem:
        return _form(form, reference, status=409, refused=problem)
    flash(_("平台账号已修改"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/<reference>/reset-password")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def new_password(reference: str) -> ResponseReturnValue:
    return _password(reference, PlatformPasswordForm(formdata=None))


@bp.post("/<reference>/reset-password")
@needs(Permission.PLATFORM_MANAGE, proof=True)
def reset_password(reference: str) -> ResponseReturnValue:
    form = PlatformPasswordForm()
    if not form.validate():
        return _password(reference, form, 422)
    password = service.platforms.new_password() if form.generate.data else str(form.password.data)
    service.platforms.reset_password(reference, password=password, reason=str(form.reason.data), actor=me())
    flash(_("密码已更新"), "good")
    return _once(reference, password if form.generate.data else "")


@bp.post("/<reference>/reveal")
@needs(Permission.PLATFORM_REVEAL, proof=True)
def reveal(reference: str) -> ResponseReturnValue:
    """The password, on this one answer and nowhere else."""
    form = RevealForm()
    if not form.validate():
        return _show(reference, reveal_form=form, status=422)
    password = service.platforms.reveal(reference, reason=str(form.reason.data), actor=me())
    return _show(reference, password=password)


def _once(reference: str, password: str) -> ResponseReturnValue:
    """A password that was made up is told on this one answer; what somebody typed is not told back."""
    return _show(reference, password=password) if password else redirect(url_for(".show", reference=reference), 303)


def _password(reference: str, form: PlatformPasswordForm, status: int = 200) -> ResponseReturnValue:
    return page("channels/platform_password.html", status, place=platforms.platform(reference), form=form)


def _show(
    reference: str, *, password: str = "", reveal_form: RevealForm | None = None, status: int = 200
) -> ResponseReturnValue:
    place = platforms.platform(reference)
    seats = platforms.seats([place.id])[place.id]
    return page(
        "channels/platform.html",
        status,
        place=place,
        channel=queries.channel_by_id(place.channel_id),
        accounts=platforms.accounts_of([place.id])[place.id],
        seats={held.account_id: held for held in seats},
        sits=any(held.session_id == me().session_id for held in seats),
        history=platforms.history(reference),
        password=password,
        shown_s=rules.SHOWN_S,
        reveal_form=reveal_form or RevealForm(formdata=None),
        may_manage=me().can(Permission.PLATFORM_MANAGE),
        may_reveal=me().can(Permission.PLATFORM_REVEAL),
    )


def _form(
    form: PlatformForm, reference: str = "", status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused; a password is typed anew."""
    if refused is not None:
        form.form_errors += said(refused)
        flash(say(refused.text), "bad")
    _offer(form, reference)
    place = platforms.platform(reference) if reference else None
    return page("channels/platform_form.html", status, form=form, place=place)


def _offer(form: PlatformForm, reference: str = "") -> None:
    """What there is to choose from: accounts of its own channel only, once that is settled."""
    if reference:
        code = queries.channel_by_id(platforms.platform(reference).channel_id).code
        form.keep_secrets()
    else:
        code = ""
        form.channel.choices = [
            SelectChoice("", _("请选择")),
            *(SelectChoice(channel.code, channel.name) for channel in queries.channels()),
        ]
    offered = [account for account in queries.accounts() if code in ("", account.channel_code)]
    form.accounts.choices = [SelectChoice(account.number, account.title) for account in offered]

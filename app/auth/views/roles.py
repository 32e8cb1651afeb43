"""角色管理 and 授权管理: roles as sets of permissions, side by side in a matrix, and the channels they are limited to."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth import queries, scope
from app.auth.forms import NewRoleForm, NothingForm, RoleForm
from app.auth.identity import me
from app.auth.permissions import LABELS, MONEY, PEOPLE, Permission, needs
from app.auth.service import roles as service
from app.auth.views.answers import in_my_language
from app.kernel.errors import Refused
from app.runtime.page import page, said

bp = Blueprint("roles", __name__, url_prefix="/roles")


@bp.get("/")
@needs(Permission.ROLE_READ)
def index() -> ResponseReturnValue:
    return page(
        "auth/roles.html",
        roles=queries.role_cards(),
        in_my_language=in_my_language,
        names=dict(scope.on_offer(me().channels)),
        groups=LABELS,
        money=MONEY,
        people=PEOPLE,
        may_edit=me().can(Permission.ROLE_EDIT),
    )


@bp.get("/new")
@needs(Permission.ROLE_EDIT)
def new() -> ResponseReturnValue:
    return _new(NewRoleForm(formdata=None, like=request.args.get("like", "")))


@bp.post("/")
@needs(Permission.ROLE_EDIT, proof=True)
def create() -> ResponseReturnValue:
    form = NewRoleForm()
    _offer(form)
    if not form.validate():
        return _new(form, 422)
    code = str(form.code.data).strip()
    try:
        service.create(
            code=code,
            title_zh=str(form.title_zh.data).strip(),
            title_en=str(form.title_en.data).strip(),
            note=str(form.note.data or "").strip(),
            like=str(form.like.data or ""),
            actor=me(),
        )
    except Refused as refused:
        return _new(form, 409, refused)
    flash(_("角色已建立，请核对它的权限"), "good")
    return redirect(url_for(".show", code=code), 303)


@bp.get("/<code>")
@needs(Permission.ROLE_READ)
def show(code: str) -> ResponseReturnValue:
    return _show(code)


@bp.post("/<code>/change")
@needs(Permission.ROLE_EDIT, proof=True)
def change(code: str) -> ResponseReturnValue:
    form = RoleForm()
    form.channels.choices = _channels()
    if not form.validate():
        return _show(code, form, 422)
    try:
        service.change(
            code,
            title_zh=str(form.title_zh.data).strip(),
            title_en=str(form.title_en.data).strip(),
            note=str(form.note.data or "").strip(),
            permissions=form.permissions.data or (),
            channels=form.channels.data or (),
            actor=me(),
        )
    except Refused as refused:
        return _show(code, form, 409, refused)
    flash(_("已保存，属于这个角色的人从下一次操作起生效"), "good")
    return redirect(url_for(".show", code=code), 303)


@bp.post("/<code>/remove")
@needs(Permission.ROLE_EDIT, proof=True)
def remove(code: str) -> ResponseReturnValue:
    NothingForm()
    service.remove(code, actor=me())
    flash(_("角色已删除"), "good")
    return redirect(url_for(".index"), 303)


def _new(form: NewRoleForm, status: int = 200, refused: Refused | None = None) -> ResponseReturnValue:
    _offer(form)
    if refused is not None:
        form.form_errors += said(refused)
    return page("auth/role_new.html", status, form=form)


def _show(
    code: str, form: RoleForm | None = None, status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    role = queries.role_card(code)
    form = form or RoleForm(
        formdata=None,
        title_zh=role.titles[0],
        title_en=role.titles[1],
        note=role.note,
        permissions=sorted(role.permissions),
        channels=role.channels,
    )
    form.channels.choices = _channels()
    if refused is not None:
        form.form_errors += said(refused)
    return page(
        "auth/role.html",
        status,
        role=role,
        title=in_my_language(role.titles),
        names=dict(scope.on_offer(me().channels)),
        groups=LABELS,
        money=MONEY,
        people=PEOPLE,
        form=form,
        mine=(mine := code == me().role),
        may_edit=me().can(Permission.ROLE_EDIT) and not mine,
    )


def _offer(form: NewRoleForm) -> None:
    titles = [SelectChoice(role.code, in_my_language((role.title_zh, role.title_en))) for role in queries.roles()]
    form.like.choices = [SelectChoice("", _("不照抄，从空白开始")), *titles]


def _channels() -> list[SelectChoice]:
    return [SelectChoice(code, name) for code, name in scope.on_offer(me().channels)]

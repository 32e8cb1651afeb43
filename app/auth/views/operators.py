"""用户管理: who there is, what each may do and where; letting people in and locking them out."""

from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.auth import queries, rules, scope, service
from app.auth.forms import DisableForm, InviteForm, NothingForm, PeopleFilters, PersonForm
from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.auth.views.answers import in_my_language
from app.kernel.errors import Refused
from app.runtime.page import page, said, say

bp = Blueprint("operators", __name__, url_prefix="/operators")


@bp.get("/")
@needs(Permission.OPERATOR_READ)
def index() -> ResponseReturnValue:
    locked = queries.locks()
    found = queries.people(request.args, locked=locked)
    ids = [row.id for row in found.rows]
    filters = PeopleFilters(formdata=request.args)
    filters.role.choices = [SelectChoice("", _("全部")), *_roles()]
    return page(
        "auth/operators.html",
        listing=found,
        filters=filters,
        tabs=_tabs(queries.how_many(request.args, locked=locked)),
        locked=locked,
        last=queries.last_sessions(ids),
        channels=queries.channels_of_people(ids),
        names=dict(scope.on_offer(me().channels)),
        roles={role.value: role.label for role in _roles()},
        rules=rules,
        may_edit=me().can(Permission.OPERATOR_EDIT),
    )


@bp.get("/new")
@needs(Permission.OPERATOR_EDIT)
def new() -> ResponseReturnValue:
    return _new(InviteForm(formdata=None))


@bp.post("/")
@needs(Permission.OPERATOR_EDIT, proof=True)
def create() -> ResponseReturnValue:
    """The one-time link is in this answer and nowhere else: not in a cookie, not in an address."""
    form = InviteForm()
    _offer(form)
    if not form.validate():
        return _new(form, 422)
    name = str(form.username.data).strip().lower()
    try:
        token = service.invite(
            username=name,
            display_name=str(form.display_name.data),
            role=str(form.role.data),
            channels=form.channels.data or (),
            actor=me(),
        )
    except Refused as refused:
        return _new(form, 409, refused)
    return _tell_link(name, token)


@bp.get("/<username>")
@needs(Permission.OPERATOR_READ)
def show(username: str) -> ResponseReturnValue:
    return _show(username)


@bp.post("/<username>/change")
@needs(Permission.OPERATOR_EDIT, proof=True)
def change(username: str) -> ResponseReturnValue:
    form = PersonForm()
    _offer(form)
    if not form.validate():
        return _show(username, form=form, status=422)
    try:
        service.change(
            username,
            display_name=str(form.display_name.data),
            role=str(form.role.data),
            channels=form.channels.data or (),
            actor=me(),
        )
    except Refused as refused:
        return _show(username, form=form, status=409, refused=refused)
    flash(_("已保存，从其下一次操作起生效"), "good")
    return redirect(url_for(".show", username=username), 303)


@bp.post("/<username>/disable")
@needs(Permission.OPERATOR_EDIT, proof=True)
def disable(username: str) -> ResponseReturnValue:
    form = DisableForm()
    if not form.validate():
        return _show(username, disable_form=form, status=422)
    service.disable(username, reason=str(form.reason.data), actor=me())
    flash(_("已停用：登录已结束，领取的渠道账号已释放"), "good")
    return redirect(url_for(".show", username=username), 303)


@bp.post("/<username>/enable")
@needs(Permission.OPERATOR_EDIT)
def enable(username: str) -> ResponseReturnValue:
    NothingForm()
    service.enable(username, actor=me())
    flash(_("已启用，可以再次登录"), "good")
    return redirect(url_for(".show", username=username), 303)


@bp.post("/<username>/unlock")
@needs(Permission.OPERATOR_EDIT)
def unlock(username: str) -> ResponseReturnValue:
    NothingForm()
    service.unlock(username, actor=me())
    flash(_("已解锁，可以再次登录"), "good")
    return redirect(url_for(".show", username=username), 303)


@bp.post("/<username>/end-sessions")
@needs(Permission.OPERATOR_EDIT)
def end_sessions(username: str) -> ResponseReturnValue:
    NothingForm()
    service.end_sessions(username, actor=me())
    flash(_("已下线，打开的页面立即失效"), "good")
    return redirect(url_for(".show", username=username), 303)


@bp.post("/<username>/link")
@needs(Permission.OPERATOR_EDIT, proof=True)
def new_link(username: str) -> ResponseReturnValue:
    NothingForm()
    return _tell_link(username, service.new_link(username, actor=me()))


@bp.post("/<username>/reset-password")
@needs(Permission.OPERATOR_EDIT, proof=True)
def reset_password(username: str) -> ResponseReturnValue:
    NothingForm()
    return _tell_link(username, service.reset_password(username, actor=me()))


@bp.post("/<username>/reset-second-factor")
@needs(Permission.OPERATOR_EDIT, proof=True)
def reset_second_factor(username: str) -> ResponseReturnValue:
    NothingForm()
    service.reset_second_factor(username, actor=me())
    flash(_("动态验证码已关闭，其登录已结束；请提醒其登录后重新开启"), "good")
    return redirect(url_for(".show", username=username), 303)


def _new(form: InviteForm, status: int = 200, refused: Refused | None = None) -> ResponseReturnValue:
    _offer(form)
    form.role.choices = [SelectChoice("", _("请选择")), *_roles()]
    if refused is not None:
        form.form_errors += said(refused)
    return page("auth/operator_new.html", status, form=form)


def _show(
    username: str,
    *,
    form: PersonForm | None = None,
    disable_form: DisableForm | None = None,
    status: int = 200,
    refused: Refused | None = None,
) -> ResponseReturnValue:
    person = queries.person(username)
    limits = sorted(queries.channels_of(person.id))
    form = form or PersonForm(formdata=None, display_name=person.display_name, role=person.role, channels=limits)
    _offer(form)
    if refused is not None:
        form.form_errors += said(refused)
    role = queries.role_card(person.role)
    return page(
        "auth/operator.html",
        status,
        person=person,
        role=in_my_language(role.titles),
        role_limits=role.channels,
        limits=limits,
        names=dict(scope.on_offer(me().channels)),
        standing=rules.standing(
            disabled=person.disabled_at is not None,
            activated=person.password_hash is not None,
            locked=(locked_until := queries.locked_until(person)) is not None,
        ),
        locked_until=locked_until,
        link_until=queries.link_until(person.id),
        codes_left=queries.recovery_codes_left(person.id),
        sessions=queries.sessions_of(person.id),
        form=form,
        disable_form=disable_form or DisableForm(formdata=None),
        rules=rules,
        mine=(mine := person.id == me().operator_id),
        may_edit=me().can(Permission.OPERATOR_EDIT) and not mine,
    )


def _tell_link(username: str, token: str) -> ResponseReturnValue:
    person = queries.person(username)
    link = url_for("auth.activate", token=token, _external=True)
    return page("auth/link.html", person=person, link=link, until=queries.link_until(person.id))


def _offer(form: PersonForm) -> None:
    """What there is to choose from."""
    form.role.choices = _roles()
    form.channels.choices = [SelectChoice(code, name) for code, name in scope.on_offer(me().channels)]


def _roles() -> list[SelectChoice]:
    return [SelectChoice(role.code, in_my_language((role.title_zh, role.title_en))) for role in queries.roles()]


def _tabs(counts: dict[str, int]) -> list[tuple[str, str, int | None, bool]]:
    current = request.args.get("standing", "")
    kept = {name: request.args[name] for name in ("q", "role") if request.args.get(name)}

    def tab(label: str, standing: str) -> tuple[str, str, int | None, bool]:
        query = urlencode({**kept, "standing": standing} if standing else kept)
        return label, f"{url_for('.index')}?{query}", counts[standing], current == standing

    return [
        tab(_("全部"), ""),
        *(tab(say(label), standing) for standing, (label, _tone) in rules.STANDINGS.items()),
    ]

"""我的账号: what a person decides about their own account, and where it was used."""

import segno
from flask import Blueprint, flash, g, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth import queries, rules, scope, service
from app.auth.forms import ChangePasswordForm, NewFactorForm, NothingForm, TimeOutForm
from app.auth.identity import me
from app.auth.permissions import proved, signed_in
from app.auth.service import second_factor
from app.kernel.errors import Refused
from app.runtime.page import page, said, say

bp = Blueprint("profile", __name__, url_prefix="/me")


@bp.get("/")
@signed_in
def show() -> ResponseReturnValue:
    return _show()


@bp.post("/time-out")
@signed_in
def time_out() -> ResponseReturnValue:
    form = TimeOutForm()
    if not form.validate():
        return _show(time_out_form=form, status=422)
    service.set_time_out(me(), int(form.time_out_s.data))
    flash(_("已保存"), "good")
    return redirect(url_for(".show"), 303)


@bp.post("/password")
@signed_in
def password() -> ResponseReturnValue:
    form = ChangePasswordForm()
    if not form.validate():
        return _show(password_form=form, status=422)
    try:
        g.new_token = service.change_password(me(), old=str(form.old.data), new=str(form.password.data))
    except Refused as refused:
        form.form_errors += said(refused)
        return _show(password_form=form, status=422)
    flash(_("密码已修改"), "good")
    return redirect(url_for(".show"), 303)


@bp.post("/second-factor/begin")
@signed_in
@proved
def begin() -> ResponseReturnValue:
    NothingForm()
    second_factor.begin(me())
    return redirect(url_for(".second_factor_page"), 303)


@bp.get("/second-factor")
@signed_in
@proved
def second_factor_page() -> ResponseReturnValue:
    """The secret, until a code of it was shown; never again after that."""
    return _second_factor(NewFactorForm(formdata=None))


@bp.post("/second-factor/confirm")
@signed_in
@proved
def confirm() -> ResponseReturnValue:
    """The recovery codes are in this answer and nowhere else."""
    form = NewFactorForm()
    if not form.validate():
        return _second_factor(form, 422)
    try:
        codes = second_factor.confirm(me(), str(form.code.data))
    except Refused as refused:
        form.form_errors += said(refused)
        return _second_factor(form, 422, refused)
    return page("auth/recovery_codes.html", codes=codes, fresh=True)


@bp.post("/second-factor/codes")
@signed_in
@proved
def new_codes() -> ResponseReturnValue:
    """The new recovery codes are in this answer and nowhere else."""
    NothingForm()
    return page("auth/recovery_codes.html", codes=second_factor.new_recovery_codes(me()), fresh=False)


@bp.post("/second-factor/disable")
@signed_in
@proved
def disable() -> ResponseReturnValue:
    NothingForm()
    second_factor.disable(me())
    flash(_("动态验证码已关闭，以后登录只需要密码"), "wait")
    return redirect(url_for(".show"), 303)


def _show(
    *, time_out_form: TimeOutForm | None = None, password_form: ChangePasswordForm | None = None, status: int = 200
) -> ResponseReturnValue:
    person = queries.operator(me().operator_id)
    return page(
        "auth/me.html",
        status,
        person=person,
        channels=scope.on_offer(me().channels) if me().channels is not None else None,
        time_out_form=time_out_form or TimeOutForm(formdata=None, time_out_s=person.time_out_s),
        password_form=password_form or ChangePasswordForm(formdata=None),
        codes_left=queries.recovery_codes_left(person.id),
        sessions=queries.sessions_of(person.id),
        rules=rules,
    )


def _second_factor(form: NewFactorForm, status: int = 200, refused: Refused | None = None) -> ResponseReturnValue:
    shown = second_factor.secret_to_show(me())
    if shown is None:
        return redirect(url_for(".show"), 303)
    secret, address = shown
    return page(
        "auth/second_factor.html",
        status,
        form=form,
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        dots=segno.make(address, error="m").matrix,
        advice=say(refused.advice) if refused and refused.advice else "",
    )

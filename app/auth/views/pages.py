"""Signing in and out, the language, the first account."""

from flask import Blueprint, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.utils import redirect

from app.auth import service
from app.auth.forms import ActivateForm, LanguageForm, NothingForm, SignInForm
from app.auth.identity import me, me_or_nobody
from app.auth.permissions import public, signed_in
from app.auth.rules import Ended
from app.auth.views.guard import cookie_name, give_cookie, known_path, take_cookies, tell
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.page import page, say

bp = Blueprint("auth", __name__)
HOME = "/"


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    form = SignInForm()
    if not form.is_submitted():
        form.next.data = known_path(request.args.get("next", ""))
        if me_or_nobody():
            return redirect(form.next.data or HOME, 303)
        return page("auth/login.html", form=form, notice=_notice())
    if form.validate():
        try:
            return _sign_in(form)
        except Refused as refusal:
            return page("auth/login.html", 422, form=form, refused=say(refusal.text))
    return page("auth/login.html", 422, form=form)


@bp.post("/logout")
@signed_in
def logout() -> ResponseReturnValue:
    NothingForm()
    service.sign_out(me())
    response = redirect(url_for(".login"), 303)
    take_cookies(response)
    flash(_("您已退出登录"), "good")
    return response


@bp.post("/language")
@public
def language() -> ResponseReturnValue:
    form = LanguageForm()
    if not form.validate():
        return tell(400)
    person = me_or_nobody()
    if person:
        service.set_language(person, str(form.language.data))
    else:
        session["language"] = form.language.data
    return redirect(known_path(form.next.data or "") or (HOME if person else url_for(".login")), 303)


@bp.route("/activate/<token>", methods=["GET", "POST"])
@public
def activate(token: str) -> ResponseReturnValue:
    form = ActivateForm()
    try:
        service.require_open_link(token)
    except Refused as refusal:
        return tell(410, title=_("链接已失效"), message=say(refusal.text), advice=_("请在服务器上重新生成一个。"))
    if not form.validate_on_submit():
        return page("auth/activate.html", 422 if form.is_submitted() else 200, form=form)
    try:
        service.activate(
            token,
            username=str(form.username.data),
            display_name=str(form.display_name.data),
            password=str(form.password.data),
        )
    except Refused as refusal:
        form.form_errors.append(say(refusal.text))
        return page("auth/activate.html", 422, form=form)
    flash(_("账号已启用，请登录"), "good")
    return redirect(url_for(".login"), 303)


def _sign_in(form: SignInForm) -> ResponseReturnValue:
    before = me_or_nobody()
    token, actor = service.sign_in(
        str(form.username.data),
        str(form.password.data),
        address=request.remote_addr or "",
        user_agent=request.user_agent.string,
    )
    if before and before.operator_id != actor.operator_id:
        service.sign_out(before)  # somebody else's session in this browser would live on without a cookie
    response = redirect(known_path(form.next.data or "") or HOME, 303)
    give_cookie(response, token, actor)
    return response


def _notice() -> str | None:
    """To somebody who comes with the cookie of a session that is over: what happened to it."""
    token = request.cookies.get(cookie_name())
    over = service.last_words(token) if token else None
    if over is None:
        return None
    at = over.at.astimezone(clock.BUSINESS_ZONE).strftime("%H:%M")
    return {
        Ended.DISPLACED: _("您的账号已于 %(time)s 在另一处登录。如果不是您本人，请立即联系管理员。", time=at),
        Ended.IDLE: _("因长时间未操作已退出"),
        Ended.ABSOLUTE: _("登录已满 12 小时，请重新登录"),
        Ended.DISABLED: _("此账号已停用，请联系管理员"),
    }.get(over.reason)

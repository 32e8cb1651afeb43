"""Signing in and out, the language, the first account."""

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.utils import redirect

from app.auth import service
from app.auth.forms import ActivateForm, CodeForm, LanguageForm, NothingForm, PasswordForm, SignInForm
from app.auth.identity import Actor, me, me_or_nobody
from app.auth.permissions import passive, public, signed_in
from app.auth.rules import Ended
from app.auth.views.answers import known_path, tell
from app.auth.views.guard import cookie_name, give_cookie, take_cookies
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.page import page, said, say

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
            return page("auth/login.html", 422, form=form, refused=refusal)
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


@bp.route("/login/code", methods=["GET", "POST"])
@public
def code() -> ResponseReturnValue:
    """The second step of signing in, for whoever has a second factor."""
    ticket = session.get("half_way")
    if not ticket:
        return redirect(url_for(".login"), 303)
    form = CodeForm()
    if not form.validate_on_submit():
        return page("auth/code.html", 422 if form.is_submitted() else 200, form=form)
    try:
        token, actor = service.finish_sign_in(
            ticket, str(form.code.data), address=request.remote_addr or "", user_agent=request.user_agent.string
        )
    except Refused as refusal:
        return page("auth/code.html", 422, form=form, refused=refusal)
    return _let_in(token, actor, str(session.get("half_way_next") or ""))


@bp.get("/login/why")
@public
@passive
def why() -> ResponseReturnValue:
    """For a page that was told its session is over: what happened to it, in words. Empty where nothing did."""
    return Response(_notice() or "", mimetype="text/plain")


@bp.route("/activate/<token>", methods=["GET", "POST"])
@public
def activate(token: str) -> ResponseReturnValue:
    """A password of one's own choice: the first administrator, somebody new, or somebody whose password was reset."""
    try:
        known = service.link_for(token)
    except Refused as refusal:
        return tell(410, title=_("链接已失效"), message=say(refusal.text), advice=say(refusal.advice or ""))
    form = PasswordForm() if known else ActivateForm()
    if not form.validate_on_submit():
        return page("auth/activate.html", 422 if form.is_submitted() else 200, form=form, known=known)
    new = {} if known else {"username": str(form.username.data), "display_name": str(form.display_name.data)}
    try:
        service.activate(token, password=str(form.password.data), **new)
    except Refused as refusal:
        form.form_errors += said(refusal)
        return page("auth/activate.html", 422, form=form, known=known)
    flash(_("账号已启用，请登录"), "good")
    return redirect(url_for(".login"), 303)


def _sign_in(form: SignInForm) -> ResponseReturnValue:
    try:
        token, actor = service.sign_in(
            str(form.username.data),
            str(form.password.data),
            address=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )
    except service.SecondFactorNeeded as half_way:
        session["half_way"], session["half_way_next"] = half_way.ticket, known_path(form.next.data or "")
        return redirect(url_for(".code"), 303)
    return _let_in(token, actor, form.next.data or "")


def _let_in(token: str, actor: Actor, back: str) -> ResponseReturnValue:
    before = me_or_nobody()
    if before and before.operator_id != actor.operator_id:
        service.sign_out(before)  # somebody else's session in this browser would live on without a cookie
    response = redirect(known_path(back) or HOME, 303)
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
        Ended.DISPLACED: _(
            "您的账号已于 %(time)s 在另一处（%(address)s）登录。如果不是您本人，请立即联系管理员。",
            time=at,
            address=over.elsewhere,
        ),
        Ended.IDLE: _("因长时间未操作已退出"),
        Ended.ENDED: _("管理员已于 %(time)s 结束了您的登录", time=at),
        Ended.RESET: _("您的密码或动态验证码已于 %(time)s 被管理员重置", time=at),
        Ended.ABSOLUTE: _("登录已满 12 小时，请重新登录"),
        Ended.DISABLED: _("此账号已停用，请联系管理员"),
    }.get(over.reason)

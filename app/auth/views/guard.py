"""What every request passes, in this order: who is it, may they enter, does it come from a page of ours.

Two cookies. `paydesk_session` is the opaque token of a session row and the only thing that proves who one is. The other is
Flask's signed one, which holds the CSRF token, the flashes and the id of the session it belongs to: replaying it is worthless.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Request, current_app, g, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_babel import gettext as _
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import URLSafeTimedSerializer
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from app.auth import audit, rules, service
from app.auth.identity import Actor, me_or_nobody
from app.auth.permissions import PUBLIC, Shut, shut_for
from app.auth.views import proof
from app.auth.views.answers import changes_something, known_path, tell
from app.config import config
from app.kernel.errors import Refused
from app.runtime import vault
from app.runtime.forms import BadForm

_csrf = CSRFProtect()

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}


class _Sessions(SecureCookieSessionInterface):
    """Flask makes its signer anew for each request, a tenth of what a small one costs. Our key stays as long as the process."""

    def __init__(self) -> None:
        self._signer = cache(super().get_signing_serializer)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        return self._signer(app)


def init(app: Flask) -> None:
    app.session_interface = _Sessions()
    with app.app_context():
        tls = config().behind_tls
        app.secret_key = vault.key_for("browser state")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-paydesk_state" if tls else "paydesk_state",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=tls,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guard asks, after it knows who it is
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session it is bound to
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, and our own policy tells browsers to send none
    )
    _csrf.init_app(app)
    # Not its `init_app`: an error page must not ask the database again, and nobody's browser is remembered here; to look for
    # that after each answer is to touch each session.
    people = app.login_manager = LoginManager()  # type: ignore[attr-defined]
    people.session_protection = None
    people.request_loader(_load)
    app.before_request(_guard)
    app.after_request(_finish)
    app.wsgi_app = _with_headers(app.wsgi_app, security_headers(app))  # type: ignore[assignment,method-assign]
    app.teardown_request(lambda _problem: audit.came_from())
    app.context_processor(lambda: {"me": me_or_nobody()})
    app.register_error_handler(CSRFError, _tell_page_expired)
    app.register_error_handler(BadForm, _tell_bad_form)


def security_headers(app: Flask) -> dict[str, str]:
    """For whatever answers beside Flask (static files)."""
    tls = app.extensions["paydesk.config"].behind_tls
    return _HEADERS | (_HSTS if tls else {})


def cookie_name() -> str:
    return "__Host-paydesk_session" if config().behind_tls else "paydesk_session"


def give_cookie(response: BaseResponse, token: str, actor: Actor) -> None:
    """The new session's cookie, and a fresh CSRF token that belongs to it."""
    session.clear()
    session["belongs_to"] = actor.session_id
    g.pop("csrf_token", None)
    _set_cookie(response, token)


def _set_cookie(response: BaseResponse, token: str) -> None:
    response.set_cookie(
        cookie_name(), token, max_age=rules.ABSOLUTE_S, httponly=True, samesite="Lax", secure=config().behind_tls
    )


def take_cookies(response: BaseResponse) -> None:
    session.clear()
    response.delete_cookie(cookie_name(), httponly=True, samesite="Lax", secure=config().behind_tls)


def _guard() -> ResponseReturnValue | None:
    person = current_user._get_current_object()
    g.me = person if isinstance(person, Actor) else None
    audit.came_from(request.remote_addr or "", g.me.session_id if g.me else None)
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return None  # 404 and 405 are told by the house
    if "\0" in request.path:
        return tell(404)  # PostgreSQL would not even look
    declared = getattr(view, "permission", None)
    if declared != PUBLIC and g.me is None:
        return _ask_to_sign_in()
    match shut_for(view, g.me.permissions, g.me.channels) if g.me else None:
        case Shut.FORBIDDEN:
            if not getattr(view, "passive", False):
                service.note_refusal(g.me, str(declared))
            return tell(403, title=_("没有权限"), message=_("您的角色不能做这件事。"))
        case Shut.PARTIAL:
            raise Refused("这一页含全部渠道，您的账号只限部分渠道", advice="确有需要的话，请管理员放开渠道限制。")
    if (longest := getattr(view, "longest_body", None)) is not None:
        request.max_content_length = longest  # now that we know who sends it, and before anything of it is read
    if not getattr(view, "csrf_exempt", False):
        _require_a_page_of_ours()
    if g.me is not None and g.me.must_renew and _is_somebodys_deed():
        g.new_token = service.renew(g.me)
    return proof.ask() if getattr(view, "proof", False) else None


def _load(_request: Request) -> Actor | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "permission", None) == PUBLIC and getattr(view, "passive", False):
        return None  # asked by machines: must answer while the database is away
    token = request.cookies.get(cookie_name())
    return service.who(token, active=_is_somebodys_deed()) if token else None


def _is_somebodys_deed() -> bool:
    """Did a person do this? A region that refreshes itself is its own source and target; console.js names no source."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "passive", False) or _wants_stream():
        return False
    if not request.headers.get("HX-Request"):
        return True
    source = request.headers.get("HX-Source")
    return bool(source) and (changes_something() or source != request.headers.get("HX-Target"))


def _ask_to_sign_in() -> ResponseReturnValue:
    """A redirect would make htmx swap the sign-in page into a table, and a stream reconnect for ever."""
    if _wants_stream():
        return Response(status=401)
    if request.headers.get("HX-Request"):
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
        body, status = tell(401, title=_("请先登录"), message=_("登录已过期，或在别处退出了。"))
        return body, status, {"HX-Redirect": _sign_in_url(here._replace(scheme="", netloc="").geturl())}
    here_and_now = "" if changes_something() else request.full_path.removesuffix("?")
    return redirect(_sign_in_url(here_and_now), 303)


def _sign_in_url(back: str) -> str:
    known = known_path(back)
    return url_for("auth.login", next=known if known not in (None, "/") else None)


def _require_a_page_of_ours() -> None:
    """CSRF, twice: the token of this very session, and the browser's own word on where the request comes from."""
    owner = g.me.session_id if g.me else None
    if not changes_something():
        if session.get("belongs_to") != owner:  # left over from another session: start afresh
            session.clear()
            if owner is not None:
                session["belongs_to"] = owner
        return
    if session.get("belongs_to") != owner:
        raise CSRFError("the token belongs to another session")
    if _comes_from_elsewhere():
        raise CSRFError("the request comes from another site")
    _csrf.protect()


def _comes_from_elsewhere() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    # Over plain HTTP browsers do not say. Our no-referrer policy turns the Origin of our own forms into "null".
    origin = request.headers.get("Origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.host


def _with_headers(inner: WSGIApplication, headers: Mapping[str, str]) -> WSGIApplication:
    """Every answer of this application carries them, whatever made it."""
    always = list(headers.items())

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, own: list[tuple[str, str]], *problem: Any) -> Callable[[bytes], object]:
            return start_response(status, own + always, *problem)

        return inner(environ, start)

    return application


def _finish(response: Response) -> Response:
    if token := g.pop("new_token", None):
        _set_cookie(response, token)
    if me_or_nobody() is not None or "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def _tell_page_expired(_problem: CSRFError) -> ResponseReturnValue:
    return tell(
        400,
        title=_("页面已过期，请刷新后重试"),
        message=_("这一页打开后，登录状态有了变化，什么都没有提交。"),
        advice=_("刷新页面，核对内容后再提交一次。"),
    )


def _tell_bad_form(_problem: BadForm) -> ResponseReturnValue:
    return tell(
        400,
        title=_("提交的内容与页面不符"),
        message=_("提交中有页面上没有的、重复的或不能识别的项目，什么都没有改动。"),
        advice=_("刷新页面后重新填写；如果再次出现，请联系技术人员。"),
    )


def _wants_stream() -> bool:
    return "text/event-stream" in request.headers.get("Accept", "")

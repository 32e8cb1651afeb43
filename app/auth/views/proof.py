"""Who are you, again? Asked before sensitive acts when the last answer is older than five minutes (SECURITY 10).

The page that asks carries what was being sent, so that nothing is lost: the same address gets the same form once more, with
the password or the code in it, which never reaches the view.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict

from app.auth import service
from app.auth.forms import ProofForm
from app.auth.identity import me
from app.auth.permissions import signed_in
from app.auth.views.answers import changes_something, known_path, tell
from app.kernel import clock
from app.kernel.errors import Refused
from app.runtime.page import page, say

bp = Blueprint("proof", __name__)
SECRET = "proof_secret"  # noqa: S105  the name of a field
LEFT_OUT = ("csrf_token", SECRET, "password", "password_again", "hook_address", "hook_secret")
"""Not carried: a password or a token of somewhere else is written and never shown (SECURITY 27), so it is typed anew."""


def ask() -> ResponseReturnValue | None:
    """None when this request may go on."""
    if me().is_proved():
        _leave_out_the_secret()
        return None
    secret = request.form.get(SECRET) if changes_something() else None
    if secret is None:
        return _ask()
    try:
        g.new_token = service.prove(me(), secret)
    except Refused as refusal:
        return _ask(say(refusal.text))
    g.me = replace(me(), verified_at=clock.now())
    _leave_out_the_secret()
    return None


@bp.route("/proof", methods=["GET", "POST"])
@signed_in
def show() -> ResponseReturnValue:
    """Asked before a page is shown, or where a part of a page wanted it."""
    form = ProofForm()
    if not form.is_submitted():
        form.next.data = known_path(request.args.get("next", "")) or "/"
        form.file.data = request.args.get("file", "")
    problem = ""
    if form.validate_on_submit():
        try:
            g.new_token = service.prove(me(), str(form.proof_secret.data))
        except Refused as refusal:
            problem = say(refusal.text)
        else:
            again = _("身份已确认，五分钟内可以下载，请再点一次") if form.file.data else ""
            flash(again or _("身份已确认，五分钟内不再询问"), "good")
            return redirect(known_path(form.next.data or "") or "/", 303)
    kept = [("next", form.next.data or "/"), *([("file", "1")] if form.file.data else [])]
    return page("auth/proof.html", 422 if form.is_submitted() else 200, action=request.path, kept=kept, problem=problem)


def _ask(problem: str = "") -> ResponseReturnValue:
    if request.headers.get("HX-Request"):
        page_around = urlsplit(request.headers.get("HX-Current-URL", ""))._replace(scheme="", netloc="").geturl()
        here = url_for("proof.show", next=known_path(page_around))
        body, status = tell(403, title=_("请先确认身份"), message=_("这一步需要再输入一次密码或动态验证码。"))
        return body, status, {"HX-Redirect": here}
    if not changes_something():
        file = _page_of_file()
        here = file or request.full_path.removesuffix("?")
        return redirect(url_for("proof.show", next=here, file="1" if file else None), 303)
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in LEFT_OUT]
    return page("auth/proof.html", 422 if problem else 403, action=request.full_path, kept=kept, problem=problem)


def _page_of_file() -> str:
    """Where the link of the file stands that is asked for; "" where it is a page."""
    view = current_app.view_functions[str(request.endpoint)]
    endpoint = getattr(view, "page_of_file", "")
    if not endpoint:
        return ""
    given, expecting = request.view_args or {}, current_app.url_map.is_endpoint_expecting
    return url_for(endpoint, **{name: it for name, it in given.items() if expecting(endpoint, name)})


def _leave_out_the_secret() -> None:
    if SECRET in request.form:
        kept = [(name, value) for name, value in request.form.items(multi=True) if name != SECRET]
        request.form = ImmutableMultiDict(kept)

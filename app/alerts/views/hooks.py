"""告警推送: the robots that are told, how each of them answers."""

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from app.alerts import hooks, rules, service
from app.alerts.forms import HookForm, HookSecretsForm, HookWordsForm, NothingForm
from app.alerts.hooks import AlertHook
from app.alerts.robots import ROBOTS, Kind, Letter
from app.alerts.states import LABELS
from app.auth.identity import me
from app.auth.permissions import Permission, needs
from app.kernel.errors import Refused, Text
from app.runtime.page import page, said, say

bp = Blueprint("alert_hooks", __name__, url_prefix="/alerts/hooks")


@bp.get("/")
@needs(Permission.ALERT_HOOKS, whole=True)
def listed() -> ResponseReturnValue:
    found = hooks.all_hooks()
    standing = hooks.standing([hook.id for hook in found])
    return page("alerts/hooks.html", hooks=found, standing=standing, robots=ROBOTS, rules=rules)


@bp.get("/new")
@needs(Permission.ALERT_HOOKS, proof=True, whole=True)
def new() -> ResponseReturnValue:
    return _form(HookForm(formdata=None, least="warning"))


@bp.post("/")
@needs(Permission.ALERT_HOOKS, proof=True, whole=True)
def add() -> ResponseReturnValue:
    form = HookForm()
    _offer(form)
    if not form.validate():
        return _form(form, status=422)
    try:
        reference = service.hooks.add(
            name=form.name.data,
            kind=form.kind.data,
            address=form.hook_address.data,
            secret=form.hook_secret.data or "",
            language=form.language.data,
            least=form.least.data,
            actor=me(),
        )
    except Refused as refused:
        return _form(form, status=409, refused=refused)
    flash(_("告警推送已添加，请先发一条试试"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/<reference>")
@needs(Permission.ALERT_HOOKS, whole=True)
def show(reference: str) -> ResponseReturnValue:
    hook = hooks.hook(reference)
    listing = hooks.messages(hook.id, request.args)
    tries = hooks.tries_of([row.id for row in listing.rows])
    return page(
        "alerts/hook.html",
        hook=hook,
        robot=ROBOTS[Kind(hook.kind)],
        standing=hooks.standing([hook.id])[hook.id],
        listing=listing,
        tries=tries,
        told={row.id: say(Text.told(row.said)) for row in listing.rows},
        heard={it.id: say(Text.told(it.said)) for its in tries.values() for it in its},
        labels=LABELS,
        rules=rules,
        example=_example() if hook.kind == Kind.JSON else "",
    )


@bp.get("/<reference>/edit")
@needs(Permission.ALERT_HOOKS, whole=True)
def edit(reference: str) -> ResponseReturnValue:
    hook = hooks.hook(reference)
    kept = {name: getattr(hook, name) for name in ("name", "language", "least")}
    return _form(HookWordsForm(formdata=None, **kept), hook)


@bp.post("/<reference>/edit")
@needs(Permission.ALERT_HOOKS, whole=True)
def change(reference: str) -> ResponseReturnValue:
    form, hook = HookWordsForm(), hooks.hook(reference)
    _offer(form)
    if not form.validate():
        return _form(form, hook, 422)
    words = {name: form[name].data for name in ("name", "language", "least")}
    service.hooks.change(reference, **words, actor=me())
    flash(_("告警推送已修改"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.get("/<reference>/replace")
@needs(Permission.ALERT_HOOKS, proof=True, whole=True)
def new_address(reference: str) -> ResponseReturnValue:
    return _replace(HookSecretsForm(formdata=None), reference)


@bp.post("/<reference>/replace")
@needs(Permission.ALERT_HOOKS, proof=True, whole=True)
def replace(reference: str) -> ResponseReturnValue:
    form = HookSecretsForm()
    if not form.validate():
        return _replace(form, reference, 422)
    address, secret = form.hook_address.data, form.hook_secret.data or ""
    try:
        service.hooks.replace(reference, address=address, secret=secret, actor=me())
    except Refused as refused:
        return _replace(form, reference, 409, refused)
    flash(_("地址与密钥已更换，请先发一条试试"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.post("/<reference>/test")
@needs(Permission.ALERT_HOOKS, whole=True)
def test(reference: str) -> ResponseReturnValue:
    """What the robot answers is shown at once, and stays in its list."""
    NothingForm()
    result = service.sending.test(reference, actor=me())
    if result.outcome == "ok":
        flash(_("已送达，对方答复：%(said)s", said=say(result.said)), "good")
    else:
        flash(_("没有送达：%(said)s", said=say(result.said)), "bad")
    return redirect(url_for(".show", reference=reference), 303)


@bp.post("/<reference>/enable")
@needs(Permission.ALERT_HOOKS, whole=True)
def enable(reference: str) -> ResponseReturnValue:
    NothingForm()
    service.hooks.switch(reference, on=True, actor=me())
    flash(_("已启用，从下一条告警起推送"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.post("/<reference>/disable")
@needs(Permission.ALERT_HOOKS, whole=True)
def disable(reference: str) -> ResponseReturnValue:
    NothingForm()
    service.hooks.switch(reference, on=False, actor=me())
    flash(_("已停用，等待发送的消息不再发送"), "good")
    return redirect(url_for(".show", reference=reference), 303)


@bp.post("/<reference>/remove")
@needs(Permission.ALERT_HOOKS, proof=True, whole=True)
def remove(reference: str) -> ResponseReturnValue:
    NothingForm()
    service.hooks.remove(reference, actor=me())
    flash(_("告警推送已删除"), "good")
    return redirect(url_for(".listed"), 303)


def _form(
    form: HookWordsForm, hook: AlertHook | None = None, status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    """The form as it was typed, with why it was refused."""
    if refused is not None:
        form.form_errors += said(refused)
    _offer(form)
    return page("alerts/hook_form.html", status, form=form, hook=hook, robots=ROBOTS)


def _replace(
    form: HookSecretsForm, reference: str, status: int = 200, refused: Refused | None = None
) -> ResponseReturnValue:
    if refused is not None:
        form.form_errors += said(refused)
    hook = hooks.hook(reference)
    return page("alerts/hook_replace.html", status, form=form, hook=hook, robot=ROBOTS[Kind(hook.kind)])


def _offer(form: HookWordsForm) -> None:
    """What there is to choose from."""
    if isinstance(form, HookForm):
        kinds = [SelectChoice(str(kind), say(robot.label)) for kind, robot in ROBOTS.items()]
        form.kind.choices = [SelectChoice("", _("请选择")), *kinds]
    form.least.choices = [
        SelectChoice(str(severity), say(label)) for severity, (label, _tone) in rules.SEVERITIES.items()
    ]


def _example() -> str:
    """A message of ours as it leaves: written by what writes them all, so that it says how they look."""
    facts = {"event": "opened", "severity": "severe", "count": 1, "at": _AT.isoformat(), "language": "en"}
    about = {"kind": "figures", "subject": "C1", "channel": "egret", "path": "/channels/C1", "since": _AT.isoformat()}
    letter = Letter(number="42", text="…", facts=facts | about)
    post = ROBOTS[Kind.JSON].write(letter, "", "0123456789abcdef", _AT)
    heads = "\n".join(f"{name}: {text}" for name, text in post.headers.items())
    return f"{heads}\n\n{post.body.decode()}"


_AT = datetime(2026, 11, 21, 2, 2, 11, tzinfo=UTC)

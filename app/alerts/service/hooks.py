"""Where alerts are sent: added, changed, switched on and off, removed. Address and secret are written and never read back."""

from urllib.parse import urlsplit

from app.alerts import hooks, rules
from app.alerts.models import AlertHook
from app.alerts.robots import ROBOTS, SHORTEST_SECRET, Kind
from app.alerts.service.sending import move
from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.numbers import new_number
from app.runtime import http, live_events, vault
from app.runtime.db import db, transaction


def add(*, name: str, kind: str, address: str, secret: str, language: str, least: str, actor: Actor) -> str:
    """A hook that is told from now on. Its reference."""
    reference = new_number("H")
    with transaction():
        hook = AlertHook(
            reference=reference,
            name=name,
            kind=str(Kind(kind)),
            language=language,
            least=least,
            made_by=actor.display_name,
        )
        _address(hook, address)
        _sign_with(hook, secret)
        db.session.add(hook)
        audit.record(actor, "alert-hook.add", reference, after=_shown(hook))
        live_events.announce(rules.HOOKS_TOPIC, reference)
    return reference


def change(reference: str, *, name: str, language: str, least: str, actor: Actor) -> None:
    """What it is called and what it is told; not who it is."""
    with transaction():
        hook = hooks.held(reference)
        before = _shown(hook)
        hook.name, hook.language, hook.least = name, language, least
        _changed(hook, actor)
        audit.record(actor, "alert-hook.change", reference, before=before, after=_shown(hook))


def replace(reference: str, *, address: str, secret: str, actor: Actor) -> None:
    """Another address with its secret ("": it does not sign). What was before is gone."""
    with transaction():
        hook = hooks.held(reference)
        before = _shown(hook)
        _address(hook, address)
        _sign_with(hook, secret)
        _changed(hook, actor)
        audit.record(actor, "alert-hook.replace", reference, before=before, after=_shown(hook))


def switch(reference: str, *, on: bool, actor: Actor) -> None:
    """Switched off, it is told nothing more, and what waited is dropped: it would be old when it is switched on again."""
    with transaction():
        hook = hooks.held(reference)
        if hook.enabled == on:
            raise Refused("已经启用了" if on else "已经停用了")
        hook.enabled = on
        if not on:
            _drop(hook)
        audit.record(actor, "alert-hook.enable" if on else "alert-hook.disable", reference)
        live_events.announce(rules.HOOKS_TOPIC, reference)


def remove(reference: str, *, actor: Actor) -> None:
    """Its address and its secret are gone; what it was told stays."""
    with transaction():
        hook = hooks.held(reference)
        _drop(hook)
        audit.record(actor, "alert-hook.remove", reference, before=_shown(hook))
        hook.removed_at, hook.enabled, hook.address_sealed, hook.secret_sealed = clock.now(), False, "", ""
        live_events.announce(rules.HOOKS_TOPIC, reference)


def _drop(hook: AlertHook) -> None:
    for message in hooks.waiting(hook.id):
        move(message, "drop")


def _changed(hook: AlertHook, actor: Actor) -> None:
    hook.changed_by, hook.changed_at = actor.display_name, clock.now()
    live_events.announce(rules.HOOKS_TOPIC, hook.reference)


def _address(hook: AlertHook, address: str) -> None:
    if why := http.objection(address, query=True):
        raise Refused.saying(why)
    hook.host, hook.address_print = urlsplit(address).netloc, vault.fingerprint(address)
    hook.address_sealed = vault.seal(address, table="alert_hook", column="address_sealed", row=hook.reference)


def _sign_with(hook: AlertHook, secret: str) -> None:
    robot = ROBOTS[Kind(hook.kind)]
    if secret and not robot.signs:
        raise Refused("这种机器人不签名，不用填密钥")
    if robot.must_sign and len(secret) < SHORTEST_SECRET:
        raise Refused("签名密钥至少 %(count)s 个字符", count=SHORTEST_SECRET, advice="请用随机生成的一串字符")
    hook.secret_print = vault.fingerprint(secret) if secret else ""
    hook.secret_sealed = (
        vault.seal(secret, table="alert_hook", column="secret_sealed", row=hook.reference) if secret else ""
    )


def _shown(hook: AlertHook) -> dict[str, object]:
    """Of what is secret the fingerprints alone."""
    return {
        "name": hook.name,
        "robot": hook.kind,
        "host": hook.host,
        "address_print": hook.address_print,
        "secret_print": hook.secret_print,
        "language": hook.language,
        "severity": hook.least,
    }

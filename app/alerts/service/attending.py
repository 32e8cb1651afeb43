"""知道了, and done with: what people say about an alert."""

from app.alerts import posting, queries, rules
from app.alerts.models import Alert
from app.auth import audit
from app.auth.identity import Actor
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.runtime import live_events
from app.runtime.db import transaction


def acknowledge(alert_id: int, *, seen: str, note: str, actor: Actor) -> None:
    """Somebody has seen it, as grave as it is, and sees to it. It stays open until it is over."""
    with transaction():
        alert = _open(alert_id)
        if alert.acknowledged_at is not None:
            raise Refused("%(name)s 已经知悉这条告警", name=alert.acknowledged_by)
        rules.require_as_seen(seen, alert.severity)
        alert.acknowledged_at, alert.acknowledged_by, alert.note = clock.now(), actor.display_name, note
        audit.record(actor, "alert.acknowledge", _named(alert), after={"severity": alert.severity}, why=note)
        live_events.announce(rules.TOPIC)


def close(alert_id: int, *, reason: str, actor: Actor) -> None:
    """Done with, in somebody's own words. Should it still be wrong, the next look rings again."""
    with transaction():
        alert = _open(alert_id)
        alert.closed_at, alert.closed_by, alert.ending = clock.now(), actor.display_name, reason
        told = Text("%(name)s：%(reason)s", name=actor.display_name, reason=reason)
        posting.post_over(alert.id, severity=alert.severity, said=told)
        audit.record(actor, "alert.close", _named(alert), after={"severity": alert.severity}, why=reason)
        live_events.announce(rules.TOPIC)


def _open(alert_id: int) -> Alert:
    alert = queries.held(alert_id)
    if alert.closed_at is not None:
        raise Refused("这条告警已经结束了")
    return alert


def _named(alert: Alert) -> str:
    return f"{alert.kind}/{alert.subject}"[:128]

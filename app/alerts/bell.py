"""The bell that this room lends to all above it: `ring` while something is wrong, as often as one looks; `hush` when that is
over.

Both join the caller's transaction. Whoever rings for many subjects at once takes them in their order, or two of them wait
for each other.
"""

from collections.abc import Collection

from app.alerts import posting, queries
from app.alerts.models import OPEN, Alert
from app.alerts.rules import LONGEST, TOPIC, Event, Severity, is_graver
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime import live_events
from app.runtime.db import db, in_transaction, insert

__all__ = ["Severity", "hush", "hush_others", "ring"]


def ring(kind: str, subject: str, *, severity: Severity, said: Text, path: str = "", channel: str = "") -> None:
    """People are told that something is wrong: once for each (kind, subject), however often it is rung.

    Rung again it says the newer sentence and counts; it is news again only when it became graver, and then nobody has seen
    to it yet. `said` stands on pages and is sent to robots: never a secret, never a payee. `path`: the page that it is about.
    `channel`: the code of the channel it is about; without one it is the house's, and only those who see all of it are told.
    """
    assert in_transaction(), "a bell is rung with the change that it tells of"
    assert path == "" or (path.startswith("/") and not path.startswith("//")), f"{path} is no page of ours"
    now = clock.now()
    newest = {
        "severity": str(severity),
        "said": said.kept(LONGEST),
        "searched": f"{subject} {said}".lower()[:LONGEST],
        "path": path,
        "channel": channel,
        "last_at": now,
    }
    live_events.announce(TOPIC)
    opened = insert(Alert).values(kind=kind, subject=subject, opened_at=now, **newest)
    opened = opened.on_conflict_do_nothing(index_elements=[Alert.kind, Alert.subject], index_where=OPEN)
    while (alert_id := db.session.scalar(opened.returning(Alert.id))) is None:
        alert = queries.held_open(kind, subject)
        if alert is not None:
            if _ring_again(alert, newest):
                posting.post(alert.id, Event.GRAVER, severity=alert.severity, said=said)
            return
        # It was closed between the two: this is another time.
    posting.post(alert_id, Event.OPENED, severity=severity, said=said)


def _ring_again(alert: Alert, newest: dict[str, object]) -> bool:
    """Did it become graver?"""
    graver = is_graver(str(newest["severity"]), alert.severity)
    if graver:
        alert.acknowledged_at, alert.acknowledged_by, alert.note = None, "", ""
    else:
        newest = newest | {"severity": alert.severity}
    for name, value in newest.items():
        setattr(alert, name, value)
    alert.times += 1
    db.session.flush()
    return graver


def hush(kind: str, subject: str, *, said: Text) -> bool:
    """It is over, by itself; `said` tells how. False: nothing was ringing."""
    assert in_transaction(), "a bell is hushed with the change that it tells of"
    alert = queries.held_open(kind, subject)
    if alert is None:
        return False
    alert.closed_at, alert.ending = clock.now(), said.kept(LONGEST)
    db.session.flush()
    posting.post_over(alert.id, severity=alert.severity, said=said)
    live_events.announce(TOPIC)
    return True


def hush_others(kind: str, *, but: Collection[str], said: Text) -> None:
    """Of this kind only these still ring: for whoever looks at everything from time to time."""
    for subject in queries.open_subjects(kind):
        if subject not in but:
            hush(kind, subject, said=said)

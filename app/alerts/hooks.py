"""Reading hooks: which there are, what each was told, what opens their seals. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.alerts.models import Alert, AlertMessage, AlertTry
from app.alerts.models import AlertHook as AlertHook
from app.alerts.rules import Event
from app.alerts.states import State
from app.kernel.errors import NotThere
from app.runtime import vault
from app.runtime.db import db
from app.runtime.listing import Listing, listing


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes with one hook."""

    waiting: int = 0
    given_up: int = 0
    """Since the last one that arrived."""
    last: AlertTry | None = None


def all_hooks() -> Sequence[AlertHook]:
    return db.session.scalars(select(AlertHook).where(AlertHook.removed_at.is_(None)).order_by(AlertHook.name)).all()


def hook(reference: str) -> AlertHook:
    """By its reference; NotThere otherwise, and once it was removed."""
    return _one(reference, select(AlertHook))


def held(reference: str) -> AlertHook:
    """The same, locked until the transaction ends; a bell may promise it messages all the same."""
    return _one(reference, select(AlertHook).with_for_update(key_share=True).execution_options(populate_existing=True))


def told_of(severity: Sequence[str]) -> Sequence[AlertHook]:
    """Those that are switched on and told of alerts from one of these severities on."""
    on = (AlertHook.enabled, AlertHook.removed_at.is_(None), AlertHook.least.in_(severity))
    return db.session.scalars(select(AlertHook).where(*on).order_by(AlertHook.id)).all()


def told_about(alert_id: int) -> Sequence[AlertHook]:
    """Those that are switched on and were told of this alert."""
    known = select(AlertMessage.hook_id).where(AlertMessage.alert_id == alert_id)
    on = (AlertHook.enabled, AlertHook.removed_at.is_(None), AlertHook.id.in_(known))
    return db.session.scalars(select(AlertHook).where(*on).order_by(AlertHook.id)).all()


def address_of(found: AlertHook) -> str:
    return vault.unseal(found.address_sealed, table="alert_hook", column="address_sealed", row=found.reference)


def secret_of(found: AlertHook) -> str:
    """ "" where it has none."""
    if not found.secret_sealed:
        return ""
    return vault.unseal(found.secret_sealed, table="alert_hook", column="secret_sealed", row=found.reference)


def due(hook_id: int, now: datetime) -> Sequence[AlertMessage]:
    """What waits and may be tried now, the oldest first."""
    return db.session.scalars(_waiting(hook_id).where(AlertMessage.due_at <= now).order_by(AlertMessage.id)).all()


def waiting(hook_id: int) -> Sequence[AlertMessage]:
    return db.session.scalars(_waiting(hook_id)).all()


def next_due(hook_id: int) -> datetime | None:
    found: datetime | None = db.session.scalar(
        _waiting(hook_id).with_only_columns(AlertMessage.due_at).order_by(AlertMessage.due_at).limit(1)
    )
    return found


def tries_since(hook_id: int, since: datetime) -> Sequence[datetime]:
    """When it was tried, the oldest first."""
    recent = (AlertTry.hook_id == hook_id, AlertTry.at > since)
    return db.session.scalars(select(AlertTry.at).where(*recent).order_by(AlertTry.at)).all()


def alert_of(message: AlertMessage) -> Alert | None:
    return db.session.get(Alert, message.alert_id) if message.alert_id else None


def standing(hook_ids: Sequence[int]) -> dict[int, Standing]:
    """How it goes with each."""
    m, t = AlertMessage, AlertTry
    sent = aliased(m)
    arrived = select(func.max(sent.id)).where(sent.hook_id == m.hook_id, sent.state == State.SENT).scalar_subquery()
    lost = select(m.hook_id, func.count()).where(m.state == State.GIVEN_UP, m.event != Event.TEST)
    lost = lost.where(m.id > func.coalesce(arrived, 0)).group_by(m.hook_id)
    waits = select(m.hook_id, func.count()).where(m.state == State.WAITING).group_by(m.hook_id)
    latest = select(func.max(t.id)).where(t.hook_id.in_(hook_ids)).group_by(t.hook_id)
    counts = [{row[0]: row[1] for row in db.session.execute(it)} for it in (waits, lost)]
    last = {it.hook_id: it for it in db.session.scalars(select(t).where(t.id.in_(latest)))}
    return {it: Standing(counts[0].get(it, 0), counts[1].get(it, 0), last.get(it)) for it in hook_ids}


def messages(hook_id: int, asked: Mapping[str, str]) -> Listing:
    """What it was told, the newest first."""
    m = AlertMessage
    columns = (m.id, m.event, m.severity, m.said, m.count, m.state, m.tries, m.due_at, m.made_at, m.ended_at)
    return listing(select(*columns).where(m.hook_id == hook_id), key=m.id.expression, asked=asked, kept={})


def tries_of(message_ids: Sequence[int]) -> dict[int, list[AlertTry]]:
    """Every try of each message, the oldest first."""
    found: dict[int, list[AlertTry]] = {it: [] for it in message_ids}
    rows = select(AlertTry).where(AlertTry.message_id.in_(message_ids)).order_by(AlertTry.id)
    for row in db.session.scalars(rows):
        found[row.message_id].append(row)
    return found


def _one(reference: str, statement: Any) -> AlertHook:
    kept = (AlertHook.reference == reference, AlertHook.removed_at.is_(None))
    found = None if "\0" in reference else db.session.scalars(statement.where(*kept)).one_or_none()
    if found is None:
        raise NotThere(reference)
    assert isinstance(found, AlertHook)
    return found


def _waiting(hook_id: int) -> Any:
    return select(AlertMessage).where(AlertMessage.hook_id == hook_id, AlertMessage.state == State.WAITING)

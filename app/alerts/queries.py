"""Reading alerts. Nothing here writes. Who is limited to some channels sees what is about these, and nothing of the house."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, func, select, true

from app.alerts.models import Alert
from app.alerts.rules import SEVERITIES, Severity, Standing
from app.auth import identity
from app.kernel.errors import NotThere
from app.runtime.db import db
from app.runtime.listing import COUNT_LIMIT, Listing, listing

FILTERS = ("q", "severity", "kind", "channel")


@dataclass(frozen=True, slots=True)
class Ringing:
    """What is open and nobody has seen to: how many there are, and how grave the gravest is."""

    count: int = 0
    gravest: str = ""


def ringing() -> Ringing:
    """For the person at the screen."""
    found = select(Alert.severity, func.count()).where(_stands(Standing.OPEN), within_reach()).group_by(Alert.severity)
    counts = {row[0]: row[1] for row in db.session.execute(found)}
    return Ringing(sum(counts.values()), next((str(it) for it in SEVERITIES if it in counts), ""))


def alerts(asked: Mapping[str, str]) -> Listing:
    """One page of those that stand so (open ones, where nothing else is asked), the newest first."""
    standing = standing_asked(asked)
    kept = {name: asked[name] for name in FILTERS if asked.get(name)} | {"standing": str(standing)}
    statement = select(*Alert.__table__.c).where(_stands(standing), *_filters(asked))
    return listing(statement, key=Alert.id.expression, asked=asked, kept=kept)


def standing_asked(asked: Mapping[str, str]) -> Standing:
    return Standing(asked["standing"]) if asked.get("standing") in set(Standing) else Standing.OPEN


def counts(asked: Mapping[str, str]) -> dict[Standing, int]:
    """How many of each standing the other filters find, as far as a page counts."""
    found = {}
    for standing in Standing:
        inside = select(Alert.id).where(_stands(standing), *_filters(asked)).limit(COUNT_LIMIT)
        found[standing] = db.session.scalar(select(func.count()).select_from(inside.subquery())) or 0
    return found


def kinds() -> Sequence[str]:
    """Every kind that was ever rung, to choose from."""
    return db.session.scalars(select(Alert.kind).where(within_reach()).distinct().order_by(Alert.kind)).all()


def held(alert_id: int) -> Alert:
    """The alert, locked until the transaction ends; NotThere where there is none, or none of this person's."""
    found = select(Alert).where(Alert.id == alert_id, within_reach()).with_for_update()
    alert = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if alert is None:
        raise NotThere(str(alert_id))
    return alert


def held_open(kind: str, subject: str) -> Alert | None:
    """The one that is open for this cause, whoever asks, locked until the transaction ends."""
    found = select(Alert).where(Alert.kind == kind, Alert.subject == subject, Alert.closed_at.is_(None))
    return db.session.scalars(found.with_for_update().execution_options(populate_existing=True)).one_or_none()


def open_subjects(kind: str) -> Sequence[str]:
    """What is rung for at the moment, of one kind."""
    found = select(Alert.subject).where(Alert.kind == kind, Alert.closed_at.is_(None)).order_by(Alert.subject)
    return db.session.scalars(found).all()


def within_reach() -> ColumnElement[bool]:
    codes = identity.channels()
    return true() if codes is None else Alert.channel.in_(codes)


def _stands(standing: Standing) -> ColumnElement[bool]:
    return {
        Standing.OPEN: Alert.closed_at.is_(None) & Alert.acknowledged_at.is_(None),
        Standing.ACKNOWLEDGED: Alert.closed_at.is_(None) & Alert.acknowledged_at.is_not(None),
        Standing.CLOSED: Alert.closed_at.is_not(None),
    }[standing]


def _filters(asked: Mapping[str, str]) -> list[ColumnElement[bool]]:
    found = [within_reach()]
    for name, column in (("kind", Alert.kind), ("channel", Alert.channel)):
        if text := asked.get(name):
            found.append(false() if "\0" in text else column == text)
    if asked.get("severity") in set(Severity):
        found.append(Alert.severity == asked["severity"])
    if text := asked.get("q", "").strip().lower():
        found.append(false() if "\0" in text else Alert.searched.contains(text, autoescape=True))
    return found

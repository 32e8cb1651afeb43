"""How the accounts do: what became of their calls in the last hour, in the last days, and what stops them. Nothing here writes.

Read from `call_tally`, small rows which a job counts every few seconds; nothing is decided by them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from app.channels.contract import Interface
from app.channels.models import CallTally, ChannelAccount, ChannelPause, HealthRule, Maintenance
from app.channels.queries import Account
from app.channels.rules.health import SENDS, SLOT_S, Grade, Measure, Tally, Took, grade, summed
from app.kernel import clock
from app.kernel.errors import NotThere, gettext_noop
from app.runtime import cache
from app.runtime.db import db

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One account. `by_interface`: callbacks are under their own name, and no calls of ours."""

    by_interface: Mapping[str, Tally]
    last_pause: ChannelPause | None = None
    """What stands, or was over less than an hour ago: its calls are still among those that are counted."""

    @property
    def pause(self) -> ChannelPause | None:
        """What stands now."""
        return self.last_pause if self.last_pause and self.last_pause.closed_at is None else None

    @property
    def recovery(self) -> ChannelPause | None:
        """The pause since whose end it may send again, whatever the calls before still weigh."""
        return self.last_pause if self.last_pause and self.last_pause.closed_at else None

    @property
    def calls(self) -> Tally:
        return summed(it for name, it in self.by_interface.items() if name != Interface.CALLBACK)

    @property
    def sends(self) -> Tally:
        return summed(it for name, it in self.by_interface.items() if name in SENDS)

    @property
    def callbacks(self) -> Tally:
        return self.by_interface.get(Interface.CALLBACK, Tally())

    @property
    def grade(self) -> Grade:
        return Grade.PAUSED if self.pause else grade(self.calls)


HEALTH = cache.declare(
    cache.Cached(
        room="channels",
        name="health",
        key="{number}",
        age_s=20,
        title=gettext_noop("近一小时的渠道调用"),
        owner=gettext_noop("渠道对接"),
        pack=lambda known: {name: [*it.counts, it.took.kept()] for name, it in known.items()},
        unpack=lambda told: {name: _told(*kept) for name, kept in told.items()},
    )
)


def of(accounts: Sequence[Account]) -> dict[int, Health]:
    """By the account's id: the last hour, to within five minutes. Whether it is paused is known at once."""
    ids = {account.number: account.id for account in accounts}

    def read(numbers: Sequence[str]) -> dict[str, dict[str, Tally]]:
        found = tallies([ids[number] for number in numbers], since=_first(HOUR_S, SLOT_S))
        return {number: found.get(ids[number], {}) for number in numbers}

    known, paused = HEALTH.get_many(list(ids), read), _last_pauses(list(ids.values()))
    return {ids[number]: Health(by_interface=it, last_pause=paused.get(ids[number])) for number, it in known.items()}


def counted() -> None:
    """Calls were counted: what pages keep of the last hour is read anew, so that it tells the same as every chart."""
    if numbers := db.session.scalars(select(ChannelAccount.number)).all():
        HEALTH.forget(*numbers)


def tallies(account_ids: Sequence[int], *, since: datetime) -> dict[int, dict[str, Tally]]:
    """By account and interface, from the five minutes on in which `since` lies."""
    return _added(_rows(account_ids, since))


@dataclass(frozen=True, slots=True)
class Span:
    """One bar of a chart."""

    begins_at: datetime
    calls: Tally
    callbacks: Tally


def history(account_id: int, *, seconds: int, step_s: int) -> tuple[Health, list[Span]]:
    """The past as a whole, and in steps, oldest first; the last one is not over yet. Both are of the same rows."""
    assert seconds % step_s == 0
    assert step_s % SLOT_S == 0
    first = _first(seconds, step_s)
    spans = [Span(first + timedelta(seconds=at), Tally(), Tally()) for at in range(0, seconds, step_s)]
    rows = _rows([account_id], first)
    for row in rows:
        span = spans[int((row.slot - first).total_seconds()) // step_s]
        (span.callbacks if row.interface == Interface.CALLBACK else span.calls).plus(_tally(row))
    whole, paused = _added(rows).get(account_id, {}), _last_pauses([account_id])
    return Health(by_interface=whole, last_pause=paused.get(account_id)), spans


def slot_of(at: datetime, step_s: int = SLOT_S) -> datetime:
    """When the step began in which this moment lies; days begin at midnight of Shanghai."""
    midnight, _end = clock.day_bounds(clock.business_day(at))
    into = int((at - midnight).total_seconds()) // step_s * step_s
    return midnight + timedelta(seconds=into)


def past_pauses(account_id: int, limit: int = 20) -> Sequence[ChannelPause]:
    """Those that are over, the latest first."""
    mine = select(ChannelPause).where(ChannelPause.account_id == account_id, ChannelPause.closed_at.is_not(None))
    return db.session.scalars(mine.order_by(ChannelPause.id.desc()).limit(limit)).all()


def maintenance(channel_ids: Sequence[int]) -> Sequence[Maintenance]:
    """What is announced and not over, the next first."""
    mine = (Maintenance.channel_id.in_(channel_ids), Maintenance.called_off_at.is_(None))
    found = select(Maintenance).where(*mine, Maintenance.ends_at > clock.now())
    return db.session.scalars(found.order_by(Maintenance.begins_at, Maintenance.id)).all()


def rules() -> Sequence[HealthRule]:
    """Of the alerts, by what they look at."""
    found = select(HealthRule).order_by(HealthRule.measure, HealthRule.severity)
    return sorted(db.session.scalars(found), key=lambda it: list(Measure).index(Measure(it.measure)))


def rule(measure: str, severity: str) -> HealthRule:
    """NotThere where there is none of these."""
    mine = (HealthRule.measure == measure, HealthRule.severity == severity)
    found = (
        db.session.scalars(select(HealthRule).where(*mine)).one_or_none() if "\0" not in measure + severity else None
    )
    if found is None:
        raise NotThere(f"{measure}/{severity}")
    return found


def _first(seconds: int, step_s: int) -> datetime:
    """When the first of the steps began of which the last one is not over yet."""
    return slot_of(clock.now(), step_s) + timedelta(seconds=step_s - seconds)


def _last_pauses(account_ids: Sequence[int]) -> dict[int, ChannelPause]:
    """By account: what stands, or else the latest that was over less than an hour ago."""
    recent = or_(ChannelPause.closed_at.is_(None), ChannelPause.closed_at >= clock.later(-HOUR_S))
    found = select(ChannelPause).where(ChannelPause.account_id.in_(account_ids), recent).order_by(ChannelPause.id)
    return {row.account_id: row for row in db.session.scalars(found)}  # one stands at most, and it is the newest


def _added(rows: Iterable[CallTally]) -> dict[int, dict[str, Tally]]:
    found: dict[int, dict[str, Tally]] = {}
    for row in rows:
        found.setdefault(row.account_id, {}).setdefault(row.interface, Tally()).plus(_tally(row))
    return found


def _rows(account_ids: Sequence[int], since: datetime) -> Sequence[CallTally]:
    found = select(CallTally).where(CallTally.slot >= slot_of(since), CallTally.account_id.in_(account_ids))
    return db.session.scalars(found).all()


def _told(answered: Any, refused: Any, unsent: Any, unknown: Any, took: Any) -> Tally:
    return Tally(
        answered=cache.whole(answered),
        refused=cache.whole(refused),
        unsent=cache.whole(unsent),
        unknown=cache.whole(unknown),
        took=Took.told(str(took)),
    )


def _tally(row: CallTally) -> Tally:
    return Tally(
        answered=row.answered, refused=row.refused, unsent=row.unsent, unknown=row.unknown, took=Took.told(row.took)
    )

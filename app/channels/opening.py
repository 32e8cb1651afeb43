"""Does this account take new sends at this moment? Working hours, announced maintenance, the automatic pause. Nothing here
writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from app.channels.models import ChannelAccount, ChannelPause, Maintenance
from app.channels.rules.health import Pause
from app.kernel import clock
from app.kernel.errors import Text, gettext_noop
from app.kernel.hours import WEEKDAYS, Hours, hour
from app.runtime.db import db

LONGEST_WAIT_S = 600.0
"""After so long it is looked at again all the same: a clock may be set, and plans change."""


_CLOSED = gettext_noop("现在不在渠道的营业时间，%(at)s 起自动发送")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How an account stands. All may leave where nothing is said."""

    hours: Hours
    at: datetime
    maintained_until: datetime | None
    pause: str | None

    @property
    def is_trying(self) -> bool:
        """One withdrawal may leave, to see whether it works again."""
        return self.pause == Pause.TRYING and self._opens_at is None

    @property
    def wait_s(self) -> float:
        """0: send. Otherwise seconds until it is worth looking again."""
        if self._opens_at is not None:
            return min(max((self._opens_at - self.at).total_seconds(), 1.0), LONGEST_WAIT_S)
        return LONGEST_WAIT_S if self.pause == Pause.STOPPED else 0

    @property
    def said(self) -> Text | None:
        """Why nothing leaves now, and when it will. None: it does."""
        if self.maintained_until is not None:
            return Text("渠道维护中，%(until)s 之后自动发送", until=self.maintained_until)
        if not self.hours.has(self.at):
            return Text(_CLOSED, at=self.hours.next_opening(self.at))
        return PAUSES[Pause(self.pause)] if self.pause else None

    @property
    def said_of_today(self) -> Text | None:
        """Why nothing leaves before this day is over, as things stand. None: something may."""
        opens_at = self.hours.next_opening(self.maintained_until or self.at)
        if clock.business_day(opens_at) <= clock.business_day(self.at):
            return PAUSES[Pause.STOPPED] if self.pause == Pause.STOPPED else None
        return self.said if opens_at == self.maintained_until else Text(_CLOSED, at=opens_at)

    @property
    def _opens_at(self) -> datetime | None:
        return self.maintained_until or (None if self.hours.has(self.at) else self.hours.next_opening(self.at))


PAUSES = {
    Pause.STOPPED: gettext_noop("渠道没有正常应答，系统已自动停发；恢复应答后自动发送"),
    Pause.TRYING: gettext_noop("渠道已恢复应答，先用一笔试发；成功后其余自动发送"),
}


def now(account_id: int) -> Opening:
    """One statement: everything that is sent asks this first."""
    at = clock.now()
    return _opening(db.session.execute(_ITS_OPENING, {"its_id": account_id, "its_now": at}).one(), at)


def of(account_ids: Sequence[int]) -> dict[int, Opening]:
    """By account."""
    at, some = clock.now(), _OPENING.where(ChannelAccount.id.in_(account_ids))
    return {row.id: _opening(row, at) for row in db.session.execute(some, {"its_now": at})}


def _opening(row: Row[*tuple[Any, ...]], at: datetime) -> Opening:
    hours = Hours(days=frozenset(map(int, row.open_days)), opens=row.opens, closes=row.closes)
    return Opening(hours=hours, at=at, maintained_until=row.maintained_until, pause=row.pause)


def days(hours: Hours) -> Sequence[Text]:
    """The days of the week on which it is open, in words; nothing: every day."""
    return [] if len(hours.days) == len(WEEKDAYS) else [WEEKDAYS[day] for day in sorted(hours.days)]


def times(hours: Hours) -> str:
    return f"{hour(hours.opens)}–{hour(hours.closes)}"


_NOW = bindparam("its_now", type_=Maintenance.ends_at.type)
_MAINTAINED_UNTIL = (
    select(func.max(Maintenance.ends_at))
    .where(Maintenance.channel_id == ChannelAccount.channel_id, Maintenance.called_off_at.is_(None))
    .where(Maintenance.begins_at <= _NOW, Maintenance.ends_at > _NOW)
    .correlate(ChannelAccount)
    .scalar_subquery()
)
_OPENING = (
    select(
        ChannelAccount.id,
        ChannelAccount.opens,
        ChannelAccount.closes,
        ChannelAccount.open_days,
        _MAINTAINED_UNTIL.label("maintained_until"),
        ChannelPause.state.label("pause"),
    )
    .select_from(ChannelAccount)
    .outerjoin(ChannelPause, (ChannelPause.account_id == ChannelAccount.id) & ChannelPause.closed_at.is_(None))
)
_ITS_OPENING = _OPENING.where(ChannelAccount.id == bindparam("its_id"))

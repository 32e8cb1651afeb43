"""What is kept for a time and then deleted, room by room: every night, and by `paydesk retention`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from app.alerts import service as alerts
from app.channels import rules as channel_rules
from app.channels import service as channels
from app.config import Config, config
from app.kernel import clock
from app.withdrawals import rules as withdrawal_rules
from app.withdrawals import service as withdrawals


class Kept(NamedTuple):
    """`drop(before, only_count=…)` deletes what is older, or counts it."""

    what: str
    days: int
    drop: Callable[..., int]

    def before(self) -> datetime:
        return clock.now() - timedelta(days=self.days)


def kept(it: Config) -> tuple[Kept, ...]:
    days = it.keep_bodies_days
    return (
        Kept("calls lost their words", days, channels.drop_old_calls),
        Kept("callbacks lost their bodies", days, channels.drop_old_callbacks),
        Kept("alerts deleted", days, alerts.drop_old_alerts),
        Kept("selections deleted", withdrawal_rules.KEEP_SELECTIONS_DAYS, withdrawals.drop_old_selections),
        Kept("ended sessions deleted", channel_rules.KEEP_SESSIONS_DAYS, channels.drop_old_sessions),
    )


def drop_old() -> None:
    """A worker's job, once a day. Killed, the next one goes on."""
    for it in kept(config()):
        it.drop(it.before())

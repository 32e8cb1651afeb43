"""Everything that can be done to channels and their accounts. Each command is one transaction."""

from app.channels.service import alerting, counting, maintaining, pausing, platforms, settings, templates
from app.channels.service.accounts import change_account, change_channel, open_account, open_channel, set_enabled
from app.channels.service.asking import set_asking
from app.channels.service.claiming import (
    claim,
    end_lapsed,
    finish,
    force_release,
    kicked_out,
    release,
    renew,
    seat_lost,
    session_ended,
    session_started,
)
from app.channels.service.figures import look_at_figures, pull_all, pull_figures, pull_missed, refresh
from app.channels.service.inbox import take_callback
from app.channels.service.retention import drop_old_callbacks, drop_old_calls, drop_old_sessions
from app.channels.service.settings import change_settings

__all__ = [
    "alerting",
    "change_account",
    "change_channel",
    "change_settings",
    "claim",
    "counting",
    "drop_old_callbacks",
    "drop_old_calls",
    "drop_old_sessions",
    "end_lapsed",
    "finish",
    "force_release",
    "kicked_out",
    "look_at_figures",
    "maintaining",
    "open_account",
    "open_channel",
    "pausing",
    "platforms",
    "pull_all",
    "pull_figures",
    "pull_missed",
    "refresh",
    "release",
    "renew",
    "seat_lost",
    "session_ended",
    "session_started",
    "set_asking",
    "set_enabled",
    "settings",
    "take_callback",
    "templates",
]

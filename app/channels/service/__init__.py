"""Everything that can be done to channels and their accounts. Each command is one transaction."""

from app.channels.service import templates
from app.channels.service.accounts import change_settings, open_account, open_channel, set_enabled
from app.channels.service.claiming import claim, finish, force_release, release, renew, session_ended, session_started
from app.channels.service.figures import pull_all, pull_figures, pull_missed, refresh
from app.channels.service.inbox import take_callback
from app.channels.service.retention import drop_old_callbacks, drop_old_calls, drop_old_sessions

__all__ = [
    "change_settings",
    "claim",
    "drop_old_callbacks",
    "drop_old_calls",
    "drop_old_sessions",
    "finish",
    "force_release",
    "open_account",
    "open_channel",
    "pull_all",
    "pull_figures",
    "pull_missed",
    "refresh",
    "release",
    "renew",
    "session_ended",
    "session_started",
    "set_enabled",
    "take_callback",
    "templates",
]

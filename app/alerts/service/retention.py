"""Alerts that are long over go, with what robots were told of them."""

from datetime import datetime

from sqlalchemy import select

from app.alerts.models import Alert, AlertMessage, AlertTry
from app.alerts.states import State
from app.auth import audit


def drop_old_alerts(before: datetime, *, only_count: bool = False) -> int:
    """Those that were closed before then, with their messages, and messages about none that are as old. How many alerts.

    What was said of one that is open stays: whoever was told of it is to be told that it is over.
    """
    of_none = AlertMessage.alert_id.is_(None) & (AlertMessage.made_at < before)
    of_old = AlertMessage.alert_id.in_(select(Alert.id).where(Alert.closed_at < before))
    told = (AlertMessage.state != State.WAITING, of_none | of_old)
    audit.retire_rows(AlertTry.id, (AlertTry.message_id.in_(select(AlertMessage.id).where(*told)),), before, only_count)
    untried = AlertMessage.id.not_in(select(AlertTry.message_id))
    audit.retire_rows(AlertMessage.id, (*told, untried), before, only_count)
    spoken_of = select(AlertMessage.alert_id).where(AlertMessage.alert_id.is_not(None))
    over = (Alert.closed_at < before, *(() if only_count else (Alert.id.not_in(spoken_of),)))
    return audit.retire_rows(Alert.id, over, before, only_count)

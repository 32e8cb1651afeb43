"""Everything that is done about alerts. Each command is one transaction; the request to a robot is in none."""

from app.alerts.service import hooks, sending
from app.alerts.service.attending import acknowledge, close
from app.alerts.service.retention import drop_old_alerts

__all__ = ["acknowledge", "close", "drop_old_alerts", "hooks", "sending"]

"""Everything that is done about alerts. Each command is one transaction; the request to a robot is in none."""

from app.alerts.service import hooks, sending
from app.alerts.service.attending import acknowledge, close

__all__ = ["acknowledge", "close", "hooks", "sending"]

"""Everything that people do about alerts. Each command is one transaction."""

from app.alerts.service.attending import acknowledge, close

__all__ = ["acknowledge", "close"]

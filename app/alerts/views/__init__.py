"""The pages of the room. Each has a blueprint of its own."""

from app.alerts.views import alerts

BLUEPRINTS = (alerts.bp,)

__all__ = ["BLUEPRINTS"]

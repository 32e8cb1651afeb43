"""The pages of the room. Each has a blueprint of its own."""

from app.alerts.views import alerts, hooks

BLUEPRINTS = (alerts.bp, hooks.bp)

__all__ = ["BLUEPRINTS"]

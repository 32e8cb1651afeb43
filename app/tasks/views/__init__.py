"""The pages of the room. Each has a blueprint of its own."""

from app.tasks.views import handovers, platforms, tasks

BLUEPRINTS = (tasks.bp, handovers.bp, platforms.bp)

__all__ = ["BLUEPRINTS"]

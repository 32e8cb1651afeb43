"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, administration, calls, claiming, health, parts, platforms, settings, templates

BLUEPRINTS = (
    *(accounts.bp, calls.bp, calls.callbacks, claiming.bp, platforms.bp),
    *(health.bp, administration.bp, settings.bp, templates.bp, parts.bp),
)

__all__ = ["BLUEPRINTS"]

"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, administration, calls, claiming, platforms, settings

BLUEPRINTS = (accounts.bp, calls.bp, calls.callbacks, claiming.bp, administration.bp, settings.bp, platforms.bp)

__all__ = ["BLUEPRINTS"]

"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, administration, calls, settings

BLUEPRINTS = (accounts.bp, calls.bp, calls.callbacks, administration.bp, settings.bp)

__all__ = ["BLUEPRINTS"]

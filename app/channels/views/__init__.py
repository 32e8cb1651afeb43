"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, administration, settings

BLUEPRINTS = (accounts.bp, administration.bp, settings.bp)

__all__ = ["BLUEPRINTS"]

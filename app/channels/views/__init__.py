"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts

BLUEPRINTS = (accounts.bp,)

__all__ = ["BLUEPRINTS"]

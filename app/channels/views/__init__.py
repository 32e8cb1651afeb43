"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, calls

BLUEPRINTS = (accounts.bp, calls.bp, calls.callbacks)

__all__ = ["BLUEPRINTS"]

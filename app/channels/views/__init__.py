"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, claiming, platforms

BLUEPRINTS = (accounts.bp, claiming.bp, platforms.bp)

__all__ = ["BLUEPRINTS"]

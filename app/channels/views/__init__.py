"""The pages of the room. Each has a blueprint of its own."""

from app.channels.views import accounts, templates

BLUEPRINTS = (accounts.bp, templates.bp)

__all__ = ["BLUEPRINTS"]

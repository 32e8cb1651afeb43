"""The pages of the room. Each has a blueprint of its own."""

from app.withdrawals.views import withdrawals

BLUEPRINTS = (withdrawals.bp,)

__all__ = ["BLUEPRINTS"]

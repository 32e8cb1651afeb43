"""The pages of the room. Each has a blueprint of its own."""

from app.withdrawals.views import payee_lists, rulebook, withdrawals

BLUEPRINTS = (withdrawals.bp, rulebook.bp, payee_lists.bp)

__all__ = ["BLUEPRINTS"]

"""The pages of the room. Each has a blueprint of its own."""

from app.withdrawals.views import outcomes, sending, withdrawals, work

BLUEPRINTS = (withdrawals.bp, outcomes.bp, work.bp, sending.bp)

__all__ = ["BLUEPRINTS"]

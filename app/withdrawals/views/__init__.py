"""The pages of the room. The lists of payees are pages of the rules' own blueprint; every other has one of its own."""

from app.withdrawals.views import outcomes, payee_lists, rulebook, sending, withdrawals, work

BLUEPRINTS = (withdrawals.bp, outcomes.bp, work.bp, sending.bp, rulebook.bp)

__all__ = ["BLUEPRINTS", "payee_lists"]

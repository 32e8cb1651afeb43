"""The pages of the room. The lists of payees are pages of the rules' own blueprint; every other has one of its own."""

from app.withdrawals.views import payee_lists, rulebook, withdrawals

BLUEPRINTS = (withdrawals.bp, rulebook.bp)

__all__ = ["BLUEPRINTS", "payee_lists"]

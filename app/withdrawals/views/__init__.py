"""The pages of the room, all under one blueprint: importing a file of pages puts its routes there."""

from app.withdrawals.views import listing, papers, saved, selections, withdrawals

BLUEPRINTS = (withdrawals.bp,)

__all__ = ["BLUEPRINTS", "listing", "papers", "saved", "selections"]

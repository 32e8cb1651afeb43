"""The pages of the room: one blueprint for withdrawals, others for what stands beside them.

Importing a file of pages puts its routes there.
"""

from app.withdrawals.views import (
    listing,
    outcomes,
    papers,
    payee_lists,
    routing,
    rulebook,
    saved,
    selections,
    sending,
    sheet_uploads,
    sheets,
    withdrawals,
    work,
)

BLUEPRINTS = (withdrawals.bp, outcomes.bp, work.bp, sending.bp, rulebook.bp, sheets.bp, sheet_uploads.bp)

__all__ = ["BLUEPRINTS", "listing", "papers", "payee_lists", "routing", "saved", "selections"]

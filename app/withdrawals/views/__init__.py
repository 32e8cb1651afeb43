"""The pages of the room. Each has a blueprint of its own."""

from app.withdrawals.views import sheet_uploads, sheets, withdrawals

BLUEPRINTS = (withdrawals.bp, sheets.bp, sheet_uploads.bp)

__all__ = ["BLUEPRINTS"]

"""Everything that can be done to a withdrawal. Each command is one transaction; the call to the channel is in none."""

from app.withdrawals.service import sheet_making, sheet_orders, sheet_results, sheets
from app.withdrawals.service.deciding import approve, reject
from app.withdrawals.service.driving import ask, ask_now, observe, read_callback, submit
from app.withdrawals.service.making import cancel, create
from app.withdrawals.service.movement import BOOK, TOPIC
from app.withdrawals.service.payees import payee_forgotten

__all__ = [
    "BOOK",
    "TOPIC",
    "approve",
    "ask",
    "ask_now",
    "cancel",
    "create",
    "observe",
    "payee_forgotten",
    "read_callback",
    "reject",
    "sheet_making",
    "sheet_orders",
    "sheet_results",
    "sheets",
    "submit",
]

"""Everything that can be done to a withdrawal. Each command is one transaction; the call to the channel is in none."""

from app.withdrawals.service import (
    alerting,
    exporting,
    guard,
    outcomes,
    payee_lists,
    restoring,
    rulebook,
    selecting,
    sheet_making,
    sheet_orders,
    sheet_results,
    sheets,
    statements,
    stops,
    tallying,
    views,
    work,
)
from app.withdrawals.service.admission import (
    preview,
)
from app.withdrawals.service.deciding import (
    Changed,
    approve,
    cancel,
    reject,
    send_back,
)
from app.withdrawals.service.driving import (
    ask,
    ask_now,
    begin_submits,
    end_submits,
    look,
    observe,
    read_callback,
    submit,
    watch,
)
from app.withdrawals.service.making import create
from app.withdrawals.service.movement import (
    BOOK,
    TOPIC,
)
from app.withdrawals.service.payees import (
    payee_forgotten,
)
from app.withdrawals.service.retention import (
    drop_old_selections,
)

__all__ = [
    "BOOK",
    "TOPIC",
    "Changed",
    "alerting",
    "approve",
    "ask",
    "ask_now",
    "begin_submits",
    "cancel",
    "create",
    "drop_old_selections",
    "end_submits",
    "exporting",
    "guard",
    "look",
    "observe",
    "outcomes",
    "payee_forgotten",
    "payee_lists",
    "preview",
    "read_callback",
    "reject",
    "restoring",
    "rulebook",
    "selecting",
    "send_back",
    "sheet_making",
    "sheet_orders",
    "sheet_results",
    "sheets",
    "statements",
    "stops",
    "submit",
    "tallying",
    "views",
    "watch",
    "work",
]

"""Everything that can be done about money in."""

from app.collections.service import reversals
from app.collections.service.collected import book_collected
from app.collections.service.top_ups import approve, enter, reject, withdraw

__all__ = ["approve", "book_collected", "enter", "reject", "reversals", "withdraw"]

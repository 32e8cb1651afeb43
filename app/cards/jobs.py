"""What workers may be asked to do to a card. One line each: the work is in service.py."""

from app.cards import service
from app.runtime.jobs import Again


def bind(reference: str) -> Again | None:
    return service.ask_channel(reference)

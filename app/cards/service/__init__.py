"""Everything that can be done to cards, their templates, and the sheets and runs that bind many."""

from app.cards.service import binding, listing, results, runs, templates, uploads
from app.cards.service.cards import NOBODY, REVEALS, TOPIC, Forgotten, ask_channel, bind, forget, reveal

__all__ = [
    "NOBODY",
    "REVEALS",
    "TOPIC",
    "Forgotten",
    "ask_channel",
    "bind",
    "binding",
    "forget",
    "listing",
    "results",
    "reveal",
    "runs",
    "templates",
    "uploads",
]

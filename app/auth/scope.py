"""The channels that people and roles can be limited to. The room above lends them; this one knows nobody above it.

The house (`app/__init__.py`) says once who is asked.
"""

from collections.abc import Callable

Channels = Callable[[], list[tuple[str, str]]]


def _none() -> list[tuple[str, str]]:
    return []


_lender: Channels = _none


def lent_by(lender: Channels) -> None:
    """Who knows code and name of every channel."""
    global _lender
    _lender = lender


def on_offer(reach: frozenset[str] | None) -> list[tuple[str, str]]:
    """Code and name of the channels that whoever has this reach may give to others; None: all of them."""
    return [(code, name) for code, name in _lender() if reach is None or code in reach]

"""How often something may be tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """So many times within so many seconds; then shut for `shut_s` seconds."""

    times: int
    within_s: int
    shut_s: int

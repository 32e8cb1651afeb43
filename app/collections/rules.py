"""What a new figure means for the ledger, as a plain function of plain values."""

from collections.abc import Sequence
from datetime import date, timedelta

from app.kernel.money import ZERO, Money

LOOK_BACK_DAYS = 31
"""How far back a day may still grow: the days that `pull_missed` fetches, and the one before them."""


def reported(figures: Sequence[tuple[date, Money, Money]], *, since: date) -> dict[date, Money]:
    """What the channel says it collected on each day, from rows of (day, of that day, of the day before).

    The next day's word about a day is the later one; the larger of the two wins, as neither day shrinks.
    """
    found: dict[date, Money] = {}
    for day, of_the_day, of_the_day_before in figures:
        for at, amount in ((day, of_the_day), (day - timedelta(days=1), of_the_day_before)):
            if at >= since:
                found[at] = max(amount, found.get(at, ZERO))
    return found


def newly_collected(*, reported: Money, booked: Money) -> Money:
    """What is to be posted so that the day's entries add up to the channel's figure.

    A figure that fell posts nothing: a channel that takes back collected money does so by a refund with its own line,
    and until that is read the difference belongs before a person, not into the ledger.
    """
    return max(reported - booked, ZERO)


def opening(*, settleable: Money, today: Money) -> Money:
    """What the account held before today, when its figures are read for the first time."""
    return max(settleable - today, ZERO)

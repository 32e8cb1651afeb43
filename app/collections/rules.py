"""What a new figure means for the ledger, as a plain function of plain values."""

from app.kernel.money import ZERO, Money


def newly_collected(*, reported: Money, booked: Money) -> Money:
    """What is to be posted so that the day's entries add up to the channel's figure.

    A figure that fell posts nothing: a channel that takes back collected money does so by a refund with its own line,
    and until that is read the difference belongs before a person, not into the ledger.
    """
    return max(reported - booked, ZERO)


def opening(*, settleable: Money, today: Money) -> Money:
    """What the account held before today, when its figures are read for the first time."""
    return max(settleable - today, ZERO)

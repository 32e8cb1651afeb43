"""代付方式: of which money of ours at a channel a payment is made."""

from enum import StrEnum

from app.kernel.errors import Text, gettext_noop


class Funds(StrEnum):
    """A channel keeps the two apart, and what is short in one is not taken from the other."""

    COLLECTED = "collected"  # what the channel took in for us
    PREFUNDED = "prefunded"  # what we paid in there to pay out of


FUNDS: dict[Funds, Text] = {
    Funds.COLLECTED: gettext_noop("收款资金"),
    Funds.PREFUNDED: gettext_noop("预存资金"),
}

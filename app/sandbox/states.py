"""The life of a payout as the third party lives it."""

from enum import StrEnum

from app.kernel.machine import Machine, Move


class State(StrEnum):
    PROCESSING = "processing"
    STRANGE = "strange"  # said in a word that no document lists; the money is still on its way
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    REFUSED = "refused"  # never taken: nothing was ever on its way


PAYOUT = Machine(
    name="代付",
    initial=State.PROCESSING,
    moves=(
        Move(verb="pay", sources=(State.PROCESSING, State.STRANGE, State.FAILED), target=State.PAID),
        Move(verb="fail", sources=(State.PROCESSING, State.STRANGE), target=State.FAILED),
        Move(verb="mumble", sources=(State.PROCESSING,), target=State.STRANGE),
        Move(verb="return", sources=(State.PAID,), target=State.RETURNED),
        Move(verb="refuse", sources=(State.PROCESSING,), target=State.REFUSED),
    ),
)


def money_out(state: State, amount_minor: int, fee_minor: int) -> int:
    """How much of the merchant's money a payout in this state holds back or has spent."""
    if state in (State.FAILED, State.REFUSED):
        return 0
    return fee_minor if state is State.RETURNED else amount_minor + fee_minor


def money_paid(state: State, amount_minor: int) -> int:
    return amount_minor if state is State.PAID else 0

"""What one prints, and what one reads up: the slip of a withdrawal, and the life of one, drawn from its table."""

from flask.typing import ResponseReturnValue

from app.auth.permissions import Permission, needs
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.money_words import in_capitals
from app.runtime.page import page
from app.withdrawals import queries
from app.withdrawals.rules import drawing
from app.withdrawals.states import KINDS, LABELS, OPEN, UNKNOWN, WITHDRAWAL, Kind, State
from app.withdrawals.views.withdrawals import bp


@bp.get("/<number>/slip")
@needs(Permission.WITHDRAWAL_READ)
def slip(number: str) -> ResponseReturnValue:
    withdrawal = queries.by_number(number)
    return page(
        "withdrawals/slip.html",
        withdrawal=withdrawal,
        account=channels.account_by_id(withdrawal.account_id),
        capitals=in_capitals(withdrawal.amount),
        label=UNKNOWN if queries.is_unknown(withdrawal) else LABELS[State(withdrawal.state)],
        kind=KINDS[Kind(withdrawal.kind)],
        decided=queries.decided_at(withdrawal.id),
        printed_at=clock.now(),
    )


@bp.get("/help")
@needs(Permission.WITHDRAWAL_READ)
def help() -> ResponseReturnValue:
    return page(
        "withdrawals/help.html",
        drawing=drawing.drawn(WITHDRAWAL),
        moves=WITHDRAWAL.moves,
        words=WITHDRAWAL.words,
        labels=LABELS,
        unknown=UNKNOWN,
        meaning=drawing.MEANING,
        final=set(State) - set(OPEN) - {State.PAID},
    )

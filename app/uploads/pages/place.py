"""Where one stands: the account a page is about, and whether it is one's own to work on."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.identity import me
from app.channels import queries as channels
from app.channels import vacancy
from app.channels.queries import Account, Held
from app.kernel.errors import NotThere


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`account`: None when nothing was asked for and nothing is claimed. `held`: all that the person has claimed.
    `vacancy`: what there is to know of an account that nobody holds."""

    account: Account | None
    held: Sequence[Account]
    claim: Held | None
    mine: bool
    vacancy: vacancy.Vacancy | None

    @property
    def fence(self) -> str:
        return str(self.claim.fence) if self.claim else "0"


def held_account(number: str) -> Place:
    """The account by this number, or the first that the person has claimed. NotThere for a number that is nobody's."""
    held = channels.held_by(me().operator_id)
    account = next((one for one in held if one.number == number), held[0] if held and not number else None)
    if number and account is None:
        account = next((one for one in channels.accounts() if one.number == number), None)
        if account is None:
            raise NotThere(number)
    claim = channels.holder(account.id) if account else None
    mine = claim is not None and claim.session_id == me().session_id
    free = vacancy.one(account.id, me()) if account and claim is None else None
    return Place(account=account, held=held, claim=claim, mine=mine, vacancy=free)

"""What is to be known of an account before one takes it: who is to sign for it, who sits where it is looked after.

Nothing here writes, and nothing here decides: it is what people see, and the claim asks anew, under locks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth.identity import Actor
from app.auth.permissions import Permission
from app.channels import platforms, queries
from app.channels.models import UnsignedHandover
from app.channels.platforms import Seat
from app.kernel.errors import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """What stands where a holder would stand, while there is none. `bars`: the claim would refuse whoever reads this."""

    said: Text
    bars: bool
    handover: UnsignedHandover | None


def of(account_ids: Sequence[int], reader: Actor) -> dict[int, Vacancy]:
    """By the ids of those of which there is something to say, in two statements, however many accounts there are."""
    waits = {it.account_id: it for it in queries.unsigned_handovers()}
    seats = platforms.taken_by_others(account_ids, reader.operator_id)
    found = {one: _vacancy(waits.get(one), seats.get(one), reader) for one in account_ids}
    return {one: it for one, it in found.items() if it is not None}


def one(account_id: int, reader: Actor) -> Vacancy | None:
    """The same of a single account."""
    return of([account_id], reader).get(account_id)


def _vacancy(waits: UnsignedHandover | None, seat: Seat | None, reader: Actor) -> Vacancy | None:
    """In the order in which the claim refuses."""
    if waits and waits.successor_id and reader.operator_id not in (waits.successor_id, waits.giver_id):
        return Vacancy(said=_awaited(waits, reader), bars=True, handover=waits)
    if seat:
        return Vacancy(said=_seated(seat, reader), bars=True, handover=waits)
    return Vacancy(said=_awaited(waits, reader), bars=False, handover=waits) if waits else None


def _awaited(waits: UnsignedHandover, reader: Actor) -> Text:
    if waits.successor_id is None:
        return Text("等下一位领取的人接收")
    return (
        Text("等您接收")
        if waits.successor_id == reader.operator_id
        else Text("等 %(successor)s 接收", successor=waits.successor)
    )


def _seated(seat: Seat, reader: Actor) -> Text:
    """The login name is for those who may see platform accounts."""
    told = {"holder": seat.holder, "account": seat.account}
    if reader.can(Permission.PLATFORM_READ):
        return Text("第三方账号 %(login)s 正由 %(holder)s 在“%(account)s”使用", login=seat.login, **told)
    return Text("同一个第三方账号正由 %(holder)s 在“%(account)s”使用", **told)

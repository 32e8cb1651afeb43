"""What may follow what, for one hold. Pure functions; the words are for the person who asked too late."""

from collections.abc import Collection

from app.kernel.errors import Refused
from app.kernel.money import Money
from app.ledger.chart import Code, Kind


def require_open(number: str, done: Collection[str]) -> None:
    """A hold ends once: settled or released."""
    if Kind.SETTLE in done:
        raise Refused("%(number)s 的冻结资金已经结清，不能再次结清或解冻", number=number)
    if Kind.VOID in done:
        raise Refused("%(number)s 的冻结资金已经解冻，不能再次结清或解冻", number=number)


def require_returnable(number: str, done: Collection[str]) -> None:
    """What came back had left, and comes back once."""
    if Kind.RETURN in done:
        raise Refused("%(number)s 已经退票，不能再次退票", number=number)
    if Kind.SETTLE not in done:
        raise Refused("%(number)s 的资金没有结清出款，不能退票", number=number)


def not_enough(purse: Code, available: Money, needed: Money) -> Refused:
    told = {"available": str(available), "needed": str(needed)}
    if purse == Code.PREFUNDED:
        return Refused("预存余额不足：预存 ¥%(available)s，需要 ¥%(needed)s", **told)
    return Refused("可用余额不足：可用 ¥%(available)s，需要 ¥%(needed)s", **told)


def nothing_held(number: str) -> Refused:
    return Refused("%(number)s 没有冻结资金", number=number)

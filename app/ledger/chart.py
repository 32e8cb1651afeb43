"""The chart of accounts, and the routes money takes between them. Pure facts.

A transfer takes its amount OUT of `debit_account` and puts it INTO `credit_account`. What an account holds is what came
in minus what went out; over all accounts that is zero, because every amount is counted once on each side.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from app.kernel.errors import gettext_noop
from app.kernel.funds import Funds

PLATFORM = "platform"
"""The owner of the accounts that belong to no channel account."""


TAKEN_BACK = "Z"
"""A held number that begins so is of money in that people take back; every other is of a withdrawal."""


class Code(StrEnum):
    """What an account is for. The order is the order in which balances are changed, see `turn`."""

    AVAILABLE = "available"
    PREFUNDED = "prefunded"
    IN_FLIGHT = "in_flight"
    CHANNEL_COST = "channel_cost"
    OUTSIDE = "outside"


CODE_LABELS = {
    Code.AVAILABLE: gettext_noop("可用"),
    Code.PREFUNDED: gettext_noop("预存"),
    Code.IN_FLIGHT: gettext_noop("在途冻结"),
    Code.CHANNEL_COST: gettext_noop("渠道手续费"),
    Code.OUTSIDE: gettext_noop("外部"),
}

PURSES: Mapping[Funds, Code] = {Funds.COLLECTED: Code.AVAILABLE, Funds.PREFUNDED: Code.PREFUNDED}
"""From where withdrawals take their money, and whereto it comes back: each to the one it was taken from."""
CHANNEL_ACCOUNT_CODES = (*PURSES.values(), Code.IN_FLIGHT)
PLATFORM_CODES = (Code.CHANNEL_COST, Code.OUTSIDE)
MAY_OVERDRAW = frozenset({Code.OUTSIDE})
"""`outside` is the world: what it lent us stands there below zero."""


class Kind(StrEnum):
    """Why an amount moved."""

    COLLECT = "collect"
    HOLD = "hold"
    SETTLE = "settle"
    FEE = "fee"
    VOID = "void"
    RETURN = "return"
    FEE_RETURN = "fee_return"


KIND_LABELS = {
    Kind.COLLECT: gettext_noop("入账"),
    Kind.HOLD: gettext_noop("冻结"),
    Kind.SETTLE: gettext_noop("结清"),
    Kind.FEE: gettext_noop("手续费"),
    Kind.VOID: gettext_noop("解冻"),
    Kind.RETURN: gettext_noop("退票"),
    Kind.FEE_RETURN: gettext_noop("退手续费"),
}


def _routes(purse: Code) -> Mapping[Kind, tuple[Code, Code]]:
    return {
        #              out of           into
        Kind.COLLECT: (Code.OUTSIDE, purse),
        Kind.HOLD: (purse, Code.IN_FLIGHT),
        Kind.SETTLE: (Code.IN_FLIGHT, Code.OUTSIDE),
        Kind.FEE: (Code.IN_FLIGHT, Code.CHANNEL_COST),
        Kind.VOID: (Code.IN_FLIGHT, purse),
        Kind.RETURN: (Code.OUTSIDE, purse),
        Kind.FEE_RETURN: (Code.CHANNEL_COST, purse),
    }


ROUTES = {funds: _routes(purse) for funds, purse in PURSES.items()}
RESOLUTIONS = (Kind.SETTLE, Kind.VOID)
"""What ends a hold: one of them, once."""
OF_A_HOLD = (Kind.SETTLE, Kind.FEE, Kind.VOID, Kind.RETURN, Kind.FEE_RETURN)
"""Transfers that name the hold they belong to."""


class Place(NamedTuple):
    """One account, by name."""

    owner: str
    code: Code


def places_of(owner: str) -> tuple[Place, ...]:
    """The accounts an owner has."""
    return tuple(Place(owner, code) for code in (PLATFORM_CODES if owner == PLATFORM else CHANNEL_ACCOUNT_CODES))


def route(kind: Kind, owner: str, funds: Funds) -> tuple[Place, Place]:
    """Out of where and into where a transfer of this kind goes, for this channel account."""
    source, target = (Place(PLATFORM if code in PLATFORM_CODES else owner, code) for code in ROUTES[funds][kind])
    return source, target


def turn(place: Place) -> tuple[int, str]:
    """When this balance is changed, among those of one deed.

    One order for everybody, so that two deeds never wait for each other in a circle. `available` and `prefunded`, which
    alone may refuse, come first: a refusal has changed nothing. `outside`, the account that everybody needs, comes last: its
    row is locked for the shortest time.
    """
    return list(Code).index(place.code), place.owner


LABELS = {"kinds": KIND_LABELS, "codes": CODE_LABELS, "platform": PLATFORM}
"""The words of the book, for pages."""

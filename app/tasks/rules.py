"""What a brief says, and who may sign it: plain values."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from app.kernel.errors import Refused
from app.kernel.money import Money

FIGURES_OLD_S = 900
"""Older figures than these are said to be old in a brief."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many withdrawals in one state, and what they come to."""

    state: str
    count: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Cards that are still being bound."""

    reference: str
    state: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """交接简报: what was done, what hangs, what is odd, in numbers of one moment."""

    since: datetime
    at: datetime
    settleable_before: Money | None
    settleable: Money | None
    figures_at: datetime | None
    figures_failure: str
    open: tuple[Part, ...]
    unknown_count: int
    unknown_amount: Money
    unknown_since: datetime | None
    work: dict[str, int]
    made: tuple[Part, ...]
    ended: tuple[Part, ...]
    cards: int
    runs: tuple[Run, ...]
    sheets: tuple[str, ...]

    @property
    def figures_are_old(self) -> bool:
        return self.figures_at is None or self.at - self.figures_at > timedelta(seconds=FIGURES_OLD_S)

    @property
    def difference(self) -> Money | None:
        """What the account has more at the end than at the beginning."""
        if self.settleable is None or self.settleable_before is None:
            return None
        return self.settleable - self.settleable_before

    @property
    def hangs(self) -> bool:
        """Is anything left that whoever comes next must see to?"""
        return bool(self.open or self.work or self.runs or self.sheets)

    def kept(self) -> str:
        """As it is written down, for ever."""
        return json.dumps({name: _plain(getattr(self, name)) for name in self.__slots__}, ensure_ascii=False)

    @classmethod
    def told(cls, kept: str) -> Self:
        """As it was written down."""
        it = json.loads(kept)
        moneys = {name: None if it[name] is None else Money(it[name]) for name in _MONEYS}
        moments = {name: None if it[name] is None else datetime.fromisoformat(it[name]) for name in _MOMENTS}
        parts = {name: tuple(Part(**{**one, "amount": Money(one["amount"])}) for one in it[name]) for name in _PARTS}
        rest = {"runs": tuple(Run(**one) for one in it["runs"]), "sheets": tuple(it["sheets"])}
        return cls(**{**it, **moneys, **moments, **parts, **rest})


_MONEYS = ("settleable_before", "settleable", "unknown_amount")
_MOMENTS = ("since", "at", "figures_at", "unknown_since")
_PARTS = ("open", "made", "ended")


def _plain(value: Any) -> Any:
    match value:
        case Money():
            return value.minor
        case datetime():
            return value.isoformat()
        case Part() | Run():
            return {name: _plain(getattr(value, name)) for name in value.__slots__}
        case tuple():
            return [_plain(one) for one in value]
    return value


def require_unsigned(signer: str) -> None:
    if signer:
        raise Refused("这份交接单已由 %(signer)s 签收", signer=signer)


def require_signer(*, operator_id: int, successor_id: int | None, successor: str, giver_id: int) -> None:
    """Whom it was given to by name, or whoever gave it and takes it back; anybody, where nobody was named."""
    if successor_id is not None and operator_id not in (successor_id, giver_id):
        raise Refused(
            "这份交接单指定由 %(successor)s 接收", successor=successor, advice="请等对方接收，或请主管代为接收"
        )

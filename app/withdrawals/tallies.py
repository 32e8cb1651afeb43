"""What the list without conditions adds up to: the dearest reads of the house, done once for everybody who looks.

Only for those who see all channels; the others' own is not dear. Forgotten with every change that is announced: whoever
is told to look again is not shown what was counted before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select

from app.kernel.errors import gettext_noop
from app.kernel.money import Money
from app.runtime import cache
from app.runtime.db import db
from app.withdrawals.states import WITHDRAWAL

_ALL, _UNKNOWN = "all", "unknown"


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything the filter finds, not of the page. `is_floor`: there is more, and nobody added it up.

    `as_of`: when a large house counted last; None: just now.
    """

    count: int
    amount: Money
    fee: Money
    is_floor: bool = False
    as_of: datetime | None = None


TOTALS = cache.declare(
    cache.Cached(
        room="withdrawals",
        name="totals",
        key="{tab}",
        age_s=30,
        title=gettext_noop("提现列表各页签的合计（不带条件）"),
        owner=gettext_noop("提现业务"),
        pack=lambda totals: [totals.count, totals.amount.minor, totals.fee.minor],
        unpack=lambda told: _totals_told(*told),
    )
)
COUNTS = cache.declare(
    cache.Cached(
        room="withdrawals",
        name="counts",
        key=_ALL,
        age_s=30,
        title=gettext_noop("提现列表各状态的笔数（不带条件）"),
        owner=gettext_noop("提现业务"),
        pack=dict,
        unpack=lambda told: {str(state): cache.whole(count) for state, count in told.items()},
    )
)


def totals(tab: str, reading: Select[*tuple[Any, ...]]) -> Totals:
    """What a tab adds up to; `reading` finds count, amount and fee."""
    key = tab if tab in (*WITHDRAWAL.states, _UNKNOWN) else _ALL
    return TOTALS.get(key, lambda: Totals(*_anew(reading)[0]))


def counts(reading: Select[*tuple[Any, ...]]) -> dict[str, int]:
    """How many there are of each state; `reading` finds state and count."""
    return COUNTS.get(_ALL, lambda: {str(state): int(count) for state, count in _anew(reading)})


def forget() -> None:
    """A withdrawal changes. Joins the caller's transaction; to be said before the event that tells pages to look."""
    TOTALS.forget(_ALL, _UNKNOWN, *sorted(WITHDRAWAL.states))
    COUNTS.forget(_ALL)


def _anew(reading: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
    """On a connection of its own: the session may show (SQLite) how things were when this request began, which may be
    before a change that was announced meanwhile."""
    with db.engine.connect() as connection:
        return connection.execute(reading).all()


def _totals_told(count: Any, amount_minor: Any, fee_minor: Any) -> Totals:
    return Totals(cache.whole(count), Money(cache.whole(amount_minor)), Money(cache.whole(fee_minor)))

"""重复付款雷达: what may be the same payment as one withdrawal. Over all accounts, batches and channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from app.cards.models import Card
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Text
from app.kernel.money import Money
from app.runtime.db import db
from app.withdrawals.models import Withdrawal, WithdrawalHold
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import OPEN, State

LOOK_BACK_DAYS = 7
MOST = 20
"""So many are listed; the rest is counted."""
_DEAD = (State.REJECTED, State.CANCELLED, State.FAILED)
_SAME_BOTH, _SAME_NAME, _OPEN_ONLY = range(3)
"""How near another one is to being the same payment: the first two may be it."""


def _is_contradicted() -> ColumnElement[bool]:
    """It counts as not paid, and something says otherwise that nobody has settled."""
    waits = exists().where(WithdrawalHold.withdrawal_id == Withdrawal.id, WithdrawalHold.closed_at.is_(None))
    return and_(Withdrawal.state.in_(_DEAD), waits)


CONTRADICTED = _is_contradicted()
ALIVE = or_(Withdrawal.state.not_in(_DEAD), CONTRADICTED)
"""It was paid, or may yet turn out to be."""
UNSETTLED = or_(Withdrawal.state.in_(OPEN), CONTRADICTED)
"""Nobody can say yet that it was paid or not, however old it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Another withdrawal. `number` is "" where the person may not see its channel; `alike`: it may be the same payment;
    `contradicted`: it counts as not paid, and something says otherwise."""

    number: str
    account_id: int
    amount: Money
    holder: str
    state: str
    unknown: bool
    contradicted: bool
    made_at: datetime
    alike: bool
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoes:
    """At most `MOST` of them, the likeliest first. `alike` and `others`: how many there are of either kind in truth."""

    listed: Sequence[Echo]
    alike: int
    others: int

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.alike + self.others - len(self.listed)


def echoes(withdrawal: Withdrawal) -> Echoes:
    """What has the same card and amount, then the same name and amount, then what is unsettled to the same card; of each
    the latest first."""
    return _echoes(
        card_index=withdrawal.card_index,
        holder=withdrawal.holder,
        amount=withdrawal.amount,
        since=withdrawal.made_at - timedelta(days=LOOK_BACK_DAYS),
        but=withdrawal.id,
    )


def echoes_of(card: Card, amount: Money) -> Echoes:
    """The same for one that is not made yet."""
    since = clock.now() - timedelta(days=LOOK_BACK_DAYS)
    return _echoes(card_index=card.number_index, holder=card.holder, amount=amount, since=since, but=0)


def _echoes(*, card_index: str, holder: str, amount: Money, since: datetime, but: int) -> Echoes:
    w = Withdrawal
    recent, same_card, same_amount = w.made_at >= since, w.card_index == card_index, w.amount == amount
    nearness = case((and_(same_card, same_amount), _SAME_BOTH), (same_amount, _SAME_NAME), else_=_OPEN_ONLY)
    found = (
        select(w.number, w.account_id, w.amount, w.holder, w.state, w.signed_at, w.made_at, nearness.label("nearness"),
               CONTRADICTED.label("contradicted"), channels.within_reach(w.account_id).label("within"),
               func.count().over().label("found"), func.sum(case((same_amount, 1), else_=0)).over().label("alike"))
        .where(w.id != but, ALIVE)
        .where(
            or_(
                and_(same_card, same_amount, recent),
                and_(w.holder == holder, same_amount, recent),
                and_(same_card, UNSETTLED),
            )
        )
        .order_by(nearness, w.id.desc())
        .limit(MOST)
    )  # fmt: skip
    rows = db.session.execute(found).all()
    alike = int(rows[0].alike) if rows else 0
    return Echoes(
        listed=[
            Echo(
                number=row.number if row.within else "",
                account_id=row.account_id,
                amount=row.amount,
                holder=row.holder,
                state=row.state,
                unknown=row.state in OUT and row.signed_at is None,
                contradicted=row.contradicted,
                made_at=row.made_at,
                alike=row.nearness != _OPEN_ONLY,
                why=_WHY[row.nearness],
            )
            for row in rows
        ],
        alike=alike,
        others=rows[0].found - alike if rows else 0,
    )


_WHY = {
    _SAME_BOTH: Text("同账号同金额"),
    _SAME_NAME: Text("同户名同金额"),
    _OPEN_ONLY: Text("同账号，还没有办完"),
}

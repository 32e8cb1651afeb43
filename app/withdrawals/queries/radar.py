"""重复付款雷达 and 异常提示: what whoever approves should see first. Over all accounts, batches and channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select

from app.cards import queries as cards
from app.cards.models import Card
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Text
from app.kernel.money import ZERO, Money
from app.runtime.db import db
from app.withdrawals import rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries.rows import OUT
from app.withdrawals.states import OPEN, State

LOOK_BACK_DAYS = 7
MOST = 20
_DEAD = (State.REJECTED, State.CANCELLED, State.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Another withdrawal that may be the same payment. `number` is "" where the person may not see its channel."""

    number: str
    account_id: int
    amount: Money
    holder: str
    state: str
    unknown: bool
    made_at: datetime
    why: Text


def echoes(withdrawal: Withdrawal) -> list[Echo]:
    """Same card and amount, same name and amount, whatever is open or unknown to the same card; the latest first."""
    return _echoes(
        card_index=withdrawal.card_index,
        holder=withdrawal.holder,
        amount=withdrawal.amount,
        since=withdrawal.made_at - timedelta(days=LOOK_BACK_DAYS),
        but=withdrawal.id,
    )


def echoes_of(card: Card, amount: Money) -> list[Echo]:
    """The same for one that is not made yet."""
    since = clock.now() - timedelta(days=LOOK_BACK_DAYS)
    return _echoes(card_index=card.number_index, holder=card.holder, amount=amount, since=since, but=0)


def _echoes(*, card_index: str, holder: str, amount: Money, since: datetime, but: int) -> list[Echo]:
    w = Withdrawal
    recent, same_card, same_amount = w.made_at >= since, w.card_index == card_index, w.amount == amount
    found = (
        select(w.number, w.account_id, w.amount, w.holder, w.state, w.signed_at, w.made_at, w.card_index,
               channels.within_reach(w.account_id).label("within"))
        .where(w.id != but, w.state.not_in(_DEAD))
        .where(
            or_(
                and_(same_card, same_amount, recent),
                and_(w.holder == holder, same_amount, recent),
                and_(same_card, w.state.in_(OPEN)),
            )
        )
        .order_by(w.id.desc())
        .limit(MOST)
    )  # fmt: skip
    return [
        Echo(
            number=row.number if row.within else "",
            account_id=row.account_id,
            amount=row.amount,
            holder=row.holder,
            state=row.state,
            unknown=row.state in OUT and row.signed_at is None,
            made_at=row.made_at,
            why=_why(row.card_index == card_index, row.amount == amount),
        )
        for row in db.session.execute(found)
    ]


def _why(same_card: bool, same_amount: bool) -> Text:
    if same_card and same_amount:
        return Text("同账号同金额")
    return Text("同账号，还没有办完") if same_card else Text("同户名同金额")


def oddities(withdrawal: Withdrawal, *, tiers: Sequence[Money] = ()) -> list[Text]:
    """What is unusual about it."""
    w = Withdrawal
    before = (w.card_index == withdrawal.card_index, w.state == State.PAID, w.id != withdrawal.id)
    paid, largest, latest = db.session.execute(
        select(func.count(), func.max(w.amount), func.max(w.made_at)).where(*before)
    ).one()
    card = cards.by_id(withdrawal.card_id)
    return rules.oddities(
        rules.Facts(
            amount=withdrawal.amount,
            made_at=withdrawal.made_at,
            card_bound_at=card.made_at,
            history=rules.History(paid=paid, largest=largest or ZERO, latest_at=latest),
            tiers=tiers,
        )
    )

"""异常提示: what stands out among withdrawals that wait for approval, be it one, a sheet or a selection.

However many they are, it takes the same few questions.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, func, select, tuple_, union

from app.cards.models import Card
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Text
from app.kernel.money import Money
from app.runtime.db import db
from app.withdrawals import rules
from app.withdrawals.models import SelectionRow, Withdrawal, WithdrawalApproval
from app.withdrawals.queries.radar import ALIVE, LOOK_BACK_DAYS, UNSETTLED
from app.withdrawals.queries.rulebook import in_force
from app.withdrawals.states import State

_LOOK_BACK = timedelta(days=LOOK_BACK_DAYS)
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_NOBODY = rules.History(paid=0)

Said = Mapping[int, Sequence[Text]]
"""What is said of withdrawals, by their id; those of which nothing is said are not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """What is unusual about some of them, and which of them may be the same payment as another one."""

    oddities: Said
    alike: Said
    first_of_two: int
    """Of how many the next approval is not the last, so that it sends nothing yet."""

    def about(self, withdrawal_id: int) -> list[Text]:
        """Everything to be said of one of them, the gravest first."""
        return [*self.alike.get(withdrawal_id, ()), *self.oddities.get(withdrawal_id, ())]

    def only(self, which: str) -> Collection[int] | None:
        """The ids of the unusual ones (`odd`) or of those that may be a payment twice (`alike`); None for any other word."""
        return {"odd": self.oddities, "alike": self.alike}.get(which)


def oddities(withdrawal: Withdrawal) -> Sequence[Text]:
    """What is unusual about this one."""
    picked = _picked(Withdrawal.id == withdrawal.id)
    return _oddities(picked, _rows(picked)).get(withdrawal.id, ())


def of_selection(selection_id: int) -> Unusual:
    """Of what was picked and still waits for approval."""
    mine = select(SelectionRow.withdrawal_id).where(SelectionRow.selection_id == selection_id)
    return _unusual(Withdrawal.id.in_(mine))


def of_sheet(sheet_id: int) -> Unusual:
    """Of what came with a sheet and still waits for approval."""
    return _unusual(Withdrawal.sheet_id == sheet_id)


def _unusual(which: ColumnElement[bool]) -> Unusual:
    picked = _picked(which, Withdrawal.state == State.REVIEW, channels.within_reach(Withdrawal.account_id))
    rows = _rows(picked)
    return Unusual(oddities=_oddities(picked, rows), alike=_alike(picked, rows), first_of_two=_first_of_two(picked))


def _picked(*which: ColumnElement[bool]) -> CTE:
    w = Withdrawal
    its = select(w.id, w.card_id, w.card_index, w.holder, w.amount.label("amount"), w.made_at, w.checkers)
    return its.where(*which).cte("picked")


def _rows(picked: CTE) -> Sequence[Row[*tuple[Any, ...]]]:
    """Each of them, with when its card was bound."""
    bound_at = Card.made_at.label("bound_at")
    return db.session.execute(select(picked, bound_at).join(Card, Card.id == picked.c.card_id)).all()


def _oddities(picked: CTE, rows: Sequence[Any]) -> Said:
    histories, book = _histories(picked), in_force().book
    tiers, hours = _tiers(book), book.hours
    found = {}
    for row in rows:
        facts = rules.Facts(
            amount=row.amount,
            made_at=row.made_at,
            card_bound_at=row.bound_at,
            history=histories.get(row.card_index, _NOBODY),
            tiers=tiers,
            hours=hours,
        )
        if odd := rules.oddities(facts):
            found[row.id] = odd
    return found


def _histories(picked: CTE) -> dict[str, rules.History]:
    """What each of their payees got before, by card."""
    w = Withdrawal
    before = (w.state == State.PAID, w.card_index.in_(select(picked.c.card_index)))
    found = select(w.card_index, func.count(), func.max(w.amount)).where(*before).group_by(w.card_index)
    return {index: rules.History(paid=paid, largest=largest) for index, paid, largest in db.session.execute(found)}


def _tiers(book: rules.Rulebook) -> list[Money]:
    """The amounts from which one more pair of eyes is asked for."""
    return [tier for tier in (book.none_below, book.two_from) if tier is not None and tier.minor > 0]


def _first_of_two(picked: CTE) -> int:
    its = WithdrawalApproval
    fresh = its.at >= clock.now() - timedelta(hours=rules.APPROVAL_LASTS_H)
    given = select(func.count()).where(its.withdrawal_id == picked.c.id, its.voided_at.is_(None), fresh)
    more = picked.c.checkers - given.correlate(picked).scalar_subquery() > 1
    return db.session.scalar(select(func.count()).select_from(picked).where(more)) or 0


def _alike(picked: CTE, rows: Sequence[Any]) -> Said:
    """By the same measure as `radar.echoes`; among each other as well, themselves left out."""
    if not rows:
        return {}
    same_card, same_name, same_both = (defaultdict[tuple[object, ...], list[datetime]](list) for _ in range(3))
    for it in _candidates(picked, since=min(row.made_at for row in rows) - _LOOK_BACK):
        same_card[it.card_index, it.amount].append(_ALWAYS if it.unsettled else it.made_at)
        same_name[it.holder, it.amount].append(it.made_at)
        same_both[it.card_index, it.holder, it.amount].append(it.made_at)
    for times in (*same_card.values(), *same_name.values(), *same_both.values()):
        times.sort()
    found = {}
    for row in rows:
        since = row.made_at - _LOOK_BACK
        cards = _from(same_card[row.card_index, row.amount], since) - 1
        names = _from(same_name[row.holder, row.amount], since) - _from(
            same_both[row.card_index, row.holder, row.amount], since
        )
        if said := _said(cards, names):
            found[row.id] = said
    return found


def _candidates(picked: CTE, *, since: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    """Whatever has card and amount, or name and amount, of one of them: themselves among it, each once."""
    w = Withdrawal
    amount, unsettled = w.amount.label("amount"), UNSETTLED.label("unsettled")
    its = select(w.id, w.card_index, w.holder, amount, w.made_at, unsettled).where(ALIVE)
    cards = select(picked.c.card_index, picked.c.amount)
    names = select(picked.c.holder, picked.c.amount)
    by_card = its.where(tuple_(w.card_index, w.amount).in_(cards), (w.made_at >= since) | UNSETTLED)
    by_name = its.where(tuple_(w.holder, w.amount).in_(names), w.made_at >= since)
    return db.session.execute(union(by_card, by_name)).all()


def _from(times: Sequence[datetime], since: datetime) -> int:
    return len(times) - bisect_left(times, since)


def _said(cards: int, names: int) -> list[Text]:
    found = []
    if cards:
        found.append(Text("可能重复：另有 %(count)s 笔同账号同金额", count=cards))
    if names:
        found.append(Text("可能重复：另有 %(count)s 笔同户名同金额", count=names))
    return found

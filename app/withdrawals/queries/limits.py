"""What the rules need to know of a withdrawal that is about to be made, and whether the counters are right."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeAlias

from sqlalchemy import and_, func, or_, select

from app.auth import identity
from app.cards.models import Card
from app.channels import queries as channels
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.runtime import vault
from app.runtime.db import db, total
from app.withdrawals.models import Withdrawal, WithdrawalCounter
from app.withdrawals.queries.payees import listed
from app.withdrawals.queries.rulebook import in_force
from app.withdrawals.rules.admission import NOTHING, Facts, Twin, Used
from app.withdrawals.rules.rulebook import Limit, Rulebook, Scope
from app.withdrawals.states import State

Places: TypeAlias = Mapping[Scope, str]

UNDONE = (State.REJECTED, State.CANCELLED, State.FAILED)
"""Nothing was paid: it uses up no limit, and whoever makes it again repeats nothing."""


def places(*, account_id: int, card_index: str, day: date) -> Places:
    """The keys of the counters that a withdrawal goes into, in the order in which they are locked."""
    card = vault.mac(f"{day.isoformat()} {card_index}".encode(), purpose="withdrawal counters")
    return {Scope.HOUSE: "", Scope.ACCOUNT: str(account_id), Scope.CARD: card}


def own_day(account: channels.Account) -> Limit:
    """What this account may send in a day by its own terms."""
    return Limit(account.day_amount, account.day_count)


def own_days() -> dict[str, Limit]:
    """The same of all accounts that have such a limit, by number."""
    a = ChannelAccount
    found = select(a.number, a.day_amount, a.day_count).where(or_(a.day_amount.is_not(None), a.day_count.is_not(None)))
    return {number: Limit(amount, count) for number, amount, count in db.session.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDay:
    """What an account has sent today, and what it still may by the rules (`book`) and by its own terms."""

    used: Used
    book: Limit
    own: Limit

    @property
    def left(self) -> Limit:
        """The stricter of both, for each figure; None: as much as one likes."""
        return self.book.within(self.own).less(self.used.amount, self.used.count)


def account_day(account: channels.Account) -> AccountDay:
    """As the counters stand now: nothing is locked, and nothing is decided by it."""
    day = clock.business_day()
    place = {Scope.ACCOUNT: places(account_id=account.id, card_index="", day=day)[Scope.ACCOUNT]}
    counted = used(place, day).get(Scope.ACCOUNT, NOTHING)
    return AccountDay(used=counted, book=in_force().book.account_day, own=own_day(account))


def used(places: Places, day: date) -> dict[Scope, Used]:
    """What the counters say, without locking them."""
    c = WithdrawalCounter
    mine = or_(*(and_(c.scope == scope, c.key == key) for scope, key in places.items()))
    found = select(c.scope, c.amount, c.count).where(c.day == day, mine)
    return {Scope(scope): Used(amount, count) for scope, amount, count in db.session.execute(found)}


def facts(
    book: Rulebook,
    source: channels.Account,
    payee: Card,
    *,
    amount: Money,
    funds: Funds,
    at: datetime,
    used: Mapping[Scope, Used],
) -> Facts:
    """Everything the rules ask about. To be read after the counters are locked: whoever makes the same withdrawal at the
    same moment waits there, and then finds this one."""
    known = _facts(book, card_index=payee.number_index, holder=payee.holder, card_kind=payee.kind, amount=amount, at=at)
    return replace(known, account=source.number, funds=funds, used=used, own_day=own_day(source))


def facts_over(
    book: Rulebook,
    sources: Sequence[channels.Account],
    *,
    funds: Mapping[int, Funds],
    card_index: str,
    holder: str,
    card_kind: str,
    amount: Money,
    at: datetime,
) -> dict[int, Facts]:
    """The same over many accounts, each paying of these funds, by their ids, as they stand now: nothing is locked,
    and nothing is decided by it."""
    known = _facts(book, card_index=card_index, holder=holder, card_kind=card_kind, amount=amount, at=at)
    day = clock.business_day(at)
    keys = places(account_id=0, card_index=card_index, day=day)
    c = WithdrawalCounter
    mine = (
        and_(c.scope == Scope.ACCOUNT, c.key.in_([str(source.id) for source in sources])),
        *(and_(c.scope == scope, c.key == keys[scope]) for scope in (Scope.HOUSE, Scope.CARD)),
    )
    rows = db.session.execute(select(c.scope, c.key, c.amount, c.count).where(c.day == day, or_(*mine)))
    counted = {(scope, key): Used(amount, count) for scope, key, amount, count in rows}
    found = {}
    for source in sources:
        its = {**keys, Scope.ACCOUNT: str(source.id)}
        used = {scope: counted[scope, key] for scope, key in its.items() if (scope, key) in counted}
        found[source.id] = replace(
            known, account=source.number, funds=funds[source.id], used=used, own_day=own_day(source)
        )
    return found


def used_by_cards(indexes: Collection[str], day: date) -> dict[str, Used]:
    """What each of these cards has been paid today, by its index."""
    keys = {places(account_id=0, card_index=index, day=day)[Scope.CARD]: index for index in indexes}
    c = WithdrawalCounter
    found = select(c.key, c.amount, c.count).where(c.day == day, c.scope == Scope.CARD, c.key.in_(keys))
    return {keys[key]: Used(amount, count) for key, amount, count in db.session.execute(found)}


def twins(book: Rulebook, indexes: Collection[str], at: datetime) -> dict[tuple[str, Money], Twin]:
    """The latest ones to these cards within the window, by card and amount; unnamed, where they are foreign."""
    if not book.duplicate_minutes:
        return {}
    w = Withdrawal
    found = (
        select(w.card_index, w.amount, w.number, w.made_at, channels.within_reach(w.account_id).label("is_ours"))
        .where(w.card_index.in_(indexes), w.state.not_in(UNDONE))
        .where(w.made_at > at - timedelta(minutes=book.duplicate_minutes))
        .order_by(w.id)
    )
    rows = db.session.execute(found)
    return {(index, amount): Twin(number if ours else "", made_at) for index, amount, number, made_at, ours in rows}


def _facts(book: Rulebook, *, card_index: str, holder: str, card_kind: str, amount: Money, at: datetime) -> Facts:
    """What has nothing to do with an account."""
    found = listed(clock.business_day(at), payees=[(card_index, holder)])
    return Facts(
        amount=amount,
        at=at,
        account="",
        card_kind=card_kind,
        standing=found.standing(card_index, holder),
        twin=_twin(book, card_index, amount, at),
        whole=identity.channels() is None,
    )


def _twin(book: Rulebook, card_index: str, amount: Money, at: datetime) -> Twin | None:
    """The latest one of this amount to this card within the window, over all accounts; unnamed, where it is foreign."""
    if not book.duplicate_minutes:
        return None
    w = Withdrawal
    found = (
        select(w.number, w.made_at, w.account_id)
        .where(w.card_index == card_index, w.amount == amount, w.state.not_in(UNDONE))
        .where(w.made_at > at - timedelta(minutes=book.duplicate_minutes))
        .order_by(w.id.desc())
        .limit(1)
    )
    row = db.session.execute(found).one_or_none()
    if row is None:
        return None
    reach = select(func.count()).where(w.number == row.number, channels.within_reach(w.account_id))
    return Twin(row.number if db.session.scalar(reach) else "", row.made_at)


def counter_problems() -> list[str]:
    """Counters that do not say what the withdrawals add up to, for `paydesk check`.

    A card that was forgotten cannot be found again by its fingerprint: the cards of such a day add up to the house's all
    the same.
    """
    c = WithdrawalCounter
    counted: dict[tuple[str, date, str], Used] = {}
    cards: dict[tuple[str, date], Used] = defaultdict(Used)
    for scope, key, day, amount, count in db.session.execute(select(c.scope, c.key, c.day, c.amount, c.count)):
        if scope == Scope.CARD:
            cards["", day] = Used(cards["", day].amount + amount, cards["", day].count + count)
        if count or amount:
            counted[scope, day, key] = Used(amount, count)
    wanted = dict(_wanted())
    days_with_forgotten = {day for scope, day, _key in wanted if scope == _FORGOTTEN}
    found = []
    for place in sorted({*counted, *wanted} - {it for it in wanted if it[0] == _FORGOTTEN}):
        scope, day, _key = place
        if scope == Scope.CARD and day in days_with_forgotten and place not in wanted:
            continue
        said, is_ = counted.get(place, Used()), wanted.get(place, Used())
        if said != is_:
            found.append(f"{scope} {day}: counted {said.count} of {said.amount}, there are {is_.count} of {is_.amount}")
    for (_, day), said in cards.items():
        house = counted.get((Scope.HOUSE, day, ""), Used())
        if said != house:
            found.append(f"{day}: the cards add up to {said.amount}, the house to {house.amount}")
    return found


_FORGOTTEN = "forgotten"


def _wanted() -> Iterator[tuple[tuple[str, date, str], Used]]:
    """What each counter should say. One with a forgotten card has no key any more."""
    w = Withdrawal
    sums = (func.count(), total(w.amount))
    mine = select(w.business_day, *sums).where(w.counted).group_by(w.business_day)
    for day, count, amount in db.session.execute(mine):
        yield (Scope.HOUSE, day, ""), Used(amount, count)
    for day, count, amount, account_id in db.session.execute(mine.add_columns(w.account_id).group_by(w.account_id)):
        yield (Scope.ACCOUNT, day, str(account_id)), Used(amount, count)
    for day, count, amount, index in db.session.execute(mine.add_columns(w.card_index).group_by(w.card_index)):
        if index.startswith(f"{_FORGOTTEN}:"):
            yield (_FORGOTTEN, day, index), Used(amount, count)
        else:
            key = places(account_id=0, card_index=index, day=day)[Scope.CARD]
            yield (Scope.CARD, day, key), Used(amount, count)

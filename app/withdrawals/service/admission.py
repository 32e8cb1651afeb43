"""A withdrawal is let in by the rules, and counted: for its account, its card and the house, on its business day."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import update

from app.cards.models import Card
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import Refused
from app.kernel.funds import Funds
from app.kernel.money import ZERO, Money
from app.runtime.db import changed, db, in_transaction, insert
from app.withdrawals import queries, rules
from app.withdrawals.models import Withdrawal, WithdrawalCounter
from app.withdrawals.queries import limits
from app.withdrawals.rules.admission import Used
from app.withdrawals.rules.rulebook import Scope


@dataclass(frozen=True, slots=True)
class Admitted:
    """By which version, and when: its day is the one it was counted on."""

    rulebook_id: int | None
    at: datetime
    day: date
    checkers: int


def admit(source: channels.Account, payee: Card, *, amount: Money, funds: Funds) -> Admitted:
    """Count it, or refuse it in words. Joins the caller's transaction.

    The counters are locked before anything is decided: two that would pass a limit together, or be each other's
    duplicate, come one after the other. Always in the same order, and after the card, as `give_back` is.
    """
    assert in_transaction()
    version, at = queries.rulebook_in_force(), clock.now()
    day = clock.business_day(at)
    places = limits.places(account_id=source.id, card_index=payee.number_index, day=day)
    used = {scope: _locked(scope, key, day) for scope, key in places.items()}
    facts = limits.facts(version.book, source, payee, amount=amount, funds=funds, at=at, used=used)
    _require(rules.refusals(version.book, facts))
    for scope, key in places.items():
        its = rules.account_day(version.book, facts) if scope is Scope.ACCOUNT else version.book.day_limit(scope)
        _take(scope, key, day, amount, its)
    return Admitted(version.id, at, day, version.book.checkers(amount, made_at=at))


def preview(source: channels.Account, payee: Card, *, amount: Money, funds: Funds) -> None:
    """Refused as `admit` would refuse it now. Nothing is counted."""
    version, at = queries.rulebook_in_force(), clock.now()
    day = clock.business_day(at)
    places = limits.places(account_id=source.id, card_index=payee.number_index, day=day)
    used = limits.used(places, day)
    facts = limits.facts(version.book, source, payee, amount=amount, funds=funds, at=at, used=used)
    _require(rules.refusals(version.book, facts))


def count(withdrawal: Withdrawal) -> None:
    """It was let in before a restore: it uses up its day's limits, whatever they say. Joins the caller's transaction."""
    places = limits.places(
        account_id=withdrawal.account_id, card_index=withdrawal.card_index, day=withdrawal.business_day
    )
    for scope, key in places.items():
        _locked(scope, key, withdrawal.business_day)
        _take(scope, key, withdrawal.business_day, withdrawal.amount, rules.Limit())


def give_back(withdrawal: Withdrawal) -> None:
    """Nothing was paid: on the day it was counted, others may have this much more. Once; `move` sees to it."""
    assert in_transaction()
    places = limits.places(
        account_id=withdrawal.account_id, card_index=withdrawal.card_index, day=withdrawal.business_day
    )
    c = WithdrawalCounter
    for scope, key in places.items():
        less = {c.amount: c.amount - withdrawal.amount, c.count: c.count - 1}
        mine = update(c).where(c.scope == scope, c.key == key, c.day == withdrawal.business_day)
        hit = changed(mine.values(less).execution_options(synchronize_session=False))
        assert hit, f"{withdrawal.number} was never counted for {scope}"


def _require(refusals: list[rules.Refusal]) -> None:
    if refusals:
        raise Refused.saying(refusals[0].text, refusals[0].advice)


def _locked(scope: Scope, key: str, day: date) -> Used:
    """The counter, there from now on and locked until the transaction ends."""
    c = WithdrawalCounter
    row = insert(c).values(scope=scope, key=key, day=day, amount_minor=ZERO, count=0)
    row = row.on_conflict_do_update(index_elements=[c.scope, c.key, c.day], set_={"count": c.count})
    amount, count = db.session.execute(row.returning(c.amount, c.count)).one()
    return Used(amount, count)


def _take(scope: Scope, key: str, day: date, amount: Money, limit: rules.Limit) -> None:
    """The rules have allowed it, and the UPDATE says so once more."""
    c = WithdrawalCounter
    mine = update(c).where(c.scope == scope, c.key == key, c.day == day)
    if limit.amount is not None:
        mine = mine.where(c.amount <= limit.amount - amount)
    if limit.count is not None:
        mine = mine.where(c.count < limit.count)
    more = {c.amount: c.amount + amount, c.count: c.count + 1}
    hit = changed(mine.values(more).execution_options(synchronize_session=False))
    assert hit, f"the rules allowed what the counter of the {scope} does not"

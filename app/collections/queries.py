"""Reading money in: what was entered by hand, and how accounts stand that nobody else tells of. Nothing here writes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select

from app.channels import queries as channels
from app.collections.models import CollectedDay, TopUp, TopUpReversal
from app.collections.rules import Standing, is_by_hand
from app.collections.states import ReversalState, State
from app.kernel.errors import NotThere, Refused
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime.db import db, total
from app.runtime.listing import Listing, listing
from app.withdrawals import queries as withdrawals

ECHO_DAYS = 31


def top_up(number: str) -> TopUp:
    """By its number; NotThere otherwise."""
    mine = select(TopUp).where(TopUp.number == number, channels.within_reach(TopUp.account_id))
    found = db.session.scalars(mine).one_or_none() if "\0" not in number else None
    if found is None:
        raise NotThere(number)
    return found


def held(number: str) -> TopUp:
    """The top-up, locked until the transaction ends."""
    found = select(TopUp).where(TopUp.id == top_up(number).id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def by_form_key(form_key: str) -> TopUp | None:
    return db.session.scalars(select(TopUp).where(TopUp.form_key == form_key)).one_or_none()


def top_ups(asked: Mapping[str, str]) -> Listing:
    """The list: what waits, or (`show=all`) everything."""
    t = TopUp
    statement = select(
        t.id, t.number, t.account_id, t.funds, t.kind, t.amount, t.arrived_on, t.evidence, t.state, t.maker, t.made_at,
        t.checker, t.decided_at, t.why, _IS_REVERSING.label("is_reversing"),
    ).where(channels.within_reach(t.account_id))  # fmt: skip
    if asked.get("show") != "all":
        statement = statement.where(or_(t.state == State.WAITING, _IS_REVERSING))
    return listing(statement, key=t.id.expression, asked=asked, kept={"show": asked.get("show", "")})


def reversals(top_up_id: int) -> Sequence[TopUpReversal]:
    """Every wish to take it back, the latest first."""
    found = select(TopUpReversal).where(TopUpReversal.top_up_id == top_up_id)
    return db.session.scalars(found.order_by(TopUpReversal.id.desc())).all()


def held_reversal(top_up: TopUp) -> TopUpReversal:
    """The one that waits, locked until the transaction ends; Refused where there is none."""
    its = (TopUpReversal.top_up_id == top_up.id, TopUpReversal.state == ReversalState.WAITING)
    found = select(TopUpReversal).where(*its).with_for_update().execution_options(populate_existing=True)
    row = db.session.scalars(found).one_or_none()
    if row is None:
        raise Refused("没有待审批的冲正，可能刚被办理", advice="请刷新页面")
    return row


def echoes(top_up: TopUp) -> Sequence[TopUp]:
    """Others of this balance that may be the same money: entered or booked, and arrived within a month of it."""
    span = timedelta(days=ECHO_DAYS)
    found = select(TopUp).where(
        TopUp.account_id == top_up.account_id,
        TopUp.funds == top_up.funds,
        TopUp.id != top_up.id,
        TopUp.state.in_((State.WAITING, State.BOOKED)),
        TopUp.arrived_on.between(top_up.arrived_on - span, top_up.arrived_on + span),
    )
    return db.session.scalars(found.order_by(TopUp.id.desc()).limit(20)).all()


def opening_of(account_id: int, funds: Funds) -> TopUp | None:
    """The opening that was entered for this balance, be it booked or not yet."""
    mine = (TopUp.account_id == account_id, TopUp.funds == funds, TopUp.kind == "opening")
    stands = TopUp.state.in_((State.WAITING, State.BOOKED))
    return db.session.scalars(select(TopUp).where(*mine, stands)).one_or_none()


def was_entered(account_id: int) -> bool:
    """Is anything collected in the book of this account that people entered?"""
    mine = (TopUp.account_id == account_id, TopUp.funds == Funds.COLLECTED, TopUp.state == State.BOOKED)
    return db.session.scalar(select(TopUp.id).where(*mine).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Purse:
    """One balance of an account. `key` names it in addresses and forms."""

    account: channels.Account
    funds: Funds

    @property
    def key(self) -> str:
        return self.account.number if self.funds is Funds.COLLECTED else f"{self.account.number}/{self.funds}"


def purses(accounts: Iterable[channels.Account]) -> list[Purse]:
    """The balances into which people enter what comes in."""
    can = {account.adapter: account.can for account in accounts}
    return [
        Purse(account, funds)
        for account in accounts
        for funds in FUNDS
        if is_by_hand(funds, offered=can[account.adapter].funds, totals=can[account.adapter].totals)
    ]


def standings(purses: Collection[Purse]) -> dict[Purse, tuple[Standing, datetime | None]]:
    """How each stands, and when its channel said so."""
    ids = [it.account.id for it in purses]
    figures, balances = channels.latest_figures(ids), ledger.balances_of([it.account.number for it in purses])
    set_aside, taking_back = withdrawals.set_aside(ids), _taking_back(ids)
    begun = set(db.session.scalars(select(CollectedDay.account_id).where(CollectedDay.account_id.in_(ids))))
    found: dict[Purse, tuple[Standing, datetime | None]] = {}
    for it in purses:
        account, ours = it.account, balances[it.account.number]
        told = figures.get(account.id) if account.can.balance else None
        is_prefunded = it.funds is Funds.PREFUNDED
        held = set_aside.get((account.id, it.funds), withdrawals.SetAside())
        standing = Standing(
            reported=None if told is None else told.prefunded if is_prefunded else told.settleable,
            available=ours.left(it.funds),
            kept=held.kept + taking_back.get((account.id, it.funds), ZERO),
            out=held.out,
            has_begun=is_prefunded or not account.can.balance or (told is not None and account.id in begun),
        )
        found[it] = standing, told.pulled_at if told and standing.reported is not None else None
    return found


def _taking_back(account_ids: Collection[int]) -> dict[tuple[int, Funds], Money]:
    """What is set aside of each balance because somebody wishes to take it out of the book."""
    waits = TopUpReversal.state == ReversalState.WAITING
    found = (
        select(TopUp.account_id, TopUp.funds, total(TopUp.amount))
        .join(TopUpReversal, TopUpReversal.top_up_id == TopUp.id)
        .where(TopUp.account_id.in_(account_ids), waits)
        .group_by(TopUp.account_id, TopUp.funds)
    )
    return {(account_id, Funds(funds)): amount for account_id, funds, amount in db.session.execute(found)}


def standing(purse: Purse) -> Standing:
    return standings([purse])[purse][0]


def problems() -> list[str]:
    """Each that is booked is in the ledger, to the fen and at its account; none that is not."""
    numbers = {account.id: account.number for account in channels.accounts()}
    found: list[str] = []
    for row in db.session.execute(select(TopUp.number, TopUp.account_id, TopUp.amount, TopUp.state, TopUp.funds)):
        posted = ledger.collected(row.number)
        is_in = row.state in (State.BOOKED, State.REVERSED)
        wanted = ledger.Collected(numbers[row.account_id], row.amount, Funds(row.funds)) if is_in else None
        if posted != wanted:
            found.append(f"top-up {row.number} is {row.state}, and the ledger has {posted} of it instead of {wanted}")
    return found + _reversal_problems()


def _reversal_problems() -> list[str]:
    """Each wish to take one back has the entries that its state asks for, and none is in the ledger that nobody wished."""
    deeds, found = ledger.deeds_taking_back(), []
    r = TopUpReversal
    rows = select(r.number, r.state, TopUp.amount, TopUp.state.label("its_state")).join(TopUp, TopUp.id == r.top_up_id)
    for row in db.session.execute(rows):
        wanted = {"hold": row.amount} | dict.fromkeys(_ENDS[ReversalState(row.state)], row.amount)
        if (booked := deeds.pop(row.number, {})) != wanted:
            found.append(f"reversal {row.number} is {row.state}, and the ledger has {booked} instead of {wanted}")
        if (row.state == ReversalState.DONE) != (row.its_state == State.REVERSED):
            found.append(f"reversal {row.number} is {row.state}, and its top-up is {row.its_state}")
    return found + [f"{number}: the ledger takes back what nobody wished to" for number in deeds]


_ENDS: Mapping[ReversalState, tuple[str, ...]] = {
    ReversalState.WAITING: (),
    ReversalState.DONE: ("settle",),
    ReversalState.REJECTED: ("void",),
    ReversalState.WITHDRAWN: ("void",),
}
_IS_REVERSING = exists().where(TopUpReversal.top_up_id == TopUp.id, TopUpReversal.state == ReversalState.WAITING)

"""Which account takes a withdrawal: what is known of every account within reach, in as many statements as there are things
to know, however many accounts there are. Nothing here writes, and what it says is a proposal: whoever makes a withdrawal is
judged anew, under locks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from app.auth.identity import Actor
from app.cards import queries as cards
from app.cards.models import Card
from app.cards.states import State as CardState
from app.channels import health, opening, vacancy
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.contract import Payee
from app.kernel import clock
from app.kernel.errors import Text
from app.kernel.funds import FUNDS, Funds
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.withdrawals.models import SendingStop
from app.withdrawals.queries import limits
from app.withdrawals.queries.objections import lacks
from app.withdrawals.queries.rulebook import in_force
from app.withdrawals.queries.sending import stop_of, stops
from app.withdrawals.rules import Limit, Rulebook, routing
from app.withdrawals.rules.admission import Facts, day_left
from app.withdrawals.rules.outcome import STOPS
from app.withdrawals.rules.routing import Bound, Candidate, Judged
from app.withdrawals.rules.sheet import Totals

Found: TypeAlias = Mapping[str, Sequence[Card]]
"""Payees that a search has found, by the blind index of their number, each with its cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a withdrawal pays, at whatever account. `cards`: by the account's id; `holder`: "" where nobody knows them."""

    number_index: str
    number_masked: str = ""
    holder: str = ""
    bank: str = ""
    card_kind: str = ""
    kind: Payee = Payee.BANK_CARD
    """收款方式: an account's channel pays to this kind, or the account does not take it."""
    cards: Mapping[int, Card] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """A card of theirs, by which an address may name them; "" where there is none."""
        return next((card.reference for card in self.cards.values()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One account beside the others, with the figures that it was judged by."""

    account: channels.Account
    judged: Judged
    card: Card | None
    held: channels.Held | None
    mine: bool
    vacancy: vacancy.Vacancy | None
    opening: opening.Opening
    health: health.Health
    left: Limit

    @property
    def its(self) -> Candidate:
        return self.judged.candidate


def target(card: Card) -> Target:
    """Whoever this card belongs to."""
    return _target(card.number_index, card)


def target_of(number_index: str) -> Target:
    """Whoever has the number with this blind index: the name is that of the card that was bound last."""
    return _target(number_index, None)


def _target(number_index: str, card: Card | None) -> Target:
    found = cards.everywhere(number_index)
    bound = (it for it in found if it.state == CardState.BOUND)
    known = card or next(bound, None) or next(iter(found), None)
    if known is None:
        return Target(number_index=number_index)
    return Target(
        number_index=number_index,
        number_masked=known.number_masked,
        holder=known.holder,
        bank=known.bank,
        card_kind=known.kind,
        kind=Payee(known.payee),
        cards={known.account_id: known} | {it.account_id: it for it in found},
    )


def options(whom: Target, amount: Money, *, actor: Actor) -> list[Option]:
    """Every account within reach, the best first. `actor`: who would make the withdrawal."""
    known, book = _Known(whom, amount, actor), in_force().book
    facts = limits.facts_over(
        book,
        known.accounts,
        funds={account.id: known.funds(account) for account in known.accounts},
        card_index=whom.number_index,
        holder=whom.holder,
        card_kind=whom.card_kind,
        amount=amount,
        at=clock.now(),
    )
    candidates = [known.candidate(account, facts[account.id]) for account in known.accounts]
    by_number = {account.number: account for account in known.accounts}
    return [known.option(by_number[it.candidate.number], it, book) for it in routing.route(book, candidates)]


def halt(account_id: int) -> Text | None:
    """Why nothing leaves this account now: stopped by people or by the house, closed, paused. None: it does."""
    stop = stop_of(account_id)
    return stopped(stop) if stop else opening.now(account_id).said


def instead(number: str, card: Card, amount: Money, *, actor: Actor) -> Option | None:
    """Where this account does not take it: the one that would, at once. None where it does, or none would."""
    found = options(target(card), amount, actor=actor)
    better = routing.instead_of(number, [it.judged for it in found])
    return next((it for it in found if it.judged is better), None)


NOBODY = Target(number_index="-")
"""A payee whom no account and no list knows: what is asked is about the accounts alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """How an account stands to a whole sheet: what keeps it from sending, what its day still allows, and who else would
    send all of it at once."""

    halts: tuple[Text, ...]
    left: Limit
    is_over: bool
    others: list[channels.Account]


def whole(account: channels.Account, totals: Totals, *, left: Money, actor: Actor) -> Whole:
    """`left`: what there is of the funds that it is to be paid of. The others are looked for only where this account would
    not send everything today."""
    found = options(NOBODY, totals.amount, actor=actor)
    own = next(it for it in found if it.account.id == account.id)
    is_over = not own.left.allows(totals.amount, totals.count)
    short = totals.hold > left
    others = (
        [it for it in found if it is not own and _takes_all(it, totals)] if own.its.halts or is_over or short else []
    )
    others.sort(key=lambda it: (it.its.burden, it.its.fee.minor, it.account.number))
    return Whole(halts=own.its.halts, left=own.left, is_over=is_over, others=[it.account for it in others])


def _takes_all(it: Option, totals: Totals) -> bool:
    account, count = it.account, totals.count
    fee = Money(account.fee_fixed.minor * count) + totals.amount.share(account.fee_rate_ppm)
    return routing.takes_all(it.its, it.left, amount=totals.amount, fee=fee, count=count)


class _Known:
    """Everything there is to know, each thing read once for all accounts."""

    def __init__(self, whom: Target, amount: Money, actor: Actor) -> None:
        self.whom, self.amount, self.actor = whom, amount, actor
        self.accounts = channels.accounts()
        ids = [account.id for account in self.accounts]
        # A channel's manner may be read from its template: once for each, not for each of its accounts.
        speaking = {account.adapter: account for account in self.accounts}
        self.manners = {name: channels.adapter_class(account) for name, account in speaking.items()}
        self.balances = ledger.balances_of([account.number for account in self.accounts])
        self.openings, self.health = opening.of(ids), health.of(self.accounts)
        self.holders, self.vacancies = channels.holders(ids), vacancy.of(ids, actor)
        self.stops = stops()

    def fee(self, account: channels.Account) -> Money:
        return channel_rules.fee(self.amount, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)

    def funds(self, account: channels.Account) -> Funds:
        """Of which it would pay this."""
        offered, balances = self.manners[account.adapter].funds, self.balances[account.number]
        left = {funds: balances.left(funds) for funds in FUNDS if funds in offered}
        return routing.funds_for(self.amount + self.fee(account), left)

    def candidate(self, account: channels.Account, facts: Facts) -> Candidate:
        manner, doing = self.manners[account.adapter], self.health[account.id]
        card = self.whom.cards.get(account.id)
        return Candidate(
            number=account.number,
            usable=account.usable,
            verified=manner.verified,
            method=self.whom.kind in manner.pays_to and (card is None or lacks(account, card) is None),
            bound=self._bound(account),
            single_limit=account.single_limit,
            fee=self.fee(account),
            available=self.balances[account.number].left(facts.funds),
            facts=facts,
            halts=tuple(self._halts(account)),
            grade=doing.grade,
            unknown=doing.sends.share(doing.sends.unknown),
            held=self._held(account),
            weight=account.weight,
        )

    def option(self, account: channels.Account, judged: Judged, book: Rulebook) -> Option:
        held = self.holders.get(account.id)
        return Option(
            account=account,
            judged=judged,
            card=self.whom.cards.get(account.id),
            held=held,
            mine=self._is_mine(held),
            vacancy=self.vacancies.get(account.id),
            opening=self.openings[account.id],
            health=self.health[account.id],
            left=day_left(book, judged.candidate.facts),
        )

    def _bound(self, account: channels.Account) -> Bound:
        card = self.whom.cards.get(account.id)
        if card is None:
            return Bound.ABSENT
        if card.holder != self.whom.holder:
            return Bound.OTHER_NAME
        return _BOUND.get(CardState(card.state), Bound.ABSENT)

    def _halts(self, account: channels.Account) -> Sequence[Text]:
        said = self.openings[account.id].said
        mine = [stop for stop in self.stops if stop.account_id in (None, account.id)]
        return [*map(stopped, mine), *([said] if said else [])]

    def _held(self, account: channels.Account) -> Text | None:
        """As `claims` would refuse it."""
        held, told = self.holders.get(account.id), self.vacancies.get(account.id)
        if held is not None and not self._is_mine(held):
            return Text("由 %(holder)s 领取，只有领取人可以办理", holder=held.holder)
        if told is None:
            return None
        if held is None:
            return told.said if told.bars else None
        waits = told.handover
        if waits is None:
            return None
        return Text("%(giver)s 的交接单“%(reference)s”还没有接收确认", giver=waits.giver, reference=waits.reference)

    def _is_mine(self, held: channels.Held | None) -> bool:
        return held is not None and held.session_id == self.actor.session_id


_BOUND = {
    CardState.BOUND: Bound.BOUND,
    CardState.BINDING: Bound.BINDING,
    CardState.REFUSED: Bound.REFUSED,
}


def stopped(stop: SendingStop) -> Text:
    """Why nothing leaves, in words."""
    why: object = STOPS[stop.reason]
    if stop.reason == "paused":
        told = {"why": why, "who": stop.opened_by, "detail": stop.detail}
        why = (
            Text("%(why)s（%(who)s：%(detail)s）", **told)
            if stop.account_id
            else Text("%(why)s，全部渠道账号（%(who)s：%(detail)s）", **told)
        )
    return Text("已停发，恢复后自动发送：%(why)s", why=why)

"""预检: a sheet that is not confirmed yet beside everything that is known now. Each thing is read once for the sheet or for a
block of its rows, however many rows there are; nothing is locked, and nothing here writes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.auth import identity
from app.cards import queries as cards
from app.channels import health, opening
from app.channels import queries as channels
from app.channels import rules as channel_rules
from app.channels.contract import Payee
from app.kernel import clock
from app.kernel.bank_card import AccountType
from app.kernel.errors import Refused, Text
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import covered, is_reference
from app.ledger import queries as ledger
from app.uploads import queries as uploads
from app.withdrawals import rules
from app.withdrawals.queries import limits
from app.withdrawals.queries.objections import lacks
from app.withdrawals.queries.payees import listed
from app.withdrawals.queries.routing import stopped
from app.withdrawals.queries.rulebook import in_force
from app.withdrawals.queries.sending import stop_of
from app.withdrawals.queries.wishes import Wish, wishes
from app.withdrawals.rules.admission import NOTHING
from app.withdrawals.rules.forecast import AMOUNT, KIND, LABELS, MEMO, PAYEE, WAITS, Coming, Rehearsal, Stays, Sum
from app.withdrawals.rules.payees import Listed
from app.withdrawals.rules.rulebook import Limit, Rulebook, Scope
from app.withdrawals.rules.sheet import flaw_of_payee

SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row that would not leave today."""

    row: int
    payee: str
    holder: str
    amount: Money
    stays: Stays


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What of a sheet would not leave today: all of it in numbers, by reason, and some of the rows."""

    all: Sum = field(default_factory=Sum)
    by_reason: dict[str, Sum] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    more: int = 0
    """The row after which there are others; 0: there are none."""
    refused: Sum = field(default_factory=Sum)
    """Of these, what becomes no withdrawal at all, as things stand."""
    maintenance: Sequence[tuple[datetime, datetime]] = ()
    """What begins later today: what is not approved by then waits until it ends."""


def forecast(
    upload: uploads.Upload, *, funds: Funds = Funds.COLLECTED, reason: str = "", after_row: int = 0
) -> Forecast:
    """`reason`, `after_row`: which rows are wanted as lines."""
    account = channels.account_by_id(upload.account_id)
    found = Forecast(maintenance=_coming_today(account))
    for wish, stays in _rehearsed(upload, account, funds):
        if stays is None:
            continue
        fee = channel_rules.fee(wish.amount, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm)
        found.all.add(wish.amount, fee)
        found.by_reason.setdefault(stays.key, Sum()).add(wish.amount, fee)
        if stays.key not in WAITS:
            found.refused.add(wish.amount, fee)
        if wish.row > after_row and reason in ("", stays.key) and not found.more:
            if len(found.lines) == SHOWN:
                found.more = found.lines[-1].row
            else:
                found.lines.append(_line(wish, stays))
    found.by_reason = {key: found.by_reason[key] for key in LABELS if key in found.by_reason}
    return found


def _rehearsed(upload: uploads.Upload, account: channels.Account, funds: Funds) -> Iterator[tuple[Wish, Stays | None]]:
    book, at = in_force().book, clock.now()
    day = clock.business_day(at)
    lists, kinds = listed(day), account.can.pays_to
    places = limits.places(account_id=account.id, card_index="", day=day)
    rehearsal = Rehearsal(
        book=book,
        account=account.number,
        at=at,
        funds=funds,
        available=ledger.balances_of([account.number])[account.number].left(funds),
        used=limits.used({scope: places[scope] for scope in (Scope.HOUSE, Scope.ACCOUNT)}, day),
        own_day=limits.own_day(account),
        halt=_halt_of_today(account.id),
        whole=identity.channels() is None,
    )
    for some in wishes(upload):
        known = _Known(account, book, lists, kinds, some, at)
        yield from ((wish, rehearsal.see(known.coming(wish))) for wish in some)


class _Known:
    """What is known of the payees of some rows."""

    def __init__(
        self,
        account: channels.Account,
        book: Rulebook,
        lists: Listed,
        kinds: frozenset[Payee],
        some: Sequence[Wish],
        at: datetime,
    ) -> None:
        self.account, self.lists, self.kinds = account, lists, kinds
        indexes = {wish.number_index for wish in some}
        self.payees = cards.payees(account.id, sorted(indexes))
        limited = book.card_day != Limit()
        self.used = limits.used_by_cards(indexes, clock.business_day(at)) if limited else {}
        self.twins = limits.twins(book, indexes, at)

    def coming(self, wish: Wish) -> Coming:
        payee, account = self.payees.get(wish.number_index), self.account
        return Coming(
            row=wish.row,
            amount=wish.amount,
            fee=channel_rules.fee(wish.amount, fixed=account.fee_fixed, rate_ppm=account.fee_rate_ppm),
            card_index=wish.number_index,
            card_kind=payee.kind if payee else "",
            standing=self.lists.standing(wish.number_index, payee.holder if payee else wish.holder),
            flaw=self._flaw(wish),
            used=self.used.get(wish.number_index, NOTHING),
            twin=self.twins.get((wish.number_index, wish.amount)),
        )

    def _flaw(self, wish: Wish) -> Stays | None:
        """Why it could not be made, whatever the rulebook says; in the order in which making it would find out."""
        payee = self.payees.get(wish.number_index)
        state, holder = (payee.state, payee.holder) if payee else (None, "")
        if flaw := flaw_of_payee(state=state, holder=holder, named=wish.holder):
            return Stays(PAYEE, flaw[1])
        assert payee is not None, "a card that is bound is there"
        kind = Payee(payee.payee)
        key = KIND
        try:
            channel_rules.require_pays_to(kind, self.kinds, name=self.account.title)
            if payee.account_type != AccountType.PRIVATE:
                card = cards.by_number(self.account.id, wish.number_index)
                channel_rules.require_complete(lacks(self.account, card) if card else None, name=self.account.title)
            key = AMOUNT
            rules.require_amount(wish.amount, limit=self.account.single_limit)
            key = MEMO
            rules.require_clean_memo(wish.memo, payee=self._written(wish) if wish.memo else "")
        except Refused as no:
            return Stays(key, no.text)
        return None

    def _written(self, wish: Wish) -> str:
        """What names a payee that is no bank card: no memo may tell it."""
        payee = self.payees[wish.number_index]
        if payee.payee == Payee.BANK_CARD:
            return ""
        if not is_reference(wish.named):
            return wish.named
        card = cards.by_number(self.account.id, wish.number_index)
        return cards.number_of(card) if card else ""


def _halt_of_today(account_id: int) -> Text | None:
    stop = stop_of(account_id)
    return stopped(stop) if stop else opening.now(account_id).said_of_today


def _coming_today(account: channels.Account) -> list[tuple[datetime, datetime]]:
    now = clock.now()
    today = clock.business_day(now)
    plans = health.maintenance([account.channel_id])
    return [
        (it.begins_at, it.ends_at) for it in plans if it.begins_at > now and clock.business_day(it.begins_at) == today
    ]


def _line(wish: Wish, stays: Stays) -> Line:
    return Line(
        row=wish.row,
        payee=covered(wish.named),
        holder=wish.holder,
        amount=wish.amount,
        stays=stays,
    )

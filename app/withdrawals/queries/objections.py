"""What may be paid under a new number, and what must not leave any more though it was allowed when it was made."""

from collections.abc import Iterable

from sqlalchemy import select

from app.cards import queries as cards
from app.cards.models import Card
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.bank_card import AccountType
from app.kernel.errors import Refused, Text
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.payee import Payee
from app.runtime.db import db
from app.withdrawals import rules
from app.withdrawals.models import Withdrawal
from app.withdrawals.queries.outcomes import proposal
from app.withdrawals.queries.payees import listed
from app.withdrawals.queries.rows import by_number, is_waiting, replacement
from app.withdrawals.rules.payees import Listed
from app.withdrawals.states import State


def lists_about(withdrawals: Iterable[Withdrawal]) -> Listed:
    """What the lists of payees say today of whom these pay."""
    return listed(clock.business_day(), payees={(it.card_index, it.holder) for it in withdrawals})


def objection(withdrawal: Withdrawal, *, lists: Listed | None = None, lock: bool = False) -> Text | None:
    """Why this one must not leave now, as things stand. `lists`: where they were read already. `lock`: what it is made in
    place of stays as it is until the transaction ends."""
    standing = (lists or lists_about([withdrawal])).standing(withdrawal.card_index, withdrawal.holder)
    old_is_certain = not withdrawal.replaces or _is_certain(withdrawal.replaces, lock=lock)
    account = channels.account_by_id(withdrawal.account_id)
    is_payable = Payee(withdrawal.payee) in account.can.pays_to and Funds(withdrawal.funds) in account.can.funds
    if withdrawal.account_type != AccountType.PRIVATE:
        is_payable = is_payable and lacks(account, cards.by_id(withdrawal.card_id)) is None
    return rules.objection(black=standing.black, old_is_certain=old_is_certain, is_payable=is_payable)


def lacks(account: channels.Account, card: Card) -> Text | None:
    """Why this account's channel cannot pay to the company whose account this is; None: it can, or it is a person's, or
    at no bank."""
    if card.account_type == AccountType.PRIVATE or card.payee != Payee.BANK_CARD:
        return None
    return channels.adapter_class(account).lacks(bank=card.bank, branch=cards.branch_of(card))


def _is_certain(number: str, *, lock: bool) -> bool:
    """Whatever anybody may see of it: is it certain that this one was not paid and never will be?"""
    found = select(Withdrawal).where(Withdrawal.number == number)
    found = found.with_for_update() if lock else found
    old = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    if old is None:
        return False  # a restored house has lost it
    return State(old.state) in rules.REPLACEABLE and not _is_open(old)


def require_replaceable(number: str, *, amount: Money, holder: str) -> Withdrawal:
    """The one that is to be paid under a new number instead. Refused unless it is certain that it never will be paid."""
    old = by_number(number)
    rules.require_replaceable(State(old.state), waits=_is_open(old), replaced_by=replacement(number))
    if (old.amount, old.holder) != (amount, holder):
        raise Refused("代替的提现要付给同一个人、同样的金额", advice="金额或收款人不同时，请另建一笔提现")
    return old


def _is_open(withdrawal: Withdrawal) -> bool:
    """Do people still have to say what became of it?"""
    return is_waiting(withdrawal.id) or proposal(withdrawal.id) is not None

"""One withdrawal, and what belongs to it."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, func, select

from app.cards import queries as cards
from app.channels import queries as channels
from app.kernel import clock, signing
from app.kernel.bank_card import AccountType
from app.kernel.errors import NotThere
from app.kernel.funds import Funds
from app.kernel.payee import Payee
from app.runtime import vault
from app.runtime.db import db
from app.withdrawals import rules
from app.withdrawals.models import (
    Withdrawal,
    WithdrawalApproval,
    WithdrawalEvent,
    WithdrawalHold,
)
from app.withdrawals.states import OPEN, Kind, State

OUT = (State.SENDING, State.PENDING)
_HELD = (
    select(Withdrawal)
    .where(Withdrawal.number.in_(bindparam("its_numbers", expanding=True)))
    .order_by(Withdrawal.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
"""Built once: every command about a withdrawal begins with it. Locked in one order by everybody."""


def held(number: str) -> Withdrawal:
    """The withdrawal, locked until the transaction ends; NotThere when there is none."""
    return held_all([number])[number]


def held_all(numbers: Sequence[str]) -> dict[str, Withdrawal]:
    """These withdrawals, locked until the transaction ends; NotThere when there is one of them missing."""
    found = {it.number: it for it in db.session.scalars(_HELD, {"its_numbers": list(numbers)})}
    for number in numbers:
        if number not in found:
            raise NotThere(number)
        channels.require_reach(found[number].account_id, number)
    return found


def by_number(number: str) -> Withdrawal:
    found = find(number)
    if found is None:
        raise NotThere(number)
    return found


def find(number: str) -> Withdrawal | None:
    mine = select(Withdrawal).where(Withdrawal.number == number, channels.within_reach(Withdrawal.account_id))
    return db.session.scalars(mine).one_or_none()


def of_numbers(numbers: Collection[str]) -> dict[str, Withdrawal]:
    """Those of these numbers that there are, not locked."""
    found = select(Withdrawal).where(Withdrawal.number.in_([number for number in numbers if number]))
    return {it.number: it for it in db.session.scalars(found.where(channels.within_reach(Withdrawal.account_id)))}


def numbers_of(account_id: int) -> Sequence[str]:
    """The numbers of all withdrawals of an account."""
    return db.session.scalars(select(Withdrawal.number).where(Withdrawal.account_id == account_id)).all()


def by_form_key(form_key: str) -> Withdrawal | None:
    return db.session.scalars(select(Withdrawal).where(Withdrawal.form_key == form_key)).one_or_none()


def of_card(card_id: int) -> tuple[list[str], list[str]]:
    """The numbers of all withdrawals to this card, and of those that are open or wait for a person."""
    waits = exists().where(WithdrawalHold.withdrawal_id == Withdrawal.id, WithdrawalHold.closed_at.is_(None))
    found = select(Withdrawal.number, Withdrawal.state, waits.label("waits")).where(Withdrawal.card_id == card_id)
    rows = db.session.execute(found.order_by(Withdrawal.id)).all()
    return [row.number for row in rows], [row.number for row in rows if row.waits or row.state in OPEN]


def digest(withdrawal: Withdrawal) -> str:
    """What an approval is about: number, amount, fee, payee, card, account and funds, in one unambiguous form (I-13)."""
    parts = (
        withdrawal.number,
        str(withdrawal.amount.minor),
        str(withdrawal.fee.minor),
        withdrawal.holder,
        withdrawal.bank,
        withdrawal.card_index,
        str(withdrawal.card_id),
        str(withdrawal.account_id),
        str(withdrawal.maker_id),
        # A payout's form is the one it had before there were settlements: what was approved then still holds.
        *([] if withdrawal.kind == Kind.PAYOUT else [withdrawal.kind]),
        # And one to a bank card the form it had before there were other payees.
        *([] if withdrawal.payee == Payee.BANK_CARD else [withdrawal.payee]),
        # And one to a person the form it had before companies were told apart. Of a company also where its account is.
        *of_company(withdrawal.account_type, withdrawal.card_id),
        # And one of collected funds the form it had before there were others.
        *([] if withdrawal.funds == Funds.COLLECTED else [withdrawal.funds]),
    )
    data = b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)
    return vault.mac(data, purpose="approvals")


def of_company(account_type: str, card_id: int) -> list[str]:
    """What an approval is about besides, where a company is paid: that it is one, and the branch that its card names."""
    if account_type == AccountType.PRIVATE:
        return []
    branch = cards.branch_of(cards.by_id(card_id))
    return [account_type, json.dumps(branch, ensure_ascii=False, sort_keys=True)]


def events(withdrawal_id: int) -> Sequence[WithdrawalEvent]:
    """The trace, oldest first."""
    found = select(WithdrawalEvent).where(WithdrawalEvent.withdrawal_id == withdrawal_id)
    return db.session.scalars(found.order_by(WithdrawalEvent.seq)).all()


def decided_at(withdrawal_id: int) -> datetime | None:
    """When somebody approved or rejected it."""
    said = (WithdrawalEvent.withdrawal_id == withdrawal_id, WithdrawalEvent.verb.in_(("approve", "reject")))
    return db.session.scalar(select(func.max(WithdrawalEvent.at)).where(*said))


def holds(withdrawal_id: int) -> Sequence[WithdrawalHold]:
    """What waits for a person."""
    found = select(WithdrawalHold).where(WithdrawalHold.withdrawal_id == withdrawal_id)
    return db.session.scalars(found.where(WithdrawalHold.closed_at.is_(None)).order_by(WithdrawalHold.id)).all()


def approvals(withdrawal_id: int) -> Sequence[WithdrawalApproval]:
    """Who approved it and whose word stands, in their order."""
    mine = (WithdrawalApproval.withdrawal_id == withdrawal_id, WithdrawalApproval.voided_at.is_(None))
    return db.session.scalars(select(WithdrawalApproval).where(*mine).order_by(WithdrawalApproval.id)).all()


def standing_approvals(withdrawal: Withdrawal) -> list[WithdrawalApproval]:
    """The approvals that count: of what it is now, and not so long ago that somebody should look again."""
    now, its = clock.now(), digest(withdrawal)
    stand = approvals(withdrawal.id)
    return [it for it in stand if signing.same(it.digest, its) and not rules.is_stale(it.at, now=now)]


def replacement(number: str) -> str:
    """The number of what was made in its place, or ""."""
    return db.session.scalar(select(Withdrawal.number).where(Withdrawal.replaces == number)) or ""


def is_waiting(withdrawal_id: int) -> bool:
    """Is there anything about it that waits for a person?"""
    waits = exists().where(WithdrawalHold.withdrawal_id == withdrawal_id, WithdrawalHold.closed_at.is_(None))
    return bool(db.session.scalar(select(waits)))


def is_unknown(withdrawal: Withdrawal) -> bool:
    """Out, and without a signed word of the channel."""
    return withdrawal.state in OUT and withdrawal.signed_at is None


def steps(withdrawal: Withdrawal) -> int:
    """How far along 创建 → 审批 → 发送 → 结果 it is: 0 … 4."""
    return {State.REVIEW: 1, State.QUEUED: 2, State.SENDING: 2, State.PENDING: 3}.get(State(withdrawal.state), 4)

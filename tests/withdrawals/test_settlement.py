"""确认结算: the account's money to a card of its own, with every rule of a withdrawal and by the channel's own interface."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.cards import queries as cards
from app.channels import queries as channels
from app.channels.models import ChannelCall
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import vault
from app.runtime.db import db
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.states import Kind
from tests.world import World

SOAK_ON_POSTGRES = ("whatever_becomes_of_the_answer",)
BY = {"dolphin": "settle", "egret": "settle", "spruce": "submit"}


def settlement(world: World, amount: str, account: str = "", *, form_key: str = "") -> str:
    """One made by the maker, waiting for review."""
    account = account or world.account()
    return service.create(
        account=account,
        card=world.card(account),
        amount=Money.parse(amount),
        memo="",
        fence=world.claimed(account),
        form_key=form_key or str(uuid4()),
        actor=world.maker,
        kind=Kind.SETTLEMENT,
    )


def asked(number: str) -> list[str]:
    """How the channel was asked for it, the questions about it left out."""
    db.session.rollback()
    mine = select(ChannelCall.interface).where(ChannelCall.subject == number, ChannelCall.interface != "query")
    return list(db.session.scalars(mine.order_by(ChannelCall.id)))


def at_sandbox(world: World, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.third.get("/control/payouts", order=number)["payouts"]
    return found


@pytest.mark.parametrize("manner", BY)
def test_a_settlement_is_reviewed_held_sent_and_paid_like_a_withdrawal(world: World, manner: str) -> None:
    account = world.account(manner)
    number = settlement(world, "100.00", account)
    assert world.state(number) == "review"
    assert ledger.balances_of([account])[account].in_flight == Money.parse("102.00")
    assert cards.card(world.card(account)).open_work == 1
    with pytest.raises(Refused, match="自己"):
        world.approve(number, by=world.maker)
    assert asked(number) == []
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    assert asked(number) == [BY[manner]]
    assert [one["times_paid"] for one in at_sandbox(world, number)] == [1]
    assert ledger.balances_of([account])[account].available == Money.parse("9898.00")
    assert cards.card(world.card(account)).open_work == 0
    world.all_is_well()


@pytest.mark.parametrize(
    ("amount", "fate"),
    [("10.01", "failed"), ("10.02", "failed"), ("10.04", "paid"), ("10.05", "paid"), ("10.06", "paid"),
     ("10.08", "paid"), ("10.10", "paid"), ("10.16", "returned"), ("10.23", "paid")],
)  # fmt: skip
def test_whatever_becomes_of_the_answer_it_is_paid_once_or_not_at_all(world: World, amount: str, fate: str) -> None:
    account = world.account("egret" if amount in ("10.05", "10.16") else "dolphin")
    number = settlement(world, amount, account)
    world.approve(number)
    assert world.until_state(number, fate, hurry_s=5) == fate
    world.until(lambda: world.paid_by_sandbox(account)["waiting"]["count"] == 0)
    assert set(asked(number)) == {"settle"}
    assert [one["times_paid"] for one in at_sandbox(world, number)] == [0 if fate == "failed" else 1]
    assert cards.card(world.card(account)).open_work == 0
    world.all_is_well()


def test_where_settling_is_paying_a_lost_answer_is_never_sent_again(world: World) -> None:
    account = world.account("spruce")
    number = settlement(world, "10.05", account)
    world.approve(number)
    assert world.until_state(number, "paid", hurry_s=5) == "paid"
    assert asked(number) == ["submit"] and world.paid_by_sandbox(account)["submits"] == 1
    world.all_is_well()


def test_a_settlement_may_be_rejected_or_taken_back(world: World) -> None:
    account = world.account()
    first, second = (settlement(world, amount, account) for amount in ("100.00", "200.00"))
    service.reject(first, reason="不是本账号的卡", actor=world.checker)
    service.cancel(second, actor=world.maker)
    assert (world.state(first), world.state(second)) == ("rejected", "cancelled")
    assert ledger.balances_of([account])[account].available == Money.parse("10000.00")
    assert cards.card(world.card(account)).open_work == 0
    assert asked(first) == asked(second) == []
    world.all_is_well()


def test_the_same_form_is_one_settlement_and_no_withdrawal(world: World) -> None:
    account, form_key = world.account(), str(uuid4())
    number = settlement(world, "100.00", account, form_key=form_key)
    assert settlement(world, "100.00", account, form_key=form_key) == number
    with pytest.raises(Refused, match="已经提交过"):
        world.withdrawal("100.00", account=account, form_key=form_key)
    assert ledger.balances_of([account])[account].in_flight == Money.parse("102.00")


# -- what an approval is about --------------------------------------------------------------------------------------------


def test_a_payout_approved_before_there_were_settlements_is_approved_still(world: World) -> None:
    withdrawal = queries.by_number(world.withdrawal("100.00"))
    parts = (
        withdrawal.number,
        "10000",
        "200",
        "张三",
        "中国工商银行",
        withdrawal.card_index,
        str(withdrawal.card_id),
        str(withdrawal.account_id),
        str(world.maker.operator_id),
    )
    data = b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)
    assert queries.digest(withdrawal) == vault.mac(data, purpose="approvals")


def test_an_approval_says_which_of_the_two_it_is(world: World) -> None:
    withdrawal = queries.by_number(settlement(world, "100.00"))
    seen = queries.digest(withdrawal)
    other = Withdrawal(**{name: getattr(withdrawal, name) for name in COLUMNS}, kind=Kind.PAYOUT)
    assert queries.digest(other) != seen
    same = Withdrawal(**{name: getattr(withdrawal, name) for name in COLUMNS}, kind=Kind.SETTLEMENT)
    assert queries.digest(same) == seen


COLUMNS = (
    *("number", "amount", "fee", "payee", "holder", "bank", "account_type", "card_index", "card_id", "account_id"),
    *("maker_id", "funds"),
)


@pytest.mark.parametrize("kind", [Kind.PAYOUT, Kind.SETTLEMENT])
def test_an_approved_one_does_not_become_the_other(world: World, kind: Kind) -> None:
    account = world.account()
    number = settlement(world, "100.00", account)
    if kind is Kind.PAYOUT:
        number = world.withdrawal("100.00", account=account)
    world.approve(number)
    other = Kind.SETTLEMENT if kind is Kind.PAYOUT else Kind.PAYOUT
    with db.engine.begin() as connection:  # somebody at the database
        connection.exec_driver_sql(f"UPDATE withdrawal SET kind = '{other}' WHERE number = '{number}'")
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["approval_broken"])
    assert world.state(number) == "queued" and asked(number) == []
    assert world.paid_by_sandbox(account)["submits"] == 0
    assert channels.account(account).usable

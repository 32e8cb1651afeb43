"""Money goes to somebody's WeChat, and through UnionPay to a card: registered, made, checked by another, sent, asked about,
heard of, and in the books; against the doubles of their gateways, with everything of ours as it is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from app import examine
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service as card_service
from app.cards.states import State
from app.channels import mailbox
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.contract import Seen
from app.collections import service as collections
from app.collections.states import Kind
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.kernel.payee import Destination, Payee, PayeeAccount
from app.ledger import queries as ledger
from app.runtime.db import db
from app.withdrawals import queries
from tests.channels import test_unionpay, test_wechat
from tests.channels.contract import ORDER
from tests.payees import OPENID
from tests.world import CARD, World

NAME, FEE = "欧阳春晓", "0.50"


def yuan(text: str) -> Money:
    return Money.parse(text)


@dataclass
class House:
    """An account at a double, with money on it, and whom it pays."""

    world: World
    bank: Any
    number: str
    payee: str

    def paid_out(self, amount: str) -> str:
        """A withdrawal that another has approved, and that has left."""
        number = self.world.withdrawal(amount, account=self.number, card=self.payee)
        self.world.approve(number)
        self.world.until(lambda: self.world.state(number) not in ("queued", "sending"))
        return number

    def notice(self, number: str, word: str, **changes: object) -> Any:
        """What they post of it when `word` is what became of it."""
        withdrawal = queries.by_number(number)
        return self.bank.pen.say("callback", replace(ORDER, number=number, amount=withdrawal.amount), word, **changes)

    def posted(self, notice: Any) -> int:
        form = {"Content-Type": notice.content_type or "application/json", **notice.headers}
        return (
            self.world.app.test_client().post(f"/callbacks/{self.number}", data=notice.body, headers=form).status_code
        )

    def balances(self) -> ledger.Balances:
        db.session.rollback()
        return ledger.balances_of([self.number])[self.number]


def opened(world: World, adapter: str, settings: Mapping[str, str]) -> str:
    channel_service.open_channel(code=adapter, name=adapter, adapter=adapter, actor="test")
    return channel_service.open_account(
        channel=adapter, name="云栖", settings=settings, single_limit=yuan("5000.00"), fee_fixed=yuan(FEE),
        fee_rate_ppm=0, actor="test",
    )  # fmt: skip


def registered(world: World, account: str, number: Destination, bank: str) -> str:
    reference = card_service.bind(
        account=account, number=number, holder=NAME, bank=bank, phone="", fence=world.claimed(account),
        form_key=str(uuid4()), actor=world.maker,
    )  # fmt: skip
    assert cards.card(reference).state == State.BOUND and channels.calls_about(reference) == [], "nobody is asked"
    return reference


@contextmanager
def at_wechat(world: World) -> Iterator[House]:
    """Its balance is what the double tells: ¥26.45."""
    with test_wechat.Bank() as bank:
        number = opened(world, "wechat", {**test_wechat.WechatThem().settings, "base_url": bank.url})
        channel_service.pull_figures(number)
        world.until(lambda: ledger.balances_of([number])[number].available == yuan("26.45"))
        openid = PayeeAccount.parse(Payee.WECHAT_OPENID, OPENID)
        yield House(world, bank, number, registered(world, number, openid, "微信"))


@contextmanager
def at_unionpay(world: World) -> Iterator[House]:
    """It tells no balance: what is there two people have said."""
    with test_unionpay.Bank() as bank:
        number = opened(world, "unionpay", {**test_unionpay.UnionpayThem().settings, "base_url": bank.url})
        finance = world.person("finance", Role.FINANCE)
        entered = collections.enter(
            account=number, kind=Kind.OPENING, amount=yuan("500.00"), arrived_on=clock.business_day(),
            evidence="备付金户回单", form_key=str(uuid4()), actor=finance,
        )  # fmt: skip
        collections.approve(entered, actor=world.checker)
        yield House(world, bank, number, registered(world, number, BankCard.parse(CARD), "中国工商银行"))


@pytest.fixture
def wechat(world: World) -> Iterator[House]:
    with at_wechat(world) as house:
        yield house


@pytest.fixture
def unionpay(world: World) -> Iterator[House]:
    with at_unionpay(world) as house:
        yield house


# -- 微信 -----------------------------------------------------------------------------------------------------------------


def test_an_openid_is_paid(wechat: House) -> None:
    number = wechat.paid_out("10.00")
    assert wechat.world.state(number) == "pending", "that it was taken is no payment"
    (batch,) = wechat.bank.batches.values()
    (detail,) = batch["transfer_detail_list"]
    assert (batch["out_batch_no"], batch["total_amount"], detail["openid"]) == (number, 1000, OPENID)
    assert (wechat.balances().available, wechat.balances().in_flight) == (yuan("15.95"), yuan("10.50"))
    wechat.bank.fate = "SUCCESS"
    assert wechat.world.until_state(number, "paid", hurry_s=30) == "paid"
    assert (wechat.balances().available, wechat.balances().in_flight) == (yuan("15.95"), Money(0))
    for call in channels.calls_about(number):
        assert OPENID not in call.request + call.signed_text + call.reply
    assert examine() == [] and len(wechat.bank.batches) == 1


def test_a_transfer_that_failed_gives_the_money_back(wechat: House) -> None:
    number = wechat.paid_out("10.00")
    wechat.bank.fate = "FAIL"
    assert wechat.world.until_state(number, "failed", hurry_s=30) == "failed"
    assert (wechat.balances().available, wechat.balances().in_flight) == (yuan("26.45"), Money(0))
    assert examine() == []


def test_what_wechat_will_not_take_now_has_not_failed(wechat: House) -> None:
    wechat.bank.refuses = "NOT_ENOUGH"
    number = wechat.paid_out("10.00")
    assert wechat.world.state(number) == "pending" and wechat.balances().in_flight == yuan("10.50")
    assert wechat.bank.batches == {} and examine() == []


def test_a_notice_of_wechat_is_no_result(wechat: House) -> None:
    """It says that the batch is over, and not how: the answer to our question decides."""
    number = wechat.paid_out("10.00")
    wechat.bank.fate = "SUCCESS"
    for forged in wechat.bank.pen.forgeries(replace(ORDER, number=number)).values():
        assert wechat.posted(forged) == 400
    assert wechat.world.state(number) == "pending"
    assert wechat.posted(wechat.notice(number, "SUCCESS")) in (200, 204)
    assert wechat.world.until_state(number, "paid", hurry_s=30) == "paid"
    (heard,) = channels.callbacks_about(number)
    assert mailbox.read(heard.id).seen is Seen.PENDING
    assert examine() == []


def test_wechat_pays_no_card(wechat: House) -> None:
    with pytest.raises(Refused, match="不能付到"):
        registered(wechat.world, wechat.number, BankCard.parse(CARD), "中国工商银行")


# -- 银联 -----------------------------------------------------------------------------------------------------------------


def test_a_card_is_paid_through_unionpay(unionpay: House) -> None:
    number = unionpay.paid_out("100.00")
    assert unionpay.world.state(number) == "pending", "00 of a submit: taken, not paid"
    ((key, sent),) = unionpay.bank.payouts.items()
    assert key[0] == number and (sent["accNo"], sent["accType"], sent["txnAmt"]) == (CARD, "01", "10000")
    unionpay.bank.fate = "00"
    assert unionpay.world.until_state(number, "paid", hurry_s=30) == "paid"
    assert (unionpay.balances().available, unionpay.balances().in_flight) == (yuan("399.50"), Money(0))
    assert examine() == [] and len(unionpay.bank.payouts) == 1


def test_a_refused_payout_gives_the_money_back(unionpay: House) -> None:
    unionpay.bank.refuses = "61"
    number = unionpay.paid_out("100.00")
    assert unionpay.world.state(number) == "failed"
    assert (unionpay.balances().available, unionpay.balances().in_flight) == (yuan("500.00"), Money(0))
    assert unionpay.bank.payouts == {} and examine() == []


def test_a_notice_of_unionpay_is_the_result(unionpay: House) -> None:
    number = unionpay.paid_out("100.00")
    for forged in unionpay.bank.pen.forgeries(replace(ORDER, number=number, amount=yuan("100.00"))).values():
        assert unionpay.posted(forged) == 400
    assert unionpay.posted(unionpay.notice(number, "00", amount=yuan("100.00"))) == 200
    assert unionpay.world.until_state(number, "paid", hurry_s=0) == "paid"
    assert unionpay.balances().in_flight == Money(0) and examine() == []


def test_a_notice_about_another_amount_changes_nothing_and_a_person_looks(unionpay: House) -> None:
    number = unionpay.paid_out("100.00")
    assert unionpay.posted(unionpay.notice(number, "00", amount=yuan("10.00"))) == 200
    unionpay.world.until(lambda: queries.holds(queries.by_number(number).id))
    assert unionpay.world.state(number) == "pending" and unionpay.balances().in_flight == yuan("100.50")

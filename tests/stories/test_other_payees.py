"""Money goes to somebody's Alipay account: registered here, chosen, checked by another, sent, paid, and in the books."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app import examine
from app.cards import queries as cards
from app.cards import service as card_service
from app.cards.models import Card
from app.cards.states import State
from app.channels import queries as channels
from app.channels.models import Channel
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.kernel.payee import Payee, PayeeAccount
from app.runtime import vault
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.rules import PayeeList
from tests.payees import LOGIN, NAME, OPENID, USER, Alipay, at_alipay
from tests.world import CARD, World


@pytest.fixture
def alipay(world: World) -> Iterator[Alipay]:
    with at_alipay(world) as alipay:
        yield alipay


@pytest.mark.parametrize(("kind", "text"), [(Payee.ALIPAY_LOGIN, LOGIN), (Payee.ALIPAY_USER, USER)])
def test_a_payee_at_alipay_is_paid(alipay: Alipay, kind: Payee, text: str) -> None:
    world, bank = alipay.world, alipay.bank
    reference = alipay.payee(text, kind)
    payee = cards.card(reference)
    assert (payee.state, payee.payee, payee.kind) == (State.BOUND, kind, ""), "nobody is asked: it is registered here"
    assert channels.calls_about(reference) == [] and text not in payee.number_masked
    number = world.withdrawal("100.00", account=alipay.number, card=reference)
    assert alipay.balances().available == Money.parse("399.50")
    world.approve(number)
    world.until_state(number, "pending")
    (sent,) = bank.transfers.values()
    assert sent["payee_info"]["identity"] == text and sent["payee_info"]["name"] == NAME
    bank.fate = "SUCCESS"
    assert world.until_state(number, "paid", hurry_s=30) == "paid"
    assert (alipay.balances().available, alipay.balances().in_flight) == (Money.parse("399.50"), Money(0))
    assert examine() == [] and len(bank.transfers) == 1


def test_the_same_account_is_registered_once_however_it_is_written(alipay: Alipay) -> None:
    reference = alipay.payee("Zhang.San@Example.com")
    with pytest.raises(Refused, match="已绑定在该渠道账号上"):
        alipay.payee(" zhang.san@example.COM ")
    found = cards.cards(cards.safe_search({"card": "zhang.san@example.com"}), account_id=None)
    assert [row.reference for row in found.rows] == [reference]
    for row in db.session.execute(text("SELECT * FROM card")).mappings():
        assert "zhang" not in str(dict(row)).lower().replace(row["number_masked"], "")


def test_a_registered_payee_is_removed_here_and_may_come_again(alipay: Alipay) -> None:
    world = alipay.world
    reference = alipay.payee()
    number = world.withdrawal("1.00", account=alipay.number, card=reference)
    fence = world.claimed(alipay.number)
    with pytest.raises(Refused, match="未完成的提现"):
        card_service.listing.unbind(reference, why="不再用", fence=fence, actor=world.maker)
    service.cancel(number, actor=world.maker)
    card_service.listing.unbind(reference, why="不再用", fence=fence, actor=world.maker)
    assert cards.card(reference).state == State.DELETED
    with pytest.raises(Refused, match="还没有绑定成功"):
        world.withdrawal("1.00", account=alipay.number, card=reference)
    assert alipay.payee() != reference


def test_a_channel_pays_only_to_what_it_says(alipay: Alipay) -> None:
    world = alipay.world
    openid = PayeeAccount.parse(Payee.WECHAT_OPENID, OPENID)
    sandbox = world.account()
    for account, number in ((alipay.number, openid), (sandbox, PayeeAccount.parse(Payee.ALIPAY_LOGIN, LOGIN))):
        with pytest.raises(Refused, match="不能付到"):
            card_service.bind(
                account=account, number=number, holder=NAME, bank="", phone="", fence=world.claimed(account),
                form_key=str(uuid4()), actor=world.maker,
            )  # fmt: skip
    on_a_card = card_service.bind(
        account=alipay.number, number=BankCard.parse(CARD), holder=NAME, bank="中国工商银行", phone="",
        fence=world.claimed(alipay.number), form_key=str(uuid4()), actor=world.maker,
    )  # fmt: skip
    assert cards.card(on_a_card).state == State.BOUND, "the channel binds no cards: it is registered here too"


def test_what_was_made_does_not_leave_through_a_channel_that_cannot_pay_it(alipay: Alipay) -> None:
    world = alipay.world
    reference = alipay.payee()
    waits, queued = (world.withdrawal(amount, account=alipay.number, card=reference) for amount in ("10.00", "20.00"))
    world.approve(queued)
    with transaction():
        db.session.execute(update(Channel).where(Channel.code == "alipay").values(adapter="unionpay"))
    with pytest.raises(Refused, match="不能付到这种收款账号"):
        world.approve(waits)
    assert world.until_state(queued, "review") == "review", "it goes back, with the reason in its trace"
    with pytest.raises(Refused, match="不能付到"):
        world.withdrawal("1.00", account=alipay.number, card=reference)
    assert alipay.bank.transfers == {}


def test_the_approval_is_about_the_kind_of_account_too(alipay: Alipay) -> None:
    world = alipay.world
    number = world.withdrawal("10.00", account=alipay.number, card=alipay.payee())
    before = queries.digest(queries.by_number(number))
    service.stops.pause(account=alipay.number, reason="先看看", actor=world.checker)
    world.approve(number)
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(payee=Payee.ALIPAY_USER))
    assert queries.digest(queries.by_number(number)) != before
    service.stops.resume(account=alipay.number, actor=world.checker)
    world.until(lambda: queries.holds(queries.by_number(number).id))
    assert alipay.bank.transfers == {}


def test_the_radar_and_the_lists_know_it(alipay: Alipay) -> None:
    world = alipay.world
    reference = alipay.payee()
    first = world.withdrawal("10.00", account=alipay.number, card=reference)
    assert [echo.number for echo in queries.echoes_of(cards.card(reference), Money.parse("10.00")).listed] == [first]
    service.payee_lists.enlist(
        PayeeList.BLACK,
        card=PayeeAccount.parse(Payee.ALIPAY_LOGIN, LOGIN.upper()),
        reason="冒充客服",
        until=None,
        actor=world.checker,
    )
    with pytest.raises(Refused, match="冒充客服"):
        world.withdrawal("20.00", account=alipay.number, card=reference)
    with pytest.raises(Refused, match="黑名单"):
        world.approve(first)


def test_its_whole_number_is_told_with_a_reason_and_forgotten_for_good(alipay: Alipay) -> None:
    world = alipay.world
    reference = alipay.payee()
    number = world.withdrawal("10.00", account=alipay.number, card=reference)
    assert card_service.reveal(reference, reason="客户来电", actor=world.checker) == LOGIN
    service.cancel(number, actor=world.maker)
    card_service.forget(reference, why="本人申请", above=service.payee_forgotten, actor=world.checker)
    withdrawal = queries.by_number(number)
    assert (withdrawal.holder, withdrawal.card_masked, withdrawal.bank) == ("已删除",) * 3
    with pytest.raises(Refused):
        card_service.reveal(reference, reason="客户来电", actor=world.checker)


# -- 对公 -----------------------------------------------------------------------------------------------------------------

COMPANY, BANK_NAME, CNAPS = "4100022109000123456", "中国工商银行", "102100099996"
PLACE = {"province": "广东省", "city": "深圳市", "branch": "深圳南山支行"}


def company(alipay: Alipay, **details: str) -> str:
    return card_service.bind(
        account=alipay.number,
        number=BankCard.parse_corporate(COMPANY),
        holder="云栖货运有限公司",
        bank=BANK_NAME,
        phone="",
        corporate=True,
        details=details,
        fence=alipay.world.claimed(alipay.number),
        form_key=str(uuid4()),
        actor=alipay.world.maker,
    )


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"cnaps": CNAPS}, {"bank_code": CNAPS}),
        (PLACE, {"inst_province": "广东省", "inst_city": "深圳市", "inst_branch_name": "深圳南山支行"}),
    ],
)
def test_a_company_is_paid_as_a_company(alipay: Alipay, details: dict[str, str], told: dict[str, str]) -> None:
    world, bank = alipay.world, alipay.bank
    number = world.withdrawal("100.00", account=alipay.number, card=company(alipay, **details))
    assert queries.by_number(number).account_type == "corporate"
    world.approve(number)
    world.until_state(number, "pending")
    (sent,) = bank.transfers.values()
    assert sent["payee_info"]["identity"] == COMPANY
    assert sent["payee_info"]["bankcard_ext_info"] == {"inst_name": BANK_NAME, "account_type": "1", **told}
    bank.fate = "SUCCESS"
    assert world.until_state(number, "paid", hurry_s=30) == "paid"
    assert examine() == []


@pytest.mark.parametrize("details", [{}, {"province": "广东省", "city": "深圳市"}])
def test_a_company_whose_branch_nobody_knows_is_refused_before_anything_is_made(
    alipay: Alipay, details: dict[str, str]
) -> None:
    with pytest.raises(Refused, match="支付宝付到对公账户要有联行号"):
        company(alipay, **details)
    assert cards.by_number(alipay.account_id, cards.index_of(COMPANY)) is None


def test_unionpay_pays_no_company(alipay: Alipay) -> None:
    world = alipay.world
    reference = company(alipay, cnaps=CNAPS)
    waits = world.withdrawal("10.00", account=alipay.number, card=reference)
    with transaction():
        db.session.execute(update(Channel).where(Channel.code == "alipay").values(adapter="unionpay"))
    with pytest.raises(Refused, match="只付到对私"):
        world.withdrawal("20.00", account=alipay.number, card=reference)
    with pytest.raises(Refused, match="不能付到这种收款账号"):
        world.approve(waits)


def test_the_approval_is_about_the_company_and_its_branch(alipay: Alipay) -> None:
    world = alipay.world
    reference = company(alipay, cnaps=CNAPS)
    number = world.withdrawal("10.00", account=alipay.number, card=reference)
    before = queries.digest(queries.by_number(number))
    service.stops.pause(account=alipay.number, reason="先看看", actor=world.checker)
    world.approve(number)
    with transaction():
        sealed = vault.seal('{"cnaps": "301290000007"}', table="card", column="details_sealed", row=reference)
        db.session.execute(update(Card).where(Card.reference == reference).values(details_sealed=sealed))
    assert queries.digest(queries.by_number(number)) != before
    service.stops.resume(account=alipay.number, actor=world.checker)
    world.until(lambda: queries.holds(queries.by_number(number).id))
    assert alipay.bank.transfers == {}
    with transaction():
        db.session.execute(update(Withdrawal).where(Withdrawal.number == number).values(account_type="private"))
    assert queries.digest(queries.by_number(number)) != before

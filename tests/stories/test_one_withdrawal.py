"""One withdrawal, from the wish to the ledger, through the real sandbox: what happens when all goes well, and when not."""

from uuid import uuid4

import pytest

from app.auth.permissions import Role
from app.cards import queries as card_queries
from app.cards import service as cards
from app.channels import service as channels
from app.kernel.bank_card import BankCard
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db
from app.withdrawals import queries, service
from tests.world import World

SOAK_ON_POSTGRES = ("10.0", "10.1", "slower_than_any")  # in CI on SQLite; the rest of the table on both


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_withdrawal_is_paid(world: World, manner: str) -> None:
    account = world.account(manner)
    number = world.withdrawal("100.00", account=account)
    assert ledger.balances_of([account])[account].in_flight == Money.parse("102.00")
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"
    assert ledger.balances_of([account])[account].available == Money.parse("9898.00")
    assert [event.verb for event in queries.events(queries.by_number(number).id)] == [
        "create",
        "approve",
        "send",
        "wait",
        "succeed",
    ]
    world.all_is_well()


REFUSED_CARD = "6222020200112200502"  # the sandbox refuses this ending

# amount ending → where it must end; the sandbox's table of faults says what each ending does
FATES = [
    ("10.01", "failed"),  # refused at once, validly signed
    ("10.02", "failed"),  # taken, fails later
    ("10.04", "paid"),  # dropped before it was taken: proof of absence, then sent again under its number
    ("10.05", "paid"),  # dropped after acceptance
    ("10.06", "paid"),  # HTTP 500, taken
    ("10.07", "paid"),  # HTTP 500, not taken
    ("10.08", "paid"),  # garbage, taken
    ("10.09", "paid"),  # badly signed answer, taken
    ("10.10", "paid"),  # not found, then found
    ("10.11", "paid"),  # the same callback three times
    ("10.12", "paid"),  # a late callback
    ("10.13", "paid"),  # no callback at all
    ("10.14", "paid"),  # a badly signed callback first
    ("10.16", "returned"),  # paid, then returned
    ("10.18", "paid"),  # a word nobody documented
    ("10.21", "paid"),  # the callback overtakes the answer
    ("10.22", "paid"),  # half an answer
    ("10.23", "paid"),  # busy, taken
]


@pytest.mark.parametrize(("amount", "fate"), FATES)
def test_whatever_the_channel_does_the_money_is_right(world: World, amount: str, fate: str) -> None:
    number = world.withdrawal(amount)
    world.approve(number)
    assert world.until_state(number, fate, hurry_s=5) == fate
    world.until(lambda: world.paid_by_sandbox(next(iter(world.terms)))["waiting"]["count"] == 0)
    world.all_is_well()


@pytest.mark.slow
def test_a_channel_slower_than_any_time_out_is_asked_later(world: World) -> None:
    number = world.withdrawal("10.03")
    world.approve(number)
    assert world.until_state(number, "paid", hurry_s=5) == "paid"
    world.all_is_well()


@pytest.mark.parametrize(("amount", "reason"), [("10.15", "amount_differs"), ("10.20", "number_differs")])
def test_what_does_not_fit_is_held_for_a_person(world: World, amount: str, reason: str) -> None:
    number = world.withdrawal(amount)
    world.approve(number)
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == [reason], hurry_s=1)
    assert world.until_state(number, "paid", "pending", hurry_s=5)


def test_failed_then_paid_never_flips_silently(world: World) -> None:
    number = world.withdrawal("10.19")
    world.approve(number)
    assert world.until_state(number, "failed") == "failed"
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["contradiction"])
    assert world.state(number) == "failed"


def test_a_channel_that_does_not_deduplicate_is_never_sent_to_twice(world: World) -> None:
    account = world.account("spruce")
    number = world.withdrawal("10.04", account=account)
    world.approve(number)
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["no_resend"], hurry_s=20)
    assert world.paid_by_sandbox(account)["submits"] <= 1
    assert world.state(number) == "pending"


def test_nobody_approves_their_own(world: World) -> None:
    number = world.withdrawal("100.00")
    with pytest.raises(Refused, match="自己"):
        world.approve(number, by=world.maker)
    assert world.state(number) == "review"


def test_what_was_not_seen_is_not_approved(world: World) -> None:
    number = world.withdrawal("100.00")
    with pytest.raises(Refused, match="变化"):
        service.approve(number, seen="something else", actor=world.checker)
    assert world.state(number) == "review"


def test_an_approval_covers_nothing_else(world: World) -> None:
    number = world.withdrawal("100.00")
    world.approve(number)
    with db.engine.begin() as connection:  # somebody at the database
        connection.exec_driver_sql(f"UPDATE withdrawal SET amount_minor = 99900 WHERE number = '{number}'")
    world.until(lambda: [it.reason for it in queries.holds(queries.by_number(number).id)] == ["approval_broken"])
    assert world.state(number) == "queued"
    assert world.paid_by_sandbox(next(iter(world.terms)))["submits"] == 0


def test_rejected_and_cancelled_money_is_available_again(world: World) -> None:
    account = world.account()
    first, second = (world.withdrawal(amount, account=account) for amount in ("100.00", "200.00"))
    service.reject(first, reason="收款人不对", actor=world.checker)
    service.cancel(second, actor=world.maker)
    assert ledger.balances_of([account])[account].available == Money.parse("10000.00")
    assert (world.state(first), world.state(second)) == ("rejected", "cancelled")
    world.all_is_well()


def test_the_same_form_sent_twice_is_one_withdrawal(world: World) -> None:
    account = world.account()
    card = world.card(account)
    numbers = {world.withdrawal("100.00", account=account, card=card, form_key="f" * 32) for _ in range(2)}
    assert len(numbers) == 1
    assert ledger.balances_of([account])[account].in_flight == Money.parse("102.00")


@pytest.mark.parametrize(
    ("amount", "sentence"), [("9999.00", "限额"), ("0.00", "大于 0")], ids=["over the limit", "nothing"]
)
def test_an_amount_that_is_not_allowed_is_refused_in_words(world: World, amount: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        world.withdrawal(amount)


def test_more_than_there_is_is_refused_with_both_figures(world: World) -> None:
    account = world.account(balance="50.00")
    with pytest.raises(Refused, match=r"50\.00"):
        world.withdrawal("49.00", account=account)
    assert ledger.balances_of([account])[account].available == Money.parse("50.00")


def test_a_disabled_account_takes_no_new_work_and_finishes_the_old(world: World) -> None:
    account = world.account()
    card = world.card(account)
    number = world.withdrawal("100.00", account=account, card=card)
    channels.set_enabled(account, enabled=False, actor="test")
    with pytest.raises(Refused, match="停用"):
        world.withdrawal("100.00", account=account, card=card)
    world.approve(number)
    assert world.until_state(number, "paid") == "paid"


def test_only_the_holder_with_the_current_fence_may_withdraw(world: World) -> None:
    account = world.account()
    card = world.card(account)
    fence = world.claimed(account)
    other = world.person("other", Role.OPERATOR)

    def create(actor: object, fence: int) -> str:
        return service.create(
            account=account,
            card=card,
            amount=Money.parse("10.00"),
            memo="",
            fence=fence,
            form_key=f"{actor}{fence}"[:36].ljust(20, "x"),
            actor=actor,  # type: ignore[arg-type]
        )

    with pytest.raises(Refused, match="maker"):
        create(other, fence)
    with pytest.raises(Refused, match="maker"):
        channels.claim(account, actor=other)
    channels.force_release(account, reason="下班了", actor=world.checker)
    with pytest.raises(Refused, match="没有领取"):
        create(world.maker, fence)
    channels.claim(account, actor=other)
    with pytest.raises(Refused, match="other"):
        create(world.maker, fence)


def test_a_new_sign_in_keeps_the_claim_and_voids_the_old_pages(world: World) -> None:
    account = world.account()
    card = world.card(account)
    old, fence = world.maker, world.claimed(account)
    world.maker = world.signed_in("maker")
    with pytest.raises(Refused, match="过期"):
        service.create(
            account=account,
            card=card,
            amount=Money.parse("10.00"),
            memo="",
            fence=fence,
            form_key="k" * 32,
            actor=old,
        )
    assert world.withdrawal("10.00", account=account, card=card)


def test_a_card_of_another_account_is_not_there(world: World) -> None:
    first, second = world.account(), world.account()
    card = world.card(first)
    with pytest.raises(NotThere):
        world.withdrawal("10.00", account=second, card=card)


def test_a_card_that_the_channel_refuses_says_why_and_can_be_corrected(world: World) -> None:
    account = world.account()
    fence = world.claimed(account)

    def bind() -> str:
        return cards.bind(
            account=account,
            number=BankCard.parse(REFUSED_CARD),
            holder="张三",
            bank="工行",
            phone="",
            fence=fence,
            form_key=str(uuid4()),
            actor=world.maker,
        )

    reference = bind()
    world.until(lambda: card_queries.card(reference).state == "refused")
    assert card_queries.card(reference).message
    with pytest.raises(Refused, match="没有绑定成功"):
        world.withdrawal("10.00", account=account, card=reference)
    assert bind() == reference

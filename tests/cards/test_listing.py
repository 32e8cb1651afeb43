"""The channel's own list of cards beside ours, and letting a card go: at the channel, and nowhere without it."""

from typing import Any
from uuid import uuid4

import pytest

from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service
from app.cards.models import CardListing
from app.channels import gateway
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.contract import BindSeen, CardToBind, CardToUnbind, Interface, UnbindSeen
from app.kernel.bank_card import BankCard, mask
from app.kernel.errors import Refused
from app.runtime.db import db, transaction
from app.withdrawals import service as withdrawals
from tests.cards import sheets
from tests.world import World

SOAK_ON_POSTGRES = ("",)  # CI proves these on SQLite, and the runs made of them on both
MANNERS = ["dolphin", "egret"]
WHY = "供应商已更换收款账户"


@pytest.fixture(params=MANNERS)
def account(request: pytest.FixtureRequest, world: World) -> str:
    return sheets.account(world, request.param)


@pytest.fixture
def dolphin(world: World) -> str:
    return sheets.account(world)


@pytest.fixture
def egret(world: World) -> str:
    return sheets.account(world, "egret")


def refreshed(world: World, account: str) -> CardListing:
    """The channel was asked, and this is how it went."""
    service.listing.refresh(account, actor=world.maker)
    asked_at = listing(account).asked_at

    def told() -> bool:
        found = listing(account)
        return bool(found.failure) or (found.told_at is not None and found.told_at >= asked_at)

    world.until(told)
    return listing(account)


def listing(account: str) -> CardListing:
    found = cards.listing(channels.account(account).id)
    assert found is not None
    return found


def shown(account: str, show: str = "") -> list[tuple[str, str]]:
    """What the page shows of each card: its reference with us, if it has one, and the verdict."""
    rows = cards.compared(channels.account(account).id, {"show": show, "size": "100"}).rows
    return [(row.reference or row.number_masked, cards.verdict(row)) for row in reversed(rows)]


def counts(account: str) -> dict[str, int]:
    return cards.comparison(channels.account(account).id)


def announced(account: str, interface: Interface) -> gateway.Call:
    with transaction():
        row = channels.account(account)
        setting = channels.active_setting_id(row.id)
        assert setting is not None
        return gateway.announce(interface, account_id=row.id, setting_id=setting, subject=account)


def bound_behind_our_back(account: str, number: str) -> str:
    """At the channel, by another reference than any of ours. Its number, masked."""
    wanted = CardToBind(reference=f"X{uuid4().hex[:12]}", card_number=number, holder="李四", bank=sheets.BANK)
    assert gateway.bind_card(announced(account, Interface.BIND_CARD), wanted).seen is BindSeen.BOUND
    return mask(number)


def gone_behind_our_back(account: str, reference: str) -> None:
    found = cards.card(reference)
    asked = CardToUnbind(reference=reference, channel_card=found.channel_card)
    assert gateway.unbind_card(announced(account, Interface.UNBIND_CARD), asked).seen is UnbindSeen.GONE


# -- the list -------------------------------------------------------------------------------------------------------------


def test_a_list_that_agrees_is_the_same_on_both_sides(world: World, account: str) -> None:
    sheets.finished(world, account, [*sheets.good(3), sheets.row(ending="01"), sheets.row(ending="02")])
    found = refreshed(world, account)
    assert (found.failure, found.asked_by) == ("", "maker") and found.told_at is not None
    assert counts(account) == {"": 5, "differs": 0, "there": 0, "here": 0}, "what both call refused is the same too"
    assert len(shown(account)) == 5 and {verdict for _, verdict in shown(account)} == {"same"}
    assert shown(account, "differs") == shown(account, "there") == shown(account, "here") == []


def test_each_difference_has_its_kind(world: World, account: str) -> None:
    stays, leaves = (world.card(account, sheets.number()) for _ in range(2))
    stranger = bound_behind_our_back(account, sheets.number())
    gone_behind_our_back(account, leaves)
    refreshed(world, account)
    assert counts(account) == {"": 2, "differs": 0, "there": 1, "here": 1}
    assert shown(account) == [(stays, "same"), (stranger, "there")]
    assert shown(account, "there") == [(stranger, "there")]
    assert shown(account, "here") == [(leaves, "here")]
    service.listing.unbind(stays, why=WHY, fence=world.claimed(account), actor=world.maker)
    assert shown(account, "differs") == [(stays, "differs")], "there it is still bound"
    world.until(lambda: cards.card(stays).state == "deleted")
    refreshed(world, account)
    assert counts(account) == {"": 1, "differs": 0, "there": 1, "here": 1}


def test_the_same_card_by_another_reference_is_told_apart(world: World, egret: str) -> None:
    number = sheets.number()
    ours = world.card(egret, number)
    bound_behind_our_back(egret, number)
    refreshed(world, egret)
    assert counts(egret) == {"": 2, "differs": 0, "there": 1, "here": 0}
    assert shown(egret) == [(ours, "same"), (mask(number), "there")]


def test_a_card_that_the_channel_looks_at_is_the_same_on_both_sides(world: World, dolphin: str) -> None:
    reference = sheets.begun(world, dolphin, [sheets.row(ending="03")])
    world.until(lambda: sheets.run(reference).state == "finished")
    refreshed(world, dolphin)
    [line] = sheets.lines(reference)
    assert shown(dolphin) == [(line.reference, "same")] and counts(dolphin)["there"] == 0
    world.until(lambda: cards.card(line.reference).state == "bound", hurry_s=5)
    assert shown(dolphin, "differs") == [(line.reference, "differs")], "the list is older than what we heard since"


def test_a_long_list_comes_page_by_page(world: World, dolphin: str) -> None:
    sheets.finished(world, dolphin, sheets.good(205))
    refreshed(world, dolphin)
    assert counts(dolphin) == {"": 205, "differs": 0, "there": 0, "here": 0}


@pytest.mark.parametrize("fault", ["error_taken", "garbage", "wrong_signature"])
def test_a_failed_question_keeps_the_list_and_tells_why(world: World, dolphin: str, fault: str) -> None:
    reference = world.card(dolphin, sheets.number())
    told_at = refreshed(world, dolphin).told_at
    bound_behind_our_back(dolphin, sheets.number())
    world.ahead *= 2
    sheets.force(world, dolphin, "list_cards", fault, 1)
    found = refreshed(world, dolphin)
    assert found.failure and found.told_at == told_at < found.asked_at, "its age is that of the answer"
    assert shown(dolphin) == [(reference, "same")]
    found = refreshed(world, dolphin)
    assert found.failure == "" and found.told_at != told_at
    assert counts(dolphin)["there"] == 1


def test_where_there_is_no_list_it_is_said(world: World) -> None:
    account = world.account("spruce")
    with pytest.raises(Refused, match="没有查询已绑卡的接口"):
        service.listing.refresh(account, actor=world.maker)
    assert cards.listing(channels.account(account).id) is None


def test_a_card_whose_channel_names_no_reference_of_ours_is_found_by_its_own_id(world: World, dolphin: str) -> None:
    reference = world.card(dolphin, sheets.number())
    account, found = channels.account(dolphin).id, cards.card(reference)
    assert cards.known_as(account, [("", found.channel_card)]) == [reference]
    assert cards.known_as(account, [("X1", found.channel_card), ("X2", found.channel_card)]) == [reference, "X2"]
    assert cards.known_as(account, [("X1", found.channel_card), (reference, found.channel_card)]) == ["X1", reference]
    assert cards.known_as(account, [("X1", ""), ("X2", "card_somebody_else")]) == ["X1", "X2"]


# -- letting go -----------------------------------------------------------------------------------------------------------


def unbind(world: World, account: str, reference: str) -> None:
    service.listing.unbind(reference, why=WHY, fence=world.claimed(account), actor=world.maker)


def at_channel(world: World, account: str) -> dict[str, str]:
    return {one["reference"]: one["state"] for one in sheets.at_sandbox(world, account)}


@pytest.mark.parametrize("ending", ["88", "05"], ids=["at once", "after a look"])
def test_a_card_is_let_go_at_the_channel_and_then_with_us(world: World, account: str, ending: str) -> None:
    number = sheets.number(ending)
    reference = world.card(account, number)
    unbind(world, account, reference)
    assert cards.card(reference).state == "unbinding"
    assert at_channel(world, account) == {reference: "bound"}
    with pytest.raises(Refused):
        unbind(world, account, reference)
    with pytest.raises(Refused, match="没有绑定成功"):
        world.withdrawal("10.00", account=account, card=reference)
    world.until(lambda: cards.card(reference).state == "deleted", hurry_s=5)
    assert at_channel(world, account) == {reference: "unbound"}
    assert [line.why for line in cards.history(cards.card(reference)) if line.why] == [WHY]


def test_a_card_bound_again_is_another_card(world: World, egret: str) -> None:
    number = sheets.number()
    reference = world.card(egret, number)
    unbind(world, egret, reference)
    world.until(lambda: cards.card(reference).state == "deleted")
    again = world.card(egret, number)
    assert again != reference and cards.card(again).state == "bound"
    assert at_channel(world, egret) == {reference: "unbound", again: "bound"}
    by_sheet = sheets.number()
    gone = world.card(egret, by_sheet)
    unbind(world, egret, gone)
    world.until(lambda: cards.card(gone).state == "deleted")
    run = sheets.finished(world, egret, [sheets.row(by_sheet)])
    assert sheets.told(run)["bound"] == 1 and sheets.lines(run)[0].reference != gone


def test_a_card_that_the_channel_keeps_is_bound_as_before_and_says_why(world: World, egret: str) -> None:
    reference = world.card(egret, sheets.number("04"))
    unbind(world, egret, reference)
    world.until(lambda: cards.card(reference).state != "unbinding")
    found = cards.card(reference)
    assert (found.state, found.message) == ("bound", "卡片有未完成的交易，不能解绑")
    assert world.withdrawal("10.00", account=egret, card=reference)


@pytest.mark.parametrize("fault", ["drop_after", "error_not_taken", "garbage"])
def test_a_lost_answer_to_an_unbinding_is_asked_for_again(world: World, egret: str, fault: str) -> None:
    reference = world.card(egret, sheets.number())
    sheets.force(world, egret, "unbind_card", fault, 2)
    unbind(world, egret, reference)
    world.until(lambda: cards.card(reference).state == "deleted", hurry_s=5)
    assert at_channel(world, egret) == {reference: "unbound"}


def test_a_card_in_use_stays(world: World, dolphin: str) -> None:
    reference = world.card(dolphin, sheets.number())
    numbers = [world.withdrawal("10.00", account=dolphin, card=reference) for _ in range(2)]
    assert cards.card(reference).open_work == 2
    with pytest.raises(Refused, match="2 笔未完成的提现"):
        unbind(world, dolphin, reference)
    withdrawals.cancel(numbers[0], actor=world.maker)
    with pytest.raises(Refused, match="1 笔未完成的提现"):
        unbind(world, dolphin, reference)
    world.approve(numbers[1])
    with pytest.raises(Refused, match="1 笔未完成的提现"):
        unbind(world, dolphin, reference)
    assert world.until_state(numbers[1], "paid") == "paid"
    unbind(world, dolphin, reference)
    world.until(lambda: cards.card(reference).state == "deleted")


@pytest.mark.parametrize("amount", ["10.01", "10.02", "10.05", "10.16"])
def test_a_withdrawal_uses_its_card_until_its_end_whatever_that_is(world: World, dolphin: str, amount: str) -> None:
    reference = world.card(dolphin, sheets.number())
    number = world.withdrawal(amount, account=dolphin, card=reference)
    world.approve(number)
    assert cards.card(reference).open_work == 1
    end = {"10.01": "failed", "10.02": "failed", "10.16": "returned"}.get(amount, "paid")
    assert world.until_state(number, end, hurry_s=5) == end
    assert cards.card(reference).open_work == 0


def test_a_rejected_withdrawal_uses_its_card_no_more(world: World, dolphin: str) -> None:
    reference = world.card(dolphin, sheets.number())
    number = world.withdrawal("10.00", account=dolphin, card=reference)
    withdrawals.reject(number, reason="收款人不对", actor=world.checker)
    db.session.rollback()
    assert cards.card(reference).open_work == 0


def test_a_withdrawal_that_was_refused_uses_no_card(world: World) -> None:
    account = sheets.account(world, balance="50.00")
    reference = world.card(account, sheets.number())
    for amount in ("9999.99", "60.00"):  # over the limit; more than there is
        with pytest.raises(Refused):
            world.withdrawal(amount, account=account, card=reference)
    db.session.rollback()
    assert cards.card(reference).open_work == 0


def test_only_the_holder_lets_a_card_go(world: World, dolphin: str) -> None:
    reference, other = world.card(dolphin, sheets.number()), world.person("other", Role.OPERATOR)
    fence = world.claimed(dolphin)

    def attempt(actor: Any, fence: int) -> None:
        service.listing.unbind(reference, why=WHY, fence=fence, actor=actor)

    with pytest.raises(Refused, match="maker"):
        attempt(other, fence)
    with pytest.raises(Refused, match="已过期"):
        attempt(world.maker, fence - 1)
    channel_service.release(dolphin, actor=world.maker)
    with pytest.raises(Refused, match="没有领取"):
        attempt(world.maker, fence)
    assert cards.card(reference).state == "bound"


def test_where_nothing_can_be_let_go_it_is_said(world: World) -> None:
    account = sheets.account(world, "spruce")
    reference = world.card(account, sheets.number())
    with pytest.raises(Refused, match="没有解绑接口"):
        unbind(world, account, reference)
    assert cards.card(reference).state == "bound"


def test_a_card_that_is_not_bound_is_not_let_go(world: World, dolphin: str) -> None:
    number = sheets.number("01")
    reference = service.bind(
        account=dolphin,
        number=BankCard.parse(number),
        holder="张三",
        bank=sheets.BANK,
        phone="",
        fence=world.claimed(dolphin),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    with pytest.raises(Refused):
        unbind(world, dolphin, reference)
    world.until(lambda: cards.card(reference).state == "refused")
    with pytest.raises(Refused):
        unbind(world, dolphin, reference)

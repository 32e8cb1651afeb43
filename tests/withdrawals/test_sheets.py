"""批量提现: a sheet is checked row by row, confirmed with control totals typed by hand, and each row made once."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.auth import service as auth
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import queries as channels
from app.channels import service as channel_service
from app.kernel.bank_card import BankCard
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.uploads import queries as uploads
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal, WithdrawalSheet
from app.withdrawals.queries import sheets as reading
from app.withdrawals.rules import sheet as rules
from tests.cards import sheets as card_sheets
from tests.withdrawals import sheets
from tests.withdrawals.sheets import good, row, told
from tests.world import CARD, World

OTHER_CARD = "6217001210024455220"
MISTYPED = "6222021001116245778"


def yuan(text: str) -> Money:
    return Money.parse(text)


def available(account: str) -> Money:
    db.session.rollback()
    return ledger.balances_of([account])[account].available


# -- what is found in a sheet ---------------------------------------------------------------------------------------------


def test_each_row_is_judged_against_the_cards_of_the_account_and_its_limit(world: World) -> None:
    account = sheets.account(world)
    rows = [
        row("10.00", own="A-1"),
        row("20.00", card=OTHER_CARD),
        row("20.00", holder="李四"),
        row("5000.01"),
        row("0.00"),
        row("1.005"),
        row("30.00", memo=f"退款 {CARD}"),
        row("40.00", own="A-1"),
        row("50.00", card=MISTYPED),
        row("60.00", holder=""),
        row("70.00", memo="备" * 101),
        row("80.00", own="B" * 41),
        row("90.00", own=f"客户 {CARD}"),
        row("5000.00", memo="顶格", own="A-2"),
    ]
    upload = sheets.checked(world, account, rows)
    found = sheets.said(upload)
    assert {at: [key for key, _text in faults] for at, faults in found.items()} == {
        3: ["number"], 4: ["holder"], 5: ["amount"], 6: ["amount"], 7: ["amount"], 8: ["memo"], 9: ["own_number"],
        10: ["number"], 11: ["holder"], 12: ["memo"], 13: ["own_number"],
        14: ["own_number"],
    }  # fmt: skip
    assert found[3] == [("number", rules.NOT_BOUND)] and "先绑定" in rules.NOT_BOUND
    assert found[4] == [("holder", rules.OTHER_HOLDER)]
    assert "单笔限额 ¥5,000.00" in found[5][0][1]
    assert found[9] == [("own_number", "与第 2 行的业务编号重复")]
    totals = reading.totals(uploads.upload(upload))
    assert (totals.count, totals.amount, totals.fee) == (2, yuan("5010.00"), yuan("4.00"))
    assert totals.hold == yuan("5014.00")


def test_a_card_that_is_still_being_bound_is_not_paid_yet(world: World) -> None:
    account = world.account()
    pending = card_sheets.number("03")
    card_service.bind(
        account=account,
        number=BankCard.parse(pending),
        holder="张三",
        bank="中国工商银行",
        phone="",
        fence=world.claimed(account),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    upload = service.sheets.DESK.receive(
        account=account,
        filename="提现.csv",
        content=card_sheets.as_csv([row(card=pending)], sheets.HEADER),
        fence=world.claimed(account),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    jobs.drain(Line.SHEETS)
    assert sheets.said(upload) == {2: [("number", rules.STILL_BINDING)]}


def test_the_same_payment_twice_is_a_warning_and_both_are_made(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, [row("10.00"), row("20.00"), row("10.00")])
    (warned,) = uploads.tally(uploads.upload(upload)).warnings
    assert (warned.key, warned.row, str(warned.text)) == ("amount", 4, rules.SAME_PAYMENT % {"row": 2})
    reference = sheets.confirmed(world, account, upload)
    world.until(lambda: told(reference) == ("finished", 3, 0))
    assert sheets.amount(reference) == yuan("40.00")


def test_what_was_accepted_counts_in_the_totals_by_pattern_and_by_row(world: World) -> None:
    account = sheets.account(world)
    rows = [row("10.00"), row("¥20.00"), row("1,000.00"), row("30.00", card=f" {CARD}"), row("40.00", card=f" {CARD}")]
    upload = sheets.checked(world, account, rows)
    desk, fence = service.sheets.DESK, world.claimed(account)

    def totals() -> tuple[int, Money, Money]:
        db.session.rollback()
        found = reading.totals(uploads.upload(upload))
        return found.count, found.amount, found.fee

    assert totals() == (1, yuan("10.00"), yuan("2.00"))
    desk.accept_row(upload, 5, fence=fence, actor=world.maker)
    assert totals() == (2, yuan("40.00"), yuan("4.00"))
    desk.accept(upload, ["amount:amount"], fence=fence, actor=world.maker)
    assert totals() == (4, yuan("1060.00"), yuan("8.00"))
    desk.accept(upload, ["number:space"], fence=fence, actor=world.maker)
    assert totals() == (5, yuan("1100.00"), yuan("10.00"))
    reference = sheets.confirmed(world, account, upload)
    world.until(lambda: told(reference) == ("finished", 5, 0))
    assert sheets.amount(reference) == yuan("1100.00")


def test_the_same_file_again_is_said_and_a_sheet_of_cards_is_no_sheet_of_withdrawals(world: World) -> None:
    account = sheets.account(world)
    first, again = (sheets.checked(world, account, good(2)) for _ in range(2))
    same = uploads.same_file(uploads.upload(again))
    assert same is not None and same.reference == first
    with pytest.raises(NotThere):
        card_service.uploads.DESK.upload(first)
    of_cards = card_sheets.checked(world, account, card_sheets.good(1))
    with pytest.raises(NotThere):
        service.sheets.DESK.upload(of_cards)
    with pytest.raises(NotThere):
        service.sheets.confirm(of_cards, count=1, amount=yuan("1"), fence=world.claimed(account), actor=world.maker)


def test_one_form_is_one_upload(world: World) -> None:
    account, form_key = sheets.account(world), str(uuid4())
    first = sheets.received(world, account, good(2), form_key=form_key)
    assert sheets.received(world, account, good(2), form_key=form_key) == first
    with pytest.raises(Refused, match="已经提交过"):
        sheets.received(world, account, good(3), form_key=form_key)


# -- confirming -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "amount"), [(2, "30.00"), (4, "30.00"), (3, "30.01"), (3, "29.99")])
def test_control_totals_that_differ_are_refused_with_both_figures(world: World, count: int, amount: str) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, good(3))
    with pytest.raises(Refused, match=f"{count} 笔、¥{amount}，可以提交的是 3 笔、¥30.00"):
        service.sheets.confirm(
            upload, count=count, amount=yuan(amount), fence=world.claimed(account), actor=world.maker
        )
    assert uploads.upload(upload).state == "checked"
    assert db.session.scalar(select(func.count()).select_from(WithdrawalSheet)) == 0


@pytest.mark.parametrize(
    ("left_out", "typed", "words"),
    [
        # Whoever made the list added up all of it: that is no mistake, and not what is made either.
        (
            [row("70.00", card=MISTYPED), row("¥1,000.00")],
            (4, "1090.00"),
            "文件共 4 笔、¥1,090.00，与您输入的一致；其中 2 笔",
        ),
        ([row("70.00", card=MISTYPED), row("1.005")], (4, "91.00"), "您输入的是整个文件的 4 笔；其中 2 笔有误不提"),
        ([row("70.00", card=MISTYPED), row("¥1,000.00")], (4, "1090.01"), "两者不一致"),
        ([row("70.00", card=MISTYPED), row("¥1,000.00")], (2, "1090.00"), "两者不一致"),
        ([], (2, "20.01"), "两者不一致"),
    ],
)
def test_who_typed_the_totals_of_the_whole_file_is_told_so(
    world: World, left_out: list[card_sheets.Row], typed: tuple[int, str], words: str
) -> None:
    account = sheets.account(world)
    upload, fence = sheets.checked(world, account, [*left_out, *good(2)]), world.claimed(account)
    with pytest.raises(Refused, match=words) as refused:
        service.sheets.confirm(upload, count=typed[0], amount=yuan(typed[1]), fence=fence, actor=world.maker)
    assert words == "两者不一致" or "输入其余 2 笔的合计" in str(refused.value)
    service.sheets.confirm(upload, count=2, amount=yuan("20.00"), fence=fence, actor=world.maker)


def test_confirming_again_is_the_same_sheet(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, [*good(3), row("x")])
    reference = sheets.confirmed(world, account, upload)
    assert sheets.confirmed(world, account, upload) == reference
    world.until(lambda: told(reference) == ("finished", 3, 0))
    assert sheets.confirmed(world, account, upload) == reference
    found = sheets.sheet(reference)
    assert (found.total, found.left_out, found.amount, found.maker) == (3, 1, yuan("30.00"), "maker")
    assert available(account) == yuan("9964.00")
    db.session.rollback()
    audited = db.session.scalars(select(AuditRecord).where(AuditRecord.subject == reference)).all()
    assert [(it.action, it.actor) for it in audited] == [("sheet.confirm", "maker")]


def test_only_the_holder_of_the_account_confirms(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, good(1))
    fence = world.claimed(account)
    other = world.person("other", Role.OPERATOR)
    for who, number in ((other, fence), (world.maker, fence + 1)):
        with pytest.raises(Refused):
            service.sheets.confirm(upload, count=1, amount=yuan("10.00"), fence=number, actor=who)
    assert reading.sheet_of(uploads.upload(upload).id) is None


# -- making ---------------------------------------------------------------------------------------------------------------


def test_every_good_row_becomes_a_withdrawal_of_the_maker_in_review(world: World) -> None:
    account = sheets.account(world)
    rows = [row("10.00", memo="货款", own="PO-1"), row("x"), row("20.50", own="PO-2")]
    reference = sheets.finished(world, account, rows)
    first, second = sheets.lines(reference)
    assert [(it.row, it.own_number, it.state, it.amount) for it in (first, second)] == [
        (2, "PO-1", "review", yuan("10.00")),
        (4, "PO-2", "review", yuan("20.50")),
    ]
    made = queries.by_number(str(first.number))
    assert (made.memo, made.holder, made.maker_id, made.fee) == ("货款", "张三", world.maker.operator_id, yuan("2.00"))
    assert reading.reference_of(made.sheet_id) == reference
    assert available(account) == yuan("9965.50")
    assert cards.card(world.card(account)).open_work == 2
    audited = select(AuditRecord).where(AuditRecord.action == "withdrawal.create", AuditRecord.subject == made.number)
    (record,) = db.session.scalars(audited)
    assert (record.actor, record.session_id) == ("maker", world.maker.session_id)
    world.all_is_well()


def test_a_row_that_is_refused_then_is_written_down_and_the_others_go_on(world: World) -> None:
    account = sheets.account(world)
    second = world.card(account, OTHER_CARD)
    rows = [*good(3), row("11.00", card=OTHER_CARD), *good(25), row("12.00", card=OTHER_CARD)]
    upload = sheets.checked(world, account, rows)
    reference = sheets.confirmed(world, account, upload)
    card_service.listing.unbind(second, why="不再使用", fence=world.claimed(account), actor=world.maker)
    world.until(lambda: told(reference) == ("finished", 28, 2))
    refused = [it for it in sheets.lines(reference) if it.number is None]
    assert [(it.row, str(it.message)) for it in refused] == [(5, rules.NOT_BOUND), (31, rules.NOT_BOUND)]
    assert sheets.amount(reference) == yuan("280.00")
    assert len({it.number for it in sheets.lines(reference)} - {None}) == 28
    world.all_is_well()


def test_when_the_money_is_not_enough_it_pauses_says_how_much_and_goes_on(world: World) -> None:
    account = sheets.account(world, balance="100.00")
    reference = sheets.begun(world, account, [*good(7), row("5.00"), row("20.00")])
    world.until(lambda: sheets.sheet(reference).state == "paused")
    found = sheets.sheet(reference)
    assert (found.made, found.refused, found.needed) == (8, 0, yuan("22.00"))
    assert available(account) == yuan("9.00")
    jobs.drain(Line.SHEETS)
    assert told(reference) == ("paused", 8, 0)
    service.cancel(str(sheets.lines(reference)[0].number), actor=world.maker)
    service.cancel(str(sheets.lines(reference)[1].number), actor=world.maker)
    service.sheets.resume(reference, fence=world.claimed(account), actor=world.maker)
    world.until(lambda: told(reference) == ("finished", 9, 0))
    assert not sheets.sheet(reference).needed
    world.all_is_well()


def test_it_can_be_paused_gone_on_with_and_stopped(world: World) -> None:
    account = sheets.account(world)
    uploaded = [sheets.checked(world, account, [*good(2), row(str(10 + it))]) for it in (1, 2)]
    first, second = (sheets.confirmed(world, account, it) for it in uploaded)
    fence = world.claimed(account)
    service.sheets.pause(first, fence=fence, actor=world.maker)
    service.sheets.stop(second, fence=fence, actor=world.maker)
    jobs.drain(Line.SHEETS)
    assert told(first) == ("paused", 0, 0) and told(second) == ("stopped", 0, 0)
    with pytest.raises(Refused, match="已停止"):
        service.sheets.resume(second, fence=fence, actor=world.maker)
    with pytest.raises(Refused):
        service.sheets.resume(first, fence=fence, actor=world.checker)
    service.sheets.resume(first, fence=fence, actor=world.maker)
    world.until(lambda: told(first) == ("finished", 3, 0))


def test_an_account_that_is_shut_or_a_maker_who_left_pauses_it(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.begun(world, account, good(2))
    channel_service.set_enabled(account, enabled=False, actor="test")
    jobs.drain(Line.SHEETS)
    found = sheets.sheet(reference)
    assert (found.state, found.made, found.why, found.needed) == ("paused", 0, "", yuan("0.00"))
    channel_service.set_enabled(account, enabled=True, actor="test")
    service.sheets.resume(reference, fence=world.claimed(account), actor=world.maker)
    auth.disable("maker", reason="离职", actor=world.person("keeper", Role.ADMINISTRATOR))
    jobs.drain(Line.SHEETS)
    assert told(reference) == ("paused", 0, 0)


def test_two_workers_at_once_make_each_row_once(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.begun(world, account, good(60))
    with card_sheets.at_work(world):
        service.sheet_making.make(reference)
    world.until(lambda: told(reference) == ("finished", 60, 0))
    assert db.session.scalar(select(func.count()).select_from(Withdrawal)) == 60
    assert available(account) == yuan("9280.00")
    world.all_is_well()


# -- the list ------------------------------------------------------------------------------------------------------------


def test_the_list_speaks_of_one_sheet(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.finished(world, account, good(3))
    world.withdrawal("33.00", account=account)
    for asked, count in (({"sheet": reference}, 3), ({}, 4), ({"sheet": "S-none"}, 0), ({"sheet": "\0"}, 0)):
        assert queries.totals(asked, account_id=None).count == count
    listing = queries.page({"sheet": reference, "state": "review"}, account_id=channels.account(account).id)
    assert len(listing.rows) == 3 and f"sheet={reference}" in listing.sizes[0][1]

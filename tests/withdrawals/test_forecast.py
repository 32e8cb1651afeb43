"""预检: what of a sheet would not leave today is told before it is confirmed, and comes true when it is made."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.channels import service as channels
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.uploads import queries as uploads
from app.withdrawals import service
from app.withdrawals.queries import sheets as reading
from app.withdrawals.queries.forecast import Forecast, forecast
from app.withdrawals.rules import Limit, PayeeList, Rulebook
from app.withdrawals.rules.admission import Used
from app.withdrawals.rules.forecast import Coming, Rehearsal, Stays
from app.withdrawals.rules.rulebook import Scope
from tests.cards.test_pages import enters
from tests.withdrawals import sheets
from tests.withdrawals.sheets import good, row, told
from tests.withdrawals.test_admission import in_force
from tests.withdrawals.test_sheet_pages import hidden, posts
from tests.world import CARD, World

SECOND_CARD = "6217001210024455220"
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=clock.now().tzinfo)
FREE = Rulebook()


def yuan(text: str) -> Money:
    return Money.parse(text)


def coming(at: int, amount: str, card: str = "a", **more: Any) -> Coming:
    return Coming(row=at, amount=yuan(amount), fee=yuan("2.00"), card_index=card, **more)


def rehearsed(*rows: Coming, book: Rulebook = FREE, available: str = "1000.00", **more: Any) -> dict[int, str]:
    rehearsal = Rehearsal(book=book, account="A1", at=NOON, available=yuan(available), **more)
    return {it.row: stays.key for it in rows if (stays := rehearsal.see(it)) is not None}


# -- in the mind ----------------------------------------------------------------------------------------------------------


def test_each_row_counts_for_those_after_it() -> None:
    rows = [coming(2, "40.00"), coming(3, "40.00", "b"), coming(4, "40.00"), coming(5, "20.00")]
    assert rehearsed(*rows) == {}
    assert rehearsed(*rows, book=Rulebook(card_day=Limit(yuan("70.00")))) == {4: "card_day"}
    assert rehearsed(*rows, book=Rulebook(account_day=Limit(count=2))) == {4: "account_day", 5: "account_day"}
    assert rehearsed(*rows, book=Rulebook(house_day=Limit(yuan("100.00")))) == {4: "house_day"}
    assert rehearsed(*rows, book=Rulebook(order_most=yuan("30.00"))) == {2: "order", 3: "order", 4: "order"}
    assert rehearsed(*rows, book=Rulebook(duplicate_minutes=5)) == {4: "duplicate"}


def test_an_accounts_own_day_counts_beside_the_rules() -> None:
    rows = [coming(2, "40.00"), coming(3, "40.00", "b"), coming(4, "40.00"), coming(5, "20.00")]
    assert rehearsed(*rows, own_day=Limit(yuan("100.00"))) == {4: "own_day"}
    book = Rulebook(account_day=Limit(count=3))
    assert rehearsed(*rows, book=book, own_day=Limit(yuan("120.00"))) == {5: "account_day"}
    used = {Scope.ACCOUNT: Used(yuan("50.00"), 1)}
    assert rehearsed(*rows, used=used, own_day=Limit(yuan("100.00"), 2)) == {3: "own_day", 4: "own_day", 5: "own_day"}


def test_what_the_day_and_the_card_had_before_counts() -> None:
    book = Rulebook(card_day=Limit(count=3), account_day=Limit(count=9))
    rows = [
        coming(2, "1.00", used=Used(yuan("5.00"), 2)),
        coming(3, "1.00", used=Used(yuan("5.00"), 2)),
        coming(4, "1.00", "b"),
    ]
    assert rehearsed(*rows, book=book) == {3: "card_day"}
    assert rehearsed(*rows, book=book, used={Scope.ACCOUNT: Used(yuan("1.00"), 9)}) == {
        2: "account_day", 3: "account_day", 4: "account_day",
    }  # fmt: skip


def test_a_row_that_is_refused_uses_nothing_up() -> None:
    flaw = Stays("payee", Text("没有绑定"))
    rows = [coming(2, "90.00", flaw=flaw), coming(3, "90.00")]
    assert rehearsed(*rows, available="92.00", book=Rulebook(account_day=Limit(yuan("90.00")))) == {2: "payee"}


def test_where_the_money_ends_everything_waits() -> None:
    rows = [coming(2, "90.00"), coming(3, "10.00"), coming(4, "1.00")]
    assert rehearsed(*rows, available="100.00") == {3: "short", 4: "short"}
    flaw = Stays("payee", Text("没有绑定"))
    assert rehearsed(replace(rows[0], flaw=flaw), available="80.00") == {2: "short"}, "as the sheet itself: it waits"


def test_a_halt_keeps_what_would_be_made_and_the_rest_is_refused_as_ever() -> None:
    rows = [coming(2, "40.00"), coming(3, "50.00")]
    halted = rehearsed(*rows, book=Rulebook(order_most=yuan("45.00")), halt=Text("今天不发"))
    assert halted == {2: "halted", 3: "order"}


# -- of a sheet -----------------------------------------------------------------------------------------------------------


def ahead(upload: str, **asked: Any) -> Forecast:
    db.session.rollback()
    return forecast(uploads.upload(upload), **asked)


def staying(upload: str) -> dict[int, str]:
    return {line.row: line.stays.key for line in ahead(upload).lines}


def test_what_is_told_comes_true(world: World) -> None:
    account = sheets.account(world)
    world.card(account, SECOND_CARD)
    world.withdrawal("33.00", account=account)
    in_force(world, Rulebook(order_most=yuan("500.00"), card_day=Limit(yuan("400.00")), account_day=Limit(count=6),
                             duplicate_minutes=10))  # fmt: skip
    rows = [
        row("33.00"),  # made a moment ago
        row("100.00"), row("100.00", card=SECOND_CARD), row("100.00"),  # the third is the first again
        row("501.00"),
        row("250.00"), row("20.00"),  # one card may not have that much
        row("101.00", card=SECOND_CARD), row("102.00", card=SECOND_CARD), row("103.00", card=SECOND_CARD),  # six a day
    ]  # fmt: skip
    upload = sheets.checked(world, account, rows)
    expected = {2: "duplicate", 5: "duplicate", 6: "order", 8: "card_day", 11: "account_day"}
    assert staying(upload) == expected
    found = ahead(upload)
    assert (found.all.count, found.all.amount) == (5, yuan("757.00"))
    assert {key: it.count for key, it in found.by_reason.items()} == {
        "order": 1, "duplicate": 2, "account_day": 1, "card_day": 1,
    }  # fmt: skip
    assert "与第 3 行" in str(next(it for it in found.lines if it.row == 5).stays.text)
    reference = sheets.confirmed(world, account, upload)
    world.until(lambda: told(reference) == ("finished", 5, 5))
    refused = {line.row for line in sheets.lines(reference) if line.number is None}
    assert refused == set(expected)
    world.all_is_well()


def test_the_accounts_own_day_keeps_rows_of_a_sheet(world: World) -> None:
    account = sheets.account(world)
    limited(account, day_amount=yuan("250.00"), day_count=3)
    rows = [row("100.00"), row("160.00"), row("120.00"), row("10.00"), row("20.00")]
    upload = sheets.checked(world, account, rows)
    assert staying(upload) == {3: "own_day", 6: "own_day"}
    reference = sheets.confirmed(world, account, upload)
    world.until(lambda: told(reference) == ("finished", 3, 2))
    assert {line.row for line in sheets.lines(reference) if line.number is None} == {3, 6}
    world.all_is_well()


def limited(account: str, **terms: Any) -> None:
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == account).values(**terms))


def test_payees_limits_and_money_are_told(world: World) -> None:
    account = sheets.account(world, balance="100.00")
    world.card(account, SECOND_CARD)
    upload = sheets.checked(world, account, [row("10.00", card=SECOND_CARD), row("60.00"), row("50.00"), row("1.00")])
    assert staying(upload) == {4: "short", 5: "short"}
    limited(account, single_limit=yuan("55"))
    assert staying(upload) == {3: "amount"}, "what is refused leaves its money to the others"
    service.payee_lists.enlist(PayeeList.BLACK, name="张三", reason="涉诉", until=None, actor=world.checker)
    assert staying(upload) == {2: "black", 3: "amount", 4: "black", 5: "black"}


def test_a_stop_and_hours_keep_all_of_it(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, good(3))
    service.stops.pause(account=account, reason="对账", actor=world.checker)
    found = ahead(upload)
    assert {key: it.count for key, it in found.by_reason.items()} == {"halted": 3}
    service.stops.resume(account=account, actor=world.checker)
    assert staying(upload) == {}
    tomorrow = clock.now().astimezone(clock.BUSINESS_ZONE).isoweekday() % 7 + 1
    with transaction():
        mine = update(ChannelAccount).where(ChannelAccount.number == account)
        db.session.execute(mine.values(open_days=str(tomorrow)))
    assert set(staying(upload).values()) == {"halted"} and "营业时间" in str(ahead(upload).lines[0].stays.text)


def test_maintenance_until_tomorrow_keeps_it_and_a_shorter_one_does_not(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, good(1))
    now = clock.now()
    end_of_day = (now.astimezone(clock.BUSINESS_ZONE) + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    code = "dolphin"
    channels.maintaining.announce(
        code, begins_at=now, ends_at=end_of_day - timedelta(seconds=1), note="", actor=world.checker
    )
    assert staying(upload) == {}, "it goes on today"
    channels.maintaining.announce(
        code, begins_at=now, ends_at=end_of_day + timedelta(hours=6), note="", actor=world.checker
    )
    assert staying(upload) == {2: "halted"}


def test_the_maker_decides_to_go_on(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, [row("10.00"), row("600.00")])
    in_force(world, Rulebook(order_most=yuan("500.00")))
    sent: dict[str, Any] = {"count": 2, "amount": yuan("610.00"), "fence": world.claimed(account)}
    with pytest.raises(Refused, match="有 1 行今天不会发出"):
        service.sheets.confirm(upload, **sent, actor=world.maker)
    maker = enters(world, "maker")
    at = f"/withdrawal-uploads/{upload}"
    page = maker.get(at).text
    assert "今天不会发出：1 行，¥600.00" in page and "超过每笔上限" in page and "不会生成" in page and CARD not in page
    assert 'name="stay" value="1"' in page
    form = {"count": "2", "amount": "610.00", "fence": hidden(page, "fence"), "stay": "1"}
    answer = posts(maker, f"{at}/confirm", **form)
    assert answer.status_code == 409 and "还没有确认" in answer.text
    answer = posts(maker, f"{at}/confirm", **form | {"stay": "0"}, goes_on="y")
    assert answer.status_code == 409 and 'name="stay" value="1"' in answer.text, "what one did not see is asked again"
    answer = posts(maker, f"{at}/confirm", **form, goes_on="y")
    assert answer.status_code == 303
    reference = answer.headers["Location"].rpartition("/")[2]
    world.until(lambda: told(reference) == ("finished", 1, 1))


def test_the_rows_are_listed_fifty_at_a_time_and_by_reason(world: World) -> None:
    account = sheets.account(world)
    upload = sheets.checked(world, account, [*(row(f"{500 + at}.00") for at in range(1, 61)), row("1.00"), row("1.00")])
    in_force(world, Rulebook(order_most=yuan("500.00"), duplicate_minutes=5))
    first = ahead(upload)
    assert (first.all.count, len(first.lines), first.more) == (61, 50, 51)
    rest = ahead(upload, after_row=51)
    assert [line.row for line in rest.lines] == [*range(52, 62), 63] and not rest.more
    assert [line.row for line in ahead(upload, reason="duplicate").lines] == [63]
    maker = enters(world, "maker")
    page = maker.get(f"/withdrawal-uploads/{upload}?stay=order&stay_after=51").text
    assert page.count("超过每笔上限 ¥500.00") == 10 and "全部原因" in page
    good_rows = reading.totals(uploads.upload(upload))
    assert good_rows.count == 62

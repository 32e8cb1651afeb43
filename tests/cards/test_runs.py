"""Runs: every good row of a sheet becomes a card at the channel once, and what became of it is counted once."""

import json
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.cards import queries as cards
from app.cards import service
from app.cards.models import BindingRun
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import ChannelCall
from app.kernel.bank_card import BankCard, mask
from app.kernel.errors import Refused
from app.runtime.db import db
from app.uploads import queries as uploads
from tests.cards import sheets
from tests.cards.sheets import good, lines, row, run, told
from tests.sandbox.third_party import until
from tests.world import World

SOAK_ON_POSTGRES = ("channel_that_is_silent", "egret")
MANNERS = ["dolphin", "egret"]
FIRST = 48
"""So many rows are on their way at once, where they go one by one."""


@pytest.fixture(params=MANNERS)
def account(request: pytest.FixtureRequest, world: World) -> str:
    return sheets.account(world, request.param)


@pytest.fixture
def dolphin(world: World) -> str:
    return sheets.account(world)


def each_once(world: World, account: str, count: int) -> None:
    """The other side has so many bindings, none of a card twice."""
    there = sheets.at_sandbox(world, account)
    assert len(there) == len({one["reference"] for one in there}) == len({one["card_id"] for one in there}) == count


# -- what becomes of the rows ---------------------------------------------------------------------------------------------


def test_each_row_fares_as_the_channel_says_and_is_counted_once(world: World, account: str) -> None:
    ours = [sheets.number() for _ in range(2)]
    special = [row(ending="01"), row(ours[0]), row(ending="02"), row(ending="03"), row(ours[1]), row(ending="03")]
    rows = [*special, *good(53), row(ending="06")]
    upload = sheets.checked(world, account, rows)
    before = [world.card(account, one) for one in ours]  # after the look at the sheet
    reference = sheets.confirmed(world, account, upload)
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 60, "bound": 56, "refused": 2, "known": 2, "pending": 0}
    found = lines(reference)
    assert [line.row for line in found] == list(range(2, 62))
    assert [line.state for line in found[:6]] == ["refused", "known", "refused", "bound", "known", "bound"]
    assert {line.state for line in found[6:]} == {"bound"}
    assert [line.message for line in found if line.state == "refused"] == ["户名不符", "卡号不存在或已挂失"]
    assert [line.reference for line in found if line.state == "known"] == before
    there = {one["reference"]: one for one in sheets.at_sandbox(world, account)}
    assert len(there) == 60
    for line in found:
        card = cards.card(line.reference)
        assert there[line.reference]["state"] == card.state == ("refused" if line.state == "refused" else "bound")
        if card.state == "bound":
            assert there[line.reference]["card_id"] == card.channel_card
        else:
            assert card.message == line.message
    assert [there[one]["times_asked"] for one in before] == [1, 1]


def test_a_card_in_review_is_counted_as_waiting_until_its_own_job_hears_of_it(world: World, account: str) -> None:
    reference = sheets.begun(world, account, [*good(3), row(ending="03"), row(ending="03")])
    world.until(lambda: run(reference).state == "finished")
    assert told(reference) == {"total": 5, "bound": 3, "refused": 0, "known": 0, "pending": 2}
    assert [line.state for line in lines(reference)] == ["bound"] * 3 + ["pending"] * 2
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 5, "bound": 5, "refused": 0, "known": 0, "pending": 0}
    each_once(world, account, 5)


def test_a_card_that_no_answer_to_a_batch_speaks_of_is_followed_by_itself(world: World) -> None:
    account = sheets.account(world, "egret")
    reference = sheets.finished(world, account, [row(ending="06")])
    assert told(reference) == {"total": 1, "bound": 1, "refused": 0, "known": 0, "pending": 0}
    each_once(world, account, 1)


def test_where_nothing_can_be_asked_twice_cards_can(world: World) -> None:
    account = sheets.account(world, "spruce")
    reference = sheets.finished(world, account, [*good(5), row(ending="02"), row(ending="03")])
    assert told(reference) == {"total": 7, "bound": 6, "refused": 1, "known": 0, "pending": 0}
    each_once(world, account, 7)


def test_many_rows_go_at_once_where_the_channel_takes_them_so(world: World) -> None:
    account = sheets.account(world, "egret")
    reference = sheets.finished(world, account, good(501))
    assert told(reference) == {"total": 501, "bound": 501, "refused": 0, "known": 0, "pending": 0}
    assert {one["times_asked"] for one in sheets.at_sandbox(world, account)} == {1}
    each_once(world, account, 501)


def test_a_sheet_of_cards_that_are_all_bound_already_asks_for_nothing(world: World, dolphin: str) -> None:
    ours = [sheets.number() for _ in range(3)]
    upload = sheets.checked(world, dolphin, [row(one) for one in ours])
    first = sheets.finished(world, dolphin, [row(one) for one in ours])
    second = sheets.confirmed(world, dolphin, upload)
    sheets.until_answered(world, second)
    assert told(first)["bound"] == told(second)["known"] == 3
    assert {one["times_asked"] for one in sheets.at_sandbox(world, dolphin)} == {1}


# -- confirming -----------------------------------------------------------------------------------------------------------


def test_confirming_again_is_the_same_run(world: World, dolphin: str) -> None:
    upload = sheets.checked(world, dolphin, good(3))
    reference = sheets.confirmed(world, dolphin, upload)
    fence = world.claimed(dolphin)
    assert service.runs.confirm(upload, seen=3, fence=fence, actor=world.maker) == reference
    sheets.until_answered(world, reference)
    assert service.runs.confirm(upload, seen=3, fence=fence, actor=world.maker) == reference
    assert db.session.scalar(select(func.count()).select_from(BindingRun)) == 1
    each_once(world, dolphin, 3)
    assert audited("run.confirm") == [(reference, "maker", {"upload": upload, "rows": 3, "left_out": 0})]


@pytest.mark.parametrize("seen", [2, 4])
def test_another_number_than_the_one_on_the_button_is_refused(world: World, dolphin: str, seen: int) -> None:
    upload = sheets.checked(world, dolphin, good(3))
    with pytest.raises(Refused, match="现在是 3 行"):
        service.runs.confirm(upload, seen=seen, fence=world.claimed(dolphin), actor=world.maker)
    assert uploads.upload(upload).state == "checked"


def test_a_sheet_with_no_good_row_is_not_taken(world: World, dolphin: str) -> None:
    upload = sheets.checked(world, dolphin, [row("6222021001116245778")])
    with pytest.raises(Refused, match="没有可以提交的行"):
        service.runs.confirm(upload, seen=0, fence=world.claimed(dolphin), actor=world.maker)


def test_a_disabled_account_takes_no_sheet(world: World, dolphin: str) -> None:
    upload = sheets.checked(world, dolphin, good(1))
    channel_service.set_enabled(dolphin, enabled=False, actor="test")
    with pytest.raises(Refused, match="停用"):
        sheets.confirmed(world, dolphin, upload)


def test_every_deed_is_the_holders_alone(world: World, dolphin: str) -> None:
    upload = sheets.checked(world, dolphin, good(2))
    reference = sheets.begun(world, dolphin, [*good(2), row(ending="01")])
    fence, other = world.claimed(dolphin), world.person("other", Role.OPERATOR)
    deeds: list[Callable[[int, Actor], object]] = [
        lambda fence, actor: service.runs.confirm(upload, seen=2, fence=fence, actor=actor),
        lambda fence, actor: service.runs.pause(reference, fence=fence, actor=actor),
        lambda fence, actor: service.runs.resume(reference, fence=fence, actor=actor),
        lambda fence, actor: service.runs.stop(reference, fence=fence, actor=actor),
        lambda fence, actor: service.runs.retry(reference, fence=fence, actor=actor),
    ]
    for deed in deeds:
        with pytest.raises(Refused, match="maker"):
            deed(fence, other)
        with pytest.raises(Refused, match="已过期"):
            deed(fence - 1, world.maker)
    channel_service.release(dolphin, actor=world.maker)
    for deed in deeds:
        with pytest.raises(Refused, match="没有领取"):
            deed(fence, world.maker)
    assert run(reference).state == "running" and uploads.upload(upload).state == "checked"


# -- what is taken --------------------------------------------------------------------------------------------------------


def test_only_good_rows_are_taken_and_the_channel_gets_them_as_repaired(world: World, dolphin: str) -> None:
    plain, spaced, wide, not_accepted, named = (sheets.number() for _ in range(5))
    upload = sheets.checked(
        world,
        dolphin,
        [
            row(plain),
            row(" ".join(spaced[at : at + 4] for at in range(0, len(spaced), 4))),
            row(wide.translate({ord("0") + digit: "０１２３４５６７８９"[digit] for digit in range(10)})),
            row(not_accepted.translate({ord("0") + digit: "０１２３４５６７８９"[digit] for digit in range(10)})),
            row("6222021001116245778"),  # a digit is wrong
            row(holder="张3"),
            row(named, bank="工行"),  # the full name is on offer; the row may go without it
        ],
    )
    assert sheets.good_rows(upload) == 2
    fence = world.claimed(dolphin)
    spaces = next(name for name, it in uploads.tally(uploads.upload(upload)).patterns.items() if it.row == 3)
    service.uploads.accept(upload, [spaces], fence=fence, actor=world.maker)
    assert sheets.good_rows(upload) == 3
    service.uploads.accept_row(upload, 4, fence=fence, actor=world.maker)
    assert sheets.good_rows(upload) == 4
    reference = sheets.confirmed(world, dolphin, upload)
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 4, "bound": 4, "refused": 0, "known": 0, "pending": 0}
    assert run(reference).left_out == 3
    assert [line.row for line in lines(reference)] == [2, 3, 4, 8]
    there = {one["reference"]: one["card"] for one in sheets.at_sandbox(world, dolphin)}
    for number in (plain, spaced, wide, named):
        assert there.pop(sheets.card(dolphin, number).reference) == mask(number)
    assert there == {}
    assert sheets.card(dolphin, named).bank == "工行", "nobody said yes"


def test_what_was_accepted_for_all_is_what_the_channel_gets(world: World, dolphin: str) -> None:
    number = sheets.number()
    upload = sheets.checked(world, dolphin, [row(number, bank="工行"), *good(1)])
    fence = world.claimed(dolphin)
    for pattern in uploads.tally(uploads.upload(upload)).patterns:
        service.uploads.accept(upload, [pattern], fence=fence, actor=world.maker)
    assert sheets.good_rows(upload) == 2
    sheets.until_answered(world, sheets.confirmed(world, dolphin, upload))
    assert sheets.card(dolphin, number).bank == sheets.BANK
    service.listing.refresh(dolphin, actor=world.maker)
    world.until(lambda: (found := cards.listing(channels.account(dolphin).id)) and found.told_at)
    assert {one.bank for one in cards.compared(channels.account(dolphin).id, {}).rows} == {sheets.BANK}, (
        "and that is what it has"
    )


def test_a_repair_that_a_row_could_do_without_is_not_counted_as_a_row_more(world: World, dolphin: str) -> None:
    upload = sheets.checked(world, dolphin, [row(bank="工行"), *good(1)])
    service.uploads.accept_row(upload, 2, fence=world.claimed(dolphin), actor=world.maker)
    assert sheets.good_rows(upload) == 2
    reference = sheets.confirmed(world, dolphin, upload)
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 2, "bound": 2, "refused": 0, "known": 0, "pending": 0}


# -- pause, stop, retry ---------------------------------------------------------------------------------------------------


def under_way(world: World, account: str) -> str:
    """A run of which the first rows are on their way, slowly, when `sheets.at_work` begins."""
    reference = sheets.begun(world, account, good(FIRST + 12))
    sheets.pace(account, 40)
    return reference


def until_some_arrived(world: World, account: str) -> None:
    until(lambda: 3 < len(sheets.at_sandbox(world, account)) < FIRST)


def test_a_pause_asks_for_no_further_rows_and_keeps_the_answers_of_those_asked(world: World, dolphin: str) -> None:
    reference, fence = under_way(world, dolphin), world.claimed(dolphin)
    with sheets.at_work(world):
        until_some_arrived(world, dolphin)
        service.runs.pause(reference, fence=fence, actor=world.maker)
    assert run(reference).state == "paused"
    assert told(reference) == {"total": FIRST + 12, "bound": FIRST, "refused": 0, "known": 0, "pending": 0}
    world.until(lambda: True, hurry_s=600)
    each_once(world, dolphin, FIRST)
    service.runs.resume(reference, fence=world.claimed(dolphin), actor=world.maker)
    sheets.pace(dolphin, 1000)
    sheets.until_answered(world, reference)
    assert told(reference)["bound"] == FIRST + 12
    each_once(world, dolphin, FIRST + 12)
    assert [action for action, _by in deeds(reference)] == ["run.confirm", "run.pause", "run.resume"]


def test_a_stop_leaves_the_rest_unasked_and_follows_what_was_asked(world: World, dolphin: str) -> None:
    reference, fence = under_way(world, dolphin), world.claimed(dolphin)
    with sheets.at_work(world):
        until_some_arrived(world, dolphin)
        service.runs.stop(reference, fence=fence, actor=world.maker)
    assert run(reference).state == "stopped"
    world.until(lambda: not run(reference).pending, hurry_s=5)
    assert told(reference) == {"total": FIRST + 12, "bound": FIRST, "refused": 0, "known": 0, "pending": 0}
    assert Counter(line.state for line in lines(reference)) == {"bound": FIRST}
    each_once(world, dolphin, FIRST)
    for deed in (service.runs.resume, service.runs.pause, service.runs.retry):
        with pytest.raises(Refused):
            deed(reference, fence=world.claimed(dolphin), actor=world.maker)


def test_rows_without_an_answer_are_followed_card_by_card_after_a_stop(world: World, account: str) -> None:
    manner, _ = world.terms[account]
    reference = sheets.begun(world, account, [*good(8), row(ending="01")])
    sheets.switch(world, manner, "unavailable")
    try:
        world.until(lambda: run(reference).silent_since)
        service.runs.stop(reference, fence=world.claimed(account), actor=world.maker)
        assert told(reference)["pending"] == 9
        assert sheets.at_sandbox(world, account) == []
    finally:
        sheets.switch(world, manner, "open")
    world.until(lambda: not run(reference).pending, hurry_s=5)
    assert told(reference) == {"total": 9, "bound": 8, "refused": 1, "known": 0, "pending": 0}
    assert run(reference).state == "stopped"
    assert len(sheets.at_sandbox(world, account)) == 9


def times_asked(world: World, account: str, reference: str) -> list[int]:
    """How often the sandbox was asked for the card of each row, in the order of the sheet."""
    asked = {one["reference"]: one["times_asked"] for one in sheets.at_sandbox(world, account)}
    return [asked[line.reference] for line in sorted(lines(reference), key=lambda line: line.row)]


def test_refused_rows_are_asked_for_once_more(world: World, account: str) -> None:
    reference = sheets.finished(world, account, [row(ending="01"), *good(2), row(ending="02"), row(ending="01")])
    fence = world.claimed(account)
    assert service.runs.retry(reference, row=2, fence=fence, actor=world.maker) == 1
    assert run(reference).state == "running" and told(reference)["refused"] == 2
    sheets.until_answered(world, reference)
    assert times_asked(world, account, reference) == [2, 1, 1, 1, 1]
    assert service.runs.retry(reference, fence=world.claimed(account), actor=world.maker) == 3
    sheets.until_answered(world, reference)
    assert times_asked(world, account, reference) == [3, 1, 1, 2, 2]
    assert told(reference) == {"total": 5, "bound": 2, "refused": 3, "known": 0, "pending": 0}
    with pytest.raises(Refused, match="没有可以重试的行"):
        service.runs.retry(reference, row=3, fence=world.claimed(account), actor=world.maker)


def test_a_refused_card_that_somebody_else_asks_for_meanwhile_is_left_to_them(world: World, dolphin: str) -> None:
    theirs, ours = sheets.number("01"), sheets.number("02")
    reference = sheets.finished(world, dolphin, [row(theirs), row(ours)])
    service.bind(
        account=dolphin,
        number=BankCard.parse(theirs),
        holder="张三",
        bank=sheets.BANK,
        phone="",
        fence=world.claimed(dolphin),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    assert service.runs.retry(reference, fence=world.claimed(dolphin), actor=world.maker) == 1
    sheets.until_answered(world, reference)
    world.until(lambda: sheets.card(dolphin, theirs).state == "refused")
    assert told(reference) == {"total": 2, "bound": 0, "refused": 2, "known": 0, "pending": 0}
    assert [one["times_asked"] for one in sheets.at_sandbox(world, dolphin)] == [2, 2]


def test_two_runs_of_an_account_go_one_after_the_other(world: World, account: str) -> None:
    first, second = (sheets.checked(world, account, good(FIRST + 2)) for _ in range(2))
    one = sheets.confirmed(world, account, first)
    other = sheets.confirmed(world, account, second)
    sheets.until_answered(world, other)
    assert run(one).state == "finished"
    assert told(one)["bound"] == told(other)["bound"] == FIRST + 2
    numbers = [{line.reference for line in lines(it)} for it in (one, other)]
    came = [one["reference"] for one in sheets.at_sandbox(world, account)]
    assert [set(came[: FIRST + 2]), set(came[FIRST + 2 :])] == numbers


def test_a_channel_that_is_gone_keeps_no_other_account_waiting(world: World, dolphin: str) -> None:
    egret = sheets.account(world, "egret")
    first, second = sheets.checked(world, dolphin, good(5)), sheets.checked(world, egret, good(5))
    waits, goes = sheets.confirmed(world, dolphin, first), sheets.confirmed(world, egret, second)
    sheets.switch(world, "dolphin", "unavailable")
    try:
        sheets.until_answered(world, goes)
        world.until(lambda: run(waits).silent_since)
        assert told(waits)["bound"] == 0
    finally:
        sheets.switch(world, "dolphin", "open")
    sheets.until_answered(world, waits)
    assert told(waits)["bound"] == told(goes)["bound"] == 5


def test_an_account_disabled_on_the_way_pauses_its_run(world: World, dolphin: str) -> None:
    reference = under_way(world, dolphin)
    with sheets.at_work(world):
        until_some_arrived(world, dolphin)
        channel_service.set_enabled(dolphin, enabled=False, actor="test")
    world.until(lambda: run(reference).state == "paused")
    assert told(reference)["bound"] == FIRST
    each_once(world, dolphin, FIRST)
    channel_service.set_enabled(dolphin, enabled=True, actor="test")
    service.runs.resume(reference, fence=world.claimed(dolphin), actor=world.maker)
    sheets.pace(dolphin, 1000)
    sheets.until_answered(world, reference)
    assert told(reference)["bound"] == FIRST + 12


# -- a channel that is gone -----------------------------------------------------------------------------------------------


def test_a_run_waits_for_a_channel_that_is_gone_and_goes_on_by_itself(world: World, account: str) -> None:
    manner, _ = world.terms[account]
    reference = sheets.begun(world, account, [*good(FIRST + 3), row(ending="02"), row(ending="03")])
    sheets.switch(world, manner, "unavailable")
    try:
        world.until(lambda: run(reference).silent_since)
        since, asked = run(reference).silent_since, calls(account)
        world.until(lambda: calls(account) > 2 * asked, hurry_s=5)
        assert run(reference).silent_since == since, "it is told since when, not since the last time"
        assert {line.state for line in lines(reference)} == {"asking"}
        assert set(told(reference).values()) == {FIRST + 5, 0}
    finally:
        sheets.switch(world, manner, "open")
    sheets.until_answered(world, reference)
    assert run(reference).silent_since is None
    assert told(reference) == {"total": FIRST + 5, "bound": FIRST + 4, "refused": 1, "known": 0, "pending": 0}
    each_once(world, account, FIRST + 5)


@pytest.mark.slow
def test_a_run_waits_for_a_channel_that_is_silent(world: World, account: str) -> None:
    manner, _ = world.terms[account]
    reference = sheets.begun(world, account, good(3))
    sheets.switch(world, manner, "silent")
    try:
        world.until(lambda: run(reference).silent_since)
    finally:
        sheets.switch(world, manner, "open")
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 3, "bound": 3, "refused": 0, "known": 0, "pending": 0}
    each_once(world, account, 3)


@pytest.mark.parametrize("fault", ["drop_after", "error_not_taken", "garbage"])
def test_an_answer_that_went_wrong_binds_and_counts_nothing_twice(world: World, account: str, fault: str) -> None:
    manner, _ = world.terms[account]
    reference = sheets.begun(world, account, [*good(10), row(ending="01")])
    interface, times = ("bind_cards", 2) if manner == "egret" else ("bind_card", 22)
    sheets.force(world, account, interface, fault, times)
    world.until(lambda: run(reference).silent_since)
    assert set(told(reference).values()) == {11, 0}
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 11, "bound": 10, "refused": 1, "known": 0, "pending": 0}
    each_once(world, account, 11)


def test_some_answers_that_went_wrong_hold_nobody_else_up(world: World, dolphin: str) -> None:
    reference = sheets.begun(world, dolphin, [*good(20), row(ending="02")])
    sheets.force(world, dolphin, "bind_card", "drop_after", 7)
    world.until(lambda: run(reference).state == "finished")
    assert run(reference).silent_since is None
    assert told(reference)["pending"] == 7 and sum(told(reference).values()) == 2 * 21
    sheets.until_answered(world, reference)
    assert told(reference) == {"total": 21, "bound": 20, "refused": 1, "known": 0, "pending": 0}
    each_once(world, dolphin, 21)


def audited(action: str) -> list[tuple[str, str, object]]:
    db.session.rollback()
    found = select(AuditRecord).where(AuditRecord.action == action).order_by(AuditRecord.seq)
    return [(one.subject, one.actor, json.loads(one.after)) for one in db.session.scalars(found)]


def calls(account: str) -> int:
    """How often the channel was called about cards."""
    mine = ChannelCall.account_id == channels.account(account).id, ChannelCall.interface.startswith("bind")
    return db.session.scalar(select(func.count()).where(*mine)) or 0


def deeds(reference: str) -> list[tuple[str, str]]:
    db.session.rollback()
    found = select(AuditRecord).where(AuditRecord.subject == reference).order_by(AuditRecord.seq)
    return [(one.action, one.actor) for one in db.session.scalars(found)]

"""整批办理: all that waits for review is approved, rejected or taken back at once, row by row, as it was on the screen."""

import json

import pytest
from sqlalchemy import select

from app.auth import service as auth
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.kernel.errors import Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals import queries, service
from app.withdrawals.queries import sheets as reading
from app.withdrawals.service import sheet_orders
from tests.withdrawals import sheets
from tests.withdrawals.sheets import good, ordered, row, states
from tests.world import World


def test_the_whole_sheet_is_approved_row_by_row_and_paid(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.finished(world, account, [*good(3), row("20.00")])
    ordered(world, reference, "approve")
    (order,) = reading.orders(sheets.sheet(reference).id)
    assert (order.done, order.refused, order.total, order.amount, order.actor) == (4, 0, 4, Money(5000), "checker")
    assert {it.answer for it in sheets.lines(reference)} == {"done"}
    world.until(lambda: states(reference) == {"paid": 4})
    made = queries.by_number(str(sheets.lines(reference)[0].number))
    assert (made.checker, made.approval) == ("checker", queries.digest(made))
    record = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "sheet.approve")).one()
    assert (record.subject, record.actor) == (reference, "checker")
    assert json.loads(record.after or "{}") == {"count": 4, "amount": "50.00", "approval": order.seen}
    world.all_is_well()


def test_nobody_decides_about_their_own_sheet_and_only_its_maker_takes_it_back(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(2))
    for verb, who, why in (
        ("approve", world.maker, "不能审批自己"),
        ("reject", world.maker, "不能审批自己"),
        ("cancel", world.checker, "只有创建人"),
    ):
        with pytest.raises(Refused, match=why):
            sheet_orders.give(reference, verb, seen=sheets.seen(reference), actor=who)
    assert states(reference) == {"review": 2} and reading.orders(sheets.sheet(reference).id) == []


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_what_was_seen_is_what_is_decided(world: World, verb: str) -> None:
    reference = sheets.finished(world, sheets.account(world), [*good(2), row("30.00")])
    seen = sheets.seen(reference)
    service.cancel(str(sheets.lines(reference)[2].number), actor=world.maker)
    with pytest.raises(Refused, match=r"当时是 3 笔、¥50.00，现在是 2 笔、¥20.00"):
        sheet_orders.give(reference, verb, seen=seen, reason="不对", actor=world.checker)
    with db.engine.begin() as connection:  # somebody at the database
        connection.exec_driver_sql("UPDATE withdrawal SET holder = '李四' WHERE state = 'review'")
    seen = sheets.seen(reference)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE withdrawal SET holder = '王五' WHERE state = 'review'")
    with pytest.raises(Refused, match="有变化"):
        sheet_orders.give(reference, verb, seen=seen, reason="不对", actor=world.checker)
    assert states(reference) == {"review": 2, "cancelled": 1}


def test_a_row_that_changed_after_the_order_is_not_approved_and_says_why(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(3))
    sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=world.checker)
    first, second, third = (str(it.number) for it in sheets.lines(reference))
    service.cancel(first, actor=world.maker)
    with db.engine.begin() as connection:  # somebody at the database
        connection.exec_driver_sql(f"UPDATE withdrawal SET amount_minor = 90000 WHERE number = '{second}'")
    jobs.drain(Line.SHEETS)
    (order,) = reading.orders(sheets.sheet(reference).id)
    assert (order.done, order.refused) == (1, 2) and order.ended_at
    answers = {it.number: (it.answer, str(it.answer_why)) for it in sheets.lines(reference)}
    assert answers[first] == ("refused", "这笔提现现在是“已撤销”，不能“审批通过”")
    assert answers[second] == ("refused", "这笔提现在您打开页面后有变化，请核对后再审批")
    assert answers[third] == ("done", "")
    assert [it.row for it in reading.rows(sheets.sheet(reference).id, {"state": "not_done"})[1]] == [2, 3]


def test_the_whole_sheet_is_rejected_with_a_reason_and_the_money_comes_back(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.finished(world, account, good(3))
    ordered(world, reference, "reject", reason="名单不对")
    assert states(reference) == {"rejected": 3}
    trace = queries.trace(queries.by_number(str(sheets.lines(reference)[0].number)))
    assert trace[-1].note == "名单不对"
    assert ledger.balances_of([account])[account].available == Money.parse("10000.00")
    world.all_is_well()


def test_its_maker_takes_back_what_still_waits(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.finished(world, account, good(3))
    world.approve(str(sheets.lines(reference)[0].number))
    ordered(world, reference, "cancel", by="maker")
    assert states(reference)["cancelled"] == 2
    world.until(lambda: states(reference) == {"cancelled": 2, "paid": 1})
    world.all_is_well()


def test_one_order_at_a_time_and_none_while_it_is_made(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.begun(world, account, good(2))
    with pytest.raises(Refused, match="还在生成"):
        sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=world.checker)
    world.until(lambda: sheets.sheet(reference).state == "finished")
    seen = sheets.seen(reference)
    sheet_orders.give(reference, "approve", seen=seen, actor=world.checker)
    for verb, who in (("reject", world.checker), ("cancel", world.maker)):
        with pytest.raises(Refused, match="正在整批办理"):
            sheet_orders.give(reference, verb, seen=seen, reason="等等", actor=who)
    jobs.drain(Line.SHEETS)
    with pytest.raises(Refused, match="没有待审批"):
        sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=world.checker)


def test_a_checker_who_may_not_any_more_approves_nothing(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), good(2))
    sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=world.checker)
    administrator = world.person("keeper", Role.ADMINISTRATOR)
    auth.disable("checker", reason="离职", actor=administrator)
    jobs.drain(Line.SHEETS)
    assert states(reference) == {"review": 2}
    assert {str(it.answer_why) for it in sheets.lines(reference)} == {sheet_orders.NO_RIGHT}
    other = world.person("second", Role.SUPERVISOR)
    sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=other)
    jobs.drain(Line.SHEETS)
    assert {it.answer for it in sheets.lines(reference)} == {"done"}


def test_what_was_done_before_a_kill_is_not_told_as_refused(world: World) -> None:
    """The worker died after some commands, before it wrote down how they went."""
    reference = sheets.finished(world, sheets.account(world), good(4))
    sheet_orders.give(reference, "approve", seen=sheets.seen(reference), actor=world.checker)
    for one in sheets.lines(reference)[:2]:
        world.approve(str(one.number))
    jobs.drain(Line.SHEETS)
    (order,) = reading.orders(sheets.sheet(reference).id)
    assert (order.done, order.refused) == (4, 0)

"""The result of a sheet of withdrawals: the customer's own columns and numbers, and no number more than one may see."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.auth.models import AuditRecord
from app.cards import service as card_service
from app.kernel.bank_card import mask
from app.kernel.errors import Refused
from app.runtime.db import db
from app.uploads import queries as uploads
from app.uploads.models import UploadBlock, UploadPart
from app.withdrawals import service
from tests.cards.sheets import as_csv
from tests.cards.test_pages import enters
from tests.cards.test_results import told
from tests.withdrawals import sheets
from tests.withdrawals.sheets import ordered, row
from tests.world import CARD, World

ONE_ENGINE = True
PHONE, MISTYPED, UNBOUND = "13912345678", "6222021001116245778", "6217001210024455220"


def result(reference: str) -> bytes:
    db.session.rollback()
    return b"".join(uploads.file(uploads.by_id(sheets.sheet(reference).upload_id), service.sheet_results.FILE))


def written(world: World, reference: str) -> list[list[str]]:
    """As things stand now."""
    before = sheets.sheet(reference).result_at
    service.sheet_results.ask(reference)
    world.until(lambda: sheets.sheet(reference).result_at != before)
    return told(result(reference))


def test_it_has_every_row_with_its_number_its_state_and_why(world: World) -> None:
    account = sheets.account(world)
    rows = [
        row("10.00", own="20261121000123"),
        row("10.02", own="A-2"),
        row("30.00", card=UNBOUND, own=f"订单{PHONE}"),
        row("40.00", card=MISTYPED),
        row("50.00", memo=f"转 {PHONE}"),
    ]
    reference = sheets.finished(world, account, rows)
    ordered(world, reference, "approve")
    world.until(lambda: set(sheets.states(reference)) == {"paid", "failed"})
    header, *found = written(world, reference)
    assert header == [*sheets.HEADER, "行号", "订单编号", "状态", "原因"]
    assert [cells[5] for cells in found] == ["2", "3", "4", "5", "6"]
    numbers = [str(it.number) for it in sheets.lines(reference)]
    assert [cells[6] for cells in found] == [numbers[0], numbers[1], "", "", numbers[2]]
    assert [cells[7] for cells in found] == ["成功", "失败", "未提交：有误", "未提交：有误", "成功"]
    assert found[1][8] == "渠道没有说明原因" and "先绑定" in found[2][8] and "Luhn" in found[3][8] and not found[0][8]
    assert [cells[4] for cells in found][:3] == ["20261121000123", "A-2", f"订单{PHONE}"], "their own numbers stay"
    assert found[0][:3] == [mask(CARD), "张三", "10.00"]
    assert not {CARD, MISTYPED, UNBOUND} & {cell for cells in found for cell in cells}
    assert PHONE not in found[4][3]


def test_a_row_that_was_stopped_or_refused_says_so(world: World) -> None:
    account = sheets.account(world, balance="20.00")
    reference = sheets.begun(world, account, [row("10.00"), row("11.00"), row("12.00")])
    world.until(lambda: sheets.sheet(reference).state == "paused")
    assert [cells[7] for cells in written(world, reference)[1:]] == ["待审批", "未生成", "未生成"]
    service.sheets.stop(reference, fence=world.claimed(account), actor=world.maker)
    world.until(lambda: [cells[7] for cells in told(result(reference))[1:]] == ["待审批", *["未生成：已停止"] * 2])


@pytest.mark.parametrize("evil", ["=1+1", "+8613900000000", "-2", "@SUM(A1)", "＝cmd|1"])
def test_nothing_in_it_is_a_formula(world: World, evil: str) -> None:
    reference = sheets.finished(world, sheets.account(world), [row("10.00", memo=evil, own=f"{evil}x")])
    (cells,) = written(world, reference)[1:]
    assert cells[3][0] == cells[4][0] == "'"


def test_who_takes_it_along_is_written_down_and_a_foreign_sheet_is_not_there(world: World) -> None:
    reference = sheets.finished(world, sheets.account(world), [row("10.00")])
    world.until(lambda: sheets.sheet(reference).result_at)
    finance = enters(world, "checker")
    answer = finance.get(f"/withdrawal-sheets/{reference}/result.xlsx")
    assert answer.status_code == 200 and answer.data == result(reference)
    assert reference in answer.headers["Content-Disposition"]
    taken = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "sheet.take")).one()
    assert (taken.actor, taken.subject) == ("checker", reference)
    assert finance.get("/withdrawal-sheets/S20260101XXXXXXXXXX/result.xlsx").status_code == 404
    assert finance.get(f"/withdrawal-uploads/{reference}").status_code == 404


def test_contents_are_erased_when_their_time_is_over_and_not_while_it_is_made(world: World) -> None:
    account = sheets.account(world, balance="20.00")
    paused = sheets.begun(world, account, [row("10.00"), row("11.00")])
    world.until(lambda: sheets.sheet(paused).state == "paused")
    unconfirmed = sheets.checked(world, account, [row("1.00", memo="没有提交")])
    world.ahead += timedelta(days=31)
    service.sheets.erase_old()
    db.session.rollback()
    assert uploads.upload(unconfirmed).state == "erased"
    upload_id = sheets.sheet(paused).upload_id
    assert uploads.by_id(upload_id).state == "confirmed"
    world.maker = world.signed_in("maker")
    service.sheets.stop(paused, fence=world.claimed(account), actor=world.maker)
    world.until(lambda: sheets.sheet(paused).result_at)
    service.sheets.erase_old()
    db.session.rollback()
    assert uploads.by_id(upload_id).state == "erased" and uploads.by_id(upload_id).key_sealed == ""
    for table in (UploadPart, UploadBlock):
        assert db.session.scalar(select(table.id).where(table.upload_id == upload_id)) is None
    with pytest.raises(Refused, match="按期清除"):
        service.sheet_results.ask(paused)
    assert sheets.told(paused) == ("stopped", 1, 0), "what was made stays"
    page = enters(world, "checker").get(f"/withdrawal-sheets/{paused}")
    assert page.status_code == 200 and "保留期已过" in page.text


def test_a_file_of_the_sheet_is_read_in_whatever_it_is_written(world: World) -> None:
    account = sheets.account(world)
    content = as_csv([row("10.00", own="甲-1")], sheets.HEADER).decode().encode("gb18030")
    upload = sheets.received_file(world, account, content, "名单.csv")
    assert uploads.meta(uploads.upload(upload))["encoding"] == "GB18030"
    reference = sheets.confirmed(world, account, upload)
    world.until(lambda: sheets.told(reference) == ("finished", 1, 0))
    assert sheets.lines(reference)[0].own_number == "甲-1"


def test_a_payee_who_is_forgotten_is_not_named_by_the_customers_number_either(world: World) -> None:
    account = sheets.account(world)
    reference = sheets.finished(world, account, [row("10.00", own="张三-1"), row("11.00", own="B-2")])
    ordered(world, reference, "reject", reason="名单不对")
    card_service.forget(world.card(account), why="本人要求", above=service.payee_forgotten, actor=world.maker)
    db.session.rollback()
    assert [it.own_number for it in sheets.lines(reference)] == ["已删除-1", "B-2"]

"""The result to take along: the sheet as it was sent, with what became of each row, and no number more than one may see."""

import zipfile
from datetime import timedelta
from io import BytesIO
from itertools import chain

import pytest
from sqlalchemy import select

from app.auth.models import AuditRecord
from app.cards import service
from app.kernel.bank_card import mask
from app.kernel.cells import Column, Kind
from app.kernel.errors import Refused
from app.runtime import sheet
from app.runtime.db import db
from app.uploads import queries as uploads
from app.uploads.models import UploadPart
from app.uploads.results import covered
from tests.cards import sheets
from tests.cards.sheets import row, run
from tests.cards.test_pages import csrf, enters
from tests.world import PASSWORD, World

ONE_ENGINE = True
REMARK = (*sheets.HEADER, "备注")
MISTYPED = "6222021001116245778"
ID, PHONE = "11010519491231002X", "13912345678"


def told(content: bytes) -> list[list[str]]:
    """The rows as they are read back; an empty cell is ""."""
    with sheet.reading(content) as book:
        rows = [cells for some in book for _at, cells in some]
    width = max(map(len, rows))
    return [["" if cell is None else str(cell) for cell in [*cells, *[None] * (width - len(cells))]] for cells in rows]


def result(reference: str, file: str = service.results.MASKED) -> bytes:
    db.session.rollback()
    return b"".join(uploads.file(uploads.by_id(run(reference).upload_id), file))


def taken(world: World, reference: str, *, whole: bool = True) -> bytes:
    """Written anew, and taken."""
    file = service.results.WHOLE if whole else service.results.MASKED
    before = run(reference).result_at
    service.results.ask(reference, whole=whole, actor=world.checker)
    world.until(lambda: run(reference).result_at != before)
    return result(reference, file)


def began(world: World, account: str, rows: list[sheets.Row], header: sheets.Row = sheets.HEADER) -> str:
    """A run whose sheet has columns of its own too, at its end."""
    upload = sheets.received(world, account, sheets.as_csv(rows, header))
    assert uploads.upload(upload).state == "checked"
    reference = sheets.confirmed(world, account, upload)
    sheets.until_answered(world, reference)
    world.until(lambda: run(reference).result_at)
    return reference


def test_it_has_every_row_in_the_files_order_with_state_and_reason(world: World) -> None:
    account, first, refused = world.account("egret"), sheets.number(), sheets.number("01")
    wide = sheets.number().translate({ord("0") + digit: "０１２３４５６７８９"[digit] for digit in range(10)})
    known = sheets.number()
    rows = [
        row(first, phone=PHONE),
        row(refused),
        row(MISTYPED),
        row(wide),
        row(first),
        row(known),
        row(holder=""),
        row(sheets.number("03")),
    ]
    upload = sheets.checked(world, account, rows)
    world.card(account, known)
    reference = sheets.confirmed(world, account, upload)
    sheets.until_answered(world, reference)
    world.until(lambda: run(reference).result_at)
    header, *found = told(taken(world, reference))
    assert header == [*sheets.HEADER, "行号", "状态", "原因"]
    assert [cells[:4] for cells in found] == [list(one) for one in rows], "the sheet as it was sent, cell by cell"
    assert [cells[4] for cells in found] == [str(at) for at in range(2, 10)]
    assert [cells[5] for cells in found] == [
        "已绑定", "被拒绝", "未提交：有误", "未提交：修改建议没有采纳", "未提交：有误", "此前已绑定", "未提交：有误",
        "已绑定",
    ]  # fmt: skip
    reasons = [cells[6] for cells in found]
    assert reasons[1] == "户名不符" and reasons[4] == "与第 2 行重复" and "Luhn" in reasons[2] and "必填" in reasons[6]
    assert reasons[5] == service.binding.ALREADY and {reasons[0], reasons[7]} <= {"", "成功"}


def test_rows_that_were_never_handed_on_say_so(world: World) -> None:
    account = world.account()
    reference = sheets.begun(world, account, sheets.good(3))
    service.runs.pause(reference, fence=world.claimed(account), actor=world.maker)
    _, *found = told(taken(world, reference, whole=False))
    assert [cells[5] for cells in found] == ["未提交"] * 3
    service.runs.stop(reference, fence=world.claimed(account), actor=world.maker)
    written = run(reference).result_at
    world.until(lambda: run(reference).result_at != written)
    _, *found = told(result(reference))
    assert [cells[5] for cells in found] == ["未提交：已停止"] * 3


def test_no_number_leaves_whole_without_being_asked_for(world: World) -> None:
    account = world.account("egret")
    service.templates.draft("egret", actor=world.checker)
    column = Column(key="id_number", title="证件号码", kind=Kind.ID_NUMBER)
    service.templates.put_column("egret", column, edition=1, actor=world.checker)
    service.templates.activate("egret", edition=2, note="", actor=world.checker)
    header = (*sheets.HEADER, "证件号码", "备注")
    good, swapped, third = (sheets.number() for _ in range(3))
    spaced = " ".join(third[at : at + 4] for at in range(0, len(third), 4))
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    rows = [
        (good, "张三", sheets.BANK, PHONE, ID, f"卡 {swapped} 电话 {PHONE}"),
        ("王芳", swapped, sheets.BANK, "", "", ID),
        (spaced, "张三", sheets.BANK, PHONE.translate(wide), ID.lower(), spaced),
        (MISTYPED, MISTYPED, MISTYPED, MISTYPED, MISTYPED, MISTYPED),
        (third.translate(wide), PHONE, ID, ID, PHONE, third.translate(wide)),
    ]
    reference = began(world, account, rows, header)
    digits = "".join
    masked = told(result(reference))
    secrets = (good, swapped, third, MISTYPED, PHONE, ID[:-1], MISTYPED[:-1])
    for cell in chain(*masked[1:]):
        bare = digits(
            letter for letter in cell.translate(str.maketrans("０１２３４５６７８９", "0123456789")) if letter.isdigit()
        )
        assert not any(secret in bare for secret in secrets), cell
    assert masked[1][:5] == [mask(good), "张三", sheets.BANK, "139****5678", "1101**********002X"]
    _, *whole = told(taken(world, reference))
    assert [cells[:6] for cells in whole] == [list(one) for one in rows]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-21", "2026-11-21"),
        ("12,345.67", "12,345.67"),
        ("合同 20261121", "合同 20261121"),
        ("", ""),
        ("13912345678", "***********"),
        ("139 1234-5678", "***********"),
        ("11010519491231002X", "1101**********002X"),
        (MISTYPED, "6222***********5778"),
    ],
)
def test_what_could_be_somebodys_number_is_covered_in_any_column(text: str, shown: str) -> None:
    assert covered(text) == shown


def test_no_cell_leaves_as_a_formula(world: World) -> None:
    account = world.account("egret")
    tricks = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠x"]
    rows = [(*row(), trick) for trick in tricks]
    reference = began(world, account, [*rows, (*row(holder="=张三"), "")], (*sheets.HEADER, "=备注"))
    for content in (result(reference), taken(world, reference)):
        found = told(content)
        assert [cells[4] for cells in found[1:-1]] == [f"'{trick}" for trick in tricks]
        for cell in chain(*found):
            assert not cell.startswith(tuple("=+-@＝＋－＠")), "not even once somebody saves it as CSV"
            assert sheet.cell(cell) == cell
        with zipfile.ZipFile(BytesIO(content)) as parts:
            page = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in page and "<f " not in page
        kinds = {
            part.partition('t="')[2].partition('"')[0]
            for part in page.split("<c ")[1:]
            if "<v>" in part or "<is>" in part
        }
        assert kinds <= {"s", "inlineStr"}, "every cell is text"


def test_a_region_of_the_upload_leads_the_whole_page_to_the_run(world: World) -> None:
    reference = began(world, world.account("egret"), [row(sheets.number())])
    page = f"/card-uploads/{uploads.by_id(run(reference).upload_id).reference}"
    maker = enters(world, "maker")
    assert maker.get(page).headers["Location"] == f"/binding-runs/{reference}"
    part = maker.get(page, headers={"HX-Request": "true", "HX-Target": "section#upload_now"})
    assert (part.status_code, part.text, part.headers["HX-Redirect"]) == (200, "", f"/binding-runs/{reference}")


# -- who may take it ------------------------------------------------------------------------------------------------------


def test_whole_numbers_are_for_those_who_may_see_them_prove_who_they_are_and_are_written_down(world: World) -> None:
    account, number = world.account("egret"), sheets.number()
    reference = began(world, account, [row(number)])
    page = f"/binding-runs/{reference}"
    maker = enters(world, "maker")
    assert maker.post(f"{page}/whole-result", data={"csrf_token": csrf(maker)}).status_code == 403
    assert maker.get(f"{page}/whole-result.xlsx").status_code == 403
    masked = maker.get(f"{page}/result.xlsx", buffered=True)
    assert masked.status_code == 200 and mask(number) in str(told(masked.data)) and number not in str(told(masked.data))
    assert taken_whole() == []
    checker = enters(world, "checker")
    world.ahead += timedelta(minutes=6)
    assert "/proof" in checker.get(f"{page}/whole-result.xlsx").headers["Location"]
    asked = checker.post(f"{page}/whole-result", data={"csrf_token": csrf(checker)})
    assert asked.status_code == 403 and "proof_secret" in asked.text
    assert taken_whole() == []
    proved = {"csrf_token": csrf(checker), "proof_secret": PASSWORD}
    assert checker.post(f"{page}/whole-result", data=proved).status_code == 303
    assert taken_whole() == [("checker", reference)]
    world.until(lambda: uploads.has_file(run(reference).upload_id, service.results.WHOLE))
    whole = checker.get(f"{page}/whole-result.xlsx", buffered=True)
    assert whole.status_code == 200 and number in str(told(whole.data))
    assert whole.headers["Cache-Control"] == "no-store"
    assert taken_whole() == [("checker", reference)] * 2, "and that it was taken"


def test_once_it_is_erased_there_is_no_result_and_the_page_says_so(world: World) -> None:
    account, number = world.account("egret"), sheets.number()
    reference = began(world, account, [row(number)])
    world.ahead += timedelta(days=31)
    service.uploads.erase_old()
    assert not db.session.scalars(select(UploadPart)).all()
    with pytest.raises(Refused, match="已按期清除"):
        service.results.ask(reference, whole=False, actor=world.maker)
    maker = enters(world, "maker")
    page = maker.get(f"/binding-runs/{reference}")
    assert page.status_code == 200 and "清除" in page.text
    assert f"{reference}/result.xlsx" not in page.text
    gone = maker.get(f"/binding-runs/{reference}/result.xlsx")
    assert gone.status_code == 409 and "已按期清除" in gone.text
    assert sheets.card(account, number).state == "bound", "the cards stay"


def taken_whole() -> list[tuple[str, str]]:
    db.session.rollback()
    found = select(AuditRecord).where(AuditRecord.action == "run.take-whole").order_by(AuditRecord.seq)
    return [(one.actor, one.subject) for one in db.session.scalars(found)]

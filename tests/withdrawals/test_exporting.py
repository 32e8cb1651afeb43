"""Exports: what the page shows is in the sheet, written in pieces that survive a kill, readable by its owner alone."""

import csv
import io
from datetime import timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.exports import exporting as room
from app.exports import queries as exports
from app.exports import service as export_service
from app.exports.models import Export, ExportPart
from app.exports.states import Format
from app.kernel.errors import NotThere, Refused
from app.runtime import vault
from app.runtime.db import db, transaction
from app.runtime.jobs import Again
from app.withdrawals import service
from app.withdrawals.models import Withdrawal
from app.withdrawals.rules.viewing import COLUMNS, DEFAULT_COLUMNS
from app.withdrawals.service import exporting
from tests.world import CARD, World


@pytest.fixture
def account(world: World) -> str:
    return world.account()


@pytest.fixture
def three(world: World, account: str) -> list[str]:
    return [world.withdrawal(amount, account=account) for amount in ("10.00", "20.00", "30.50")]


def ask(actor: Actor, format_: str = "csv", **more: object) -> str:
    given: dict[str, object] = {"account_id": None, "numbers": [], "columns": DEFAULT_COLUMNS, "words": []} | more
    asked = given.pop("asked", {})
    titles = {key: str(word) for key, word in exporting.words_of().items()}
    return exporting.ask(asked, titles=titles, format_=Format(format_), actor=actor, **given)  # type: ignore[arg-type]


def file(world: World, reference: str, actor: Actor) -> bytes:
    world.until(lambda: exports.mine(reference, actor).state in ("ready", "failed"))
    return b"".join(exports.pieces(exports.mine(reference, actor)))


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_sheet_holds_what_the_list_shows(world: World, three: list[str]) -> None:
    reference = ask(world.maker, columns=["number", "amount", "card", "state", "people"])
    head, *rows = lines(file(world, reference, world.maker))
    assert head == ["订单编号", "金额", "账号", "状态", "操作员"]
    assert [row[0] for row in rows] == three[::-1]
    assert [row[1] for row in rows] == ["30.50", "20.00", "10.00"]
    assert {row[2] for row in rows} == {"6222 02** **** 5777"} and {row[3] for row in rows} == {"待审批"}
    assert CARD not in str(rows)
    book = CalamineWorkbook.from_filelike(io.BytesIO(file(world, ask(world.maker, "xlsx"), world.maker)))
    sheet = book.get_sheet_by_index(0).to_python()
    assert len(sheet) == 4 and sheet[1][DEFAULT_COLUMNS.index("amount")] == 30.5


def test_filters_ticks_and_every_column(world: World, three: list[str]) -> None:
    service.cancel(three[1], actor=world.maker)
    found = lines(file(world, ask(world.maker, asked={"state": "cancelled"}, columns=list(COLUMNS)), world.maker))
    assert [row[0] for row in found[1:]] == [three[1]] and len(found[0]) == len(COLUMNS)
    found = lines(file(world, ask(world.maker, numbers=three[:2]), world.maker))
    assert [row[0] for row in found[1:]] == [three[1], three[0]]
    with pytest.raises(Refused, match="没有选中"):
        exporting.require_ticked([], wanted=True)


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_a_worker_that_is_killed_after_any_piece_loses_nothing(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    monkeypatch.setattr(exporting, "ROWS_A_BLOCK", 1)
    reference = ask(world.maker, format_)
    runs = 0
    while isinstance(exporting.write(reference, slice_s=0), Again):
        db.session.remove()
        runs += 1
    export = exports.mine(reference, world.maker)
    assert runs == 3 and (export.state, export.rows, export.total) == ("ready", 3, 3)
    assert exporting.write(reference) is None, "another nudge writes nothing more"
    content = b"".join(exports.pieces(export))
    assert len(content) == export.size
    if format_ == "csv":
        numbers = [row[0] for row in lines(content)[1:]]
    else:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        numbers = [str(row[0]) for row in book.get_sheet_by_index(0).to_python()[1:]]
    assert numbers == three[::-1]


def test_two_workers_never_write_one_piece_twice(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one reads, the first one writes that very piece meanwhile: the second's is thrown away."""
    monkeypatch.setattr(exporting, "ROWS_A_BLOCK", 1)
    reference = ask(world.maker)
    exporting.write(reference, slice_s=0)
    plan = exporting._plan(exports.mine(reference, world.maker))

    def overtaken(after: int | None) -> tuple[object, int | None]:
        found = plan.block(after)
        exporting.write(reference, slice_s=0)
        return found

    slow = room.Plan(columns=plan.columns, count=plan.count, block=overtaken)  # type: ignore[arg-type]
    assert not room._go_on(reference, slow)
    world.until(lambda: exports.mine(reference, world.maker).state == "ready")
    assert [row[0] for row in lines(file(world, reference, world.maker))[1:]] == three[::-1]


def test_an_export_is_its_owners_alone_and_lies_sealed(world: World, three: list[str]) -> None:
    reference = ask(world.maker, asked={"q": "张三"}, words=[("户名", "张三")])
    assert file(world, reference, world.maker)
    with pytest.raises(NotThere):
        exports.mine(reference, world.checker)
    stored = [*db.session.scalars(select(ExportPart.body)), *db.session.scalars(select(Export.question))]
    assert all("张三".encode() not in raw and three[0].encode() not in raw for raw in stored)
    assert exports.question_of(exports.mine(reference, world.maker))["words"] == [["户名", "张三"]]
    told = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "export.ask")).one()
    assert "张三" not in str(told.after)


def test_whoever_loses_a_channel_loses_what_was_exported_of_it(world: World, three: list[str]) -> None:
    reference = ask(world.maker)
    limited = Actor(**{**_fields(world.maker), "channels": frozenset({"dolphin"})})
    with pytest.raises(NotThere):
        exports.mine(reference, limited)
    theirs = ask(limited)
    assert exports.mine(theirs, limited).reference == theirs
    elsewhere = Actor(**{**_fields(world.maker), "channels": frozenset({"egret"})})
    with pytest.raises(NotThere):
        exports.mine(theirs, elsewhere)
    assert lines(file(world, ask(elsewhere), elsewhere))[1:] == [], "none of theirs is of the egret"


def _fields(actor: Actor) -> dict[str, object]:
    return {name: getattr(actor, name) for name in actor.__slots__}


def test_taking_along_is_counted_and_written_down(world: World, three: list[str]) -> None:
    reference = ask(world.maker)
    with pytest.raises(Refused, match="还没有生成"):
        export_service.take(reference, actor=world.maker)
    file(world, reference, world.maker)
    for _ in range(export_service.DOWNLOADS.times):
        assert export_service.take(reference, actor=world.maker).rows == 3
    with pytest.raises(Refused, match="次数太多"):
        export_service.take(reference, actor=world.maker)
    assert exports.mine(reference, world.maker).downloads == export_service.DOWNLOADS.times
    records = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "export.take")).all()
    assert len(records) == export_service.DOWNLOADS.times


def test_what_is_erased_is_gone_for_good(world: World, three: list[str]) -> None:
    first, second, third = (ask(world.maker) for _ in range(3))
    with pytest.raises(Refused, match="在生成"):
        ask(world.maker)
    export_service.delete(third, actor=world.maker)
    assert exporting.write(third) is None
    file(world, first, world.maker)
    file(world, second, world.maker)
    export_service.delete(first, actor=world.maker)
    world.ahead += timedelta(days=8)
    export_service.erase_old()
    db.session.rollback()
    for reference in (first, second, third):
        export = exports.mine(reference, world.maker)
        assert (export.state, export.question, export.key_sealed) == ("erased", b"", "")
        assert exports.question_of(export) == {}
        with pytest.raises(vault.Sealed):
            exports.key_of(reference, export.key_sealed)
    assert db.session.scalars(select(ExportPart)).all() == []


def test_more_than_a_sheet_holds_is_refused_in_words(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROWS_MOST", 2)
    reference = ask(world.maker)
    exporting.write(reference)
    export = exports.mine(reference, world.maker)
    assert export.state == "failed" and "超过 2 行" in str(exports.trouble_of(export))


def test_no_name_in_a_sheet_becomes_a_formula(world: World, three: list[str]) -> None:
    with transaction():
        db.session.execute(update(Withdrawal).values(memo="=HYPERLINK(1)", holder="+86"))
    for format_ in ("csv", "xlsx"):
        content = file(world, ask(world.maker, format_, columns=["holder", "memo"]), world.maker)
        if format_ == "csv":
            cells = lines(content)[1]
        else:
            book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            cells = [str(cell) for cell in book.get_sheet_by_index(0).to_python()[1]]
        assert cells == ["'+86", "'=HYPERLINK(1)"]

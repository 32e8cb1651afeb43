"""Sheets of withdrawals for the tests: files of rows to bound cards, and the way of one to its withdrawals.

Everything goes by the services that pages and workers use.
"""

from collections.abc import Iterable
from uuid import uuid4

from app.kernel.money import ZERO, Money
from app.runtime.db import db
from app.uploads import queries as uploads
from app.withdrawals import service
from app.withdrawals.models import WithdrawalSheet
from app.withdrawals.queries import sheets
from app.withdrawals.queries.forecast import forecast
from tests.cards.sheets import Row, as_csv
from tests.world import CARD, World

HEADER = ("卡号", "开户人", "金额", "备注", "业务编号")


def row(amount: str = "10.00", *, card: str = CARD, holder: str = "张三", memo: str = "", own: str = "") -> Row:
    return (card, holder, amount, memo, own)


def good(times: int, amount: str = "10.00") -> list[Row]:
    return [row(amount) for _ in range(times)]


def account(world: World, **terms: str) -> str:
    """An account with the card of the world bound to it."""
    made = world.account(**terms)
    world.card(made)
    return made


def received(world: World, account: str, rows: Iterable[Row], *, form_key: str = "") -> str:
    """An upload by the maker that was looked at, whatever was found. Its reference."""
    return received_file(world, account, as_csv(rows, HEADER), "提现.csv", form_key=form_key)


def received_file(world: World, account: str, content: bytes, filename: str, *, form_key: str = "") -> str:
    reference = service.sheets.DESK.receive(
        account=account,
        filename=filename,
        content=content,
        fence=world.claimed(account),
        form_key=form_key or str(uuid4()),
        actor=world.maker,
    )
    world.until(lambda: uploads.upload(reference).state != "checking")
    return reference


def checked(world: World, account: str, rows: Iterable[Row]) -> str:
    """An upload that waits to be confirmed."""
    reference = received(world, account, rows)
    assert uploads.upload(reference).state == "checked", uploads.trouble(uploads.upload(reference))
    return reference


def confirmed(world: World, account: str, upload: str) -> str:
    """The sheet of an upload, whatever would not leave today; no worker has touched it yet."""
    good = sheets.totals(uploads.upload(upload))
    return service.sheets.confirm(
        upload,
        count=good.count,
        amount=good.amount,
        fence=world.claimed(account),
        stay=forecast(uploads.upload(upload)).all.count,
        actor=world.maker,
    )


def begun(world: World, account: str, rows: Iterable[Row]) -> str:
    return confirmed(world, account, checked(world, account, rows))


def finished(world: World, account: str, rows: Iterable[Row]) -> str:
    """A sheet whose rows all became what they can."""
    reference = begun(world, account, rows)
    world.until(lambda: sheet(reference).state == "finished")
    return reference


def sheet(reference: str) -> WithdrawalSheet:
    db.session.rollback()
    return sheets.sheet(reference)


def lines(reference: str) -> list[sheets.Line]:
    """Its rows as the page lists them (at most a hundred)."""
    return sheets.rows(sheet(reference).id, {"size": "100"})[1]


def told(reference: str) -> tuple[str, int, int]:
    found = sheet(reference)
    return found.state, found.made, found.refused


def states(reference: str) -> dict[str, int]:
    return {state: count for state, (count, _amount) in sheets.states(sheet(reference).id).items()}


def amount(reference: str) -> Money:
    """Of all the withdrawals that it has."""
    return sum((it for _count, it in sheets.states(sheet(reference).id).values()), ZERO)


def seen(reference: str) -> str:
    """What stands on the screen of somebody who decides about all of it."""
    return sheets.in_review(sheet(reference).id).token


def ordered(world: World, reference: str, verb: str, *, by: str = "checker", reason: str = "") -> None:
    """An order about all of it, carried out."""
    service.sheet_orders.give(reference, verb, seen=seen(reference), reason=reason, actor=getattr(world, by))
    world.until(lambda: sheets.open_order(sheet(reference).id) is None)


def said(upload: str) -> dict[int, list[tuple[str, str]]]:
    """What was found wrong in which row: the column and the sentence."""
    found = uploads.upload(upload)
    return {
        it.row: [(fault.key, str(fault.text)) for fault in it.verdict.faults]
        for block in uploads.blocks(found)
        for it in block
        if it.verdict.faults
    }

"""Sheets of withdrawals: 10,000 rows from the file to withdrawals in review, and to all of them approved, on SQLite with a
Redis beside it. How long the others wait meanwhile is what a small write of theirs takes, asked again and again.

    python -m bench.withdrawal_sheets [rows]
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from flask import current_app
from sqlalchemy import update

from app.auth import service as auth
from app.auth.permissions import Role
from app.cards.models import Card
from app.cards.service.cards import Wanted, put
from app.channels import queries as channels
from app.kernel.bank_card import BankCard, passes_luhn
from app.kernel.money import Money
from app.ledger import book
from app.runtime import embedded, jobs, sheet
from app.runtime.db import db, transaction
from app.runtime.supervisor import Supervisor
from app.uploads import queries as uploads
from app.withdrawals import service
from app.withdrawals.queries import sheets
from app.withdrawals.queries.forecast import forecast
from app.withdrawals.rules.sheet import COLUMNS
from bench.house import PASSWORD, House, house


def cards_of(account_id: int, count: int) -> list[str]:
    """So many bound cards."""
    numbers = []
    for row in range(count):
        body = f"622202{row:012}"
        numbers.append(next(body + digit for digit in "0123456789" if passes_luhn(body + digit)))
    wanted = [
        Wanted(number=BankCard.parse(it), holder="欧阳建华", bank="中国工商银行", phone="", corporate=False, details={})
        for it in numbers
    ]
    with transaction():
        for at in range(0, count, 1000):
            put(account_id, wanted[at : at + 1000], "bench")
        db.session.execute(update(Card).values(state="bound"))
    return numbers


def file_of(folder: Path, numbers: list[str]) -> bytes:
    path = folder / "payments.xlsx"
    titles = [sheet.Column(title=column.title) for column in COLUMNS]
    rows = [(it, "欧阳建华", f"{10 + at % 90}.50", "十一月货款", f"PO-{at}") for at, it in enumerate(numbers)]
    sheet.workbook(path, [sheet.Sheet(name="提现", columns=titles, rows=rows)])
    return path.read_bytes()


def timed(title: str, rows: int, deed: Callable[[], object]) -> None:
    with somebody_writing() as waits:
        begun = time.perf_counter()
        deed()
        took = time.perf_counter() - begun
    slowest = f"others wait {statistics.median(waits) * 1000:.0f} ms, at most {max(waits) * 1000:.0f} ms"
    print(f"{title:34}{took:7.2f} s  {rows / took:9,.0f} rows a second   {slowest}")


@contextmanager
def somebody_writing() -> Iterator[list[float]]:
    app, over, waits = current_app._get_current_object(), threading.Event(), []  # type: ignore[attr-defined]

    def write() -> None:
        with app.app_context():
            while not over.wait(0.05):
                begun = time.perf_counter()
                jobs.beat("bench")
                waits.append(time.perf_counter() - begun)

    other = threading.Thread(target=write)
    other.start()
    try:
        yield waits
    finally:
        over.set()
        other.join()


def through(world: House, content: bytes, rows: int) -> None:
    desk, fence = service.sheets.DESK, world.fence
    upload = desk.receive(
        account=world.account,
        filename="p.xlsx",
        content=content,
        fence=fence,
        form_key=str(uuid4()),
        actor=world.clerk,
    )
    timed("read, judged, stored", rows, lambda: service.sheets.check(upload))
    good = sheets.totals(uploads.upload(upload))
    assert good.count == rows
    timed("what would not leave today", rows, lambda: forecast(uploads.upload(upload)))
    reference = service.sheets.confirm(upload, count=rows, amount=good.amount, fence=fence, actor=world.clerk)

    def make() -> None:
        while service.sheet_making.make(reference) is not None:
            pass

    timed("made", rows, make)
    sheet_id = sheets.sheet(reference).id
    timed("what is seen by a checker", rows, lambda: sheets.in_review(sheet_id))
    auth.create_operator(username="boss", display_name="boss", role=Role.SUPERVISOR, password=PASSWORD, actor="bench")
    boss = auth.sign_in("boss", PASSWORD, address="127.0.0.1", user_agent="bench")[1]
    seen = sheets.in_review(sheet_id).token
    timed("ordered", rows, lambda: service.sheet_orders.give(reference, "approve", seen=seen, actor=boss))

    def approve() -> None:
        while service.sheet_orders.carry_out(str(sheets.orders(sheet_id)[0].id)) is not None:
            pass

    timed("approved", rows, approve)
    timed("result written", rows, lambda: service.sheet_results.write(reference))
    db.session.rollback()
    assert sheets.states(sheet_id)["queued"][0] == rows


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name, Supervisor(Path(name) / "log", cwd=Path(name)) as supervisor:
        folder = Path(name)
        supervisor.start(embedded.server(folder))
        with house(folder, embedded.url(folder)) as world:
            numbers = cards_of(channels.account(world.account).id, rows)
            with transaction():
                book.open_accounts(world.account)
                book.collect(world.account, Money.parse("9000000.00"), number="bench")
            through(world, file_of(folder, numbers), rows)


if __name__ == "__main__":
    main()

"""Sheets of cards for the tests of runs: numbers that pass every check, files of them, and the way of one to a run.

Everything goes by the services that pages and workers use. Endings are the sandbox's (app/sandbox/README.md §4).
"""

import csv
import io
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from sqlalchemy import update

from app.cards import queries as cards
from app.cards import service
from app.cards.models import BindingRun, Card
from app.cards.queries import runs
from app.channels import queries as channels
from app.channels.models import ChannelAccount
from app.kernel.bank_card import passes_luhn
from app.runtime import jobs, sheet
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.uploads import queries as uploads
from tests.world import PATIENCE_S, World

HEADER = ("银行卡号", "开户人", "开户行", "银行预留手机号")
PREFIX = "622202100"
"""A debit card of 中国工商银行, nineteen digits."""
BANK = "中国工商银行"
_serials = count(1)
Row = Sequence[str]


def account(world: World, manner: str = "dolphin", **terms: str) -> str:
    """An account to which cards are bound as fast as they come."""
    made = world.account(manner, **terms)
    pace(made, 1000)
    return made


def pace(account: str, per_s: int) -> None:
    """How many cards a second are handed to this account's channel."""
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == account).values(bind_per_s=per_s))


def number(ending: str = "88") -> str:
    """A new valid card number with these last two digits."""
    head = f"{PREFIX}{next(_serials):07d}"
    return next(found for digit in range(10) if passes_luhn(found := f"{head}{digit}{ending}"))


def row(card: str = "", *, ending: str = "88", holder: str = "张三", bank: str = BANK, phone: str = "") -> Row:
    return (card or number(ending), holder, bank, phone)


def good(times: int, ending: str = "88") -> list[Row]:
    return [row(ending=ending) for _ in range(times)]


def as_csv(rows: Iterable[Row], header: Row = HEADER) -> bytes:
    """What somebody's file holds, as it stands in it: nothing is escaped."""
    into = io.StringIO()
    csv.writer(into).writerows([header, *rows])
    return into.getvalue().encode()


def as_xlsx(rows: Iterable[Row], header: Row = HEADER) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cards.xlsx"
        columns = [sheet.Column(title=title) for title in header]
        sheet.workbook(path, [sheet.Sheet(name="绑卡", columns=columns, rows=list(rows))])
        return path.read_bytes()


def received(world: World, account: str, content: bytes, filename: str = "绑卡.csv") -> str:
    """An upload by the maker that was looked at, whatever was found. Its reference."""
    reference = service.uploads.receive(
        account=account,
        filename=filename,
        content=content,
        fence=world.claimed(account),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    world.until(lambda: uploads.upload(reference).state != "checking")
    return reference


def checked(world: World, account: str, rows: Iterable[Row]) -> str:
    """An upload that waits to be confirmed."""
    reference = received(world, account, as_csv(rows))
    assert uploads.upload(reference).state == "checked", uploads.trouble(uploads.upload(reference))
    return reference


def good_rows(upload: str) -> int:
    """The number on the button."""
    found = uploads.upload(upload)
    return uploads.tally(found).good(uploads.decisions(found))


def confirmed(world: World, account: str, upload: str) -> str:
    """The run of an upload; no worker has touched it yet."""
    return service.runs.confirm(upload, seen=good_rows(upload), fence=world.claimed(account), actor=world.maker)


def begun(world: World, account: str, rows: Iterable[Row]) -> str:
    return confirmed(world, account, checked(world, account, rows))


def finished(world: World, account: str, rows: Iterable[Row]) -> str:
    """A run that came to its end, every answer in."""
    reference = begun(world, account, rows)
    until_answered(world, reference)
    return reference


def until_answered(world: World, reference: str) -> None:
    """Until every row has its last answer."""
    world.until(lambda: run(reference).state == "finished" and not run(reference).pending, hurry_s=5)


def run(reference: str) -> BindingRun:
    return runs.run(reference)


def told(reference: str) -> dict[str, int]:
    """What is counted, and that it adds up to what was counted out of it."""
    found = run(reference)
    return {name: getattr(found, name) for name in ("total", "bound", "refused", "known", "pending")}


def outcomes(reference: str) -> dict[int, str]:
    """State by the row of the sheet."""
    return {at: one.state for at, one in runs.outcomes(run(reference).id, 0, 10**7).items()}


def lines(reference: str) -> list[Any]:
    """The rows as the run's page lists them (at most a hundred), in the file's order."""
    return runs.run_rows(run(reference).id, {"size": "100"}).rows


def card(account: str, card_number: str) -> Card:
    found = cards.by_number(channels.account(account).id, cards.index_of(card_number))
    assert found is not None, "no card of this number here"
    return found


def at_sandbox(world: World, account: str) -> list[dict[str, Any]]:
    """Every binding that the other side knows of, in the order they came."""
    manner, merchant_no = world.terms[account]
    found: list[dict[str, Any]] = []
    while page := world.third.get(
        "/control/cards", manner=manner, merchant=merchant_no, after_id=found[-1]["id"] if found else 0
    )["cards"]:
        found += page
    return found


@contextmanager
def at_work(world: World) -> Iterator[None]:
    """The sheets' line is worked off beside what is done here, and left only when it has nothing to do for now."""

    def work() -> None:
        with world.app.app_context():
            jobs.drain(Line.SHEETS)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        worker.join(PATIENCE_S)
        assert not worker.is_alive()
        db.session.rollback()


def force(world: World, account: str, interface: str, fault: str, times: int) -> None:
    """The next requests of this interface go wrong; 0 times: no more."""
    manner, merchant_no = world.terms[account]
    asked = {"manner": manner, "merchant_no": merchant_no, "interface": interface, "fault": fault, "times": times}
    world.third.post("/control/faults", asked).raise_for_status()


def switch(world: World, manner: str, mode: str) -> None:
    """open, unavailable (503) or silent."""
    world.third.post(f"/control/channels/{manner}/{mode}").raise_for_status()

"""Sheets of cards (PERFORMANCE row 5): 100,000 rows from the upload to a checked preview, against calamine's bare read of
the same file, and what is stored against what the engine takes in bulk. Interleaved, medians of five.

    python -m bench.sheets [rows]
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xlsxwriter
from python_calamine import CalamineWorkbook
from sqlalchemy import create_engine

from app.cards import service
from app.cards.models import Card
from app.kernel.bank_card import passes_luhn
from app.runtime import sheet
from app.uploads import checking
from app.uploads import queries as uploads
from bench.house import house

ROUNDS = 5
HEAD = ("银行卡号", "开户人", "开户行", "银行预留手机号", "备注", "部门")


def write(path: Path, rows: int) -> None:
    """Good cards of four banks, each once."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    page = book.add_worksheet()
    text = book.add_format({"num_format": "@"})
    page.write_row(0, 0, HEAD)
    banks = (("622202", "中国工商银行"), ("621700", "中国建设银行"), ("622848", "中国农业银行"), ("622260", "交通银行"))
    for row in range(rows):
        prefix, bank = banks[row % len(banks)]
        body = f"{prefix}{row:012}"
        card = next(body + digit for digit in "0123456789" if passes_luhn(body + digit))
        for column, value in enumerate((card, "欧阳建华", bank, f"138{row % 10**8:08}", "", "财务部")):
            page.write_string(row + 1, column, value, text)
    book.close()


def seconds(deed: Callable[[], object]) -> float:
    begun = time.perf_counter()
    deed()
    return time.perf_counter() - begun


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as world:
        path = Path(folder) / "cards.xlsx"
        write(path, rows)
        content = path.read_bytes()
        bare, read, whole, bulk, stored = [], [], [], [], []
        for _round in range(ROUNDS):
            bare.append(seconds(lambda: list(CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).iter_rows())))
            read.append(seconds(lambda: _read(content)))
            reference = world.upload(content)
            with _writing(stored):
                whole.append(seconds(lambda reference=reference: service.uploads.check(reference)))
            tally = uploads.tally(uploads.upload(reference))
            assert tally.rows == tally.good(uploads.decisions(uploads.upload(reference))) == rows
            bulk.append(_bulk(Path(folder), rows))
            world.discard(reference)
        child_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        base, ours = statistics.median(bare), statistics.median(whole)
        print(f"{rows:,} rows × {len(HEAD)}, {len(content) / 2**20:.1f} MiB")
        print(f"calamine, bare read            {base:6.2f} s   1.0")
        print(f"read through the child         {statistics.median(read):6.2f} s   {statistics.median(read) / base:.2f}")
        print(f"read, judged, sealed, stored   {ours:6.2f} s   {ours / base:.2f}   limit 4")
        print(f"largest child                  {child_mb:6.0f} MB         limit 300")
        kept, bulk_s = statistics.median(stored), statistics.median(bulk)
        print(f"stored, commits included       {kept:6.2f} s   {rows / kept:,.0f} rows a second")
        print(f"the engine's bulk insert       {bulk_s:6.2f} s   {bulk_s / kept:.2f} × its rate   goal 0.3")


@contextmanager
def _writing(stored: list[float]) -> Iterator[None]:
    """Adds up what writing the blocks takes, out of the whole."""
    original, took = checking._Look._write, 0.0

    def timed(*arguments: Any) -> None:
        nonlocal took
        took += seconds(lambda: original(*arguments))

    checking._Look._write = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        checking._Look._write = original  # type: ignore[method-assign]
    stored.append(took)


def _read(content: bytes) -> int:
    with sheet.reading(content) as book:
        return sum(len(rows) for rows in book)


def _bulk(folder: Path, rows: int) -> float:
    """The same number of rows as rows of a table, by SQLAlchemy Core on the same engine: one commit every 5,000."""
    values = {column.name: "x" for column in Card.__table__.columns if column.name not in ("id", "open_work")}
    values |= {"account_id": 1, "made_at": None, "settled_at": None}
    engine = create_engine(f"sqlite:///{folder / 'bulk.db'}")
    columns = [column.name for column in Card.__table__.columns if column.name != "id"]
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS bulk")
        connection.exec_driver_sql(f"CREATE TABLE bulk (id INTEGER PRIMARY KEY, {', '.join(columns)})")
    marks = ", ".join("?" * len(columns))
    one = tuple("x" * 30 for _ in columns)

    def all_of_them() -> None:
        for _commit in range(rows // 5000):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"INSERT INTO bulk ({', '.join(columns)}) VALUES ({marks})", [one] * 5000)

    return seconds(all_of_them)


if __name__ == "__main__":
    main()

"""Row 8: page 10,000 of the list of withdrawals costs what page 1 costs, through the real page, at up to 10 million rows.

    python -m bench.pages [rows]      1,000,000 if not said; 10000000 takes some minutes and about 6 GB of disk

Both pages are asked for in turn by somebody who is signed in, through the whole application (session, rights, list, tabs,
totals, template); the ratio is of medians. Then every filter that people use is asked for, shallow and far back, with the
plan that the database chose: none may sort, or read the table from end to end.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from flask import current_app
from sqlalchemy import event, text

from app.auth import service as auth
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.runtime.db import db
from app.withdrawals import queries, service
from bench.house import PASSWORD, House, house

ROWS, PAGE_SIZE, DEEP, ROUNDS, CHUNK = 1_000_000, 50, 10_000, 9, 50_000
STATES = ("paid",) * 88 + ("failed",) * 6 + ("rejected",) * 2 + ("cancelled",) * 2 + ("returned",) * 2
LIMIT = 1.3


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as here:
        began = time.perf_counter()
        seed(here, rows)
        print(f"{rows:,} withdrawals in {time.perf_counter() - began:.0f} s, {_size(Path(folder)):,} MB")
        began = time.perf_counter()
        service.tallying.count_settled()
        print(f"the minute's count of what is settled: {time.perf_counter() - began:.2f} s (a worker's, nobody waits)")
        token, _actor = auth.sign_in("clerk", PASSWORD, address="127.0.0.1", user_agent="bench")
        client = current_app.test_client()  # type: ignore[attr-defined]
        client.set_cookie("paydesk_session", token)
        top = max_id()
        deep = top - min(DEEP * PAGE_SIZE, rows - PAGE_SIZE)

        def get(query: str) -> float:
            began = time.perf_counter()
            answer = client.get(f"/withdrawals/?{query}")
            assert answer.status_code == 200, answer.status_code
            return time.perf_counter() - began

        measure_depth(get, deep)
        measure_filters(here, get, top, rows)


def measure_depth(get: Callable[[str], float], deep: int) -> None:
    first, far = f"state=&size={PAGE_SIZE}", f"state=&size={PAGE_SIZE}&before={deep}"
    get(first), get(far)  # warm: templates compiled, statements cached
    pairs = [(get(first), get(far)) for _ in range(ROUNDS)]
    one, other = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
    page = min(DEEP, deep)
    verdict = "holds" if other <= one * LIMIT else "BROKEN"
    print(
        f"page 1: {one * 1000:.1f} ms, page {page:,}: {other * 1000:.1f} ms, ratio {other / one:.2f} (limit {LIMIT}): {verdict}"
    )


def measure_filters(here: House, get: Callable[[str], float], top: int, rows: int) -> None:
    today = clock.business_day()
    old = {"from": f"{today - timedelta(days=300):%Y%m%d}", "to": f"{today - timedelta(days=271):%Y%m%d}"}
    searches: list[tuple[str, dict[str, str]]] = [
        ("everything", {"state": ""}),
        ("a state", {"state": "paid"}),
        ("a rare state", {"state": "returned"}),
        ("waiting for review", {"state": "review"}),
        ("an account", {"account": here.account}),
        ("an account and a state", {"account": here.account, "state": "failed"}),
        ("a month, ten months ago", old),
        ("that month and a state", old | {"state": "returned"}),
        ("that month and an account", old | {"account": here.account}),
        ("an exact amount", {"least": "123.45", "most": "123.45"}),
        ("an amount and a state", {"least": "123.45", "most": "123.45", "state": "failed"}),
        ("a number that is nobody's", {"q": "D-none-such"}),
        ("a card's last four", {"q": "0077"}),
        ("a name that is nobody's", {"q": "nobody"}),
    ]
    plain = statistics.median(get("state=") for _ in range(3))
    print(f"{'search':32}{'ms':>8}{'× page 1':>10}  how the page is read")
    for name, asked in searches:
        cost = statistics.median(get(urlencode(asked)) for _ in range(3))
        account_id = channels.account(here.account).id if "account" in asked else None
        plan = " | ".join(plan_of(lambda: queries.page(asked, account_id=account_id)))  # noqa: B023  called at once
        sorts = "SORTS " if "TEMP B-TREE" in plan else ""
        print(f"{name:32}{cost * 1000:8.1f}{cost / plain:10.2f}  {sorts}{plan[:120]}")


def plan_of(ask: Callable[[], object]) -> list[str]:
    """How the database reads the first statement of this."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "FROM withdrawal" in statement:
            heard.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)
    statement, parameters = heard[0]
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [str(row[-1]) for row in rows if "withdrawal_hold" not in str(row[-1]) and "CORRELATED" not in str(row[-1])]


def seed(here: House, rows: int) -> None:
    """One withdrawal through the house, and very many like it over a year, oldest first, as time would have made them."""
    account = channels.account(here.account)
    reference = card_service.bind(
        account=here.account, number=BankCard.parse("6222021001116245777"), holder="张三", bank="中国工商银行", phone="",
        fence=here.fence, form_key=str(uuid4()), actor=here.clerk,
    )  # fmt: skip
    card = cards.card(reference)
    first_day = clock.business_day() - timedelta(days=364)
    columns = (
        "number, form_key, kind, account_id, card_id, holder, bank, card_masked, card_last4, card_index, amount_minor,"
        " fee_minor, memo, state, seq, maker_id, maker, checker, approval, channel_number, attempts, asked, not_found,"
        " message, business_day, made_at, signed_at"
    )
    marks = ", ".join("?" * len(columns.split(",")))
    fixed = (card.number_index, here.clerk.operator_id, here.clerk.display_name)

    def made(first: int, last: int) -> Iterator[tuple[object, ...]]:
        for at in range(first, last):
            day = first_day + timedelta(days=at * 365 // rows)
            # The last two hundred still wait for review; of what is settled most was paid.
            state = "review" if at >= rows - 200 else STATES[at * 37 % 100]
            four = f"{at * 7919 % 10000:04}"
            yield (
                *(f"W{at:020}", f"{at:036}", "payout", account.id, card.id, f"收款人{at % 5000}", "中国工商银行"),
                *(f"6222 02** **** {four}", four, fixed[0], 100 + at * 7907 % 500_000, 200, "货款", state, 3),
                *(fixed[1], fixed[2], "checker", "", f"D{at:016}", 1, 1, 0, ""),
                *(day.isoformat(), f"{day.isoformat()} 04:00:00.000000", f"{day.isoformat()} 04:00:05.000000"),
            )

    # Without a log and without indexes, which are built when all rows lie there: ten times as fast, and half the disk.
    db.session.remove()
    db.engine.dispose()
    file = sqlite3.connect(str(db.engine.url.database), isolation_level=None)
    for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
        file.execute(f"PRAGMA {setting}")
    indexes = file.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'withdrawal' AND sql IS NOT NULL"
    )
    known = indexes.fetchall()
    for name, _ in known:
        file.execute(f"DROP INDEX {name}")
    for first in range(0, rows, CHUNK):
        file.execute("BEGIN")
        file.executemany(f"INSERT INTO withdrawal ({columns}) VALUES ({marks})", made(first, min(first + CHUNK, rows)))
        file.execute("COMMIT")
    for _, sql in known:
        file.execute(sql)
    file.execute("PRAGMA journal_mode=WAL")
    file.close()


def max_id() -> int:
    return int(db.session.execute(text("SELECT max(id) FROM withdrawal")).scalar_one())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.db*")) // 2**20


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)

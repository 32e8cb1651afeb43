"""The list of withdrawals: what each filter finds, what it says about nonsense, and that page 150 costs what page 1 does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import event, insert, select, text, update

from app.cards import queries as cards
from app.channels import queries as channels
from app.kernel import clock
from app.kernel.money import Money
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.withdrawals import queries, service
from app.withdrawals.models import Withdrawal
from app.withdrawals.states import ASK, SUBMIT, State
from tests.world import CARD, World

SECOND_CARD = "6217001210024455220"
MANY = 10_000


@pytest.fixture
def account(world: World) -> str:
    return world.account()


def found(**asked: str) -> list[str]:
    """The numbers that the list shows, newest first."""
    given = {name.rstrip("_"): value for name, value in asked.items()}
    wanted = given.pop("account_number", None)
    account_id = channels.account(wanted).id if wanted else None
    return [row.number for row in queries.page(given, account_id=account_id).rows]


def searched(card: str) -> dict[str, str]:
    """A search for a full card number as it stands in the address."""
    return cards.safe_search({"card": card})


def problem(**asked: str) -> str:
    return str(queries.problem_filter({name.rstrip("_"): value for name, value in asked.items()}))


# Filters


def test_each_filter_finds_what_it_names(world: World, account: str) -> None:
    other = world.account()
    small = world.withdrawal("10.00", account=account)
    large = world.withdrawal("900.00", account=account, card=world.card(account, SECOND_CARD))
    elsewhere = world.withdrawal("50.00", account=other)
    service.cancel(small, actor=world.maker)
    everything = [elsewhere, large, small]
    today = f"{clock.business_day():%Y%m%d}"
    assert found() == everything
    assert found(q=small) == found(q=f" {small} ") == [small]
    assert found(q=SECOND_CARD[-4:]) == found(**searched(f"{SECOND_CARD[:4]} {SECOND_CARD[4:]}")) == [large]
    assert found(q="张三") == everything
    assert found(q="李四") == found(q="%") == found(q="_") == found(q=small[:-1]) == []
    assert found(account_number=account) == [large, small]
    assert found(state="cancelled") == [small]
    assert found(state="review") == [elsewhere, large]
    assert found(state="unknown") == []
    assert found(state="nonsense") == everything
    assert found(least="50") == [elsewhere, large]
    assert found(least="50.00", most="899.99") == [elsewhere]
    assert found(most="9.99") == []
    assert found(from_=today, to=today) == found(from_=f"{clock.business_day()}") == everything
    assert found(to=f"{clock.business_day() - timedelta(days=1):%Y%m%d}") == []
    assert found(q="张三", state="review", least="100", from_=today) == [large]


def test_tabs_and_totals_agree_with_the_list(world: World, account: str) -> None:
    for amount in ("10.00", "20.00", "30.00"):
        cancelled = world.withdrawal(amount, account=account)
    service.cancel(cancelled, actor=world.maker)
    assert queries.counts({"state": "review"}, account_id=None) == {"review": 2, "cancelled": 1}
    assert queries.totals({}, account_id=None) == queries.Totals(3, Money.parse("60.00"), Money.parse("6.00"))
    assert queries.totals({"state": "review"}, account_id=None).amount == Money.parse("30.00")
    assert queries.totals({"least": "nonsense"}, account_id=None).count == 0


NO_AMOUNTS = ["1e2", "1.005", "１００", "-1", "NaN", "1,00", "一百", "1 0", "0x10", "9" * 40]
NO_DATES = [
    "202611",
    "2026112",
    "20261131",
    "20260229",
    "2026-11",
    "2026/11/21",
    "２０２６１１２１",
    "昨天",
    "0",
    "1" * 30,
    "+2026112",
]


@pytest.mark.parametrize(
    ("names", "typed", "sentence"),
    [(("least", "most"), NO_AMOUNTS, "不是金额"), (("from_", "to"), NO_DATES, "不是日期")],
    ids=["amounts", "dates"],
)
def test_what_cannot_be_read_is_told_and_finds_nothing(
    world: World, account: str, names: tuple[str, ...], typed: list[str], sentence: str
) -> None:
    world.withdrawal("100.00", account=account)
    for name in names:
        for nonsense in typed:
            assert sentence in problem(**{name: nonsense}), f"{name}={nonsense}"
            assert found(**{name: nonsense}) == [], f"{name}={nonsense}"


def test_nothing_odd_is_said_about_good_filters(world: World) -> None:
    assert problem(least=" 1,000.5 ", most="0", from_="20240229", to=" 2024-02-29 ") == ""


def test_whatever_is_searched_for_is_only_searched_for(world: World, account: str) -> None:
    number = world.withdrawal("100.00", account=account)
    for typed in ("\0", "a\0b", "'; DROP TABLE withdrawal; --", "💰", "很" * 5000):
        assert found(q=typed) == found(sealed_card=typed) == found(**searched(typed)) == [], typed[:30]
        assert queries.exact(typed) is None
        assert cards.cards({"holder": typed, "sealed_card": typed}, account_id=None).rows == []
    assert found() == [number]


def test_only_a_name_that_is_somebodys_opens_a_withdrawal(world: World, account: str) -> None:
    """None of them has a channel number yet: an empty search must not open the only one there is."""
    number = world.withdrawal("100.00", account=account)
    assert queries.exact("") is None
    assert queries.exact(number) == number
    assert queries.exact(number.lower()) is None
    with transaction():
        db.session.execute(update(Withdrawal).values(channel_number="D77"))
    assert queries.exact("D77") == number


# What is unknown, and when it is looked at


def test_money_of_unknown_fate_is_told_by_account_with_the_oldest(world: World, account: str) -> None:
    other = world.account()
    numbers = [
        world.withdrawal(amount, account=it) for it, amount in ((account, "1.00"), (account, "2.00"), (other, "4.00"))
    ]
    for minutes, number in zip((2, 9, 5), numbers, strict=True):
        sent_at = clock.now() - timedelta(minutes=minutes)
        with transaction():
            mine = update(Withdrawal).where(Withdrawal.number == number)
            db.session.execute(mine.values(state=State.SENDING, sent_at=sent_at))
    told = [(count, amount, oldest.number) for _account, count, amount, oldest in queries.unknown_by_account()]
    assert told == [(2, Money.parse("3.00"), numbers[1]), (1, Money.parse("4.00"), numbers[2])]
    oldest = queries.by_number(numbers[1])
    assert (queries.unknown().amount, queries.unknown().since) == (Money.parse("7.00"), oldest.sent_at)


def test_when_it_is_looked_at_next(world: World, account: str) -> None:
    number, other = (world.withdrawal(amount, account=account) for amount in ("1.00", "2.00"))
    assert queries.next_looks([number]).get(number) is None
    with transaction():
        jobs.promise(SUBMIT, number, after_s=60)
        jobs.promise(ASK, number, after_s=30)
        jobs.promise(ASK, other)
    then = queries.next_looks([number]).get(number)
    assert then is not None and 20 < (then - clock.now()).total_seconds() <= 30
    assert queries.next_looks([number, other, "W-none"]) == {number: then}, "what is due is looked at now"


def test_what_nobody_will_look_at_is_a_problem(world: World, account: str) -> None:
    number = world.withdrawal("1.00", account=account)
    world.approve(number)
    assert queries.problems() == []
    with transaction():
        db.session.execute(text("UPDATE job SET done_at = due_at"))
    assert queries.problems() == [f"{number}: is queued and no job will look at it"]


# Ten thousand of them


@pytest.fixture
def many(world: World, account: str) -> World:
    """One withdrawal made by its maker, and very many like it."""
    number = world.withdrawal("1.00", account=account)
    made = db.session.execute(select(Withdrawal.__table__).where(Withdrawal.number == number)).one()._mapping
    table = Withdrawal.__table__
    rows = [
        {
            **{column.name: made[column.name] for column in table.columns if column.name != "id"},
            "number": f"W{number:09}",
            "form_key": f"{number:036}",
            "state": State.PAID if number % 10 else State.REVIEW,
            "business_day": date(2026, 1, 1) + timedelta(days=number * 300 // MANY),
            "channel_number": f"D{number}",
            "signed_at": clock.now(),
        }
        for number in range(MANY)
    ]
    with transaction():
        db.session.execute(insert(table), rows)
        if db.engine.dialect.name == "postgresql":  # does so by itself, in time; SQLite never does
            db.session.execute(text("ANALYZE"))
    return world


@contextmanager
def spoken() -> Iterator[list[tuple[str, Any]]]:
    """The statements that go to the database meanwhile."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            heard.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(db.engine, "before_cursor_execute", hear)


def plan(statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN " if db.engine.dialect.name == "sqlite" else "EXPLAIN (COSTS OFF) "
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def sorts(plan: str) -> bool:
    return "TEMP B-TREE" in plan or re.search(r"^\s*(->\s*)?(Incremental )?Sort", plan, re.MULTILINE) is not None


# A filter of the list → the index that SQLite must read it by. (PostgreSQL may choose; it must neither sort nor read all.)
FILTERS = [
    ({}, ""),
    ({"state": "review"}, "ix_withdrawal_state"),
    ({"account_number": "the account"}, "ix_withdrawal_account"),
    ({"sealed_card": "the card"}, "ix_withdrawal_card"),
]


def test_a_deep_page_is_read_like_the_first(many: World, account: str) -> None:
    """Not by counting off what lies before it, and not by sorting: keyset paging."""
    middle = db.session.scalars(select(Withdrawal.id).order_by(Withdrawal.id).offset(MANY // 2).limit(1)).one()
    for asked, index in FILTERS:
        account_id = channels.account(account).id if "account_number" in asked else None
        asked = asked | (searched(CARD) if "sealed_card" in asked else {})
        for where in ({}, {"before": str(middle)}, {"after": str(middle)}):
            with spoken() as statements:
                page = queries.page({**asked, **where, "size": "50"}, account_id=account_id)
            assert len(page.rows) == 50
            for statement, parameters in statements:
                assert "LIMIT" in statement
                assert "OFFSET" not in statement or parameters[-1] == 0, "SQLite is always told an offset"
            told = plan(*statements[0])
            assert not sorts(told), told
            assert "Seq Scan on withdrawal\n" not in f"{told}\n", told
            assert index in told or db.engine.dialect.name != "sqlite", told


def test_all_pages_together_are_the_list(many: World) -> None:
    seen: list[int] = []
    asked = {"size": "100"}
    while True:
        page = queries.page(asked, account_id=None)
        seen += [row.id for row in page.rows]
        if not page.next_url:
            break
        asked = dict(parse_qsl(page.next_url[1:]))
    assert len(seen) == MANY + 1 and seen == sorted(set(seen), reverse=True)
    assert (page.total, page.total_is_floor) == (10_000, True)


ONE_ROW = {
    "exact": lambda: queries.exact("D77"),
    "a number in the search": lambda: queries.page({"q": "D77"}, account_id=None),
    "a name in the search": lambda: queries.page({"q": "李四"}, account_id=None),
    "next look": lambda: queries.next_looks(["W000000077"]).get("W000000077"),
    "in transit": lambda: queries.in_transit([1]),
    "unknown": queries.unknown,
    "unknown by account": queries.unknown_by_account,
    "review": queries.waiting_for_review,
    "work": queries.work_waiting,
    "held": lambda: queries.by_number("W000000077"),
}


def test_what_pages_ask_all_the_time_reads_no_whole_table(many: World) -> None:
    for name, ask in ONE_ROW.items():
        with spoken() as statements:
            ask()
        assert statements, name
        for statement, parameters in statements:
            told = plan(statement, parameters)
            whole = re.findall(r"SCAN (?:withdrawal|job)\b(?! USING COVERING INDEX)|Seq Scan on withdrawal\b", told)
            assert not whole, f"{name}: {statement}\n{told}"

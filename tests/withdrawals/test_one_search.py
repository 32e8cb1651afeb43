"""One box for any number: what it opens, what it finds, and that no card number ever stands in an address."""

import re

import pytest

from app.cards import queries as cards
from app.runtime.db import db
from app.withdrawals import queries
from tests.withdrawals import sheets as filed
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_queries import SECOND_CARD
from tests.world import CARD, World

ONE_ENGINE = True


@pytest.fixture
def account(world: World) -> str:
    return filed.account(world)


def rows(page: str) -> list[str]:
    return re.findall(r'<tr id="w-(\w+)"', page)


def test_the_box_of_every_page_is_sent_and_never_stands_in_an_address(world: World, account: str) -> None:
    maker = Person(world, "maker")
    for page, count in {"/": 1, "/withdrawals/?state=": 2}.items():
        boxes = re.findall(r'<form[^>]*action="/withdrawals/search"[^>]*>', maker.reads(page))
        assert len(boxes) == count and all('method="post"' in box for box in boxes)
        assert 'action="/withdrawals/"' not in maker.reads(page)


@pytest.mark.parametrize("typed", [CARD, f" {CARD[:4]} {CARD[4:8]}-{CARD[8:]} "])
def test_a_card_finds_its_withdrawals_and_stays_out_of_the_address(world: World, account: str, typed: str) -> None:
    one, two = (world.withdrawal(amount, account=account) for amount in ("10.00", "20.00"))
    maker = Person(world, "maker")
    where = maker.does("/withdrawals/search", q=typed)
    assert where == f"/withdrawals/?sealed_card={cards.index_of(CARD)}"
    page = maker.reads(where)
    assert sorted(rows(page)) == sorted([one, two]) and CARD not in page
    assert maker.browser.get("/withdrawals/", query_string={"q": typed}).headers["Location"] == where


@pytest.mark.parametrize(
    "typed", [SECOND_CARD, CARD[:-1] + str((int(CARD[-1]) + 1) % 10), "13800138000", "a@example.com"]
)
def test_what_may_be_an_account_is_sealed_though_nothing_is_found(world: World, account: str, typed: str) -> None:
    maker = Person(world, "maker")
    where = maker.does("/withdrawals/search", q=typed, state="paid")
    assert typed not in where and "sealed_card=" in where and "state=paid" in where
    assert rows(maker.reads(where)) == []


def test_any_number_of_a_withdrawal_opens_it(world: World, account: str) -> None:
    reference = filed.finished(world, account, [filed.row("10.00", own="PO-1101"), filed.row("20.00", own="20261101")])
    first, second = (line.number for line in filed.lines(reference))
    withdrawal = queries.held(second)
    withdrawal.channel_number = "4200001234567890"
    db.session.commit()
    maker = Person(world, "maker")
    for typed, number in {first: first, "PO-1101": first, "20261101": second, "4200001234567890": second}.items():
        assert maker.does("/withdrawals/search", q=typed) == f"/withdrawals/{number}"
    assert maker.does("/withdrawals/search", q="张三") == "/withdrawals/?q=%E5%BC%A0%E4%B8%89"


def test_a_business_number_that_was_used_twice_lists_both(world: World, account: str) -> None:
    for _ in range(2):
        filed.finished(world, account, [filed.row("10.00", own="PO-7")])
    maker = Person(world, "maker")
    where = maker.does("/withdrawals/search", q="PO-7")
    assert where == "/withdrawals/?q=PO-7" and len(rows(maker.reads(where))) == 2


def test_a_sheet_is_found_by_its_number_and_by_that_of_its_file(world: World, account: str) -> None:
    upload = filed.checked(world, account, filed.good(1))
    waiting = filed.checked(world, account, filed.good(2))
    sheet = filed.confirmed(world, account, upload)
    maker = Person(world, "maker")
    assert maker.does("/withdrawals/search", q=waiting) == f"/withdrawal-uploads/{waiting}"
    assert maker.does("/withdrawals/search", q=sheet) == f"/withdrawal-sheets/{sheet}"
    maker.reads(maker.does("/withdrawals/search", q="S-none"))

"""The ledger's pages, by what a person sees on them."""

import re
from contextvars import Context

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.auth.permissions import Role
from app.runtime.db import db
from tests.ledger.world import CA1, CA2, burglar, held, open_with, returned, settled

ONE_ENGINE = True

PASSWORD = "correct horse battery staple"


class Reader:
    """Somebody of finance, signed in."""

    def __init__(self, app: Flask) -> None:
        auth.create_operator(username="li", display_name="李", role=Role.FINANCE, password=PASSWORD, actor="test")
        token, _actor = auth.sign_in("li", PASSWORD, address="127.0.0.1", user_agent="test")
        self.client = app.test_client()
        self.client.set_cookie("paydesk_session", token)

    def get(self, path: str, region: str = "") -> TestResponse:
        headers = {"HX-Request": "true", "HX-Target": f"section#{region}"} if region else {}
        db.session.rollback()
        return Context().run(self.client.get, path, headers=headers)


@pytest.fixture
def reader(app: Flask) -> Reader:
    return Reader(app)


def words(answer: TestResponse) -> str:
    """What is to be read, without the markup."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


def rows(answer: TestResponse) -> list[str]:
    """Each row of the tables' bodies as one line."""
    bodies = "".join(re.findall(r"<tbody>.*?</tbody>", answer.text, re.DOTALL))
    return [re.sub(r"\s+", "", re.sub(r"<[^>]*>", "", row)) for row in re.findall(r"<tr.*?</tr>", bodies, re.DOTALL)]


def test_an_empty_book_says_so(reader: Reader) -> None:
    assert "还没有账户" in words(reader.get("/ledger/")) and "还没有资金分录" in words(reader.get("/ledger/"))


def test_the_book_shows_every_owner_and_adds_up_to_zero(reader: Reader) -> None:
    open_with(CA1, "1000.00")
    open_with(CA2, "50.00")
    held("W1", "102.00")
    settled("W1", "100.00", "2.00")
    held("W2", "8.00")
    told = reader.get("/ledger/")
    assert f"{CA1}¥890.00¥0.00¥8.00¥898.00" in rows(told) and f"{CA2}¥50.00¥0.00¥0.00¥50.00" in rows(told)
    total = re.sub(r"\s+", "", words(told))
    for line in ("合计¥940.00¥0.00¥8.00¥948.00", "手续费¥2.00", "-¥950.00", "全部账户相加¥0.00"):
        assert line in total, line
    assert "不为零" not in total


def test_a_broken_book_is_a_loud_page(reader: Reader) -> None:
    open_with(CA1, "1000.00")
    with burglar() as database:
        database.exec_driver_sql("UPDATE ledger_account SET balance_minor = balance_minor + 1 WHERE code = 'available'")
    assert "全部账户相加不为零：¥0.01" in words(reader.get("/ledger/"))


def test_a_number_tells_where_its_money_went(reader: Reader) -> None:
    open_with(CA1, "1000.00")
    held("W1", "102.00")
    settled("W1", "100.00", "2.00")
    returned("W1")
    told = [re.sub(r"^[-0-9:]+", "", row) for row in rows(reader.get("/ledger/about/W1"))]
    assert told == [
        f"冻结可用{CA1}在途冻结{CA1}¥102.00",
        f"结清在途冻结{CA1}外部¥100.00",
        f"手续费在途冻结{CA1}渠道手续费¥2.00",
        f"退票外部可用{CA1}¥100.00",
    ]


def test_a_number_without_entries_says_so(reader: Reader) -> None:
    assert "还没有资金分录" in words(reader.get("/ledger/about/W9"))


@pytest.mark.parametrize(
    ("path", "region"),
    [("/ledger/about/W1", "ledger_entries"), ("/ledger/", "ledger_balances"), ("/ledger/", "ledger_transfers")],
)
def test_a_region_is_asked_for_alone(reader: Reader, path: str, region: str) -> None:
    open_with(CA1, "1000.00")
    held("W1", "102.00")
    told = reader.get(path, region=region).text.strip()
    assert told.startswith(f'<section id="{region}"') and told.endswith("</section>") and told.count("<section") == 1


def test_the_latest_transfers_are_turned_page_by_page(reader: Reader) -> None:
    open_with(CA1, "1000.00")
    for place in range(45):
        held(f"W{place}", "1.00")
    seen: list[str] = []
    path = "/ledger/?size=20"
    while path:
        told = reader.get(path, region="ledger_transfers")
        seen += [re.search(r"(W\d+|CA\d+/opening)(?=可用|外部)", row)[1] for row in rows(told)]
        following = re.search(r'rel="next" href="([^"]+)"', told.text)
        path = "/ledger/" + following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"W{place}" for place in reversed(range(45))] + [f"{CA1}/opening"]


def test_a_person_without_the_right_does_not_read_the_book(app: Flask) -> None:
    auth.create_operator(username="wang", display_name="王", role=Role.ADMINISTRATOR, password=PASSWORD, actor="test")
    token, _actor = auth.sign_in("wang", PASSWORD, address="127.0.0.1", user_agent="test")
    client = app.test_client()
    client.set_cookie("paydesk_session", token)
    db.session.rollback()
    for path in ("/ledger/", "/ledger/about/W1"):
        assert Context().run(client.get, path).status_code == 403

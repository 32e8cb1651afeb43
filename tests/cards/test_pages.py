"""Card pages: a full number is searched for and shown without ever standing in an address."""

import re
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.auth import service as auth
from app.auth.models import AuditRecord
from app.cards import service
from app.kernel.errors import Refused
from app.runtime.db import db
from tests.auth.conftest import Browser
from tests.world import CARD, PASSWORD, World

SPACED = " ".join(CARD[at : at + 4] for at in range(0, len(CARD), 4))


@pytest.fixture
def card(world: World) -> str:
    return world.card(world.account())


def enters(world: World, username: str) -> FlaskClient:
    token, _actor = auth.sign_in(username, PASSWORD, address="10.0.0.9", user_agent="test")
    world.app.test_client_class = Browser
    browser = world.app.test_client()
    browser.set_cookie("paydesk_session", token)
    return browser


def csrf(browser: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/").text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/cards/", "/withdrawals/"])
def test_a_search_by_full_number_leaves_no_number_in_the_address(world: World, card: str, path: str) -> None:
    number = world.withdrawal("10.00", account=next(iter(world.terms)), card=card)
    maker = enters(world, "maker")
    sent = {"csrf_token": csrf(maker), "card": SPACED, "state": ""}
    answer = maker.post(f"{path}search", data=sent)
    assert answer.status_code == 303
    address = answer.headers["Location"]
    assert urlsplit(address).path == path and CARD not in address and SPACED not in address
    page = maker.get(address).text
    assert (card if path == "/cards/" else number) in page and CARD not in page
    assert "已填写" in page, "the condition is shown, and can be taken away"
    again = maker.post(f"{path}search", data=sent | {"card": "6228480402564890067"}).headers["Location"]
    assert (card if path == "/cards/" else number) not in maker.get(again).text


def test_a_full_number_is_shown_once_with_a_reason_to_whoever_may(world: World, card: str) -> None:
    checker, maker = enters(world, "checker"), enters(world, "maker")
    sent = {"csrf_token": csrf(checker), "reason": "银行来电核对"}
    shown = checker.post(f"/cards/{card}/reveal", data=sent)
    assert shown.status_code == 200 and CARD in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert CARD not in checker.get(f"/cards/{card}").text
    record = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "card.reveal")).one()
    assert (record.actor, record.subject, record.why) == ("checker", card, "银行来电核对")
    assert CARD not in str(record.after)
    assert checker.post(f"/cards/{card}/reveal", data=sent | {"reason": ""}).status_code == 422
    refused = maker.post(f"/cards/{card}/reveal", data=sent | {"csrf_token": csrf(maker)})
    assert refused.status_code == 403 and CARD not in refused.text


def test_full_numbers_are_shown_so_often_and_no_more(world: World, card: str) -> None:
    for _ in range(service.REVEALS.times):
        assert service.reveal(card, reason="核对", actor=world.checker) == CARD
    with pytest.raises(Refused, match="次数太多"):
        service.reveal(card, reason="核对", actor=world.checker)

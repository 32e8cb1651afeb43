"""渠道日志: what was said and heard is found by any number, and shows nobody's name or card."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from app.auth import service as auth
from app.auth.permissions import Role
from app.channels import log
from app.channels import queries as channels
from app.kernel.errors import Malformed
from app.runtime.db import db
from app.withdrawals import queries
from tests.channels.test_callbacks import Notice, deliver, post
from tests.withdrawals.test_list_pages import Person
from tests.world import CARD, PASSWORD, World

HOLDER = "欧阳明德"


@pytest.fixture
def account(world: World) -> str:
    return world.account("spruce")


@pytest.fixture
def number(world: World, account: str) -> str:
    """A withdrawal that was paid, of which a true notice and a forged one came."""
    number = world.withdrawal("20.00", account=account)
    world.approve(number)
    world.until_state(number, "paid")
    deliver(world, account, Notice(account, number, amount="20.00"))
    assert deliver(world, account, Notice(account, number, amount="20.01"), secret="x" * 32).status_code == 400
    db.session.rollback()
    return number


def ids(listing: Any) -> set[int]:
    return {row.id for row in listing.rows}


def test_it_is_found_by_our_number_and_by_theirs(world: World, number: str) -> None:
    theirs = queries.by_number(number).channel_number
    assert theirs
    said = log.calls({"number": number}).rows
    assert [row.interface for row in said][-1] == "submit"
    assert ids(log.calls({"number": theirs})) == {row.id for row in said if row.channel_number == theirs} != set()
    heard = log.callbacks({"number": number}).rows
    assert {row.outcome for row in heard} == {"taken"}, "what a forged one says about a number is nobody's word"
    world.until(lambda: log.callbacks({"number": f" {theirs} "}).rows)  # a query may have been faster
    assert ids(log.callbacks({"number": f" {theirs} "})) & ids(log.callbacks({"number": number}))
    assert not log.calls({"number": "W0"}).rows


def test_a_merchant_number_finds_what_its_account_said_and_heard(world: World, number: str, account: str) -> None:
    other = world.account("dolphin")
    merchant = channels.account(account).merchant_no
    assert ids(log.calls({"number": merchant})) == ids(log.calls({"account": account})) != set()
    assert ids(log.callbacks({"number": f" {merchant} "})) == ids(log.callbacks({"account": account})) != set()
    assert ids(log.calls({"number": channels.account(other).merchant_no})).isdisjoint(
        ids(log.calls({"number": merchant}))
    )
    assert not log.calls({"number": merchant, "account": other}).rows


def test_it_is_found_by_how_it_ended_by_what_was_asked_and_by_day(world: World, number: str, account: str) -> None:
    assert {row.outcome for row in log.callbacks({"outcome": log.WRONG}).rows} == {"bad_signature"}
    assert ids(log.callbacks({"outcome": "bad_signature"})) == ids(log.callbacks({"outcome": log.WRONG}))
    assert ids(log.callbacks({"outcome": "taken"})).isdisjoint(ids(log.callbacks({"outcome": log.WRONG})))
    assert not log.calls({"outcome": log.WRONG}).rows
    assert {row.interface for row in log.calls({"interface": "figures"}).rows} == {"figures"}
    assert ids(log.calls({"account": account})) == ids(log.calls({}))
    assert not log.calls({"account": "CNOBODY"}).rows
    assert not log.calls({"to": "2026-01-01"}).rows
    assert ids(log.calls({"from": "2026-01-01"})) == ids(log.calls({}))
    with pytest.raises(Malformed):
        log.calls({"from": "yesterday"})


@contextmanager
def spoken() -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        heard.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(db.engine, "before_cursor_execute", hear)


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        ({"number": "W1"}, ("ix_channel_call_subject", "ix_channel_call_channel_number")),
        ({"outcome": log.WRONG}, ("ix_channel_call_wrong",)),
        ({"interface": "settle"}, ("ix_channel_call_interface",)),
    ],
)
def test_a_rare_one_is_found_without_reading_all(world: World, asked: dict[str, str], indexes: tuple[str, ...]) -> None:
    with spoken() as statements:
        log.calls(asked)
    if db.engine.dialect.name == "sqlite":  # PostgreSQL reads a table of a few rows from end to end, and is right
        (statement, parameters), *_ = [it for it in statements if "FROM channel_call" in it[0]]
        with db.engine.connect() as connection:
            told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        for index in indexes:
            assert any(index in str(row[-1]) for row in told), f"{statement}\n{told}"


def test_the_pages_show_everything_but_whom_it_names(world: World, account: str) -> None:
    number = world.withdrawal("20.00", account=account)
    world.approve(number)
    world.until_state(number, "paid")
    named = f'{{"order_id":"{number}","name":"{HOLDER}","escaped":"\\u6b27\\u9633\\u660e\\u5fb7","card":"{CARD}"}}'
    assert post(world, account, named.encode(), {"Content-Type": "application/json"}).status_code == 400
    form = "name=%E6%AC%A7%E9%98%B3%E6%98%8E%E5%BE%B7&card=" + CARD
    assert post(world, account, form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}).status_code == 400
    db.session.rollback()
    reader = Person(world, "checker")
    said = log.calls({"number": number}).rows
    heard = log.callbacks({}).rows
    pages = ["/channels/calls/", f"/channels/calls/?number={number}", "/channels/callbacks/"]
    pages += [f"/channels/calls/{row.id}{tab}" for row in said for tab in ("", "?tab=request", "?tab=reply", "?tab=x")]
    pages += [f"/channels/callbacks/{row.id}" for row in heard]
    everything = ""
    for path in pages:
        everything += reader.reads(path)
    assert number in everything and "欧**" in everything
    for private in (HOLDER, HOLDER[1:], CARD, CARD[6:-4]):
        assert private not in everything
    assert "2026-99-99" in reader.reads("/channels/calls/?from=2026-99-99", status=422)


def test_a_callback_is_shown_as_it_came(world: World, account: str) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert post(world, account, b"\x00\xff", kind).status_code == 400
    assert post(world, account, b"a=1%2B1&b=&c", kind).status_code == 400
    db.session.rollback()
    reader = Person(world, "checker")
    lines, octets = (reader.reads(f"/channels/callbacks/{row.id}") for row in log.callbacks({}).rows)
    assert "<code>\\x00\\xff</code>" in octets and "<code>a=1+1\nb=\nc</code>" in lines
    assert "拒收原因" in octets and "渠道说" not in octets, "nobody but us said that"


def test_a_callback_says_how_often_it_came_and_whose_keys_proved_it(world: World, number: str, account: str) -> None:
    reader = Person(world, "checker")
    rows = {row.outcome: row.id for row in log.callbacks({}).rows}
    taken, forged = (reader.reads(f"/channels/callbacks/{rows[it]}") for it in ("taken", "bad_signature"))
    link = f'<a href="/channels/{account}/settings/1">第 1 版</a>'
    assert link in taken and link not in forged
    assert "<dt>次数</dt><dd>1</dd>" in taken and "<dt>次数</dt><dd>1</dd>" in forged


def test_what_is_foreign_is_not_there(world: World, number: str) -> None:
    """SECURITY 19: of channels that somebody may not see they see no call either."""
    call, heard = log.calls({}).rows[0], log.callbacks({}).rows[0]
    world.account("dolphin")
    auth.create_operator(username="stranger", display_name="s", role=Role.SUPERVISOR, password=PASSWORD, actor="test")
    boss = world.person("boss", Role.ADMINISTRATOR)
    auth.change("stranger", display_name="s", role=Role.SUPERVISOR, channels=("dolphin",), actor=boss)
    stranger = Person(world, "stranger")
    stranger.reads(f"/channels/calls/{call.id}", status=404)
    stranger.reads(f"/channels/callbacks/{heard.id}", status=404)
    stranger.reads("/channels/callbacks/9223372036854775807", status=404)
    assert number not in stranger.reads("/channels/calls/")
    assert number not in stranger.reads("/channels/callbacks/")


def test_the_number_of_an_answer_is_kept_masked_where_it_could_be_a_card(world: World, number: str) -> None:
    kept = (
        db.session.execute(text("SELECT channel_number FROM channel_call WHERE channel_number <> ''")).scalars().all()
    )
    assert kept and all(CARD not in it for it in kept)

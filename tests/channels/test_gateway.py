"""The window: every call is a row before it leaves, and what is kept of it may be shown to anybody."""

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode
from uuid import uuid4

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import LargeBinary, String, inspect, select, text

from app import create_app
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import gateway, queries, rules
from app.channels import service as channels
from app.channels.contract import Interface
from app.channels.models import ChannelCall
from app.config import Config
from app.kernel import clock, signing
from app.kernel.bank_card import BankCard
from app.runtime import jobs, log
from app.runtime.db import db, transaction
from app.withdrawals import queries as withdrawals
from app.withdrawals import service
from tests.sandbox.third_party import ThirdParty
from tests.world import World

CARD = "6217001210024455220"
HOLDER = "欧阳&明德"
PHONE = "13912345678"


class Gossip:
    """A third party of Dolphin's manner that repeats what it was told, to whoever reads its answers."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.rows: list[tuple[str, str, str]] = []
        self.words: Callable[[dict[str, str]], str] = lambda given: f"{given.get('accountName')} 的卡 {CARD} 处理中"
        self.code = "0000"
        self.body: bytes | None = None
        outer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                body = outer.answer(self.path, given)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, given: dict[str, str]) -> bytes:
        with self.app.app_context():
            latest = select(ChannelCall.interface, ChannelCall.outcome, ChannelCall.request).order_by(
                ChannelCall.id.desc()
            )
            self.rows.append(tuple(db.session.execute(latest.limit(1)).one()))  # type: ignore[arg-type]
        if self.body is not None:
            return self.body
        said = {"mchId": given["mchId"], "respCode": self.code, "respMsg": self.words(given)}
        if path.endswith("/bind"):
            said |= {"bindNo": given["bindNo"], "bindStatus": "BOUND", "cardId": "K1"}
        elif path.endswith(("/create", "/query")):
            said |= {"mchOrderNo": given["mchOrderNo"], "status": "PROCESSING"}
        said["sign"] = signing.md5_with_key(signing.sorted_pairs(said), self.key)
        return urlencode(said).encode()

    def take_over(self, account: str) -> None:
        """From now on this account's calls come here."""
        given = dict(gateway.settings(queries.account(account).id))
        self.key = given["key"]
        url = f"http://127.0.0.1:{self.server.server_port}"
        channels.change_settings(account, given | {"base_url": url}, actor="test")


@pytest.fixture
def gossip(app: Flask) -> Iterator[Gossip]:
    gossip = Gossip(app)
    yield gossip
    gossip.server.shutdown()
    gossip.server.server_close()


def bind(world: World, account: str, number: str = CARD) -> str:
    reference = card_service.bind(
        account=account,
        number=BankCard.parse(number),
        holder=HOLDER,
        bank="中国建设银行",
        phone=PHONE,
        fence=world.claimed(account),
        form_key=str(uuid4()),
        actor=world.maker,
    )
    world.until(lambda: cards.card(reference).state != "binding")
    return reference


def calls(subject: str) -> list[ChannelCall]:
    db.session.rollback()
    return list(queries.calls_about(subject))


def test_each_call_is_a_row_before_it_leaves_and_has_an_outcome_after(world: World, gossip: Gossip) -> None:
    account = world.account()
    gossip.take_over(account)
    reference = bind(world, account)
    number = world.withdrawal("100.00", account=account, card=reference)
    world.approve(number)
    world.until(lambda: len(calls(number)) >= 2 and calls(number)[1].outcome == "ok", hurry_s=1)
    assert [row[:2] for row in gossip.rows[:3]] == [("bind_card", "open"), ("submit", "open"), ("query", "open")]
    assert [(call.interface, call.outcome, call.http_status, call.word) for call in calls(number)[:2]] == [
        ("submit", "ok", 200, "PROCESSING"),
        ("query", "ok", 200, "PROCESSING"),
    ]


def test_no_call_is_made_with_a_transaction_open(world: World) -> None:
    account = world.account()
    with transaction():
        row = queries.account(account)
        setting = queries.active_setting_id(row.id)
        assert setting is not None
        call = gateway.announce(Interface.FIGURES, account_id=row.id, setting_id=setting, subject=account)
        with pytest.raises(AssertionError, match="transaction"):
            gateway.figures(call, queries.latest_figures([row.id])[row.id].business_day)


def test_a_channel_that_gossips_is_not_repeated(world: World, gossip: Gossip) -> None:
    account = world.account()
    gossip.take_over(account)
    reference = bind(world, account)
    gossip.code = "9999"  # with "0000" its words are none about the money, and nobody keeps them
    number = world.withdrawal("100.00", account=account, card=reference)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    (submit, *_more) = calls(number)
    assert submit.message == "欧** 的卡 6217 00** **** 5220 处理中"
    assert withdrawals.by_number(number).message == submit.message == cards.card(reference).message
    for said in every_text(leave_out={("card", "holder"), ("withdrawal", "holder"), ("card", "phone")}):
        for private in (CARD, HOLDER, "明德", quote("明德"), PHONE, gossip.key):
            assert private not in said


def test_a_channel_that_is_too_busy_has_not_answered_for_an_order(world: World, gossip: Gossip) -> None:
    account, since = world.account(), clock.now()
    number = world.withdrawal("100.00", account=account)
    gossip.take_over(account)
    gossip.code = "9999"
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    service.ask(number)
    assert calls(number)[-1].outcome == "ok" and not queries.was_answered(number, since=since)
    assert withdrawals.is_unknown(withdrawals.by_number(number))
    gossip.code = "0000"
    service.ask(number)
    assert queries.was_answered(number, since=since) and not withdrawals.is_unknown(withdrawals.by_number(number))


@pytest.mark.parametrize(
    "body",
    [b"\0\0\0", b"respMsg=%00", b"\xff\xfe\xed", b"", b"<html>" + b"1 " * 200_000, b"a=" + CARD.encode()],
    ids=["NUL", "escaped NUL", "no UTF-8", "nothing", "many numbers", "a card"],
)
def test_whatever_comes_back_the_call_has_an_outcome(world: World, gossip: Gossip, body: bytes) -> None:
    account = world.account()
    number = world.withdrawal("100.00", account=account)
    gossip.take_over(account)
    gossip.body = body
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    (submit, *_more) = calls(number)
    assert submit.outcome in ("unreadable", "bad_signature") and submit.duration_ms is not None
    assert len(submit.reply) <= 8000 and CARD not in submit.reply
    assert withdrawals.is_unknown(withdrawals.by_number(number))


def test_a_refused_connection_is_not_sent_and_tried_again(world: World, gossip: Gossip) -> None:
    account = world.account()
    number = world.withdrawal("100.00", account=account)
    gossip.take_over(account)
    gossip.server.shutdown()
    gossip.server.server_close()
    world.approve(number)
    world.until(lambda: calls(number) and calls(number)[0].outcome == "not_sent")
    verbs = [event.verb for event in withdrawals.events(withdrawals.by_number(number).id)]
    assert verbs[:4] == ["create", "approve", "send", "unsent"]
    given = dict(gateway.settings(queries.account(account).id))
    channels.change_settings(account, given | {"base_url": f"{world.third.url}/dolphin"}, actor="test")
    assert world.until_state(number, "paid", hurry_s=2) == "paid"
    world.all_is_well()


def shown_of(text: str, private: dict[str, str]) -> str:
    return rules.Cover(private).over(text)


def test_a_numeric_secret_is_not_shown_like_a_card() -> None:
    shown = shown_of("key=123456789012&card=6217001210024455220", {"123456789012": "******", CARD: "6217**"})
    assert shown == "key=******&card=6217**"


@pytest.mark.parametrize(
    "written",
    [
        HOLDER,
        quote(HOLDER),
        quote(HOLDER).lower(),
        json.dumps(HOLDER),
        json.dumps(HOLDER).upper().replace("\\U", "\\u"),
        "欧阳&amp;明德",
    ],
)
def test_a_name_is_covered_however_it_is_written(written: str) -> None:
    assert "明" not in (shown := shown_of(f"name={written}", {HOLDER: "欧**"})) and "**" in shown
    assert quote("明").lower() not in shown.lower() and "660e" not in shown.lower()


# The canary


def test_no_secret_and_no_card_is_left_anywhere(
    config: Config, redis_url: str, third_party: ThirdParty, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Three channels, good days and bad; then every table, the database's files, Redis and the logs are read."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    app = create_app(config.model_copy(update={"redis_url": redis_url}))
    secrets: set[str] = set()
    log.set_up(logging.DEBUG)
    try:
        with app.app_context(), World(app, third_party) as world:
            redis: Redis = app.extensions["redis"]
            redis.flushall()
            for manner, amount in (("dolphin", "10.09"), ("egret", "10.14"), ("spruce", "10.08"), ("dolphin", "10.15")):
                account = world.account(manner)
                given = gateway.settings(queries.account(account).id)
                secrets |= {given[name] for name in given if name in ("key", "private_key", "api_secret")}
                number = world.withdrawal(amount, account=account, card=bind(world, account))
                world.approve(number)
                world.until(
                    lambda number=number: len(calls(number)) > 1 or world.state(number) in ("paid", "failed"), hurry_s=2
                )  # a callback may be quicker than the first question
            broken_job(world)
            private = {CARD, HOLDER, PHONE, *secrets, *(secret.split("\n")[-3] for secret in secrets if "\n" in secret)}
            names = {("card", "holder"), ("card", "phone"), ("withdrawal", "holder")}
            for said in every_text(leave_out=names):
                for value in private:
                    assert value not in said, f"{value[:6]}… in {said[:200]}"
            dump = b"".join(bytes(redis.dump(key) or b"") + bytes(key) for key in redis.keys("*"))
            files = b"".join(file.read_bytes() for file in sorted(tmp_path.glob("paydesk.db*")))
            logs = "".join(capfd.readouterr())
            db.session.remove()
            db.engine.dispose()
    finally:
        root.handlers[:], _ = before[0], root.setLevel(before[1])
    assert "job_failed" in logs, "the logs were not caught"
    for value in private:
        assert value not in logs, f"{value[:6]}… in the logs"
        assert value.encode() not in dump
    for value in private - {HOLDER, PHONE}:
        for form in (value.encode(), base64.b64encode(value.encode()), value.encode().hex().encode()):
            assert form not in files


def test_the_canary_sings(world: World) -> None:
    """What is searched for would be found."""
    bind(world, world.account())
    assert any(HOLDER in said for said in every_text(leave_out=set()))


def fail(reference: str) -> None:
    """A job that breaks in the worst way: the statement that fails carries a name and a number."""
    card = cards.card(reference)
    with transaction():
        db.session.execute(
            text("INSERT INTO card (id, reference, holder, phone, number_masked) VALUES (:a, :b, :c, :d, :e)"),
            {"a": card.id, "b": reference, "c": card.holder, "d": card.phone, "e": cards.number_of(card)},
        )


def broken_job(world: World) -> None:
    reference = db.session.scalars(text("SELECT reference FROM card ORDER BY id DESC LIMIT 1")).one()
    with transaction():
        jobs.promise(f"{__name__}.fail", reference)
    kept = select(jobs.Job.last_error).where(jobs.Job.subject == reference, jobs.Job.kind.endswith(".fail"))
    world.until(lambda: db.session.scalar(kept))


def every_text(*, leave_out: set[tuple[str, str]]) -> Iterator[str]:
    """Every value of every text column of every table there is."""
    db.session.rollback()
    found = inspect(db.engine)
    for table in found.get_table_names():
        for column in found.get_columns(table):
            if isinstance(column["type"], String | LargeBinary) and (table, column["name"]) not in leave_out:
                yield from map(str, db.session.scalars(text(f'SELECT "{column["name"]}" FROM "{table}"')))

"""One whole story through the pages (sign in, bind, pay, callback) with values that sing, and then everything is searched.

SECURITY 23, 27, 28: a whole card number, a channel's key, a password and a session token are in no table, no database
file, no Redis value, no log line and no page. Each search first finds something harmless, so that it is known to look.
"""

import base64
import logging
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select, text
from werkzeug.routing import Rule

from app import create_app
from app.auth import service as auth
from app.auth.permissions import Role
from app.channels import gateway
from app.channels import queries as channels
from app.channels.models import CallbackInbox, ChannelCall
from app.config import Config
from app.kernel.bank_card import mask
from app.runtime import log
from app.runtime.db import db
from app.withdrawals.models import Withdrawal
from tests.payees import Alipay, at_alipay
from tests.sandbox.third_party import ThirdParty
from tests.stories.test_words import Person
from tests.world import World

CARD, MISTYPED = "6217001210024455220", "6217001210024455221"
LOGIN, MISTYPED_LOGIN = "canary.sings@example.com", "canary.sings@@example.com"
SHEET_CARD, SPOILT_CARD = "6214830100799658", "6214830100799659"
SOAK_ON_POSTGRES = ("",)  # in CI on SQLite alone
HARMLESS = "the-canary-was-here"
STREAMS = ("/live",)
WHOLE = "/whole-result.xlsx"
"""Holds full numbers on purpose: for whoever may see them, after a proof, written down."""
MOST_PAGES = 800


@dataclass
class Canary:
    """The story's people and things, and what must be found nowhere: value → what it is."""

    world: World
    config: Config
    secret: dict[str, str] = field(default_factory=dict)
    people: dict[Role, Person] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    def live(self) -> None:
        self.secret[CARD] = "the card"
        for role, name in zip(Role, ("keeper", "boss", "clerk", "teller"), strict=True):
            self.people[role] = self._enters(role, name)
        for manner in ("dolphin", "egret"):
            account = self.world.account(manner)
            given = gateway.settings(channels.account(account).id)
            for name in {"key", "private_key"} & given.keys():
                # Of a PEM one line is enough to know it by.
                self.secret[max(given[name].split("\n"), key=len)] = f"{manner}'s {name}"
            self.accounts.append(account)
            self._pays(account)
            self._uploads(account)
        with at_alipay(self.world) as alipay:
            self._pays_at_alipay(alipay)
        logging.getLogger("canary").warning(HARMLESS)

    def _enters(self, role: Role, name: str) -> Person:
        """By the door, after mistyping: the password lands in the wrong box, and once with a letter too many."""
        password = f"sings {uuid4().hex} quietly"
        auth.create_operator(username=name, display_name=name, role=role, password=password, actor="test")
        browser = self.world.app.test_client()
        assert isinstance(browser, Person)
        for typed in ({"username": password, "password": name}, {"username": name, "password": f"{password}!"}):
            assert browser.post("/login", data=browser.form("/login", "/login") | typed).status_code == 422
        good = {"username": name, "password": password}
        assert browser.post("/login", data=browser.form("/login", "/login") | good).status_code == 303
        cookie = browser.get_cookie("paydesk_session")
        assert cookie is not None
        self.secret |= {password: f"{name}'s password", cookie.value: f"{name}'s session"}
        return browser

    def _pays(self, account: str) -> None:
        clerk, boss = self.people[Role.OPERATOR], self.people[Role.SUPERVISOR]
        assert clerk.post(
            f"/channels/{account}/claim", data=clerk.form(f"/channels/{account}", f"/channels/{account}/claim")
        ).location
        bind = clerk.form(f"/cards/new?account={account}", "/cards/") | {"c_holder": "李四", "c_bank": "建设银行"}
        assert clerk.post("/cards/", data=bind | {"c_number": MISTYPED}).status_code == 422
        bound = clerk.post("/cards/", data=bind | {"c_number": f"{CARD[:4]} {CARD[4:]}"})
        assert bound.status_code == 303
        card = bound.location.rsplit("/", 1)[1]
        self.world.until(lambda: "已绑定" in clerk.get(f"/cards/{card}").text)
        self.cards.append(card)
        form = clerk.form(f"/withdrawals/new?account={account}&card={card}", "/withdrawals/check") | {"amount": "12.00"}
        assert clerk.post("/withdrawals/", data=form | {"memo": f"to {CARD}"}).status_code == 409
        made = clerk.post("/withdrawals/", data=form)
        assert made.status_code == 303
        number = made.location.rsplit("/", 1)[1]
        self.numbers.append(number)
        approve = f"/withdrawals/{number}/approve"
        assert boss.post(approve, data=boss.form(f"/withdrawals/{number}", approve)).status_code == 303
        self.world.until_state(number, "paid")
        came = select(CallbackInbox.id).where(CallbackInbox.number == number, CallbackInbox.outcome == "taken")
        self.world.until(lambda: db.session.scalar(came), hurry_s=1)

    def _pays_at_alipay(self, alipay: Alipay) -> None:
        """To an account that is no card: mistyped, registered, written into a memo, paid, and listed."""
        clerk, boss, account = self.people[Role.OPERATOR], self.people[Role.SUPERVISOR], alipay.number
        self.secret |= {LOGIN: "an Alipay account", MISTYPED_LOGIN: "a mistyped Alipay account"}
        there = f"/channels/{account}"
        assert clerk.post(f"{there}/claim", data=clerk.form(there, f"{there}/claim")).location
        register = clerk.form(f"/cards/new?account={account}", "/cards/register") | {"holder": "王五"}
        # What was mistyped comes back on that page alone, as every form's words do.
        assert clerk.post("/cards/register", data=register | {"number": MISTYPED_LOGIN}).status_code == 422
        made = clerk.post("/cards/register", data=register | {"number": f" {LOGIN}"})
        assert made.status_code == 303
        payee = made.location.rsplit("/", 1)[1]
        form = clerk.form(f"/withdrawals/new?account={account}&card={payee}", "/withdrawals/check") | {
            "amount": "12.00"
        }
        assert clerk.post("/withdrawals/", data=form | {"memo": f"to {LOGIN}"}).status_code == 409
        number = clerk.post("/withdrawals/", data=form).location.rsplit("/", 1)[1]
        search = clerk.form("/cards/", "/cards/search") | {"card": LOGIN}
        assert LOGIN not in clerk.post("/cards/search", data=search).location
        approve = f"/withdrawals/{number}/approve"
        assert boss.post(approve, data=boss.form(f"/withdrawals/{number}", approve)).status_code == 303
        alipay.bank.fate = "SUCCESS"
        self.world.until_state(number, "paid", hurry_s=30)
        lists = "/withdrawal-rules/lists/black"
        listed = boss.form(f"{lists}/new", lists) | {"card": LOGIN, "reason": "冒充客服"}
        assert boss.post(lists, data=listed).status_code == 303

    def _uploads(self, account: str) -> None:
        """A sheet with a card in its name too; a good row, one to repair, one that is wrong; its result with full numbers."""
        self.secret |= {SHEET_CARD: "a card of a sheet", SPOILT_CARD: "a mistyped card of a sheet"}
        clerk, boss = self.people[Role.OPERATOR], self.people[Role.SUPERVISOR]
        rows = (f"{SHEET_CARD}\t,张三,招商银行,", f"{SPOILT_CARD},张三,招商银行,", f"{CARD},张三,,")
        content = "\n".join(("银行卡号,开户人,开户行,银行预留手机号", *rows)).encode()
        form = clerk.form(f"/card-uploads/new?account={account}", "/card-uploads/")
        sent = clerk.post("/card-uploads/", data=form | {"file": (BytesIO(content), f"{SHEET_CARD}.csv")})
        self.world.until(lambda: "待确认" in clerk.get(sent.location).text)
        accept = clerk.form(sent.location, f"{sent.location}/accept")
        assert clerk.post(f"{sent.location}/accept", data=accept | {"pattern": "*"}).status_code == 303
        confirm = clerk.form(sent.location, f"{sent.location}/confirm")
        run = clerk.post(f"{sent.location}/confirm", data=confirm).location
        self.world.until(lambda: "已完成" in clerk.get(run).text)
        assert boss.post(f"{run}/whole-result", data=boss.form(run, f"{run}/whole-result")).status_code == 303
        self.world.until(lambda: "下载（含完整卡号）" in boss.get(run).text)

    def songs(self) -> dict[str, str]:
        """Every way in which a secret may be written, and what it is."""
        found = {}
        for value, what in self.secret.items():
            raw = value.encode()
            written = {value, raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode().rstrip("=")}
            if value == CARD:
                written |= {" ".join(re.findall(".{1,4}", CARD)), CARD[:4] + " " + CARD[4:], CARD[6:], CARD[:-4]}
            found |= dict.fromkeys(written, what)
        return found

    def hears(self, where: str, place: str) -> list[str]:
        return [f"{what} is in {place}" for song, what in self.songs().items() if song in where]


@pytest.fixture
def app(config: Config, redis_url: str) -> Iterator[Flask]:
    app = create_app(config.model_copy(update={"redis_url": redis_url}))
    app.test_client_class = Person
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.mark.slow
def test_no_secret_is_left_anywhere(
    app: Flask, config: Config, third_party: ThirdParty, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    redis: Redis = app.extensions["redis"]
    redis.flushall()
    log.set_up(logging.DEBUG)
    try:
        with World(app, third_party) as world:
            canary = Canary(world, config)
            canary.live()
            pages = in_pages(canary)
            found = [*in_tables(canary), *in_files(canary), *in_redis(canary, redis), *pages]
        found += in_logs(canary, "".join(capfd.readouterr()))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert found == []


def in_tables(canary: Canary) -> list[str]:
    """Every column of every row of every table, as text."""
    db.session.rollback()
    postgres = db.engine.dialect.name == "postgresql"
    names = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        if postgres
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    rows, found = 0, []
    whole = ""
    for table in db.session.scalars(text(names)).all():
        for row in db.session.execute(text(f'SELECT * FROM "{table}"')).all():
            said = "\n".join(value.hex() if isinstance(value, bytes | memoryview) else str(value) for value in row)
            found += canary.hears(said, f"table {table}")
            rows, whole = rows + 1, whole + said
    db.session.rollback()
    assert rows > 50 and canary.numbers[0] in whole and mask(CARD) in whole, "the tables were not read"
    return found


def in_files(canary: Canary) -> list[str]:
    """The bytes of the data folder: the database, what lies in its write-ahead log, and whatever else was left there."""
    files = [file for file in Path(canary.config.data_dir).rglob("*") if file.is_file()]
    found = []
    for file in files:
        found += canary.hears(file.read_bytes().decode("latin-1"), f"file {file.name}")
    if db.engine.dialect.name == "sqlite":
        read = {file.name: file.read_bytes() for file in files}
        assert read["paydesk.db-wal"], "what is not in the database yet was not read"
        both = read["paydesk.db"] + read["paydesk.db-wal"]
        assert canary.numbers[-1].encode() in both and mask(CARD).encode() in both
    return found


def in_redis(canary: Canary, redis: Redis) -> list[str]:
    """Every key with its value, whatever kind it is of; RQ packs its jobs, and they are unpacked."""
    said = "\n".join(plain(part) for key in redis.keys("*") for part in [key, *contents(redis, key)])
    assert "app.runtime.jobs.drain" in said, "Redis was not read, or nobody was nudged"
    return canary.hears(said, "Redis")


def contents(redis: Redis, key: bytes) -> list[bytes]:
    kind = redis.type(key)
    if kind == b"string":
        return [redis.get(key) or b""]
    if kind == b"hash":
        return [part for pair in redis.hgetall(key).items() for part in pair]
    if kind == b"list":
        return list(redis.lrange(key, 0, -1))
    if kind == b"set":
        return list(redis.smembers(key))
    if kind == b"zset":
        return list(redis.zrange(key, 0, -1))
    assert kind == b"none", f"{key!r} is a {kind!r}: say here how to read it"  # it ran out just now
    return []


def plain(value: bytes) -> str:
    try:
        return zlib.decompress(value).decode("latin-1")
    except zlib.error:
        return value.decode("latin-1")


def in_logs(canary: Canary, said: str) -> list[str]:
    assert HARMLESS in said, "the logs were not caught"
    return canary.hears(said, "the logs")


def in_pages(canary: Canary) -> list[str]:
    """Every page that each role can reach: every rule with everything there is to put into it, and every link on the way."""
    found, masked = [], {}
    for role, person in canary.people.items():
        todo, done = addresses(canary), set()
        while todo:
            path = todo.pop()
            if (known := kind_of(path)) in done or path.startswith(STREAMS) or path.endswith(WHOLE):
                continue
            done.add(known)
            answer = person.get(path)
            assert answer.status_code < 500 or path == "/readyz", f"{role}: {path}"
            said = answer.text if answer.mimetype.startswith("text/") else unpacked(answer.data)
            whole = f"{answer.headers}\n{said}\n{unescape(said)}\n{re.sub('<[^>]+>', '', said)}"
            found += canary.hears(whole, f"{role}: GET {path}")
            if mask(CARD) in whole or re.sub(r"\s", "", mask(CARD)) in re.sub(r"\s|<[^>]+>", "", said):
                masked.setdefault(role, []).append(path)
            links = re.findall(r'\b(?:href|hx-get)="(/[^"]*|\?[^"]*)"', said)
            todo += [link if link[0] == "/" else urlsplit(path).path + link for link in map(unescape, links)]
            assert len(done) < MOST_PAGES, f"{role} finds no end: {sorted(map(str, done))[-20:]}"
        assert len(done) > 10, f"{role} saw next to nothing"
    assert masked.keys() >= set(Role) - {Role.ADMINISTRATOR}, "whoever may look at cards sees the masked one"
    return found


def unpacked(data: bytes) -> str:
    """What a sheet holds; anything else as it is."""
    if not zipfile.is_zipfile(BytesIO(data)):
        return data.decode("latin-1")
    with zipfile.ZipFile(BytesIO(data)) as sheet:
        return "\n".join(sheet.read(name).decode("latin-1") for name in sheet.namelist())


def addresses(canary: Canary) -> list[str]:
    numbers = [*canary.accounts, *canary.cards, *canary.numbers, "nothing"]
    calls = list(db.session.scalars(select(ChannelCall.id)))
    db.session.rollback()
    found = []
    for rule in canary.world.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            found += list(built(rule, numbers, calls))
    return found


def built(rule: Rule, numbers: list[str], calls: list[int]) -> Iterator[str]:
    """The addresses of a rule: without arguments one, with one of them one for each thing that it may name."""
    converters = {type(it).__name__ for it in rule._converters.values()}
    for value in calls if "IntegerConverter" in converters else numbers if rule.arguments else [""]:
        address = rule.build(dict.fromkeys(rule.arguments, value))
        assert address, rule
        yield address[1]


def kind_of(path: str) -> tuple[str, ...]:
    """Two searches of the same page by the same fields are one page here, or a walk over presets would not end."""
    parts = urlsplit(path)
    return (parts.path, *sorted(name for name, _value in parse_qsl(parts.query)))


def test_what_the_canary_searches_for_is_what_it_says(app: Flask, config: Config, third_party: ThirdParty) -> None:
    """A secret that is somewhere is heard there, in whatever writing."""
    with World(app, third_party) as world:
        canary = Canary(world, config, secret={CARD: "the card", "key of keys": "a key"})
        raw = CARD.encode()
        for written in (CARD, f"{CARD[:4]} {CARD[4:]}", raw.hex(), base64.b64encode(raw).decode(), f"x{CARD}x"):
            assert canary.hears(written, "here"), written
        assert canary.hears("a key of keys is here", "here") == ["a key is in here"]
        assert canary.hears(f"{mask(CARD)} 622202 5220 key", "here") == []
        assert db.session.scalar(select(Withdrawal.id)) is None

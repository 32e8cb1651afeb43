"""What all stories of a process share: the application, the third party, and files to begin from."""

import base64
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog
from argon2 import PasswordHasher
from redis.exceptions import ConnectionError as NoRedis
from sqlalchemy import event, update

from app import create_app
from app.auth import service as auth
from app.auth.identity import Actor as Person
from app.auth.permissions import Role
from app.auth.service import passwords
from app.cards import queries as cards
from app.cards import service as card_service
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import Channel
from app.collections import service as collections
from app.collections.states import Kind
from app.config import Config
from app.kernel import clock, numbers
from app.kernel.bank_card import BankCard
from app.kernel.funds import Funds
from app.kernel.money import Money
from app.kernel.signing import new_rsa_pair
from app.ledger import queries as ledger
from app.runtime import http, jobs, migrations
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.sandbox import merchants
from app.sandbox.manners import MANNERS
from tests.simulator.actors import watch_transactions
from tests.simulator.channel import HOST, ThirdParty, Wire

BEGIN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC).timestamp()
CARD = "6222021001116245777"
PASSWORD = "correct horse battery staple"
RETURN_WAITS = "600,3600,14400"
"""Hours instead of days; the last one past all that clocks are off, and past the time in which a request may arrive."""
PREFUNDED = "egret"
"""The manner of which the stage has money paid in too, as much as there is collected."""
BALANCE, FEE = Money.parse("10000.00"), Money.parse("2.00")


class _NoRedis:
    """Every nudge and every live event is lost, at once: whatever happens, happens because a row is due."""

    def __getattr__(self, name: str) -> Any:
        raise NoRedis(name)


@dataclass(frozen=True, slots=True)
class Account:
    number: str
    manner: str
    merchant_no: str
    card: str


class Stage:
    """Opened once; `begin` sets it up for the next story."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work, self._first = folder / "work", folder / "first"
        self._work.mkdir()
        self._first.mkdir()
        self.now = BEGIN
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
        self.third = ThirdParty()
        keys = {"secret_key": "simulator-" * 5, "field_keys": "k1:" + base64.b64encode(b"1" * 32).decode()}
        self.app = create_app(Config(data_dir=self._work, private_targets=f"{HOST}:80", **keys))
        self.app.extensions["redis"] = _NoRedis()
        with self.app.app_context():
            event.listen(db.engine, "connect", _hurry)
            watch_transactions()

    @property
    def database(self) -> Path:
        return self._work / "paydesk.db"

    def set_up(self) -> None:
        """People, an account at each company with money on it, a card: made once, through services and the real protocols."""
        self.third.open(self._work / "sandbox.db")
        wire = Wire(
            fate=lambda: "fine",
            deliver=self.third.call,
            later=lambda _: None,
            leaves=lambda *_: None,
            of_another=lambda: None,
        )
        with self.app.app_context(), clock.replaced(self._clock), wired(wire), seeded(0), _cheap_hashes():
            migrations.upgrade()
            self.makers = [self._person("maker"), self._person("second")]
            self.checker = self._person("checker", Role.SUPERVISOR)
            self.accounts = [self._account(manner) for manner in MANNERS]
            with transaction():
                db.session.execute(update(Channel).values(return_waits_s=RETURN_WAITS))
            db.session.remove()
        self.close()
        for file in self._work.iterdir():
            shutil.copy(file, self._first / file.name)

    def begin(self) -> None:
        self.close()
        shutil.rmtree(self._work)
        self._work.mkdir()
        for file in self._first.glob("*.*"):
            shutil.copy(file, self._work / file.name)
        self.third.open(self._work / "sandbox.db")
        self.now = BEGIN + 60  # the first maker holds every account

    def close(self) -> None:
        self.third.close()
        with self.app.app_context():
            db.engine.dispose()

    def _clock(self) -> datetime:
        self.now += 0.001
        return datetime.fromtimestamp(self.now, UTC)

    def _person(self, username: str, role: Role = Role.OPERATOR) -> Person:
        auth.create_operator(username=username, display_name=username, role=role, password=PASSWORD, actor="simulator")
        return auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="simulator")[1]

    def _account(self, manner: str) -> Account:
        number, merchant_no = f"C{manner}", f"M{manner}"
        ours, theirs = _keys(manner)
        with self.third.store.writing() as tx:
            kept = MANNERS[manner].complete_keys(theirs, {})
            merchants.register(
                tx,
                merchants.Registration(
                    manner=manner,
                    merchant_no=merchant_no,
                    keys=kept,
                    callback_url=f"http://house/callbacks/{number}",
                    starting_balance_minor=BALANCE.minor,
                    deposited_minor=BALANCE.minor if manner == PREFUNDED else 0,
                    payout_fee_minor=FEE.minor,
                    collect_fee_ppm=0,
                ),
            )
        ours |= MANNERS[manner].told(kept)
        channel_service.open_channel(code=manner, name=manner, adapter=manner, actor="simulator")
        channel_service.open_account(
            channel=manner,
            name=merchant_no,
            settings={"base_url": f"http://{HOST}/{manner}", "merchant_no": merchant_no, **ours},
            single_limit=Money.parse("5000.00"),
            fee_fixed=FEE,
            fee_rate_ppm=0,
            actor="simulator",
            number=number,
        )
        self._work_off()
        assert ledger.balances_of([number])[number].available == BALANCE
        if manner == PREFUNDED:
            self._pay_in(number)
        channel_service.claim(number, actor=self.makers[0])
        held = channels.holder(channels.account(number).id)
        assert held is not None
        reference = card_service.bind(
            account=number,
            number=BankCard.parse(CARD),
            holder="张三",
            bank="中国工商银行",
            phone="",
            fence=held.fence,
            form_key=f"form of {number}",
            actor=self.makers[0],
        )
        self._work_off()
        assert cards.card(reference).state == "bound"
        return Account(number, manner, merchant_no, reference)

    def _pay_in(self, number: str) -> None:
        """What the third party has of ours to pay out of is in the book."""
        top_up = collections.enter(
            account=number,
            funds=Funds.PREFUNDED,
            kind=Kind.OPENING,
            amount=BALANCE,
            arrived_on=clock.business_day(),
            evidence="by the simulator",
            form_key=f"deposit of {number}",
            actor=self.makers[0],
        )
        collections.approve(top_up, actor=self.checker)
        assert ledger.balances_of([number])[number].prefunded == BALANCE

    @staticmethod
    def _work_off() -> None:
        for line in Line:
            while claimed := jobs.claim(line, limit=1):
                jobs.run(claimed[0])


@contextmanager
def seeded(seed: int) -> Iterator[random.Random]:
    """Order numbers and nonces, on both sides, come out of the seed."""
    chance = random.Random(seed)
    original, numbers.secrets = numbers.secrets, SimpleNamespace(choice=chance.choice)  # type: ignore[assignment]
    try:
        yield chance
    finally:
        numbers.secrets = original


@contextmanager
def wired(wire: Wire) -> Iterator[None]:
    """What the house sends goes over this wire."""
    original, http._pools = http._pools, lambda: wire  # type: ignore[assignment,return-value]
    try:
        yield
    finally:
        http._pools = original


@contextmanager
def _cheap_hashes() -> Iterator[None]:
    original, passwords._ARGON2 = passwords._ARGON2, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    try:
        yield
    finally:
        passwords._ARGON2 = original


def _hurry(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")  # actors are killed here, machines are not


def _keys(manner: str) -> tuple[dict[str, str], dict[str, str]]:
    if manner == "egret":
        private, public = new_rsa_pair()
        return {"private_key": private}, {"public_key": public}
    names = ("api_key", "api_secret") if manner == "spruce" else ("key",)
    keys = {name: f"{name} of the simulator" for name in names}
    return keys, dict(keys)

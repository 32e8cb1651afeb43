"""An empty house with one channel account that is claimed, for benchmarks."""

import base64
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import update

from app import create_app
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import service as cards
from app.cards.models import Card
from app.channels import queries as channels
from app.channels import service as channel_service
from app.config import Config
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.money import ZERO, Money
from app.ledger import book
from app.runtime import migrations
from app.runtime.db import db, transaction
from app.runtime.jobs import Job
from app.withdrawals import queries
from app.withdrawals import service as withdrawals
from bench.channel import MERCHANT

PASSWORD = "correct horse battery staple"


class House:
    """Somebody at work on an account."""

    def __init__(self, clerk: Actor, account: str) -> None:
        self.clerk, self.account = clerk, account

    @property
    def fence(self) -> int:
        held = channels.holder(channels.account(self.account).id)
        assert held is not None
        return held.fence

    def upload(self, content: bytes) -> str:
        return cards.uploads.receive(
            account=self.account,
            filename="b.xlsx",
            content=content,
            fence=self.fence,
            form_key=str(uuid4()),
            actor=self.clerk,
        )

    def discard(self, reference: str) -> None:
        cards.uploads.discard(reference, fence=self.fence, actor=self.clerk)


@contextmanager
def house(folder: Path, redis_url: str = "", **more: Any) -> Iterator[House]:
    """On SQLite as the console sets it up; without Redis, where nobody needs its nudges. `more` goes to its configuration."""
    keys = {"secret_key": "bench-only-" * 5, "field_keys": "k1:" + base64.b64encode(b"1" * 32).decode()}
    app = create_app(Config(data_dir=folder, redis_url=redis_url, **keys, **more))
    gc.collect()
    gc.freeze()  # as the console's processes do
    with app.app_context():
        migrations.upgrade()
        auth.create_operator(
            username="clerk", display_name="clerk", role=Role.OPERATOR, password=PASSWORD, actor="bench"
        )
        clerk = auth.sign_in("clerk", PASSWORD, address="127.0.0.1", user_agent="bench")[1]
        channel_service.open_channel(code="dolphin", name="dolphin", adapter="dolphin", actor="bench")
        account = channel_service.open_account(
            channel="dolphin",
            name="bench",
            settings={"base_url": "http://127.0.0.1:9", "merchant_no": "M1", "key": "k" * 32},
            single_limit=Money.parse("1000.00"),
            fee_fixed=ZERO,
            fee_rate_ppm=0,
            actor="bench",
        )
        channel_service.claim(account, actor=clerk)
        yield House(clerk, account)
        db.session.remove()
        db.engine.dispose()


class Payer:
    """An account at the channel of `bench.channel`, with money, a bound card, and two people."""

    def __init__(self, here: House, url: str, *, ours: str, theirs: str) -> None:
        """`ours`: our private key; `theirs`: the channel's public one. Both PEM."""
        self.clerk = here.clerk
        auth.create_operator(
            username="boss", display_name="boss", role=Role.SUPERVISOR, password=PASSWORD, actor="bench"
        )
        self.boss = auth.sign_in("boss", PASSWORD, address="127.0.0.1", user_agent="bench")[1]
        channel_service.open_channel(code="egret", name="egret", adapter="egret", actor="bench")
        settings = {"base_url": url, "merchant_no": MERCHANT, "private_key": ours, "channel_public_key": theirs}
        self.account = channel_service.open_account(
            channel="egret", name="payer", settings=settings, single_limit=Money.parse("1000.00"), fee_fixed=ZERO,
            fee_rate_ppm=0, actor="bench",
        )  # fmt: skip
        channel_service.claim(self.account, actor=self.clerk)
        held = channels.holder(channels.account(self.account).id)
        assert held is not None
        self.fence = held.fence
        self.card = cards.bind(
            account=self.account, number=BankCard.parse("6222021001116245777"), holder="张三", bank="中国工商银行", phone="",
            fence=self.fence, form_key=str(uuid4()), actor=self.clerk,
        )  # fmt: skip
        with transaction():
            book.open_accounts(self.account)
            book.collect(self.account, Money.parse("9000000.00"), number="bench")
            db.session.execute(update(Card).values(state="bound"))
            db.session.execute(update(Job).values(done_at=clock.now()))
        self._made = 0

    def approved(self, count: int) -> list[str]:
        """So many withdrawals, made by one person and approved by another: a worker may send them."""
        numbers = []
        for _ in range(count):
            self._made += 1
            amount = Money(1000 + self._made)
            number = withdrawals.create(
                account=self.account, card=self.card, amount=amount, memo="", fence=self.fence, form_key=str(uuid4()),
                actor=self.clerk,
            )  # fmt: skip
            withdrawals.approve(number, seen=queries.digest(queries.by_number(number)), actor=self.boss)
            numbers.append(number)
        return numbers

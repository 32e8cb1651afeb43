"""An empty house with one channel account that is claimed, for benchmarks."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from app import create_app
from app.auth import service as auth
from app.auth.identity import Actor
from app.auth.permissions import Role
from app.cards import service as cards
from app.channels import queries as channels
from app.channels import service as channel_service
from app.config import Config
from app.kernel.money import ZERO, Money
from app.runtime import migrations
from app.runtime.db import db

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
def house(folder: Path, redis_url: str = "") -> Iterator[House]:
    """On SQLite as the console sets it up; without Redis, where nobody needs its nudges."""
    keys = {"secret_key": "bench-only-" * 5, "field_keys": "k1:" + base64.b64encode(b"1" * 32).decode()}
    app = create_app(Config(data_dir=folder, redis_url=redis_url, **keys))
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

"""An account at Alipay's double, with money on it, and payees that are no bank card."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from app.cards import service as card_service
from app.channels import queries as channels
from app.channels import service as channel_service
from app.kernel.money import Money
from app.kernel.payee import Payee, PayeeAccount
from app.ledger import queries as ledger
from app.runtime.db import db
from tests.channels.test_alipay import AlipayThem, Bank, pair
from tests.world import World

LOGIN, USER, OPENID = "zhangsan@example.com", "2088102146225135", "o-MYE42l80oelYMDE34nYD456Xoy"
NAME = "欧阳春晓"


@dataclass
class Alipay:
    """An account at the double, with money on it, held by the maker."""

    world: World
    bank: Bank
    number: str

    def payee(self, text: str = LOGIN, kind: Payee = Payee.ALIPAY_LOGIN, holder: str = NAME) -> str:
        return card_service.bind(
            account=self.number,
            number=PayeeAccount.parse(kind, text),
            holder=holder,
            bank="支付宝",
            phone="",
            fence=self.world.claimed(self.number),
            form_key=str(uuid4()),
            actor=self.world.maker,
        )

    @property
    def account_id(self) -> int:
        return channels.account(self.number).id

    def balances(self) -> ledger.Balances:
        db.session.rollback()
        return ledger.balances_of([self.number])[self.number]


@contextmanager
def at_alipay(world: World, balance: str = "500.00") -> Iterator[Alipay]:
    with Bank(pair("ours")[1]) as bank:
        bank.balance = balance
        yield Alipay(world, bank, _opened(world, bank))


def _opened(world: World, bank: Bank) -> str:
    channel_service.open_channel(code="alipay", name="支付宝", adapter="alipay", actor="test")
    number = channel_service.open_account(
        channel="alipay",
        name="云栖",
        settings={**AlipayThem().settings, "base_url": bank.url},
        single_limit=Money.parse("5000.00"),
        fee_fixed=Money.parse("0.50"),
        fee_rate_ppm=0,
        actor="test",
    )
    channel_service.pull_figures(number)
    world.until(lambda: ledger.balances_of([number])[number].available == Money.parse(bank.balance))
    return number

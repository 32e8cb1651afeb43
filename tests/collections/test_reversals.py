"""冲正: what was booked by mistake is taken back by two people, once, and only while the money is there."""

import re
from uuid import uuid4

import pytest
from sqlalchemy import select

from app import examine
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.cards import service as cards
from app.collections import queries, service
from app.collections.states import Kind
from app.kernel import clock
from app.kernel.bank_card import BankCard
from app.kernel.errors import Refused
from app.kernel.money import ZERO, Money
from app.ledger import queries as ledger
from app.runtime.db import db
from app.withdrawals import service as withdrawals
from tests.cards.test_pages import enters
from tests.collections.test_top_ups import silent as silent
from tests.withdrawals.test_sheet_pages import posts
from tests.world import CARD, World

WHY = "重复记了同一笔到账"


def yuan(text: str) -> Money:
    return Money.parse(text)


@pytest.fixture
def finance(world: World) -> Actor:
    return world.person("finance", Role.FINANCE)


@pytest.fixture
def booked(world: World, silent: str, finance: Actor) -> str:
    """A top-up of ¥500.00 that is in the book."""
    return entered(world, silent, finance)


def entered(world: World, account: str, finance: Actor, amount: str = "500.00", kind: Kind = Kind.OPENING) -> str:
    number = service.enter(
        account=account, kind=kind, amount=yuan(amount), arrived_on=clock.business_day(), evidence="银行回单 20261122",
        form_key=str(uuid4()), actor=finance,
    )  # fmt: skip
    service.approve(number, actor=world.checker)
    return number


def balances(account: str) -> tuple[Money, Money]:
    db.session.rollback()
    found = ledger.balances_of([account])[account]
    return found.available, found.in_flight


def state(number: str) -> str:
    db.session.rollback()
    return queries.top_up(number).state


def test_two_people_take_it_back(world: World, silent: str, booked: str, finance: Actor) -> None:
    reversal = service.reversals.ask(booked, reason=WHY, actor=finance)
    assert (state(booked), balances(silent)) == ("booked", (ZERO, yuan("500.00"))), "set aside while nobody has looked"
    assert [row.number for row in queries.top_ups({}).rows] == [booked], "it is in the list of what waits"
    with pytest.raises(Refused, match="由另一人审批"):
        service.reversals.approve(booked, actor=finance)
    service.reversals.approve(booked, actor=world.checker)
    assert (state(booked), balances(silent)) == ("reversed", (ZERO, ZERO))
    entries = {row.kind: (row.number, row.note) for row in ledger.entries(reversal)}
    assert entries == {"hold": (reversal, booked), "settle": (reversal, booked)}, "it names what it takes back"
    (kept,) = queries.reversals(queries.top_up(booked).id)
    assert (kept.number, kept.reason, kept.maker, kept.checker) == (reversal, WHY, "finance", "checker")
    its_own = select(AuditRecord.action).where(AuditRecord.subject == booked).order_by(AuditRecord.seq)
    assert list(db.session.scalars(its_own))[-2:] == ["reversal.ask", "reversal.approve"]
    assert examine() == []
    for again in (
        lambda: service.reversals.ask(booked, reason=WHY, actor=finance),
        lambda: service.reversals.approve(booked, actor=world.checker),
    ):
        with pytest.raises(Refused):
            again()
    assert entered(world, silent, finance, "300.00") and balances(silent)[0] == yuan("300.00"), "and the right one"


@pytest.mark.parametrize("who", ["another", "oneself"])
def test_a_wish_that_is_not_granted_gives_the_money_back(
    world: World, silent: str, booked: str, finance: Actor, who: str
) -> None:
    service.reversals.ask(booked, reason=WHY, actor=finance)
    with pytest.raises(Refused, match="正在等待审批"):
        service.reversals.ask(booked, reason=WHY, actor=world.checker)
    if who == "another":
        with pytest.raises(Refused, match="由另一人审批"):
            service.reversals.reject(booked, reason="看错了", actor=finance)
        service.reversals.reject(booked, reason="确已到账", actor=world.checker)
    else:
        with pytest.raises(Refused, match="只有申请的人"):
            service.reversals.withdraw(booked, actor=world.checker)
        service.reversals.withdraw(booked, actor=finance)
    assert (state(booked), balances(silent)) == ("booked", (yuan("500.00"), ZERO))
    assert examine() == []
    service.reversals.ask(booked, reason="再次核对，确未到账", actor=finance)
    assert len(queries.reversals(queries.top_up(booked).id)) == 2 and examine() == []


def test_what_was_paid_out_meanwhile_cannot_be_taken_back(
    world: World, silent: str, booked: str, finance: Actor
) -> None:
    card = cards.bind(
        account=silent, number=BankCard.parse(CARD), holder="张三", bank="中国工商银行", phone="",
        fence=world.claimed(silent), form_key=str(uuid4()), actor=world.maker,
    )  # fmt: skip
    number = world.withdrawal("100.00", account=silent, card=card)
    with pytest.raises(Refused, match="不足这笔入账的"):
        service.reversals.ask(booked, reason=WHY, actor=finance)
    assert queries.reversals(queries.top_up(booked).id) == [] and examine() == []
    withdrawals.cancel(number, actor=world.maker)
    service.reversals.ask(booked, reason=WHY, actor=finance)
    with pytest.raises(Refused, match="可用余额不足"):
        world.withdrawal("1.00", account=silent, card=card)


def test_what_is_not_booked_is_not_taken_back(world: World, silent: str, finance: Actor) -> None:
    waiting = service.enter(
        account=silent, kind=Kind.OPENING, amount=yuan("10.00"), arrived_on=clock.business_day(), evidence="银行回单",
        form_key=str(uuid4()), actor=finance,
    )  # fmt: skip
    with pytest.raises(Refused, match="只有已入账"):
        service.reversals.ask(waiting, reason=WHY, actor=finance)
    with pytest.raises(Refused, match="没有待审批的冲正"):
        service.reversals.approve(waiting, actor=world.checker)


def test_the_pages_of_a_reversal(world: World, silent: str, booked: str) -> None:
    at = f"/collections/{booked}"
    person = enters(world, "finance")
    assert "申请冲正 ¥500.00" in person.get(at).text
    assert posts(person, f"{at}/reverse", reversal_reason="").status_code == 422
    assert posts(person, f"{at}/reverse", reversal_reason=WHY).status_code == 303
    page = person.get(at).text
    assert "冲正待审批" in page and WHY in page and "撤回冲正" in page and "通过并冲正" not in page
    assert "已入账" not in page, "its badge says that it waits"
    assert "冲正待审批" in person.get("/collections/").text
    checker = enters(world, "checker")
    page = checker.get(at).text
    assert "通过并冲正 ¥500.00" in page and "撤回冲正" not in page
    assert posts(checker, f"{at}/reverse/reject", reason="").status_code == 422
    assert posts(checker, f"{at}/reverse/approve").status_code == 303
    page = checker.get(at).text
    assert "已冲正" in page and "冲正记录" in page and re.search(r'href="/ledger/[^"]*Z[0-9]{8}', page)
    assert "申请冲正" not in page

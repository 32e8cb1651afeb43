"""代付方式 on the pages: chosen where there is a choice, told wherever the withdrawal is, and the other where one is short."""

import re

import pytest

from app.channels import service as channels
from app.runtime.db import db
from app.uploads import queries as uploads
from app.withdrawals import queries
from tests.withdrawals import sheets
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_making_pages import fields, sent
from tests.world import World

ONE_ENGINE = True
CHECK, MAKE = "/withdrawals/check", "/withdrawals/"


@pytest.fixture
def egret(world: World) -> str:
    number = world.account("egret", balance="1000.00", deposit="500.00")
    world.card(number)
    return number


@pytest.fixture
def maker(world: World, egret: str) -> Person:
    person = Person(world, "maker")
    world.maker = person.actor
    channels.claim(egret, actor=person.actor)
    return person


def filled(maker: Person, account: str, card: str, **typed: str) -> dict[str, str]:
    return fields(maker.reads(f"/withdrawals/new?account={account}&card={card}"), CHECK) | typed


def test_the_maker_chooses_and_everybody_reads_it(world: World, maker: Person, egret: str) -> None:
    form = filled(maker, egret, world.card(egret), amount="100.00", funds="prefunded")
    page = sent(maker, CHECK, form, 200)
    assert "预存资金" in page and "当前预存余额" in page and "398.50" not in page
    made = fields(page, MAKE)
    assert made["funds"] == "prefunded"
    number = sent(maker, MAKE, made, 303).rsplit("/", 1)[1]
    db.session.rollback()
    assert queries.by_number(number).funds == "prefunded"
    assert "预存资金" in maker.reads(f"/withdrawals/{number}")
    assert "预存资金" in maker.reads("/withdrawals/")
    assert "预存资金" in maker.reads(f"/withdrawals/{number}/slip")
    boss = Person(world, "checker")
    assert "预存资金" in boss.reads(f"/withdrawals/{number}").partition('id="decision"')[2]


def test_where_one_is_short_the_other_is_a_press_away(world: World, maker: Person, egret: str) -> None:
    form = filled(maker, egret, world.card(egret), amount="600.00", funds="prefunded")
    page = sent(maker, CHECK, form, 200)
    assert "预存余额不足，还差 ¥102.00" in page and "改用收款资金" in page
    other = fields(page, CHECK)
    assert other["funds"] == "collected" and other["amount"] == "600.00"
    page = sent(maker, CHECK, other, 200)
    assert "不足" not in page and fields(page, MAKE)["funds"] == "collected"
    form = filled(maker, egret, world.card(egret), amount="2000.00", funds="prefunded")
    assert "改用" not in sent(maker, CHECK, form, 200), "neither is enough"


def test_where_there_is_no_choice_nothing_is_asked(world: World, maker: Person) -> None:
    plain = world.account()
    card = world.card(plain)
    page = maker.reads(f"/withdrawals/new?account={plain}")
    assert "代付方式" not in page and fields(page, CHECK)["funds"] == "collected"
    form = fields(page, CHECK) | {"card": card, "amount": "1.00", "funds": "prefunded"}
    refused = maker.does(CHECK, status=409, **{name: it for name, it in form.items() if name != "csrf_token"})
    assert "不能用预存资金付款" in refused


def test_a_settlement_asks_for_none(maker: Person, egret: str) -> None:
    page = maker.reads(f"/withdrawals/new?account={egret}&kind=settlement")
    assert "代付方式" not in page and fields(page, CHECK)["funds"] == "collected"


def test_another_channel_is_named_with_the_funds_that_are_enough(world: World, maker: Person, egret: str) -> None:
    world.withdrawal("900.00", account=egret)
    page = maker.reads("/withdrawals/route?q=张三&amount=300.00")
    form = fields(page, CHECK)
    assert (form["account"], form["funds"]) == (egret, "prefunded") and "预存资金" in page


def test_a_sheet_is_confirmed_with_its_funds(world: World, maker: Person, egret: str) -> None:
    upload = sheets.checked(world, egret, sheets.good(1, "700.00"))
    here = f"/withdrawal-uploads/{upload}"
    assert "收款资金 ¥1,000.00" in maker.reads(here) and "还差" not in maker.reads(here)
    page = maker.reads(f"{here}?funds=prefunded")
    assert "还差 ¥202.00" in page and "轮到它时可用余额 ¥500.00" in page
    form = fields(page, f"{here}/confirm") | {"count": "1", "amount": "700.00", "goes_on": "y"}
    assert form["funds"] == "prefunded"
    reference = sent(maker, f"{here}/confirm", form, 303).rsplit("/", 1)[1]
    assert uploads.upload(upload).state == "confirmed"
    assert "预存资金" in maker.reads(f"/withdrawal-sheets/{reference}")


def test_the_board_and_the_book_tell_it_apart(world: World, egret: str) -> None:
    boss = Person(world, "checker")
    assert re.search(r"预存 ¥500\.00", boss.reads("/"))
    assert "预存余额" in boss.reads(f"/channels/{egret}")
    told = re.sub(r"<[^>]+>|\s", "", boss.reads("/ledger/"))
    assert f"{egret}¥1,000.00¥500.00¥0.00¥1,500.00" in told
    entered = boss.reads("/collections/?show=all")
    assert "预存资金" in entered and f"/collections/new?account={egret}/prefunded" in entered.replace("%2F", "/")

"""选渠道, page by page: from a name and an amount to the form of an account, and from a form that was refused to another."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from app.auth.permissions import Role
from app.cards import queries as cards
from app.channels import service as channels
from app.channels.models import ChannelAccount
from app.kernel import clock
from app.kernel.money import Money
from app.runtime.db import db, transaction
from app.withdrawals import service
from app.withdrawals.rules import Limit, Rulebook
from app.withdrawals.service import rulebook
from tests.withdrawals import sheets
from tests.withdrawals.test_admission import in_force
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_making_pages import MEMO, fields, sent
from tests.world import CARD, World

ONE_ENGINE = True
SECOND_CARD = "6217001210024455220"
CHECK = "/withdrawals/check"


@pytest.fixture
def two(world: World) -> tuple[str, str]:
    """Two accounts at which the same card is bound; nobody holds them, and the second one takes less for it."""
    accounts = (world.account("dolphin"), world.account("egret", fee="1.50"))
    for account in accounts:
        world.card(account)
        channels.release(account, actor=world.maker)
    return accounts


@pytest.fixture
def maker(world: World, two: tuple[str, str]) -> Person:
    return Person(world, "maker")


def weigh(number: str, **values: object) -> None:
    with transaction():
        db.session.execute(update(ChannelAccount).where(ChannelAccount.number == number).values(**values))


def claim_of(account: str) -> str:
    return f"/channels/{account}/claim?again={CHECK}"


def best(page: str) -> str:
    found = re.search(r'<section class="panel is-best".*?</section>', page, re.S)
    return found[0] if found else ""


def row(page: str, account: str) -> str:
    found = re.search(rf'<tr id="route-{account}".*?</tr>', page, re.S)
    assert found, account
    return found[0]


def test_from_a_name_to_the_form_of_an_account_that_nobody_held(maker: Person, two: tuple[str, str]) -> None:
    assert 'href="/withdrawals/route"' in maker.reads("/withdrawals/")
    where = maker.does("/withdrawals/route", q=" 张三 ", amount="1,280.5")
    assert parse_qs(urlsplit(where).query) == {"q": ["张三"], "amount": ["1280.50"]}
    page = maker.reads(where)
    assert "egret" in best(page) and "手续费最低（¥1.50）" in best(page)
    assert "手续费更高：¥2.00，推荐的是 ¥1.50" in row(page, two[0])
    form = fields(page, re.escape(claim_of(two[1])))
    assert form["amount"] == "1280.50" and form["card"] and form["edit"] == "1"
    assert sent(maker, claim_of(two[1]), form, 307) == CHECK
    made = fields(sent(maker, CHECK, form, 200), CHECK)
    assert (made["account"], made["amount"], made["card"]) == (two[1], "1280.50", form["card"])
    page = sent(maker, CHECK, made, 200)
    assert sent(maker, "/withdrawals/", fields(page, "/withdrawals/"), 303).startswith("/withdrawals/W")


def test_one_that_is_mine_goes_straight_to_its_form(maker: Person, two: tuple[str, str]) -> None:
    channels.claim(two[1], actor=maker.actor)
    page = maker.reads("/withdrawals/route?q=张三&amount=1")
    form = fields(best(page), CHECK)
    assert fields(sent(maker, CHECK, form, 200), CHECK)["account"] == two[1]


def test_a_whole_card_number_is_in_no_address(maker: Person) -> None:
    typed = f"{CARD[:4]} {CARD[4:]}"
    where = maker.does("/withdrawals/route", card=typed, amount="1.00")
    asked = parse_qs(urlsplit(where).query)
    assert asked == {"sealed_card": [cards.index_of(CARD)], "amount": ["1.00"]}
    page = maker.reads(where)
    assert best(page) and CARD not in page


def test_of_several_one_is_chosen_and_stays(world: World, maker: Person, two: tuple[str, str]) -> None:
    reference = world.card(two[0], SECOND_CARD)
    channels.release(two[0], actor=world.maker)
    page = maker.reads("/withdrawals/route?q=张三&amount=1")
    assert "找到 2 个收款人" in page and not best(page)
    link = re.search(rf'href="([^"]*payee={reference}[^"]*)"', page)
    assert link
    page = maker.reads(link[1].replace("&amp;", "&"))
    assert "dolphin" in best(page) and "这张卡没有绑定在该渠道账号上" in row(page, two[1])
    assert f'href="/cards/new?account={two[1]}"' in row(page, two[1])
    where = maker.does("/withdrawals/route", payee=reference, amount="2.00")
    assert parse_qs(urlsplit(where).query) == {"payee": [reference], "amount": ["2.00"]}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"q": "张三", "amount": "1.005"}, "不是金额"),
        ({"q": "张三", "amount": ""}, "请输入提现金额"),
        ({"amount": "1.00"}, "请写收款人的户名或卡尾号"),
    ],
)
def test_what_cannot_be_read_comes_back(maker: Person, form: dict[str, str], said: str) -> None:
    assert said in maker.does("/withdrawals/route", status=422, **form)


def test_an_address_that_makes_no_sense_says_so(maker: Person) -> None:
    assert "不是金额" in maker.reads("/withdrawals/route?q=张三&amount=x", status=422)
    assert "没有这样的已绑定收款人" in maker.reads("/withdrawals/route?q=李四&amount=1")
    assert "没有绑定在您看得到的任何渠道账号上" in maker.reads("/withdrawals/route?sealed_card=%00&amount=1")
    maker.reads("/withdrawals/route?payee=K0&amount=1", status=404)
    assert not best(maker.reads("/withdrawals/route?q=张三"))


def test_who_is_held_by_another_is_told_by_whom_and_cannot_be_used(
    world: World, maker: Person, two: tuple[str, str]
) -> None:
    channels.claim(two[1], actor=world.person("lina", Role.OPERATOR))
    page = maker.reads("/withdrawals/route?q=张三&amount=1")
    assert "dolphin" in best(page)
    assert "由 lina 领取" in row(page, two[1]) and "<form" not in row(page, two[1])


def test_whose_seat_is_taken_says_by_whom_and_cannot_be_used(world: World, maker: Person, two: tuple[str, str]) -> None:
    beside = world.account("egret")
    channels.platforms.add(
        channel="egret",
        login_name="treasury",
        address="https://egret.example",
        password="quiet herons",
        accounts=[two[1], beside],
        note="",
        actor=world.checker,
    )
    channels.claim(beside, actor=world.person("lina", Role.OPERATOR))
    line = row(maker.reads("/withdrawals/route?q=张三&amount=1"), two[1])
    assert line.count("第三方账号 treasury 正由 lina 在") == 2, "as a reason, and where the holder stands"
    assert "空闲" not in line and "<form" not in line


def test_where_nobody_can_it_says_so(maker: Person, two: tuple[str, str]) -> None:
    page = maker.reads("/withdrawals/route?q=张三&amount=9999")
    assert "现在没有可以推荐的渠道账号" in page and page.count("超过单笔限额") == 2
    assert "<form" not in row(page, two[0])


# -- from the form ------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(world: World, maker: Person, two: tuple[str, str]) -> dict[str, str]:
    """The form of the first account, filled in."""
    channels.claim(two[0], actor=maker.actor)
    page = maker.reads(f"/withdrawals/new?account={two[0]}")
    assert 'formaction="/withdrawals/route/compare"' in page
    return fields(page, CHECK) | {"card": world.card(two[0]), "amount": "45.67", "memo": MEMO}


def test_another_channel_takes_everything_that_was_typed(
    maker: Person, two: tuple[str, str], typed: dict[str, str]
) -> None:
    page = sent(maker, "/withdrawals/route/compare", typed, 200)
    assert "egret" in best(page) and "正在用的" in row(page, two[0])
    form = fields(page, re.escape(claim_of(two[1])))
    assert {name: form[name] for name in ("amount", "memo", "form_key")} == {
        name: typed[name] for name in ("amount", "memo", "form_key")
    }
    sent(maker, claim_of(two[1]), form, 307)
    made = fields(sent(maker, CHECK, form, 200), CHECK)
    assert (made["account"], made["memo"], made["form_key"]) == (two[1], MEMO, typed["form_key"])
    assert made["card"] != typed["card"], "the same payee has a card of their own at each account"


def test_to_compare_one_must_say_whom_and_how_much(maker: Person, typed: dict[str, str]) -> None:
    assert "请选择收款人" in sent(maker, "/withdrawals/route/compare", typed | {"card": ""}, 422)


def test_what_is_refused_names_another(maker: Person, two: tuple[str, str], typed: dict[str, str]) -> None:
    weigh(two[0], single_limit=Money.parse("1.00"))
    refused = sent(maker, CHECK, typed, 409)
    assert "超过该渠道账号的单笔限额" in refused and "可以改用“egret" in refused
    form = fields(refused, re.escape(claim_of(two[1])))
    assert (form["account"], form["memo"], form["amount"]) == (two[1], MEMO, "45.67")


def test_what_no_other_would_take_names_none(maker: Person, typed: dict[str, str]) -> None:
    assert "可以改用" not in sent(maker, CHECK, typed | {"amount": "9999.00"}, 409)
    assert "可以改用" not in sent(maker, CHECK, typed | {"memo": CARD}, 409)


def test_too_little_money_names_another_before_it_is_made(
    world: World, maker: Person, two: tuple[str, str], typed: dict[str, str]
) -> None:
    assert "可以改用" not in sent(maker, CHECK, typed, 200)
    world.maker = maker.actor
    world.withdrawal("4999.00", account=two[0])
    world.withdrawal("4990.00", account=two[0])
    db.session.rollback()
    page = sent(maker, CHECK, typed, 200)
    assert "可用余额不足" in page and "可以改用“egret" in page


def test_closed_hours_and_stops_name_another_before_it_is_made(
    world: World, maker: Person, two: tuple[str, str], typed: dict[str, str]
) -> None:
    tomorrow = clock.now().astimezone(clock.BUSINESS_ZONE).isoweekday() % 7 + 1
    weigh(two[0], open_days=str(tomorrow))
    page = sent(maker, CHECK, typed, 200)
    assert "不在渠道的营业时间" in page and "可以改用“egret" in page
    weigh(two[1], open_days=str(tomorrow))
    page = sent(maker, CHECK, typed, 200)
    assert "不在渠道的营业时间" in page and "可以改用" not in page
    weigh(two[1], open_days="1234567")
    service.stops.pause(account=two[0], reason="对账", actor=world.checker)
    page = sent(maker, CHECK, typed, 200)
    assert "已停发，恢复后自动发送：由人停发" in page and "可以改用“egret" in page
    service.stops.pause(reason="对账", actor=world.checker)
    assert "可以改用" not in sent(maker, CHECK, typed, 200)
    assert "要等的可以现在提交" in maker.reads("/withdrawals/route?q=张三&amount=1")


# -- sheets -------------------------------------------------------------------------------------------------------------


def test_a_sheet_says_what_would_not_leave_today_and_who_would_send_it(world: World, two: tuple[str, str]) -> None:
    address = f"/withdrawal-uploads/{sheets.checked(world, two[0], sheets.good(3, '200.00'))}"
    maker = Person(world, "maker")
    world.maker = maker.actor
    channels.claim(two[0], actor=maker.actor)
    page = maker.reads(address)
    assert "超过渠道账号每日上限" not in page and "现在就能付整张表" not in page
    in_force(world, Rulebook(account_day=Limit(Money.parse("700.00"), 2)))
    page = maker.reads(address)
    assert "这张表共 3 笔、¥600.00，该渠道账号今天还可提 ¥700.00、2 笔" in page
    assert "现在就能付整张表" not in page, "the day of the other allows no more"
    weigh(two[0], day_amount=Money.parse("400.00"))
    assert "该渠道账号今天还可提 ¥400.00、2 笔" in maker.reads(address)
    weigh(two[0], day_amount=None)
    weigh(two[0], open_days=str(clock.now().astimezone(clock.BUSINESS_ZONE).isoweekday() % 7 + 1))
    rulebook.draft(actor=world.checker)
    rulebook.change(Rulebook(), edition=1, actor=world.checker)
    rulebook.try_out(edition=2, actor=world.activator)
    rulebook.activate(edition=2, note="放宽", actor=world.activator)
    page = maker.reads(address)
    assert "不在渠道的营业时间" in page and "egret · " in page and "现在就能付整张表" in page

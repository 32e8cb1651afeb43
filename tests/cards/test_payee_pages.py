"""Payees that are no bank card, on the pages where cards are."""

from collections.abc import Iterator

import pytest

from app.cards import queries as cards
from app.channels import service as channels
from tests.payees import LOGIN, Alipay, at_alipay
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_making_pages import fields
from tests.world import World

ONE_ENGINE = True


@pytest.fixture
def alipay(world: World) -> Iterator[Alipay]:
    with at_alipay(world) as alipay:
        yield alipay


@pytest.fixture
def maker(alipay: Alipay) -> Person:
    person = Person(alipay.world, "maker")
    channels.claim(alipay.number, actor=person.actor)
    return person


def test_a_payee_is_registered_seen_and_paid_to(alipay: Alipay, maker: Person) -> None:
    page = maker.reads(f"/cards/new?account={alipay.number}")
    assert "新增收款人" in page and "该渠道无绑卡接口，收款人只在本系统登记" in page
    assert all(kind in page for kind in ("支付宝账号（登录名）", "支付宝用户号", "银行卡")) and "openid" not in page
    form = fields(page, "/cards/register")
    form.pop("csrf_token")
    wrong = maker.does("/cards/register", status=422, **form | {"number": "zhang san", "holder": "欧阳春晓"})
    assert "支付宝登录名应为邮箱，或 11 位手机号" in wrong and "欧阳春晓" in wrong
    shown = maker.reads(maker.does("/cards/register", **form | {"number": LOGIN, "holder": "欧阳春晓"}))
    assert "已登记" in shown and "z****@example.com" in shown and LOGIN not in shown
    (bound,) = cards.bound_to(alipay.account_id)
    listed = maker.reads("/cards/")
    assert "收款人" in listed and "z****@example.com" in listed and LOGIN not in listed
    new = maker.reads(f"/withdrawals/new?account={alipay.number}&card={bound.reference}")
    assert "欧阳春晓 · 支付宝 · z****@example.com" in new
    wish = fields(new, "/withdrawals/check") | {"amount": "10.00"}
    wish.pop("csrf_token")
    check = maker.does("/withdrawals/check", status=200, **wish | {"card": bound.reference})
    assert "支付宝账号（登录名）" in check and "开户行" not in check
    again = maker.does("/withdrawals/", status=409, **wish | {"card": bound.reference, "memo": f"付 {LOGIN.upper()}"})
    assert "备注里不能写收款账号" in again
    made = maker.reads(maker.does("/withdrawals/", **wish | {"card": bound.reference}))
    assert "z****@example.com" in made and "支付宝账号（登录名）" in made and LOGIN not in made


def test_only_what_the_channel_pays_to_is_asked_for(alipay: Alipay, maker: Person) -> None:
    sandbox = alipay.world.account()
    channels.claim(sandbox, actor=maker.actor)
    page = maker.reads(f"/cards/new?account={sandbox}&payee=alipay_login")
    assert "绑定银行卡" in page and "/cards/register" not in page and "无绑卡接口" not in page

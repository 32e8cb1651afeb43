"""The pages of money in, by what a person sees."""

import re

import pytest

from app.auth.permissions import Role
from app.collections import queries
from app.ledger import queries as ledger
from app.runtime.db import db
from tests.collections.test_top_ups import silent
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_making_pages import fields
from tests.world import World

__all__ = ["silent"]
ONE_ENGINE = True


@pytest.fixture
def finance(world: World) -> Person:
    world.person("finance", Role.FINANCE)
    return Person(world, "finance")


def test_an_opening_is_entered_by_one_and_let_in_by_another(world: World, silent: str, finance: Person) -> None:
    checker = Person(world, "checker")
    index = checker.reads("/collections/")
    assert "该渠道不报余额" in index and "没有待审批的入账" in index
    form = fields(checker.reads(f"/collections/new?account={silent}"), "/collections/")
    form |= {"amount": "20,000", "kind": "opening", "evidence": "后台余额截图"}
    form.pop("csrf_token")
    wrong = checker.does("/collections/", status=422, **form | {"account": silent, "arrived_on": "昨天"})
    assert "不是日期" in wrong and "后台余额截图" in wrong, "what was typed is still there"
    mine = checker.reads(checker.does("/collections/", **form | {"account": silent}))
    assert "由另一位主管或财务审批后进账本" in mine and "通过并入账" not in mine
    (number,) = re.findall(r"/collections/(D\w+)/withdraw", mine)
    theirs = finance.reads(f"/collections/{number}")
    assert "通过并入账 ¥20,000.00" in theirs and f"/collections/{number}/withdraw" not in theirs
    assert "另一人审批" in checker.does(f"/collections/{number}/approve", status=409)
    done = finance.reads(finance.does(f"/collections/{number}/approve"))
    assert "已入账" in done and "外部" in done
    db.session.rollback()
    assert ledger.balances_of([silent])[silent].available.minor == 2_000_000
    assert number in finance.reads("/collections/?show=all")


def test_a_rejected_top_up_says_why(world: World, silent: str, finance: Person) -> None:
    checker = Person(world, "checker")
    form = fields(finance.reads(f"/collections/new?account={silent}"), "/collections/")
    form.pop("csrf_token")
    finance.does("/collections/", **form | {"account": silent, "amount": "1", "kind": "top_up", "evidence": "口头通知"})
    (row,) = queries.top_ups({}).rows
    assert "请写明驳回原因" in checker.does(f"/collections/{row.number}/reject", status=422, reason="")
    assert "没有凭证" in checker.reads(checker.does(f"/collections/{row.number}/reject", reason="没有凭证"))
    assert queries.top_ups({}).rows == []

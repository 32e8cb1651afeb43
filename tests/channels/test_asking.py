"""查询与退票: what people set for a channel is never less careful than its adapter, and every step of every order knows it."""

import json
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from sqlalchemy import select

from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.channels import queries, service
from app.channels.rules import asking
from app.channels.rules.asking import DAY, HOUR, MINUTE, Asking, Chosen
from app.kernel import clock, spans
from app.kernel.errors import Malformed, Refused
from app.kernel.money import Money
from app.ledger import queries as ledger
from app.runtime.db import db
from app.runtime.jobs import Job
from app.withdrawals.rules import ask_again_s
from app.withdrawals.states import WATCH
from tests.world import World

OWN = Asking(query_waits_s=(2, 3, 60), return_waits_s=(HOUR,), resend_window_s=60, return_refunds_fee=False)
NO_CALLBACK, RETURNED, LONG_PENDING = "20.13", "20.16", "20.17"
"""Amounts whose fate the sandbox knows."""


# -- the rule -----------------------------------------------------------------------------------------------------------


def test_what_nobody_set_is_the_adapters() -> None:
    assert Chosen().over(OWN) == OWN
    its = Chosen(query_waits_s=(5,), return_waits_s=(DAY, 2 * DAY), resend_window_s=90, return_refunds_fee=True).over(
        OWN
    )
    assert (its.query_waits_s, its.return_waits_s, its.resend_window_s) == ((5,), (DAY, 2 * DAY), 90)
    assert its.return_refunds_fee and not Chosen(return_refunds_fee=False).over(its).return_refunds_fee


def test_the_window_is_never_shorter_than_the_adapters() -> None:
    """An adapter that learns to wait longer is believed whatever was set before."""
    assert Chosen(resend_window_s=0).over(OWN).resend_window_s == 60
    assert Chosen(resend_window_s=61).over(OWN).resend_window_s == 61


@pytest.mark.parametrize(
    ("given_", "where", "words"),
    [
        (Chosen(), "", ""),
        (Chosen(query_waits_s=(2, 2, DAY)), "", ""),
        (Chosen(query_waits_s=(30, 10)), "query_waits_s", "不能越问越密"),
        (Chosen(query_waits_s=(2, 9)), "query_waits_s", "至少 10 秒"),
        (Chosen(query_waits_s=(10, 1)), "query_waits_s", "在 2 秒到1 天之间，不能是 1 秒"),
        (Chosen(query_waits_s=(DAY + 1,)), "query_waits_s", "不能是 86401 秒"),
        (Chosen(query_waits_s=(0,)), "query_waits_s", "不能是 0 秒"),
        (Chosen(query_waits_s=(10,) * 20), "", ""),
        (Chosen(query_waits_s=(5,) * 21), "query_waits_s", "最多 20 次，写了 21 次"),
        (Chosen(return_waits_s=(HOUR, 30 * DAY)), "", ""),
        (Chosen(return_waits_s=(HOUR, HOUR)), "return_waits_s", "一个比一个晚"),
        (Chosen(return_waits_s=(59,)), "return_waits_s", "不能是 59 秒"),
        (Chosen(return_waits_s=(31 * DAY,)), "return_waits_s", "不能是 31 天"),
        (Chosen(resend_window_s=60), "", ""),
        (Chosen(resend_window_s=59), "resend_window_s", "不能短于渠道协议自带的 1 分钟"),
        (Chosen(resend_window_s=7 * DAY + 1), "resend_window_s", "最长 7 天"),
    ],
)
def test_what_may_be_set(given_: Chosen, where: str, words: str) -> None:
    found = asking.flaws(given_, OWN)
    assert list(found) == ([where] if where else [])
    assert words in "".join(map(str, found.values()))


waits = st.lists(st.integers(0, 9_999_999), min_size=1, max_size=20).map(tuple)


@given(waits)
def test_what_is_written_is_read_back(some: tuple[int, ...]) -> None:
    assert asking.read(str(asking.listed(some))) == some
    assert asking.read(",".join(f"{it}s" for it in some)) == some


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("", ()), (" 10秒 , 30 秒；1分钟、1小时 2天 ", (10, 30, 60, 3600, 172_800)), ("10s, 1 min 1 h", (10, 60, 3600)),
    ],
)  # fmt: skip
def test_how_it_may_be_typed(typed: str, seconds: tuple[int, ...]) -> None:
    assert asking.read(typed) == seconds


@pytest.mark.parametrize("typed", ["10 30", "90", "1.5", "-1", "1h30m", "10,,20", "soon", "10 秒x", "１０", "12345678"])
def test_what_cannot_be_read_is_refused(typed: str) -> None:
    with pytest.raises(Malformed):
        asking.read(typed)


@given(st.text())
def test_whatever_is_typed_is_read_or_is_not(typed: str) -> None:
    found = spans.read(typed)
    assert found is None or all(it >= 0 for it in found)


def test_it_is_said_in_words_people_understand() -> None:
    its = Asking(query_waits_s=(10, 90, HOUR), return_waits_s=(), resend_window_s=900, return_refunds_fee=True)
    said = [(str(it.words), it.is_own) for it in asking.lines(Chosen(return_waits_s=(DAY, 3 * DAY)), its)]
    assert said == [
        ("依次隔 10 秒、90 秒各查一次，之后每隔 1 小时查一次，直到有结果", True),
        ("发出后 15 分钟内，渠道答“查无此单”不算数：还可能送达", True),
        ("付款成功后 1 天、3 天各查一次", False),
        ("渠道随退票退还", True),
    ]
    assert next(str(it.words) for it in asking.lines(Chosen(query_waits_s=(MINUTE,)), its)) == (
        "每隔 1 分钟查一次，直到有结果"
    )


# -- set for a channel --------------------------------------------------------------------------------------------------


@pytest.fixture
def keeper(world: World) -> Actor:
    return world.person("keeper", Role.ADMINISTRATOR)


def set_(keeper: Actor, **chosen: Any) -> None:
    service.set_asking("dolphin", Chosen(**chosen), why="渠道新规", actor=keeper)


def due_in(number: str, kind: str | None = None) -> float:
    """Seconds until something is done about it."""
    db.session.rollback()
    its = select(Job.due_at).where(Job.subject == number, Job.done_at.is_(None))
    due = db.session.scalars(its if kind is None else its.where(Job.kind == kind)).one()
    return (due - clock.now()).total_seconds()


def test_it_is_kept_told_and_taken_back(world: World, keeper: Actor) -> None:
    account = world.account()
    own = queries.account(account).asking
    assert queries.account(account).chosen == Chosen()
    set_(keeper, query_waits_s=(5, 10), resend_window_s=120, return_refunds_fee=True)
    its = queries.account(account).asking
    assert (its.query_waits_s, its.resend_window_s, its.return_refunds_fee) == ((5, 10), 120, True)
    assert its.return_waits_s == own.return_waits_s
    set_(keeper, query_waits_s=(5, 10))
    set_(keeper)
    assert queries.account(account).asking == own
    told = select(AuditRecord).where(AuditRecord.action == "channel.set-asking").order_by(AuditRecord.seq)
    first, second, third = db.session.scalars(told)
    assert json.loads(first.before or "") == {"query_waits_s": "", "resend_window_s": "", "return_refunds_fee": ""}
    assert json.loads(first.after or "") == {
        "query_waits_s": "5,10", "resend_window_s": 120, "return_refunds_fee": True,
    }  # fmt: skip
    assert json.loads(second.after or "") == {"resend_window_s": "", "return_refunds_fee": ""}
    assert (third.subject, third.why) == ("dolphin", "渠道新规")


@pytest.mark.parametrize(
    "less",
    [{"resend_window_s": 59}, {"query_waits_s": (1,)}, {"return_waits_s": (DAY, HOUR)}, {"query_waits_s": (9,) * 21}],
)
def test_what_is_less_careful_is_refused(world: World, keeper: Actor, less: dict[str, Any]) -> None:
    account = world.account()
    with pytest.raises(Refused):
        set_(keeper, **less)
    db.session.rollback()
    assert queries.account(account).chosen == Chosen()


def test_an_open_order_is_asked_about_by_what_was_set(world: World, keeper: Actor) -> None:
    account = world.account()
    set_(keeper, query_waits_s=(7, HOUR))
    number = world.withdrawal(LONG_PENDING, account=account)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    assert 0 < due_in(number) <= 7
    world.until(lambda: due_in(number) > 60, hurry_s=1)
    assert HOUR - 60 < due_in(number) <= HOUR
    set_(keeper, query_waits_s=(2 * HOUR,))
    world.until(lambda: due_in(number) > HOUR or world.state(number) != "pending", hurry_s=600)
    assert world.state(number) == "paid" or due_in(number) <= 2 * HOUR


def test_however_patient_it_is_what_comes_of_age_is_asked_about_and_put_before_people(
    world: World, keeper: Actor
) -> None:
    account = world.account()
    set_(keeper, query_waits_s=(DAY,))
    number = world.withdrawal(NO_CALLBACK, account=account)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    assert HOUR - 60 < due_in(number) <= HOUR
    world.until_state(number, "paid", hurry_s=60)


@pytest.mark.parametrize(("after_s", "wait_s"), [(0, 3600), (3500, 100), (3600, 9000), (7200, 9000), (-60, 3660)])
def test_the_next_question_is_no_later_than_an_order_comes_of_age(after_s: int, wait_s: int) -> None:
    now = clock.now()
    assert ask_again_s(9000, sent_at=now - timedelta(seconds=after_s), now=now) == wait_s
    assert ask_again_s(5, sent_at=now - timedelta(seconds=after_s), now=now) == 5
    assert ask_again_s(9000, sent_at=None, now=now) == 9000


def test_what_was_paid_is_watched_by_what_was_set(world: World, keeper: Actor) -> None:
    account = world.account()
    set_(keeper, return_waits_s=(10 * MINUTE, 5 * HOUR))
    number = world.withdrawal(NO_CALLBACK, account=account)
    world.approve(number)
    world.until_state(number, "paid")
    assert 500 < due_in(number, WATCH) <= 600
    world.until(lambda: due_in(number, WATCH) > HOUR, hurry_s=30)
    assert 4 * HOUR < due_in(number, WATCH) <= 5 * HOUR - 10 * MINUTE


@pytest.mark.parametrize(("refunds", "left"), [(None, "9998.00"), (True, "10000.00")])
def test_a_return_gives_the_fee_back_where_people_said_so(
    world: World, keeper: Actor, refunds: bool | None, left: str
) -> None:
    account = world.account()
    set_(keeper, return_refunds_fee=refunds)
    number = world.withdrawal(RETURNED, account=account)
    world.approve(number)
    world.until_state(number, "returned", hurry_s=5)
    assert ledger.balances_of([account])[account].available == Money.parse(left)

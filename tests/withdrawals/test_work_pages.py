"""人工待办 and 发送控制: pages on which a person must decide say what to do, and keep what was typed."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from sqlalchemy import update

from app.channels import queries as channels
from app.kernel import clock
from app.kernel.errors import NotThere, Text
from app.runtime.db import db, transaction
from app.withdrawals import queries, rules, service
from app.withdrawals.models import LostSend, Withdrawal, WithdrawalHold
from app.withdrawals.service import movement
from app.withdrawals.views import work
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_show_pages import region
from tests.world import World

ONE_ENGINE = True
SENT_AT = datetime(2026, 11, 21, 2, 2, 11, tzinfo=UTC)


@pytest.fixture
def account(world: World) -> str:
    return world.account()


@pytest.fixture
def checker(world: World) -> Person:
    return Person(world, "checker")


def held(world: World, account: str, reason: str) -> int:
    """A withdrawal that waits for a person; the id of what waits."""
    number = world.withdrawal("10.00", account=account)
    with transaction():
        movement.hold(queries.held(number), reason, "")
    return queries.holds(queries.by_number(number).id)[0].id


def stopped(reason: str, detail: str) -> None:
    with transaction():
        service.stops.open_stop(service.stops.ALL, reason, detail=detail, by=movement.RULE)


def lost(number: str, **more: object) -> None:
    told = {"number": number, "account": "C1", "attempt": 1, "sent_at": SENT_AT, "sealed": "", "trouble": ""} | more
    with transaction():
        db.session.add(LostSend(**told))


def test_what_was_done_about_it_stays_where_it_was_typed(world: World, account: str) -> None:
    mine, other = (held(world, account, "returned") for _ in range(2))
    maker = Person(world, "maker")
    page = maker.does(f"/work/{mine}/resolve", reason="退", status=422)
    assert page.count('value="退"') == 1 and re.search(rf'id="reason-{mine}"[^>]*value="退"', page)
    assert f'id="reason-{other}"' in page
    assert "hx-" not in region(page, "work_list"), "the address of a POST is no page to ask for again"
    assert "hx-get" in region(maker.reads("/work/"), "work_list")


def test_only_who_may_declare_is_sent_to_declare(world: World, account: str, checker: Person) -> None:
    held(world, account, "contradiction")
    assert "#propose" in checker.reads("/work/")
    page = Person(world, "maker").reads("/work/")
    assert "#propose" not in page and "查看" in page


def test_an_alert_leads_to_the_work_that_it_is_about(world: World, account: str, checker: Person) -> None:
    wanted = held(world, account, "amount_differs")
    other, elsewhere = held(world, account, "no_resend"), held(world, world.account("egret"), "amount_differs")
    page = checker.reads(f"/work/?account={account}&pressing=differs")
    assert f'id="hold-{wanted}"' in page and f'id="hold-{other}"' not in page and f'id="hold-{elsewhere}"' not in page
    title = channels.account(account).title
    assert f"只看“{title}”" in page and "渠道说法与我方不一致" in page
    assert f"/work/?reason=no_resend&amp;account={account}" in page, "its tabs stay with the account"
    (take,) = re.findall(r'action="(/work/[0-9]+/take[^"]*)"', page)[:1]
    assert checker.does(unescape(take)) == f"/work/?account={account}&pressing=differs", (
        "and so does whoever works on it"
    )
    assert "这里没有等人处理的事" in checker.reads(f"/work/?account={account}&pressing=returned")
    assert "这里没有等人处理的事" in checker.reads("/work/?account=nobody")


def test_work_that_is_not_all_shown_says_so(
    world: World, account: str, checker: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SHOWN", 2)
    for _ in range(2):
        held(world, account, "returned")
    assert "只显示" not in checker.reads("/work/")
    held(world, account, "returned")
    page = checker.reads("/work/?reason=returned")
    assert "只显示最早的 2 项" in page and page.count('<tr id="hold-') == 2


def test_the_meter_counts_from_when_it_left(world: World, account: str, checker: Person) -> None:
    world.withdrawal("10.00", account=account)
    with transaction():
        db.session.execute(update(Withdrawal).values(state="sending", sent_at=SENT_AT))
    assert checker.reads("/meter").count(f'datetime="{SENT_AT.isoformat()}"') == 2, "in the header, and in the row"


def test_why_one_account_is_stopped_stays_in_its_own_form(account: str, checker: Person) -> None:
    page = checker.does("/sending/pause", account=account, reason="停", status=422)
    assert page.count('value="停"') == 1 and re.search(rf'id="why-{account}"[^>]*value="停"', page)
    assert page.count('class="wrong"') == 1, "and the form of the whole house has nothing wrong"
    assert "hx-" not in region(page, "sending_now")
    page = checker.does("/sending/pause", reason="停", status=422)
    assert page.count('value="停"') == 1 and f'id="why-{account}"' in page
    assert not re.search(rf'id="why-{account}"[^>]*value', page)


def test_a_restored_house_says_since_when_in_the_time_of_the_house(checker: Person) -> None:
    stopped(service.stops.RESTORED, SENT_AT.isoformat(timespec="seconds"))
    page = checker.reads("/sending/")
    assert "最早的一笔发出于 2026-11-21 10:02:11" in page and "02:02:11" not in page


def test_a_book_that_does_not_hold_says_who_must_do_what(checker: Person) -> None:
    stopped(service.stops.BROKEN, "W2611210001: its trace has a gap")
    page = checker.reads("/sending/")
    notice = re.search(r'<div class="notice tone-bad".*?</div></div>', page, re.S)
    assert notice and "请立即通知技术人员" in notice[0]
    shown, _fold, original = notice[0].partition("<details")
    assert "its trace has a gap" not in shown and "its trace has a gap" in original


def row_of(page: str, account: str) -> str:
    found = re.search(rf'<tr id="account-{account}">.*?</tr>', page, re.S)
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("reason", "said"),
    [("paused", "由人全部停发"), ("restored", "从备份恢复后正在逐笔核对"), ("broken", "账目核对没有通过")],
)
def test_while_the_house_is_stopped_no_account_looks_open(
    world: World, account: str, checker: Person, reason: str, said: str
) -> None:
    assert "可以发送" in row_of(checker.reads("/sending/"), account)
    stopped(reason, SENT_AT.isoformat(timespec="seconds"))
    page = checker.reads("/sending/")
    assert "可以发送" not in page, "neither for an account nor for the house"
    assert "已停发" in row_of(page, account) and said in row_of(page, account)
    service.stops.pause(account=account, reason="盘点", actor=world.checker)
    both = row_of(checker.reads("/sending/"), account)
    assert "盘点" in both and said in both, "to lift its own stop lets nothing go"


def test_lost_sends_are_listed_until_they_are_answered_for(checker: Person) -> None:
    lost("W1", trouble=service.restoring.TROUBLES[NotThere].kept())
    lost("W2", trouble=Text("余额不足，还差 ¥%(amount)s", amount="1.00").kept())
    lost("W3", cleared_at=clock.now(), entered_at=clock.now())
    page = checker.reads("/sending/")
    assert "请管理员补建" in page and "NotThere" not in page
    assert "余额不足，还差 ¥1.00" in page
    assert ">W1<" in page and ">W2<" in page and ">W3<" not in page
    assert "2 笔还没有渠道答复" in page and "只显示" not in page


def test_a_long_list_of_lost_sends_says_that_it_is_cut(checker: Person) -> None:
    for number in range(queries.LOST_SHOWN + 1):
        lost(f"W{number:04}")
    page = checker.reads("/sending/")
    assert "201 笔还没有渠道答复，只显示最早的 200 笔" in page and "W0199" in page and "W0200" not in page


def test_what_waits_is_in_the_header_and_red_when_nobody_takes_it(world: World, account: str) -> None:
    maker = Person(world, "maker")
    assert "waiting-work" not in maker.reads("/meter")
    hold = held(world, account, "aged")
    assert 'class="waiting-work"' in maker.reads("/meter") and "无人办理" in maker.reads("/meter")
    late = clock.later(rules.WORK_LATE_S)
    with transaction():
        opened = update(WithdrawalHold).where(WithdrawalHold.id == hold)
        db.session.execute(opened.values(opened_at=clock.now() - (late - clock.now())))
    assert 'class="waiting-work is-late"' in maker.reads("/meter")
    maker.does(f"/work/{hold}/take")
    assert 'class="waiting-work"' in maker.reads("/meter") and "无人办理" not in maker.reads("/meter")


def test_whatever_a_channel_writes_with_a_return_can_be_read(world: World, account: str) -> None:
    number = world.withdrawal("10.00", account=account)
    with transaction():
        movement.hold(queries.held(number), "returned", '["%(x)s", {}] R01')
    maker = Person(world, "maker")
    assert number in maker.reads("/work/")
    assert number in maker.reads(f"/withdrawals/{number}")

"""The page of one withdrawal, as people see it: what was typed stays, and the trace says who did what."""

import io
import re

import pytest

from app.auth.permissions import Role
from app.runtime.db import transaction
from app.withdrawals import queries, service
from app.withdrawals.service import movement
from tests.withdrawals.test_list_pages import Person
from tests.withdrawals.test_outcomes import PDF, out
from tests.world import World

ONE_ENGINE = True
GROUNDS = "渠道后台查到流水号 20261121-0001，金额一致，对方银行已入账"


def region(page: str, name: str) -> str:
    """The tag that opens a region."""
    found = re.search(rf'<section id="{name}"[^>]*>', page)
    assert found, name
    return found[0]


@pytest.fixture
def checker(world: World) -> Person:
    return Person(world, "checker")


def test_grounds_that_were_refused_stay_on_the_page(world: World, checker: Person) -> None:
    number = out(world)
    assert "hx-get" in region(checker.reads(f"/withdrawals/{number}"), "withdrawal_now")
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, status=422)
    assert GROUNDS in page and "请选择认定结果" in page
    assert "hx-" not in region(page, "withdrawal_now"), "the first word of the stream would bring a blank form"


def test_what_changed_before_an_approval_stays_on_the_page(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    shown = '{"amount": "90.00"}'
    page = checker.does(f"/withdrawals/{number}/approve", seen="0" * 64, shown=shown, status=409)
    assert "您打开页面之后有变化" in page and "<del>90.00</del>" in page
    assert "hx-" not in region(page, "withdrawal_now")


def test_the_trace_names_each_approver_for_their_own_line(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    service.send_back(number, reason="再看一次", actor=world.checker)
    world.approve(number, by=world.person("second", Role.FINANCE))
    lines = re.findall(
        r"<strong>审批通过</strong>.*?<span class=\"who\">([^<]+)<", checker.reads(f"/withdrawals/{number}"), re.S
    )
    assert lines == ["checker", "second"]


def test_who_rejects_is_not_named_for_an_approval_before(world: World, checker: Person) -> None:
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    service.send_back(number, reason="再看一次", actor=world.checker)
    service.reject(number, reason="收款人不对", actor=world.person("second", Role.FINANCE))
    page = checker.reads(f"/withdrawals/{number}")
    lines = re.findall(r"<strong>审批(?:通过|驳回)</strong>.*?<span class=\"who\">([^<]+)<", page, re.S)
    assert lines == ["checker", "second"]


def test_a_refusal_says_what_to_do_about_it(world: World, checker: Person) -> None:
    number = out(world)
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, outcome="failed", status=409)
    summary = re.search(r'<section class="error-summary".*?</section>', page, re.S)
    assert summary and summary[0].count("<li>") == 2, "why not, and what to do"


def test_a_file_that_is_too_large_is_called_too_large(world: World, checker: Person) -> None:
    number = out(world)
    slip = io.BytesIO(b"%PDF-" + bytes(6 * 1024 * 1024)), "slip.pdf"
    page = checker.does(f"/withdrawals/{number}/outcomes", reason=GROUNDS, outcome="paid", file=slip, status=413)
    assert "文件太大" in page and "5 MB" in page


def test_each_form_has_ids_of_its_own(world: World, checker: Person) -> None:
    """A label, and the link of an error, must find the field of their own form."""
    number = world.withdrawal("100.00")
    service.stops.pause(reason="等一等", actor=world.checker)
    world.approve(number)
    with transaction():
        movement.hold(queries.held(number), "never_sent", "")
    page = checker.reads(f"/withdrawals/{number}")
    assert 'id="outcome-reason"' in page and 'id="back-reason"' in page
    service.outcomes.propose(
        number, outcome="as_is", reason="渠道后台核对", file_name="slip.pdf", content=PDF, actor=checker.actor
    )
    decided = checker.reads(f"/withdrawals/{number}")
    assert 'id="refuse-reason"' in decided
    for shown in (page, decided):
        ids = re.findall(r'\sid="([^"]+)"', shown)
        assert len(ids) == len(set(ids))

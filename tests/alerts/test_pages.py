"""告警 at the screen: the list, what one does there, and the number in every page's head."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.alerts.bell import Severity
from app.auth import service as auth
from app.kernel.errors import Text
from tests.alerts.conftest import alerts, is_over, rings
from tests.auth.conftest import HX, PASSWORD, Browser, enters
from tests.auth.conftest import administrator as administrator
from tests.auth.conftest import app as app
from tests.auth.conftest import new_browser as new_browser
from tests.auth.conftest import people as people
from tests.auth.conftest import supervisor as supervisor

ONE_ENGINE = True


@pytest.fixture
def operator(people: dict[str, int], new_browser: Callable[[], Browser]) -> Browser:
    here = new_browser()
    assert here.sign_in("operator").status_code == 303
    return here


def test_an_alert_says_what_where_and_since_when(supervisor: Browser) -> None:
    rings(said=Text("“%(name)s”读不到", name="C1"), path="/sending/")
    rings(said=Text("“%(name)s”还是读不到", name="C1"), path="/sending/")
    page = supervisor.get("/alerts/").text
    assert '<a href="/sending/">“C1”还是读不到</a>' in page and "警告" in page and "渠道数据" in page


def test_a_link_stands_only_where_it_opens(administrator: Browser) -> None:
    rings("C1", path="/sending/")
    rings("C2", path="/operators/")
    rings("C3", path="/nowhere/")
    page = administrator.get("/alerts/").text
    assert 'href="/operators/">“C2”' in page and 'href="/sending/"' not in page and "/nowhere/" not in page


def test_seen_with_a_note_then_done_with_for_a_reason(supervisor: Browser) -> None:
    alert = rings()
    answer = supervisor.deed(f"/alerts/{alert.id}/acknowledge", seen="warning", note="在问渠道")
    assert answer.status_code == 303 and "没有未处理的告警" in supervisor.get("/alerts/").text
    page = supervisor.get("/alerts/?standing=acknowledged").text
    assert "supervisor 甲 已知悉" in page and "在问渠道" in page
    assert supervisor.deed(f"/alerts/{alert.id}/close", reason="渠道修好了").status_code == 303
    assert "渠道修好了" in supervisor.get("/alerts/?standing=closed").text


def test_a_reason_is_asked_for_where_it_is_missing(supervisor: Browser) -> None:
    alert = rings()
    answer = supervisor.deed(f"/alerts/{alert.id}/close", reason=" ")
    assert (
        answer.status_code == 422
        and "请写明原因" in answer.text
        and '<details class="inline-more" open>' in answer.text
    )
    answer = supervisor.deed(f"/alerts/{alert.id}/acknowledge", seen="warning", note="长" * 201)
    assert answer.status_code == 422 and "请写 200 个字以内" in answer.text
    assert supervisor.deed("/alerts/999999/close", reason="没有这条").status_code == 404


def test_an_operator_reads_and_does_not_decide(operator: Browser) -> None:
    alert = rings()
    page = operator.get("/alerts/").text
    assert "读不到" in page and "知道了</button>" not in page and "/close" not in page
    for deed in ("acknowledge", "close"):
        assert operator.deed(f"/alerts/{alert.id}/{deed}", seen="warning", reason="试试").status_code == 403


def test_each_is_told_in_their_language(supervisor: Browser, people: dict[str, int]) -> None:
    rings(said=Text("没有权限"))
    is_over(said=Text("已复制"))
    rings(said=Text("没有权限"))
    supervisor.deed("/language", language="en", next="/")
    page = supervisor.get("/alerts/").text
    assert "Warning" in page and "没有权限" not in page
    assert "已复制" not in supervisor.get("/alerts/?standing=closed").text


def test_the_list_alone_is_given_where_the_list_alone_is_asked_for(supervisor: Browser) -> None:
    rings()
    part = supervisor.get("/alerts/", headers=HX | {"HX-Target": "section#alert_list"}).text
    assert part.lstrip().startswith('<section id="alert_list"') and "读不到" in part


def test_an_empty_list_says_why_in_words(supervisor: Browser) -> None:
    assert "没有未处理的告警" in supervisor.get("/alerts/").text
    assert "没有已知悉、还没结束的告警" in supervisor.get("/alerts/?standing=acknowledged").text
    assert "还没有结束的告警" in supervisor.get("/alerts/?standing=closed").text
    assert "没有符合条件的告警" in supervisor.get("/alerts/?q=x").text


def test_the_head_of_every_page_counts_what_nobody_has_seen_to(supervisor: Browser) -> None:
    assert "alarm" not in supervisor.get("/meter").text
    alert = rings()
    meter = supervisor.get("/meter").text
    assert 'class="alarm"' in meter and "<b>1</b>" in meter and 'href="/alerts/"' in meter
    rings("C2", severity=Severity.SEVERE)
    meter = supervisor.get("/meter").text
    assert 'class="alarm is-severe"' in meter and "<b>2</b>" in meter
    supervisor.deed(f"/alerts/{alert.id}/acknowledge", seen="warning", note="")
    assert "<b>1</b>" in supervisor.get("/meter").text
    assert "alerts from:body" in supervisor.get("/alerts/").text


def test_who_is_limited_counts_their_own(
    app: Flask, people: dict[str, int], new_browser: Callable[[], Browser]
) -> None:
    auth.create_operator(username="narrow", display_name="窄", role="supervisor", password=PASSWORD, actor="tests")
    limit = {"display_name": "窄", "role": "supervisor", "channels": ["dolphin"]}
    auth.change("narrow", **limit, actor=enters("administrator"))
    narrow = new_browser()
    assert narrow.sign_in("narrow").status_code == 303
    rings("C1", channel="egret", severity=Severity.SEVERE)
    assert "alarm" not in narrow.get("/meter").text and "没有未处理的告警" in narrow.get("/alerts/").text
    (foreign,) = alerts()
    assert narrow.deed(f"/alerts/{foreign.id}/close", reason="不是我的").status_code == 404
    rings("C2", channel="dolphin")
    assert 'class="alarm"' in narrow.get("/meter").text and "C2" in narrow.get("/alerts/").text

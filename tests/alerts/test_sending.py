"""Robots are told: in the ring's transaction or not at all, by a ladder, within what they take, and nothing secret."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.alerts import bell, hooks, rules, service
from app.alerts.bell import Severity
from app.alerts.models import AlertHook, AlertMessage, AlertTry
from app.alerts.robots import Kind
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.kernel import clock
from app.kernel.errors import NotThere, Refused, Text
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.jobs import Job
from app.runtime.queue import Line
from tests.alerts.conftest import alerts, is_over, rings
from tests.auth.conftest import Time, enters
from tests.auth.conftest import people as people
from tests.auth.conftest import time as time
from tests.channels.double import Asked, Double, Said
from tests.world import CARD

TOKEN = "7c1f0a2b-secret-token"
SECRET = "SEC0123456789abcdef"
TAKEN = b'{"errcode":0,"errmsg":"ok"}'
MINUTE = 60


class Robot(Double):
    """Answers what it was told to, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[Asked] = []
        self.says = Said(TAKEN)

    def answer(self, asked: Asked) -> Said:
        self.heard.append(asked)
        return self.says

    @property
    def texts(self) -> list[str]:
        return [json.loads(asked.body)["text"]["content"] for asked in self.heard]


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as robot:
        yield robot


@pytest.fixture
def keeper(people: dict[str, int]) -> Actor:
    return enters("administrator")


@pytest.fixture
def tell(robot: Robot, keeper: Actor) -> Any:
    """Adds a hook at the robot; its reference."""

    def add(kind: Kind = Kind.WECOM, *, secret: str = "", language: str = "zh", least: str = "notice") -> str:
        address = f"{robot.url}/send?key={TOKEN}"
        return service.hooks.add(
            name=f"群 {kind}",
            kind=kind,
            address=address,
            secret=secret,
            language=language,
            least=least,
            actor=keeper,
        )

    return add


def work() -> None:
    jobs.drain(Line.SHEETS)
    db.session.rollback()


def messages(state: str = "") -> list[AlertMessage]:
    db.session.rollback()
    found = select(AlertMessage).order_by(AlertMessage.id)
    rows = db.session.scalars(found.execution_options(populate_existing=True)).all()
    return [it for it in rows if state in ("", it.state)]


def tries() -> list[AlertTry]:
    db.session.rollback()
    return list(db.session.scalars(select(AlertTry).order_by(AlertTry.id).execution_options(populate_existing=True)))


# -- what is told -------------------------------------------------------------------------------------------------------


def test_what_rings_is_told_and_so_is_that_it_is_over(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    tell()
    rings(said=Text("“%(name)s”读不到", name="白鹭"))
    assert robot.heard == [], "not in the ring's own time"
    work()
    rings(said=Text("“%(name)s”还是读不到", name="白鹭"))
    work()
    rings(severity=Severity.SEVERE, said=Text("“%(name)s”全坏了", name="白鹭"))
    work()
    is_over(said=Text("“%(name)s”好了", name="白鹭"))
    work()
    since = "始于 2026-11-21 10:02:00（北京时间）"
    assert robot.texts == [
        f"【Paydesk】警告：渠道数据\n“白鹭”读不到\n{since}",
        f"【Paydesk】升级为严重：渠道数据\n“白鹭”全坏了\n{since}",
        f"【Paydesk】已结束：渠道数据\n“白鹭”全坏了\n“白鹭”好了\n{since}",
    ]
    assert {asked.path for asked in robot.heard} == {f"/send?key={TOKEN}"}
    assert [it.state for it in messages()] == ["sent"] * 3
    assert [(it.outcome, it.http_status) for it in tries()] == [("ok", 200)] * 3


def test_a_console_with_an_address_sends_a_link(app: Flask, robot: Robot, tell: Any) -> None:
    told = app.extensions["paydesk.config"].model_copy(update={"public_url": "https://pay.example.com"})
    app.extensions["paydesk.config"] = told
    tell()
    rings("C1", path="/channels/C1/health")
    rings("C2")
    work()
    assert [text.splitlines()[-1] for text in robot.texts] == [
        "https://pay.example.com/channels/C1/health",
        "https://pay.example.com/alerts/",
    ]


def test_what_is_long_over_is_deleted_with_what_was_told_of_it(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    tell()
    for subject in ("over", "open", "late"):
        rings(subject)
    work()
    is_over("over")
    work()
    time.passes(days=1)
    before = clock.now()
    time.passes(days=1)
    is_over("late")
    rings("new")
    assert (len(messages()), len(tries())) == (6, 4)
    assert service.drop_old_alerts(before, only_count=True) == 1
    assert service.drop_old_alerts(before) == 1
    assert sorted(it.subject for it in alerts()) == ["late", "new", "open"]
    told = [("opened", "sent"), ("opened", "sent"), ("closed", "waiting"), ("opened", "waiting")]
    assert [(it.event, it.state) for it in messages()] == told and len(tries()) == 2
    is_over("open")
    assert messages()[-1].event == "closed", "who was told of it is told that it is over"
    assert service.drop_old_alerts(before) == 0


def test_what_is_rolled_back_is_not_told(app: Flask, robot: Robot, tell: Any) -> None:
    tell()

    def break_off() -> None:
        with transaction():
            bell.ring("figures", "C1", severity=Severity.SEVERE, said=Text("坏了"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    work()
    assert robot.heard == [] and messages() == []


def test_each_hook_hears_what_is_grave_enough_in_its_own_language(app: Flask, robot: Robot, tell: Any) -> None:
    tell(Kind.WECOM, least="severe")
    tell(Kind.DINGTALK, language="en", least="warning", secret=SECRET)
    rings("C1", severity=Severity.NOTICE)
    rings("C2", severity=Severity.WARNING)
    work()
    (text,) = robot.texts
    assert text.startswith("[Paydesk] Warning: Channel figures") and "sign=" in robot.heard[0].path
    rings("C2", severity=Severity.SEVERE)
    work()
    assert len(robot.heard) == 3
    for subject in ("C1", "C2"):
        is_over(subject)
    work()
    assert len(robot.heard) == 5, "what one was not told of is not over for it"


def test_a_person_who_closes_it_is_named(app: Flask, robot: Robot, tell: Any, keeper: Actor) -> None:
    tell()
    alert = rings()
    service.close(alert.id, reason="换了参数", actor=keeper)
    work()
    assert "administrator 甲：换了参数" in robot.texts[-1]


def test_our_own_json_says_all_there_is(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    tell(Kind.JSON, secret=SECRET, language="en")
    robot.says = Said(b"", 204)
    rings(said=Text("坏了"), path="/channels/C1", channel="egret")
    work()
    (asked,) = robot.heard
    told = json.loads(asked.body)
    at = "2026-11-21T02:02:00+00:00"
    assert told.pop("text").startswith("[Paydesk] Warning")
    assert told.pop("id") == asked.headers["x-paydesk-message"] == str(messages()[0].id)
    assert told == {
        **{"event": "opened", "severity": "warning", "count": 1, "at": at, "language": "en"},
        **{"kind": "figures", "subject": "C1", "channel": "egret", "path": "/channels/C1", "since": at},
    }
    assert asked.headers["x-paydesk-signature"].startswith("v1=")


def test_no_card_and_no_secret_is_kept_or_sent(app: Flask, robot: Robot, tell: Any) -> None:
    tell(Kind.DINGTALK, secret=SECRET)
    robot.says = Said(json.dumps({"errcode": 1, "errmsg": f"no such token {TOKEN}, {SECRET}, {CARD}"}).encode())
    rings(CARD, said=Text("卡 %(number)s", number=CARD))
    work()
    assert CARD.encode() not in robot.heard[0].body
    (tried,) = tries()
    assert tried.outcome == "refused" and "no such token" in tried.said
    for private in (TOKEN, SECRET, CARD):
        assert private not in tried.said
    hook = db.session.scalars(select(AlertHook)).one()
    assert TOKEN not in str(vars(hook)) and SECRET not in str(vars(hook)) and hook.host in robot.url
    records = str([vars(it) for it in db.session.scalars(select(AuditRecord))])
    assert TOKEN not in records and SECRET not in records


# -- when it does not arrive --------------------------------------------------------------------------------------------


def test_it_is_tried_by_the_ladder_and_then_given_up(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    reference = tell()
    robot.says = Said(b'{"errcode":45009,"errmsg":"api freq out of limit"}')
    rings()
    work()
    for tried, wait in enumerate(rules.LADDER_S, 1):
        time.passes(seconds=wait - 1)
        work()
        assert messages()[0].tries == tried
        time.passes(seconds=1)
        work()
    given_up, about_it = messages()
    assert (given_up.state, given_up.tries, about_it.state) == ("given_up", 5, "waiting")
    assert hooks.standing([1])[1].given_up == 1
    said = Text("对方答复 %(code)s：%(message)s", code=45009, message="api freq out of limit")
    assert {it.said for it in tries()} == {said.kept()} and len(tries()) == 6
    (deaf,) = alerts(kind="hook", closed_at=None)
    assert deaf.subject == reference and deaf.path == f"/alerts/hooks/{reference}"
    robot.says = Said(TAKEN)
    time.passes(days=1)
    work()
    assert alerts(kind="hook", closed_at=None) == [] and hooks.standing([1])[1].given_up == 0


@pytest.mark.parametrize(
    ("says", "outcome"), [(Said(b"busy", 503), "refused"), (Said(b"<html>", 200), "refused"), (None, "not_sent")]
)
def test_whatever_it_says_otherwise_is_no_yes(
    app: Flask, robot: Robot, tell: Any, time: Time, says: Said | None, outcome: str
) -> None:
    tell()
    if says:
        robot.says = says
    else:
        robot.server.server_close()
    rings()
    work()
    assert [it.outcome for it in tries()] == [outcome] and len(messages("waiting")) == 1
    assert messages()[0].due_at == time.now + timedelta(seconds=rules.LADDER_S[0])


def test_a_sender_that_was_killed_is_followed_by_another(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    reference = tell()
    rings()
    found = service.sending._next(reference)
    assert isinstance(found, service.sending.Attempt), "written down, and then the machine stops"
    db.session.rollback()
    work()
    assert robot.heard == [] and tries()[0].outcome == "open"
    time.passes(seconds=rules.SENDS_WITHIN_S)
    work()
    assert len(robot.heard) == 1 and messages()[0].state == "sent" and messages()[0].tries == 2


def test_a_hook_may_not_lead_into_our_own_network(app: Flask, keeper: Actor) -> None:
    def add(address: str) -> str:
        words = {"name": "内网", "secret": "", "language": "zh", "least": "notice"}
        return service.hooks.add(kind="wecom", address=address, actor=keeper, **words)

    for address in (
        "https://10.0.0.1/x",
        "http://robot.example/x",
        "ftp://robot.example",
        "https://u:p@robot.example/",
    ):
        with pytest.raises(Refused):
            add(address)
    reference = add("https://localhost.example/send?key=1")
    with transaction():
        hook = hooks.held(reference)
        hook.host = "10.0.0.1"
    assert service.sending.test(reference, actor=keeper).outcome == "not_sent"


# -- too many -----------------------------------------------------------------------------------------------------------


def test_a_storm_is_summed_up(app: Flask, robot: Robot, tell: Any, time: Time) -> None:
    tell()
    for number in range(50):
        rings(f"C{number:02}", severity=Severity.SEVERE if number == 49 else Severity.WARNING)
    work()
    assert len(robot.heard) == rules.MOST_A_MINUTE
    assert "另有 31 条告警消息" in robot.texts[-1] and robot.texts[-1].startswith("【Paydesk】严重")
    assert len(messages("summed")) == 31 and len(messages("sent")) == 20
    rings("C99")
    work()
    assert len(robot.heard) == rules.MOST_A_MINUTE, "the minute is not over"
    time.passes(seconds=MINUTE)
    work()
    assert len(robot.heard) == rules.MOST_A_MINUTE + 1 and "C99" in robot.texts[-1]


def test_what_was_summed_is_summed_again_where_it_did_not_arrive(
    app: Flask, robot: Robot, tell: Any, time: Time
) -> None:
    tell()
    robot.says = Said(b"", 500)
    for number in range(30):
        rings(f"C{number:02}")
    work()
    robot.says = Said(TAKEN)
    time.passes(seconds=MINUTE)
    work()
    told = sum(it.count for it in messages("sent"))
    assert told == 30 and messages("waiting") == []


# -- one's own hand -----------------------------------------------------------------------------------------------------


def test_a_trial_is_sent_once_and_says_what_came_back(app: Flask, robot: Robot, tell: Any, keeper: Actor) -> None:
    reference = tell()
    result = service.sending.test(reference, actor=keeper)
    assert (result.outcome, result.status, result.said) == ("ok", 200, TAKEN.decode())
    robot.says = Said(b'{"errcode":93000,"errmsg":"invalid"}')
    result = service.sending.test(reference, actor=keeper)
    assert (result.outcome, result.said) == ("refused", "对方答复 93000：invalid")
    assert [it.state for it in messages()] == ["sent", "given_up"] and alerts() == []
    assert hooks.standing([1])[1].given_up == 0, "a trial is tried once"
    work()
    assert len(robot.heard) == 2
    for _ in range(rules.MOST_A_MINUTE - 2):
        service.sending.test(reference, actor=keeper)
    with pytest.raises(Refused, match="一分钟内"):
        service.sending.test(reference, actor=keeper)


def test_switched_off_it_hears_nothing_and_what_waited_is_dropped(
    app: Flask, robot: Robot, tell: Any, keeper: Actor
) -> None:
    reference = tell()
    rings("C1")
    service.hooks.switch(reference, on=False, actor=keeper)
    rings("C2")
    work()
    assert robot.heard == [] and [it.state for it in messages()] == ["dropped"]
    with pytest.raises(Refused):
        service.hooks.switch(reference, on=False, actor=keeper)
    service.hooks.switch(reference, on=True, actor=keeper)
    rings("C3")
    work()
    assert len(robot.heard) == 1


def test_removed_its_secrets_are_gone_and_its_history_stays(app: Flask, robot: Robot, tell: Any, keeper: Actor) -> None:
    reference = tell(Kind.FEISHU, secret=SECRET)
    rings()
    service.hooks.remove(reference, actor=keeper)
    work()
    hook = db.session.scalars(select(AlertHook)).one()
    assert (hook.address_sealed, hook.secret_sealed, hook.enabled) == ("", "", False) and robot.heard == []
    assert len(messages("dropped")) == 1 and db.session.scalars(select(Job)).one().done_at is not None
    with pytest.raises(NotThere):
        service.hooks.remove(reference, actor=keeper)


def test_what_it_is_told_changes_and_who_it_is_is_replaced(app: Flask, tell: Any, keeper: Actor) -> None:
    reference = tell(Kind.DINGTALK, secret=SECRET)
    before = hooks.hook(reference).address_print
    service.hooks.change(reference, name="新名", language="en", least="severe", actor=keeper)
    hook = hooks.hook(reference)
    assert (hook.name, hook.language, hook.least) == ("新名", "en", "severe")
    assert hook.address_print == before and hooks.secret_of(hook) == SECRET
    service.hooks.replace(reference, address="https://robot.example/?a=1", secret="", actor=keeper)
    hook = hooks.hook(reference)
    assert hooks.address_of(hook) == "https://robot.example/?a=1" and hooks.secret_of(hook) == ""
    assert (hook.host, hook.secret_print) == ("robot.example", "") and hook.address_print != before
    own = tell(Kind.JSON, secret=SECRET)
    with pytest.raises(Refused, match="至少 16 个字符"):
        service.hooks.replace(own, address="https://robot.example/", secret="short", actor=keeper)
    with pytest.raises(Refused, match="不签名"):
        tell(Kind.WECOM, secret=SECRET)

"""The bell: one alert for each cause, whoever rings how often; who sees it, sees to it, and how it ends."""

import ast
import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.alerts import bell, queries, rules, service
from app.alerts.bell import Severity
from app.alerts.rules import KINDS, LONGEST, SEVERITIES, STANDINGS, Standing
from app.auth import identity
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.kernel.errors import NotThere, Refused, Text
from app.runtime.db import db, transaction
from tests.alerts.conftest import alerts, is_over, rings
from tests.auth.conftest import Time, enters
from tests.auth.conftest import people as people
from tests.auth.conftest import time as time
from tests.auth.test_sign_in import together

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def supervisor(people: dict[str, int]) -> Actor:
    return enters("supervisor")


def limited(*channels: str) -> Actor:
    """Somebody who is limited to these channels."""
    return Actor(
        operator_id=1, username="x", display_name="x", role="operator", session_id=1, channels=frozenset(channels)
    )


# -- ringing ------------------------------------------------------------------------------------------------------------


def test_ringing_again_says_the_newer_sentence_and_counts(app: Flask, time: Time) -> None:
    first = rings(said=Text("%(count)s 次", count=1), path="/a")
    opened = first.opened_at
    time.passes(minutes=5)
    again = rings(said=Text("%(count)s 次", count=2), path="/b", channel="dolphin")
    assert (again.id, again.times, again.opened_at) == (first.id, 2, opened)
    assert (again.last_at, again.path, again.channel) == (time.now, "/b", "dolphin")
    assert Text.told(again.said) == "2 次" and again.searched == "c1 2 次"
    assert rings("C2").id != first.id and rings(kind="job").id != first.id, "another cause is another alert"


def test_many_at_once_ring_one_alert(app: Flask) -> None:
    def ring() -> None:
        with app.app_context():
            rings()
            db.session.remove()

    together(ring, times=8)
    (found,) = alerts()
    assert found.times == 8


def test_ringing_and_hushing_at_once_leaves_at_most_one_open(app: Flask) -> None:
    def ring_and_hush() -> None:
        with app.app_context():
            for _ in range(5):
                with transaction():
                    bell.ring("figures", "C1", severity=Severity.NOTICE, said=Text("坏了"))
                is_over()
            db.session.remove()

    together(ring_and_hush, times=4)
    assert sum(it.times for it in alerts()) == 20 and alerts(closed_at=None) == []


def test_it_only_becomes_graver_and_is_news_again_when_it_does(app: Flask, supervisor: Actor) -> None:
    alert = rings(severity=Severity.WARNING)
    service.acknowledge(alert.id, seen="warning", note="在查", actor=supervisor)
    again = rings(severity=Severity.NOTICE)
    assert (again.severity, again.acknowledged_by, again.note) == ("warning", "supervisor 甲", "在查")
    graver = rings(severity=Severity.SEVERE)
    assert (graver.id, graver.severity, graver.acknowledged_at, graver.note) == (alert.id, "severe", None, "")


def test_what_is_over_says_so_and_the_next_time_is_another_alert(app: Flask, time: Time) -> None:
    first = rings().id
    time.passes(minutes=1)
    assert is_over(said=Text("%(name)s 好了", name="C1")) and not is_over()
    (over,) = alerts(id=first)
    assert (over.closed_at, over.closed_by, Text.told(over.ending)) == (time.now, "", "C1 好了")
    assert rings().id != first


def test_of_one_kind_only_these_still_ring(app: Flask) -> None:
    for subject in ("C1", "C2", "C3"):
        rings(subject)
    rings("C1", kind="job")
    with transaction():
        bell.hush_others("figures", but={"C2"}, said=Text("好了"))
    assert [(it.kind, it.subject) for it in alerts(closed_at=None)] == [("figures", "C2"), ("job", "C1")]


def test_what_is_rolled_back_never_rang(app: Flask) -> None:
    def break_off() -> None:
        with transaction():
            bell.ring("figures", "C1", severity=Severity.SEVERE, said=Text("坏了"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert alerts() == []


@pytest.mark.parametrize("path", ["https://elsewhere.example/", "//elsewhere.example/", "alerts"])
def test_a_path_leads_to_a_page_of_ours(app: Flask, path: str) -> None:
    with pytest.raises(AssertionError):
        rings(path=path)


def test_a_sentence_keeps_the_sentences_among_its_values(app: Flask) -> None:
    kept = rings(said=Text("后台任务“%(what)s”失败", what=Text("清除 %(n)s 个", n=3))).said
    told = Text.told(kept)
    assert told == "后台任务“清除 3 个”失败" and isinstance(told.values["what"], Text)
    long = rings(said=Text("%(name)s", name="长" * 2 * LONGEST))
    assert len(long.said) == LONGEST and len(long.searched) == LONGEST


# -- people -------------------------------------------------------------------------------------------------------------


def test_somebody_has_seen_it_and_it_stays_until_it_is_over(app: Flask, supervisor: Actor) -> None:
    alert = rings()
    assert queries.ringing() == queries.Ringing(1, "warning")
    service.acknowledge(alert.id, seen="warning", note="", actor=supervisor)
    assert queries.ringing() == queries.Ringing() and alerts(closed_at=None)
    with pytest.raises(Refused, match="supervisor 甲 已经知悉"):
        service.acknowledge(alert.id, seen="warning", note="", actor=supervisor)
    service.close(alert.id, reason="换了参数", actor=supervisor)
    (over,) = alerts()
    assert (over.closed_by, over.ending) == ("supervisor 甲", "换了参数")
    for deed in (
        lambda: service.acknowledge(alert.id, seen="warning", note="", actor=supervisor),
        lambda: service.close(alert.id, reason="再来", actor=supervisor),
    ):
        with pytest.raises(Refused, match="已经结束"):
            deed()
    records = db.session.scalars(select(AuditRecord).where(AuditRecord.action.startswith("alert."))).all()
    assert [(it.action, it.subject, it.why) for it in records] == [
        ("alert.acknowledge", "figures/C1", ""),
        ("alert.close", "figures/C1", "换了参数"),
    ]


def test_nobody_waves_away_what_became_graver_while_they_looked(app: Flask, supervisor: Actor) -> None:
    alert = rings()
    rings(severity=Severity.SEVERE)
    with pytest.raises(Refused, match="刚刚升级"):
        service.acknowledge(alert.id, seen="warning", note="", actor=supervisor)
    assert alerts()[0].acknowledged_at is None


def test_whoever_is_limited_sees_what_is_about_their_channels_alone(app: Flask, supervisor: Actor) -> None:
    mine, foreign = rings("C1", channel="dolphin"), rings("C2", channel="egret", severity=Severity.SEVERE)
    house = rings("all", kind="books", severity=Severity.SEVERE)
    ids = [mine.id, foreign.id, house.id]
    assert queries.ringing() == queries.Ringing(3, "severe")
    with identity.acting_for(limited("dolphin")):
        assert queries.ringing() == queries.Ringing(1, "warning")
        assert [it.id for it in queries.alerts({}).rows] == [ids[0]]
        assert queries.counts({})[Standing.OPEN] == 1 and list(queries.kinds()) == ["figures"]
        for alert_id in ids[1:]:
            with pytest.raises(NotThere):
                service.close(alert_id, reason="不是我的", actor=supervisor)
        service.close(ids[0], reason="我的", actor=supervisor)
    with identity.acting_for(limited()):
        assert queries.ringing() == queries.Ringing()
    assert queries.ringing().count == 2


# -- lists --------------------------------------------------------------------------------------------------------------


def test_filters_find_what_they_name(app: Flask, supervisor: Actor) -> None:
    rings("C1", said=Text("“%(name)s”读不到", name="白鹭_甲"), channel="egret")
    rings("C2", severity=Severity.SEVERE, channel="dolphin")
    rings("all", kind="books", severity=Severity.SEVERE)

    def found(**asked: str) -> list[str]:
        return [row.subject for row in queries.alerts(asked).rows]

    assert found() == found(severity="nonsense") == ["all", "C2", "C1"], "the newest first"
    assert found(severity="severe") == ["all", "C2"] and found(kind="books") == ["all"]
    assert found(channel="egret") == ["C1"] and found(q="白鹭_") == ["C1"] and found(q="c2 ") == ["C2"]
    assert found(q="%") == found(q="template") == found(kind="\0") == found(q="\0") == []
    service.acknowledge(alerts(subject="C2")[0].id, seen="severe", note="", actor=supervisor)
    is_over("C1")
    standing = {it: found(standing=it) for it in Standing}
    assert standing == {"open": ["all"], "acknowledged": ["C2"], "closed": ["C1"]}
    assert queries.counts({}) == dict.fromkeys(Standing, 1)
    assert queries.counts({"kind": "books"}) == {"open": 1, "acknowledged": 0, "closed": 0}


def test_a_long_list_is_turned_by_its_links(app: Flask) -> None:
    for number in range(25):
        rings(f"C{number:02}")
    first = queries.alerts({"size": "20"})
    assert first.total == 25 and "standing=open" in first.next_url
    before = re.search(r"before=(\d+)", first.next_url)
    assert before and [it.subject for it in queries.alerts({"size": "20", "before": before[1]}).rows] == [
        f"C{number:02}" for number in (4, 3, 2, 1, 0)
    ]


# -- words --------------------------------------------------------------------------------------------------------------


def test_everything_has_words() -> None:
    assert set(SEVERITIES) == set(Severity) and set(STANDINGS) == set(Standing)
    assert list(SEVERITIES) == sorted(Severity, key=lambda it: -rules._RANK[it]), "the gravest first"


def test_every_kind_that_is_rung_has_words() -> None:
    """The first argument of `bell.ring` and `bell.hush` is a literal, a constant of its module, or out of a table of it."""
    rung: set[str] = set()
    for path in (TOP / "app").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        tables = {
            node.target.id: {it.value for it in node.value.values if isinstance(it, ast.Constant)}
            for node in tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.value, ast.Dict)
            and isinstance(node.target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="bell")), args=[ast.Constant(value=str(kind)), *_]):
                    rung.add(kind)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="bell")), args=[ast.Name(id=name), *_]):
                    assert name in constants, f"{path}: nobody can see which kind {name} is"
                    rung.add(constants[name])
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="bell")), args=[ast.Subscript(value=ast.Name(id=name)), *_]
                ):
                    assert tables.get(name), f"{path}: nobody can see which kinds are in {name}"
                    rung |= tables[name]
                case ast.Call(func=ast.Attribute(value=ast.Name(id="bell"), attr=attr)) if attr in ("ring", "hush"):
                    raise AssertionError(f"{path}: nobody can see which kind is meant in line {node.lineno}")
    assert rung <= set(KINDS)

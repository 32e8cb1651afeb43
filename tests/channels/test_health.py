"""渠道健康: what became of calls is counted by five minutes, read for pages, and rung for when a rule says so."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.alerts.models import Alert
from app.channels import health, queries
from app.channels import service as channels
from app.channels.contract import Interface
from app.channels.models import CallbackInbox, CallTally, ChannelCall, Maintenance
from app.channels.rules import health as rules
from app.channels.rules.health import BOUNDS_MS, Grade, Measure, Rule, Sense, Tally, Took
from app.kernel import clock
from app.runtime.db import db, transaction
from tests.world import World

OUTCOMES = ("ok", "not_sent", "unanswered", "bad_signature", "unreadable")
SEEN = ("", "paid", "failed", "pending", "not_found")


@given(st.lists(st.integers(0, 90_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_read_from_bands_to_within_its_band(times: list[int], share: float) -> None:
    exact = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)]
    read = Took.told(Took.of(times).kept()).ms(share)
    assert read is not None
    above = next((it for it in BOUNDS_MS if it >= exact), BOUNDS_MS[-1])
    below = max((it for it in BOUNDS_MS if it < exact), default=0)
    assert min(below, BOUNDS_MS[-1]) <= read <= above


@given(st.lists(st.integers(0, 100_000)), st.lists(st.integers(0, 100_000)))
def test_adding_up_loses_nothing(one: list[int], other: list[int]) -> None:
    together = Took.of(one)
    together.plus(Took.of(other))
    assert together == Took.of(one + other)


def test_nothing_took_no_time() -> None:
    assert Took().ms(0.5) is None
    assert Took.told("") == Took()


@pytest.mark.parametrize(
    ("interface", "outcome", "seen", "sense"),
    [
        ("submit", "ok", "paid", Sense.ANSWERED),
        ("submit", "ok", "failed", Sense.ANSWERED),
        ("query", "ok", "not_found", Sense.ANSWERED),
        ("submit", "ok", "", Sense.UNKNOWN),  # signed, and no word about the order
        ("figures", "ok", "", Sense.ANSWERED),
        ("submit", "not_sent", "", Sense.UNSENT),
        ("submit", "unanswered", "", Sense.UNKNOWN),
        ("query", "bad_signature", "", Sense.UNKNOWN),
        ("submit", "open", "", Sense.UNKNOWN),
    ],
)
def test_what_a_call_was_good_for(interface: str, outcome: str, seen: str, sense: Sense) -> None:
    assert rules.sense(interface, outcome, seen) == sense


@pytest.mark.parametrize(
    ("answered", "unknown", "grade"),
    [(0, 0, Grade.NOTHING), (95, 5, Grade.GOOD), (94, 6, Grade.SHAKY), (80, 20, Grade.SHAKY), (79, 21, Grade.BAD)],
)
def test_grades(answered: int, unknown: int, grade: Grade) -> None:
    assert rules.grade(Tally(answered=answered, unknown=unknown)) == grade


def test_the_database_counts_as_the_rule_reads(world: World) -> None:
    """Every kind of call there may be, counted by SQL and by the rule."""
    account = world.account()
    its = queries.account(account).id
    at = start()
    expected: dict[str, Tally] = {}
    with transaction():
        db.session.execute(delete(CallTally))
        for interface in ("submit", "settle", "query", "figures", "bind_card"):
            for outcome in OUTCOMES:
                for seen in SEEN if outcome == "ok" else ("",):
                    call(its, interface, outcome, seen, at, 120)
                    tally = expected.setdefault(interface, Tally())
                    sense = rules.sense(interface, outcome, seen)
                    setattr(tally, sense, getattr(tally, sense) + 1)
                    tally.refused += seen == "failed"
                    if outcome != "not_sent":
                        tally.took.plus(Took.of([120]))
        call(its, "try", "unanswered", "", at, 5)
        call(its, "probe", "unanswered", "", at, 5)
        call(its, "submit", "open", "", clock.now(), None)
    channels.counting.count()
    assert health.tallies([its], since=at)[its] == expected
    channels.counting.count()
    assert health.tallies([its], since=at)[its] == expected, "counting again counts nothing twice"


def start() -> datetime:
    """Ten minutes ago, past what the account's own set-up said to the channel."""
    with transaction():
        db.session.execute(delete(ChannelCall))
    return health.slot_of(clock.now() - timedelta(minutes=10))


def call(account_id: int, interface: str, outcome: str, seen: str, at: datetime, took: int | None) -> None:
    setting = queries.active_setting_id(account_id)
    assert setting is not None
    row = ChannelCall(
        account_id=account_id, setting_id=setting, interface=interface, subject=f"W{seen}", at=at, outcome=outcome,
        seen=seen, duration_ms=took,
    )  # fmt: skip
    db.session.add(row)


def test_a_call_whose_process_died_is_unknown_in_the_end(world: World) -> None:
    its = queries.account(world.account()).id
    at = start()
    with transaction():
        call(its, "submit", "open", "", clock.now(), None)
    channels.counting.count()
    assert "submit" not in health.tallies([its], since=at).get(its, {})
    world.ahead += timedelta(seconds=rules.OPEN_FOR_S + 1)
    channels.counting.count()
    assert health.tallies([its], since=at)[its]["submit"].unknown == 1


def test_how_late_callbacks_come(world: World) -> None:
    its = queries.account(world.account()).id
    at = start()
    with transaction():
        call(its, "submit", "ok", "paid", at, 10)
        for count, outcome in enumerate(("taken", "bad_signature")):
            row = CallbackInbox(
                account_id=its, body_hash=str(count), sealed="", received_at=at + timedelta(seconds=90), number="Wpaid",
                outcome=outcome, seen="paid",
            )  # fmt: skip
            db.session.add(row)
    channels.counting.count()
    callbacks = health.of([queries.account_by_id(its)])[its].callbacks
    assert (callbacks.answered, callbacks.unknown) == (1, 1)
    assert callbacks.took == Took.of([90_000])


def test_days_without_anybody_counting_are_counted_afterwards_and_old_ones_go(world: World) -> None:
    its = queries.account(world.account()).id
    start()
    times = [clock.now() - timedelta(days=days) for days in (20, 8, 3, 1)]
    with transaction():
        for at in times:
            call(its, "figures", "ok", "", at, 10)
    channels.counting.count()
    assert [row.slot for row in db.session.scalars(select(CallTally).order_by(CallTally.slot))] == [
        health.slot_of(at) for at in times[1:]
    ]
    world.ahead += timedelta(days=7)
    channels.counting.count()
    db.session.rollback()
    assert len(db.session.scalars(select(CallTally)).all()) == 1


def test_a_chart_has_a_bar_for_every_step(world: World) -> None:
    its = queries.account(world.account()).id
    at = start()
    with transaction():
        call(its, "figures", "ok", "", at, 10)
    channels.counting.count()
    for seconds, step_s in ((3600, 300), (24 * 3600, 1800), (7 * 24 * 3600, 3 * 3600)):
        found, spans = health.history(its, seconds=seconds, step_s=step_s)
        assert found.calls.calls == 1
        assert len(spans) == seconds // step_s
        assert sum(it.calls.calls for it in spans) == 1
        assert spans[-1].begins_at <= clock.now() < spans[-1].begins_at + timedelta(seconds=step_s)


@pytest.mark.parametrize(
    ("measure", "bound", "tally", "is_broken"),
    [
        (Measure.ANSWERED, 80, Tally(answered=79, unknown=21), True),
        (Measure.ANSWERED, 80, Tally(answered=80, unknown=20), False),
        (Measure.UNKNOWN, 20, Tally(answered=79, unknown=21), True),
        (Measure.UNKNOWN, 20, Tally(answered=80, unknown=20), False),
        (Measure.REFUSED, 50, Tally(answered=100, refused=51), True),
        (Measure.REFUSED, 50, Tally(answered=100, refused=50), False),
        (Measure.SLOW, 1000, Tally(answered=100, took=Took.of([5000] * 100)), True),
        (Measure.SLOW, 9000, Tally(answered=100, took=Took.of([5000] * 100)), False),
        (Measure.ANSWERED, 80, Tally(unknown=9), False),  # too few to say anything
    ],
)
def test_rules_of_alerts(measure: Measure, bound: int, tally: Tally, is_broken: bool) -> None:
    rule = Rule(measure=measure, bound=bound, minutes=15, at_least=10, severity="warning")
    assert (rules.broken(rule, {Interface.SUBMIT: tally}, "海豚 · 主账户") is not None) == is_broken


def test_what_a_rule_says_is_rung_and_hushed_when_it_is_over(world: World) -> None:
    account = world.account()
    its = queries.account(account).id
    at = start()
    with transaction():
        for _ in range(30):
            call(its, "figures", "unanswered", "", at, 10)
    channels.counting.count()
    channels.alerting.judge()
    channels.alerting.judge()
    (alert,) = ringing()
    assert (alert.kind, alert.subject, alert.severity) == ("health", f"{account}/answered", "severe")
    assert alert.path == f"/channels/{account}/health"

    channels.alerting.change_rule(
        *("answered", "severe"), bound=80, minutes=15, at_least=10, enabled=False, why="试验", actor=world.checker
    )
    channels.alerting.change_rule(
        *("answered", "warning"), bound=95, minutes=15, at_least=10, enabled=False, why="试验", actor=world.checker
    )
    channels.alerting.judge()
    assert ringing() == []


def ringing() -> list[Alert]:
    db.session.rollback()
    return list(db.session.scalars(select(Alert).where(Alert.closed_at.is_(None))))


def test_announced_maintenance_explains_a_silence(world: World) -> None:
    account = queries.account(world.account())
    at = start()
    with transaction():
        for _ in range(30):
            call(account.id, "figures", "unanswered", "", at, 10)
        db.session.add(
            Maintenance(
                channel_id=account.channel_id, begins_at=at, ends_at=clock.later(3600), note="升级", made_by="test"
            )
        )
    channels.counting.count()
    channels.alerting.judge()
    assert ringing() == []

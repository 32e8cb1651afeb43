"""自动停发: a channel that gives no sense gets nothing new, is asked on, tried with one, and let go again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from app.channels import breaker, gateway, health, opening, queries
from app.channels import service as channels
from app.channels.contract import Interface
from app.channels.models import Channel, ChannelAccount, ChannelCall, ChannelPause, Maintenance
from app.channels.rules.health import Pause
from app.kernel import clock
from app.kernel.errors import Refused, Text
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.queue import Line
from app.withdrawals import service
from tests.world import World


def approved(world: World, account: str, count: int) -> list[str]:
    """So many approved ones, none of them sent yet."""
    numbers = [world.withdrawal(f"{10 + at}.00", account=account, form_key=str(uuid4())) for at in range(count)]
    for number in numbers:
        world.approve(number)
    return numbers


def break_key(account: str) -> dict[str, str]:
    """Somebody puts a wrong key in use. What it was."""
    found = queries.account(account)
    before = dict(gateway.settings(found.id))
    channels.change_settings(account, {**before, "key": "x" * 32}, actor="test")
    return before


def pause_of(account: str) -> ChannelPause | None:
    db.session.rollback()
    found = queries.account(account)
    return health.of([found])[found.id].pause


def sent(account: str) -> int:
    its = queries.account(account).id
    mine = (ChannelCall.account_id == its, ChannelCall.interface == str(Interface.SUBMIT))
    return db.session.scalar(select(func.count()).where(*mine)) or 0


def paused(world: World, account: str) -> ChannelPause:
    found = world.until(lambda: pause_of(account), hurry_s=5)
    assert isinstance(found, ChannelPause)
    return found


def test_a_broken_key_stops_the_sending_and_a_repaired_one_lets_it_go(world: World) -> None:
    account = world.account()
    numbers = approved(world, account, 8)
    before = break_key(account)

    pause = paused(world, account)

    assert pause.state == Pause.STOPPED
    assert "连续 5 次" in str(Text.told(pause.why))
    left = sent(account)
    its = queries.account(account).id
    assert str(opening.now(its).said) == "渠道没有正常应答，系统已自动停发；恢复应答后自动发送"
    late = world.withdrawal("99.00", account=account)
    world.approve(late)
    asked = _questions(account)
    world.until(lambda: _questions(account) > asked + 3, hurry_s=10)  # of what has left, and of the channel itself
    assert sent(account) == left, "questions go on, sends do not"
    assert world.state(late) == "queued"

    channels.change_settings(account, before, actor="test")
    with transaction():
        assert breaker.hurry(its, account)
    for number in (*numbers, late):
        assert world.until_state(number, "paid", hurry_s=5) == "paid"
    assert pause_of(account) is None
    (over,) = health.past_pauses(its)
    assert over.closed_by == "", "it recovered by itself"
    world.all_is_well()


def _questions(account: str) -> int:
    db.session.rollback()
    its = queries.account(account).id
    asked = (str(Interface.QUERY), str(Interface.PROBE))
    found = select(func.count()).where(ChannelCall.account_id == its, ChannelCall.interface.in_(asked))
    return db.session.scalar(found) or 0


def test_of_many_that_wait_one_alone_tries(world: World) -> None:
    account = world.account()
    numbers = approved(world, account, 6)
    its = queries.account(account).id
    stop(account)
    while jobs.drain(Line.CHANNEL):
        pass
    assert {world.state(number) for number in numbers} == {"queued"}
    with transaction():
        pause = breaker.standing(its)
        assert pause is not None
        assert breaker.hear(pause, account, answered=True) is None

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(jobs.inside(lambda number: _take(its, number)), numbers))
    assert sum(won) == 1
    tries = numbers[won.index(True)]
    with transaction():
        assert breaker.take(its, tries), "whoever has the place may look again"

    world.ahead += timedelta(seconds=200)
    with transaction():
        assert breaker.take(its, numbers[won.index(False)]), "the one before said nothing for too long"
    for number in numbers:
        world.until_state(number, "paid", hurry_s=5)
    world.all_is_well()


def _take(its: int, number: str) -> bool:
    with transaction():
        return breaker.take(its, number)


def test_a_try_that_comes_to_nothing_stops_again_and_waits_longer(world: World) -> None:
    account = world.account()
    numbers = approved(world, account, 3)
    break_key(account)
    its = queries.account(account).id
    stop(account)
    with transaction():
        pause = breaker.standing(its)
        assert pause is not None
        breaker.hear(pause, account, answered=True)

    world.until(lambda: (found := pause_of(account)) and found.state == Pause.STOPPED)

    found = pause_of(account)
    assert found is not None
    assert str(Text.told(found.why)) == "试发的一笔没有得到有效应答"
    assert found.ask_at > clock.later(20), "it was asked before, so it is left alone for longer"
    assert sent(account) == 1
    assert sorted(world.state(number) for number in numbers) == ["pending", "queued", "queued"]


def stop(account: str) -> None:
    """As if its calls had come to nothing."""
    its = queries.account(account).id
    with transaction():
        for at in range(5):
            _call(its, "bind_card", f"B{at}", "unanswered")
        breaker.weigh(its)


def test_one_order_that_a_channel_cannot_talk_about_is_no_reason(world: World) -> None:
    account = world.account()
    its = queries.account(account).id
    with transaction():
        for _ in range(8):
            _call(its, "query", "W1", "unanswered")
        breaker.weigh(its)
    assert pause_of(account) is None
    with transaction():
        for at in range(5):
            _call(its, "submit", f"W{at}", "unanswered")
        breaker.weigh(its)
        breaker.weigh(its)
    assert pause_of(account) is not None


def test_half_of_the_sends_without_sense_is_a_reason(world: World) -> None:
    account = world.account()
    its = queries.account(account).id
    with transaction():
        for at in range(20):
            _call(its, "submit", f"W{at}", "unanswered" if at % 2 else "ok", seen="" if at % 2 else "paid")
        breaker.weigh(its)
    found = pause_of(account)
    assert found is not None
    assert str(Text.told(found.why)) == "最近 20 次发送有 10 次没有得到有效应答"


def test_a_channel_may_be_told_never_to_pause(world: World) -> None:
    account = world.account()
    its = queries.account(account).id
    with transaction():
        db.session.execute(update(Channel).values(pause_after=0))
        for at in range(30):
            _call(its, "submit", f"W{at}", "unanswered")
        breaker.weigh(its)
    assert pause_of(account) is None


def _call(account_id: int, interface: str, subject: str, outcome: str, seen: str = "") -> None:
    setting = queries.active_setting_id(account_id)
    assert setting is not None
    row = ChannelCall(
        account_id=account_id, setting_id=setting, interface=interface, subject=subject, at=clock.now(),
        outcome=outcome, seen=seen, duration_ms=5,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()


def test_many_that_notice_at_once_pause_once(world: World) -> None:
    account = world.account()
    its = queries.account(account).id
    with transaction():
        for at in range(5):
            _call(its, "submit", f"W{at}", "unanswered")

    def weigh(_at: int) -> None:
        with transaction():
            breaker.weigh(its)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(jobs.inside(weigh), range(16)))
    assert db.session.scalar(select(func.count(ChannelPause.id))) == 1


def test_a_person_may_ask_at_once_and_may_know_better(world: World) -> None:
    account = world.account()
    with pytest.raises(Refused):
        channels.pausing.ask_now(account, actor=world.checker)
    with pytest.raises(Refused):
        channels.pausing.lift(account, reason="渠道已恢复", actor=world.checker)
    stop(account)
    channels.pausing.ask_now(account, actor=world.checker)
    world.until(lambda: (found := pause_of(account)) and found.state == Pause.TRYING)
    channels.pausing.lift(account, reason="渠道已恢复", actor=world.checker)
    assert pause_of(account) is None
    (over,) = health.past_pauses(queries.account(account).id)
    assert (over.closed_by, over.closing) == ("checker", "渠道已恢复")


def test_outside_working_hours_nothing_leaves_and_then_everything(world: World) -> None:
    account = world.account()
    (number,) = approved(world, account, 1)
    local = clock.now().astimezone(clock.BUSINESS_ZONE)
    begins = local + timedelta(hours=2)  # soon, whatever time it is here: an approval lasts a day
    if begins.hour >= 22:
        begins = begins.replace(hour=0, minute=0) + timedelta(days=1)
    minute = begins.hour * 60 + begins.minute
    with transaction():
        terms = {"open_days": str(begins.isoweekday()), "opens": minute, "closes": min(minute + 540, 1440)}
        db.session.execute(update(ChannelAccount).values(terms))
    while jobs.drain(Line.CHANNEL):
        pass
    assert world.state(number) == "queued"
    said = opening.now(queries.account(account).id).said
    assert said is not None
    assert said.template == "现在不在渠道的营业时间，%(at)s 起自动发送"
    world.ahead += begins - local
    assert world.until_state(number, "paid", hurry_s=60) == "paid"


def test_announced_maintenance_holds_sends_back_and_explains_silence(world: World) -> None:
    account = world.account()
    (number,) = approved(world, account, 1)
    found = queries.account(account)
    with transaction():
        db.session.add(
            Maintenance(
                channel_id=found.channel_id, begins_at=clock.now(), ends_at=clock.later(3600), note="升级",
                made_by="test",
            )
        )  # fmt: skip
        for at in range(9):
            _call(found.id, "query", f"W{at}", "unanswered")
        breaker.weigh(found.id)
    assert pause_of(account) is None
    while jobs.drain(Line.CHANNEL):
        pass
    assert world.state(number) == "queued"
    assert "渠道维护中" in str(opening.now(found.id).said)
    world.ahead += timedelta(hours=1)
    assert world.until_state(number, "paid", hurry_s=60) == "paid"


def test_what_decides_to_wait_while_all_is_let_go_is_looked_at_again(world: World) -> None:
    account = world.account()
    (number,) = approved(world, account, 1)
    stop(account)
    (claimed,) = [job for job in jobs.claim(Line.CHANNEL, limit=200) if job.subject == number]
    with transaction():
        assert breaker.lift(queries.account(account).id, account, by="test", why="")
    service.stops.let_go(account)
    jobs._put_back(claimed, 600)
    assert world.until_state(number, "paid", hurry_s=1) == "paid"

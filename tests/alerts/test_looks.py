"""What the house rings by itself, and that it falls silent when it is over."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.alerts import bell
from app.alerts.bell import Severity
from app.channels import queries as channels
from app.channels import service as channel_service
from app.channels.models import ChannelAccount, DailyFigures
from app.kernel import clock
from app.kernel.errors import Text
from app.ledger import queries as ledger
from app.live import service as live
from app.runtime import jobs
from app.runtime.db import db, transaction
from app.runtime.jobs import Job
from app.withdrawals import queries
from app.withdrawals import service as withdrawals
from app.withdrawals.models import LostSend, Withdrawal
from app.withdrawals.rules import Pressing
from app.withdrawals.service import movement
from tests.alerts.conftest import alerts
from tests.world import World

MINUTE = timedelta(minutes=1)


def ringing(kind: str) -> list[tuple[str, str, str]]:
    return [(it.subject, it.severity, Text.told(it.said)) for it in alerts(kind=kind, closed_at=None)]


def test_a_kind_of_job_that_fails_five_times_in_a_row_rings_once(app: Flask) -> None:
    kind = "app.exports.jobs.erase_old"
    with transaction():
        for number in range(3):
            jobs.promise(kind, f"E{number}")
    for attempts, leased, count in ((4, False, 0), (5, True, 0), (5, False, 3), (6, True, 3)):
        with transaction():
            lease = clock.later(60) if leased else None
            told = {"attempts": attempts, "lease_until": lease, "last_error": "OSError: away"}
            db.session.execute(update(Job).values(**told))
        live.look_at_jobs()
        assert len(ringing("job")) == bool(count)
    ((subject, severity, said),) = ringing("job")
    assert (subject, severity) == (kind, "warning") and said.startswith("后台任务“清除到期的导出”有 3 项")
    (alert,) = alerts(kind="job")
    assert alert.path == f"/jobs/?standing=failing&kind={kind}" and alert.times == 2
    with transaction():
        db.session.execute(update(Job).values(done_at=clock.now(), last_error=""))
    live.look_at_jobs()
    assert ringing("job") == []


def test_books_that_do_not_add_up_ring_until_they_do(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "problems", lambda: ["account 1 differs"])
        for _ in range(2):
            withdrawals.guard.examine()
    assert ringing("books") == [("all", "severe", "账目核对没有通过，已全部停发，请立即通知技术人员")]
    withdrawals.guard.examine()
    assert ringing("books") == []


def test_figures_that_nobody_could_read_for_ten_minutes_ring(world: World) -> None:
    account = world.account()
    world.account("egret")
    code = channels.account(account).channel_code
    channel_service.look_at_figures()
    assert ringing("figures") == []
    failed = {"figures_failed_at": clock.now(), "figures_failure": "没有连上对方：OSError"}
    its = ChannelAccount.number == account
    for minutes, rings in ((9, False), (11, True)):
        with transaction():
            db.session.execute(update(ChannelAccount).where(its).values(**failed))
            read_at = {"pulled_at": clock.now() - minutes * MINUTE}
            about = DailyFigures.account_id == channels.account(account).id
            db.session.execute(update(DailyFigures).where(about).values(**read_at))
        channel_service.look_at_figures()
        assert bool(ringing("figures")) is rings
    ((subject, severity, said),) = ringing("figures")
    assert (subject, severity) == (account, "warning") and "超过 10 分钟没有读到：没有连上对方：OSError" in said
    (alert,) = alerts(kind="figures")
    assert (alert.channel, alert.path) == (code, f"/channels/{account}")
    channel_service.pull_figures(account)
    channel_service.look_at_figures()
    assert ringing("figures") == []


def test_an_account_that_was_never_read_rings_ten_minutes_after_it_was_opened(world: World) -> None:
    account = world.account()
    with transaction():
        db.session.query(DailyFigures).delete()
    channel_service.look_at_figures()
    assert ringing("figures") == []
    world.ahead += 11 * MINUTE
    channel_service.look_at_figures()
    assert "没有向渠道问过" in ringing("figures")[0][2]
    channel_service.set_enabled(account, enabled=False, actor="test")
    channel_service.look_at_figures()
    assert ringing("figures") == [], "nobody asks any more"


def test_what_the_channel_took_and_has_not_finished_in_a_day_rings(world: World) -> None:
    number = world.withdrawal("10.17")  # accepted, and for ever in hand
    world.approve(number)
    world.until(lambda: world.state(number) == "pending" and queries.by_number(number).signed_at)
    account = channels.account_by_id(queries.by_number(number).account_id)
    for hours, rings in ((23, False), (2, True)):
        world.ahead += timedelta(hours=hours)
        withdrawals.alerting.look_at_unknown()
        assert bool(ringing("hanging")) is rings
    ((subject, severity, said),) = ringing("hanging")
    assert (subject, severity) == (account.number, "warning") and "1 笔提现渠道已受理" in said and "¥10.17" in said
    (alert,) = alerts(kind="hanging")
    assert (alert.channel, alert.path) == (
        account.channel_code,
        f"/withdrawals/?account={account.number}&state=hanging",
    )
    other = world.withdrawal("10.00", account=account.number)
    asked = {"state": "hanging"}
    for account_id in (None, account.id):
        assert [row.number for row in queries.page(asked, account_id=account_id).rows] == [number]
        assert queries.totals(asked, account_id=account_id).count == 1
    assert queries.totals({}, account_id=None).count == 2 and other, "what was counted for this tab is no other's"
    with transaction():
        db.session.execute(update(Withdrawal).values(state="paid", finished_at=clock.now()))
    withdrawals.alerting.look_at_unknown()
    assert ringing("hanging") == []


def opened(world: World, account: str, reason: str, amount: str = "10.00") -> int:
    """A work item for people; its id."""
    number = world.withdrawal(amount, account=account)
    with transaction():
        movement.hold(queries.held(number), reason, "")
    return queries.holds(queries.by_number(number).id)[0].id


def test_a_channel_that_contradicts_us_rings_at_once_until_two_people_have_decided(world: World) -> None:
    number = world.withdrawal("10.19")  # failed; then the channel says paid
    account = channels.account_by_id(queries.by_number(number).account_id)
    world.approve(number)
    world.until(lambda: ringing("work-differs"), hurry_s=1)
    assert world.state(number) == "failed", "nobody applies it silently"
    ((subject, severity, said),) = ringing("work-differs")
    assert (subject, severity) == (account.number, "severe") and "1 项" in said and "¥10.19" in said
    (alert,) = alerts(kind="work-differs")
    assert (alert.channel, alert.path) == (
        account.channel_code,
        f"/work/?account={account.number}&pressing=differs",
    )
    opened(world, account.number, "amount_differs", "10.01")
    world.until(lambda: "2 项" in ringing("work-differs")[0][2])
    assert "¥20.20" in ringing("work-differs")[0][2], "one alert, and it counts"
    with transaction():
        for row in queries.work():
            movement.close_holds(queries.held(row.number), by="test", why="")
    world.until(lambda: not ringing("work-differs"))


def test_what_was_changed_after_it_was_approved_rings_at_once(world: World) -> None:
    number = world.withdrawal("10.00")
    account = channels.account_by_id(queries.by_number(number).account_id)
    withdrawals.stops.pause(account=account.number, reason="对账", actor=world.checker)
    world.approve(number)
    with db.engine.begin() as connection:  # somebody at the database
        connection.exec_driver_sql(f"UPDATE withdrawal SET holder = '李四' WHERE number = '{number}'")
    withdrawals.stops.resume(account=account.number, actor=world.checker)
    world.until(lambda: ringing("work-broken"), hurry_s=1)
    ((subject, severity, said),) = ringing("work-broken")
    assert (subject, severity) == (account.number, "severe") and "1 笔" in said and "¥10.00" in said
    assert world.paid_by_sandbox(account.number)["submits"] == 0


def test_what_came_back_rings_at_once_as_a_warning(world: World) -> None:
    number = world.withdrawal("10.16")
    world.approve(number)
    world.until_state(number, "returned", hurry_s=5)
    world.until(lambda: ringing("work-returned"))
    ((_subject, severity, said),) = ringing("work-returned")
    assert severity == "warning" and "1 笔退票，共 ¥10.16" in said
    (hold,) = queries.holds(queries.by_number(number).id)
    withdrawals.work.resolve(hold.id, reason="已联系收款人", actor=world.maker)
    world.until(lambda: not ringing("work-returned"))


def test_work_that_nobody_takes_rings_after_an_hour_and_is_severe_after_a_day(world: World) -> None:
    account = world.account()
    first, second = (opened(world, account, "no_resend", amount) for amount in ("10.01", "10.02"))
    for minutes, severities in ((59, []), (2, ["warning"]), (24 * 60, ["severe"])):
        world.ahead += minutes * MINUTE
        withdrawals.alerting.look_at_work()
        assert [it[1] for it in ringing("work-left")] == severities
    ((subject, _severity, said),) = ringing("work-left")
    assert subject == account and "2 项" in said and "¥20.03" in said and "超过 24 小时" in said
    (alert,) = alerts(kind="work-left")
    assert alert.path == f"/work/?account={account}&pressing=left"
    fresh = opened(world, account, "no_resend", "10.03")
    withdrawals.work.take(fresh, actor=world.maker)
    shown = queries.work(account_id=channels.account(account).id, pressing=Pressing.LEFT)
    assert [row.id for row in shown] == [first, second], "exactly these"


def test_work_that_was_taken_rings_no_more_until_it_is_a_day_old(world: World) -> None:
    account = world.account()
    mine = opened(world, account, "no_resend")
    world.ahead += 61 * MINUTE
    withdrawals.alerting.look_at_work()
    assert len(ringing("work-left")) == 1
    withdrawals.work.take(mine, actor=world.maker)
    world.until(lambda: not ringing("work-left"))
    world.ahead += timedelta(hours=24)
    withdrawals.alerting.look_at_work()
    ((_subject, severity, said),) = ringing("work-left")
    assert severity == "warning" and "没有办完" in said


def test_each_account_has_an_alert_of_its_own_in_its_channel(world: World) -> None:
    accounts = [world.account(), world.account("egret")]
    for account in accounts:
        for amount in ("10.01", "10.02"):
            opened(world, account, "contradiction", amount)
    withdrawals.alerting.look_at_work()
    assert sorted(subject for subject, _severity, _said in ringing("work-differs")) == sorted(accounts)
    assert {it.subject: it.channel for it in alerts(kind="work-differs")} == {
        account: channels.account(account).channel_code for account in accounts
    }


def test_the_stop_of_a_restored_house_rings_while_it_stands(app: Flask) -> None:
    with transaction():
        db.session.add(LostSend(number="W1", account="C1", attempt=1, sent_at=clock.now(), sealed="", trouble=""))
    with transaction():
        withdrawals.stops.open_stop("all", "restored", detail=clock.now().isoformat(), by=movement.RULE)
    ((subject, severity, said),) = ringing("restored")
    assert (subject, severity) == ("all", "severe") and "还有 1 笔" in said
    (alert,) = alerts(kind="restored")
    assert (alert.path, alert.channel) == ("/sending/", ""), "the house's: only who sees all of it is told"
    with transaction():
        bell.hush("restored", "all", said=Text("有人点了结束"))
    withdrawals.stops.look()
    assert len(ringing("restored")) == 1, "it stands all the same"
    with transaction():
        db.session.query(LostSend).delete()
    withdrawals.restoring.look()
    assert ringing("restored") == []


def test_broken_books_ring_as_long_as_they_stop_the_house(app: Flask) -> None:
    with transaction():
        withdrawals.stops.open_stop("all", "broken", detail="account 1 differs", by=movement.RULE)
    assert [it[:2] for it in ringing("books")] == [("all", "severe")]
    withdrawals.stops.look()
    assert [it[:2] for it in ringing("books")] == [("all", "severe")]
    withdrawals.guard.examine()
    assert ringing("books") == []


def test_a_stop_that_people_made_is_no_alert(world: World) -> None:
    withdrawals.stops.pause(reason="盘点", actor=world.checker)
    withdrawals.stops.look()
    assert alerts() == []


def test_money_of_unknown_fate_rings_after_an_hour_and_is_severe_after_a_day(world: World) -> None:
    number = world.withdrawal("10.04")
    world.approve(number)
    world.until(lambda: world.state(number) in ("sending", "pending"))
    account = channels.account_by_id(db.session.query(Withdrawal).one().account_id)
    withdrawals.alerting.look_at_unknown()
    assert ringing("unknown-money") == []
    for hours, severity in ((2, Severity.WARNING), (23, Severity.SEVERE)):
        world.ahead += timedelta(hours=hours)
        withdrawals.alerting.look_at_unknown()
        ((subject, graver, said),) = ringing("unknown-money")
        assert (subject, graver) == (account.number, severity) and "1 笔提现去向未明，共 ¥10.04" in said
    (alert,) = alerts(kind="unknown-money")
    assert (alert.channel, alert.path) == (
        account.channel_code,
        f"/withdrawals/?account={account.number}&state=unknown",
    )
    with transaction():
        db.session.execute(update(Withdrawal).values(signed_at=clock.now()))
    withdrawals.alerting.look_at_unknown()
    assert ringing("unknown-money") == []

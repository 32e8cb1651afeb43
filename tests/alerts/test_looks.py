"""What the house rings by itself, and that it falls silent when it is over."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

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
from app.withdrawals import service as withdrawals
from app.withdrawals.models import Withdrawal
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

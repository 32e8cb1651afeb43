"""渠道健康 in the browser's eyes: what stands there, and what may be done by whom."""

from contextvars import Context
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.auth import service as auth
from app.auth.permissions import Role
from app.channels import breaker, health, queries
from app.channels import service as channels
from app.channels.models import ChannelCall, Maintenance
from app.channels.rules.health import Ended, Grade, summed
from app.kernel import clock
from app.kernel.money import Money
from app.runtime.db import db, transaction
from tests.world import PASSWORD, World

ONE_ENGINE = True


def client(world: World, username: str) -> FlaskClient:
    found = world.app.test_client()
    found.set_cookie("paydesk_session", auth.sign_in(username, PASSWORD, address="127.0.0.1", user_agent="test")[0])
    return found


def get(asker: FlaskClient, path: str) -> str:
    reply = Context().run(asker.get, path)
    assert reply.status_code == 200, path
    return reply.get_data(as_text=True)


def post(asker: FlaskClient, path: str, **given: str) -> TestResponse:
    page = get(asker, "/channels/health/")
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return Context().run(asker.post, path, data={"csrf_token": token, **given})


def stop(account: str) -> None:
    its = queries.account(account).id
    setting = queries.active_setting_id(its)
    assert setting is not None
    with transaction():
        for at in range(5):
            row = ChannelCall(
                account_id=its, setting_id=setting, interface="submit", subject=f"W{at}", at=clock.now(),
                outcome="bad_signature", duration_ms=30,
            )  # fmt: skip
            db.session.add(row)
        db.session.flush()
        breaker.weigh(its)


def test_a_pause_is_said_with_its_reason_and_what_happens_next(world: World) -> None:
    account = world.account()
    number = world.withdrawal("88.00", account=account)
    stop(account)
    channels.counting.count()
    asker = client(world, "checker")
    page = get(asker, f"/channels/{account}/health")
    assert "已自动停发" in page and "最近一次答复的签名验不过" in page and "立即试探" in page and "下一次试探" in page
    assert "渠道没有正常应答" in get(asker, f"/channels/{account}")
    assert "渠道没有正常应答" in get(asker, "/sending/")
    assert "已自动停发" in get(asker, "/")
    assert "已自动停发" in get(asker, "/alerts/")
    world.approve(number)
    page = get(asker, f"/withdrawals/{number}")
    assert "恢复应答后自动发送" in page and "通常几秒内发出" not in page
    maker = client(world, "maker")
    assert "立即试探" not in get(maker, f"/channels/{account}/health"), "for those who may stop and start"
    assert "现在可以提交，批准后等待发送" in get(maker, f"/withdrawals/new?account={account}")


def test_a_pause_is_lifted_with_a_reason(world: World) -> None:
    account = world.account()
    stop(account)
    asker = client(world, "checker")
    assert post(asker, f"/channels/{account}/health/lift").status_code == 422
    assert post(asker, f"/channels/{account}/health/lift", reason="渠道来电已恢复").status_code == 303
    db.session.rollback()
    page = get(asker, f"/channels/{account}/health")
    assert "以前的自动停发" in page and "渠道来电已恢复" in page and "由人恢复</small>" in page
    assert "由人恢复</small>" in get(asker, "/channels/health/")


def test_what_has_recovered_says_since_when_for_as_long_as_its_calls_are_counted(world: World) -> None:
    account = world.account()
    its = queries.account(account)
    stop(account)
    channels.counting.count()
    with transaction():
        pause = breaker.standing(its.id)
        assert pause is not None and breaker.hear(pause, account, answered=True) is None
        assert breaker.take(its.id, "W9")
        breaker.learn([breaker.Learnt(its.id, Ended("submit", "W9", "ok", "paid"))])
    asker = client(world, "checker")
    found = health.of([its])[its.id]
    assert found.pause is None and found.recovery is not None and found.grade == Grade.BAD
    since = f"{found.recovery.closed_at.astimezone(clock.BUSINESS_ZONE):%H:%M} 已恢复</small>"
    for path in ("/channels/health/", f"/channels/{account}/health"):
        page = get(asker, path)
        assert "异常" in page and since in page
    world.ahead += timedelta(hours=1)
    assert health.of([its])[its.id].recovery is None


def test_figures_chart_and_pause_tell_of_the_same_calls(world: World) -> None:
    account = world.account()
    its = queries.account(account)
    world.until(lambda: True)
    channels.counting.count()
    before = health.of([its])[its.id].calls
    stop(account)
    world.until(lambda: health.of([its])[its.id].calls.unknown)
    whole, spans = health.history(its.id, seconds=3600, step_s=300)
    assert health.of([its])[its.id].calls == whole.calls == summed(it.calls for it in spans)
    assert whole.calls.calls == before.calls + 5, "the pause itself asked for them to be counted"
    page = get(client(world, "checker"), f"/channels/{account}/health")
    assert "100%<small>5 次</small>" in page, "of the withdrawals that were sent all have a fate that nobody knows"


def test_maintenance_is_announced_and_called_off(world: World) -> None:
    world.account()
    asker = client(world, "checker")
    begins = clock.now().astimezone(clock.BUSINESS_ZONE) - timedelta(minutes=5)
    times = {"begins": f"{begins:%Y-%m-%dT%H:%M}", "ends": f"{begins + timedelta(hours=2):%Y-%m-%dT%H:%M}"}
    backwards = {"begins": times["ends"], "ends": times["begins"]}
    reply = post(asker, "/channels/health/maintenance", channel="dolphin", note="升级", **backwards)
    assert reply.status_code == 422 and "结束要晚于开始" in reply.get_data(as_text=True)
    assert post(asker, "/channels/health/maintenance", channel="dolphin", note="升级", **times).status_code == 303
    page = get(asker, "/channels/health/")
    assert "升级" in page and "渠道维护中" in page
    db.session.rollback()
    found = db.session.scalars(select(Maintenance)).one()
    assert post(asker, f"/channels/health/maintenance/{found.id}/call-off").status_code == 303
    assert post(asker, f"/channels/health/maintenance/{found.id}/call-off").status_code == 409
    assert "渠道维护中" not in get(asker, "/channels/health/")
    who = "由有“停发与恢复发送”权限的人登记与取消"
    assert who not in get(asker, "/channels/health/") and who in get(client(world, "maker"), "/channels/health/")


def test_hours_are_kept_with_the_account_and_rules_with_their_reason(world: World) -> None:
    account = world.account()
    world.person("keeper", Role.ADMINISTRATOR)
    asker = client(world, "keeper")
    found = queries.account(account)
    given = {
        "name": found.name, "merchant_no": found.merchant_no, "single_limit": "5000", "fee_fixed": "2", "fee_rate_ppm": "",
        "bind_per_s": "20", "send_per_s": "0", "weight": "100", "opens": "09:00", "closes": "18:30", "why": "渠道公告",
    }  # fmt: skip
    page = get(asker, f"/channels/{account}/edit")
    assert page.count('type="checkbox" name="open_days"') == 7 == page.count("checked") and "<select" not in page
    page = get(asker, "/channels/health/rules/answered/severe")
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    data = {**given, "csrf_token": token, "open_days": ["1", "2", "3", "4", "5"]}
    reply = Context().run(asker.post, f"/channels/{account}/edit", data={**data, "closes": "08:00"})
    assert reply.status_code == 422 and "停止要晚于开始" in reply.get_data(as_text=True)
    assert Context().run(asker.post, f"/channels/{account}/edit", data=data).status_code == 303
    db.session.rollback()
    found = queries.account(account)
    assert (found.opens, found.closes, found.open_days) == (540, 1110, "12345")
    assert "周一、周二、周三、周四、周五 09:00–18:30" in get(asker, f"/channels/{account}/health")

    rule = {"bound": "101", "minutes": "30", "at_least": "5", "enabled": "y", "why": "太吵", "csrf_token": token}
    path = "/channels/health/rules/answered/severe"
    assert Context().run(asker.post, path, data=rule).status_code == 422
    assert Context().run(asker.post, path, data={**rule, "bound": "70"}).status_code == 303
    db.session.rollback()
    assert (health.rule("answered", "severe").bound, health.rule("answered", "severe").minutes) == (70, 30)


def test_what_takes_nothing_new_is_not_said_to_send(world: World) -> None:
    account = world.account()
    keeper = world.person("keeper", Role.ADMINISTRATOR)
    channels.open_account(
        channel="dolphin", name="还没配好", merchant_no="M0", single_limit=Money(1), fee_fixed=Money(0), fee_rate_ppm=0,
        actor=keeper,
    )  # fmt: skip
    asker = client(world, "checker")
    page = get(asker, "/channels/health/")
    assert page.count("可以发送") == 1 and "不接新的提现" in page and "还没有启用过参数" in page
    channels.set_enabled(account, enabled=False, why="合同到期", actor=keeper)
    page = get(asker, "/channels/health/")
    assert "可以发送" not in page and "渠道账号已停用，已在途的照常办完" in page
    assert "渠道账号已停用，已在途的照常办完" in get(asker, f"/channels/{account}/health")
    channels.set_enabled(account, enabled=True, why="续签", actor=keeper)
    channels.change_channel("dolphin", name="海豚", pause_after=5, enabled=False, actor=keeper)
    assert "渠道已停用，已在途的照常办完" in get(asker, "/channels/health/")

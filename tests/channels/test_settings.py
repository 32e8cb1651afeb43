"""渠道参数: drafted, tried, put in force, retired; each call and callback keeps to the version it was signed with."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text

from app.auth import audit
from app.auth.identity import Actor
from app.auth.models import AuditRecord
from app.auth.permissions import Role
from app.channels import gateway, health, parameters, queries, service, trial, versions
from app.channels.adapters import ADAPTERS
from app.channels.contract import Setting, Shape
from app.channels.models import CallbackInbox, ChannelCall, ChannelSetting, DailyFigures
from app.channels.parameters import OVERLAP_S, Flawed
from app.channels.states import LABELS, SETTING, VERBS, State
from app.kernel import signing
from app.kernel.errors import NotThere, Refused
from app.kernel.money import Money
from app.kernel.numbers import random_text
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from app.withdrawals import queries as withdrawals
from app.withdrawals import service as withdrawal_service
from tests.channels.test_callbacks import Notice, deliver, inbox
from tests.world import World

TERMS: dict[str, Any] = {"single_limit": Money(100_00), "fee_fixed": Money(0), "fee_rate_ppm": 0}
URL = "https://pay.example/api"


@pytest.fixture
def keeper(world: World) -> Actor:
    return world.person("keeper", Role.ADMINISTRATOR)


def of(account: str) -> list[tuple[int, str]]:
    """Every version with its state, oldest first."""
    db.session.rollback()
    return [(it.version, it.state) for it in reversed(queries.settings_of(queries.account(account).id))]


def draft_of(account: str) -> ChannelSetting:
    db.session.rollback()
    found = versions.draft(queries.account(account).id)
    assert found is not None
    return found


def drafted(account: str, keeper: Actor, **changes: str) -> None:
    """A draft that says this and is otherwise like the version in use."""
    service.settings.begin(account, actor=keeper)
    edited(account, keeper, **changes)


def edited(account: str, keeper: Actor, **changes: str) -> None:
    found = draft_of(account)
    told = versions.told(found)
    secret = {it.name for it in queries.adapter_class(queries.account(account)).settings if it.secret}
    typed = {name: text for name, text in told.items() if name not in secret} | changes
    service.settings.save(account, typed, edition=found.edition, actor=keeper)


def activated(account: str, keeper: Actor, *, overlap_s: int = OVERLAP_S, why: str = "the yearly change") -> int:
    edition = draft_of(account).edition
    return service.settings.activate(account, edition=edition, overlap_s=overlap_s, why=why, actor=keeper)


def rotated(account: str, keeper: Actor, *, overlap_s: int = OVERLAP_S, secret: str = "") -> None:
    """A new secret is in use."""
    drafted(account, keeper, api_secret=secret or random_text(32))
    activated(account, keeper, overlap_s=overlap_s)


def given_of(account: str) -> dict[str, str]:
    db.session.rollback()
    return dict(gateway.settings(queries.account(account).id))


# -- the table ----------------------------------------------------------------------------------------------------------


def test_the_table_leads_where_it_says() -> None:
    assert set(State) == SETTING.states == set(LABELS)
    assert {move.verb for move in SETTING.moves} == set(VERBS)
    assert SETTING.final == {State.RETIRED, State.DISCARDED}, "nothing is ever active again by itself"


@given(deeds=st.lists(st.sampled_from(["begin", "edit", "discard", "activate"]), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_do_there_is_one_version_in_use_and_at_most_one_draft(
    world: World, keeper: Actor, deeds: list[str]
) -> None:
    account = plain_account()
    for deed in deeds:
        drafts = [version for version, state in of(account) if state == "draft"]
        try:
            match deed:
                case "begin":
                    service.settings.begin(account, actor=keeper)
                    assert not drafts
                case "edit":
                    edition = draft_of(account).edition if drafts else 1
                    typed = {"base_url": URL, "key": random_text(12)}
                    service.settings.save(account, typed, edition=edition, actor=keeper)
                    assert drafts
                case "discard":
                    service.settings.discard(account, edition=draft_of(account).edition if drafts else 1, actor=keeper)
                    assert drafts
                case "activate":
                    edition = draft_of(account).edition if drafts else 1
                    service.settings.activate(account, edition=edition, overlap_s=0, why="x", actor=keeper)
                    assert drafts
        except Refused:
            assert deed == "activate" or bool(drafts) == (deed == "begin"), "refused only where the table says so"
        found = of(account)
        assert [state for _, state in found].count("active") == 1 and [state for _, state in found].count("draft") <= 1
        assert [version for version, _ in found] == list(range(1, len(found) + 1))


def plain_account(manner: str = "dolphin") -> str:
    """An account whose channel is nowhere."""
    if queries.find(manner) is None:
        service.open_channel(code=manner, name=manner, adapter=manner, actor="test")
    given = {"base_url": URL, "merchant_no": random_text(10), "key": "the first key"}
    return service.open_account(channel=manner, name="one", settings=given, actor="test", **TERMS)


# -- drafting -----------------------------------------------------------------------------------------------------------


def test_a_draft_changes_nothing_until_it_is_activated(world: World, keeper: Actor) -> None:
    account = plain_account()
    before = given_of(account)
    drafted(account, keeper, key="the second key", base_url=f"{URL}/v2")
    assert of(account) == [(1, "active"), (2, "draft")] and given_of(account) == before
    assert activated(account, keeper) == 2
    assert of(account) == [(1, "retired"), (2, "active")]
    assert given_of(account) == before | {"key": "the second key", "base_url": f"{URL}/v2"}
    found = versions.version(queries.account(account).id, 2)
    assert (found.why, found.activated_by, found.based_on) == ("the yearly change", "keeper", 1)


def test_a_secret_that_is_left_empty_stays_and_what_is_typed_is_tidied(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, base_url=f"  {URL}/new \r\n", key="")
    activated(account, keeper)
    assert given_of(account)["key"] == "the first key" and given_of(account)["base_url"] == f"{URL}/new"


def test_nobody_overwrites_what_they_have_not_seen(world: World, keeper: Actor) -> None:
    account = plain_account()
    service.settings.begin(account, actor=keeper)
    seen = draft_of(account).edition
    edited(account, keeper, base_url=f"{URL}/theirs")
    for deed in (
        lambda: service.settings.save(account, {"base_url": URL}, edition=seen, actor=keeper),
        lambda: service.settings.activate(account, edition=seen, overlap_s=0, why="mine", actor=keeper),
        lambda: service.settings.discard(account, edition=seen, actor=keeper),
    ):
        with pytest.raises(Refused, match="刚刚被改过"):
            deed()
    assert versions.told(draft_of(account))["base_url"] == f"{URL}/theirs"


def test_what_is_thrown_away_leaves_no_secret_and_its_number_is_not_given_again(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, key="never used")
    service.settings.discard(account, edition=draft_of(account).edition, actor=keeper)
    assert of(account) == [(1, "active"), (2, "discarded")]
    assert versions.version(queries.account(account).id, 2).sealed == ""
    with pytest.raises(Refused, match="已放弃"):
        service.settings.begin(account, base=2, actor=keeper)
    assert service.settings.begin(account, actor=keeper) == 3
    with pytest.raises(Refused, match="已有一份"):
        service.settings.begin(account, actor=keeper)


def test_an_earlier_version_may_be_the_beginning_of_a_new_one(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, key="the second key")
    activated(account, keeper)
    service.settings.begin(account, base=1, actor=keeper)
    activated(account, keeper)
    assert (
        of(account) == [(1, "retired"), (2, "retired"), (3, "active")] and given_of(account)["key"] == "the first key"
    )


def test_a_draft_that_changes_nothing_is_not_activated(world: World, keeper: Actor) -> None:
    account = plain_account()
    service.settings.begin(account, actor=keeper)
    with pytest.raises(Refused, match="完全相同"):
        activated(account, keeper)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("pay.example", "不是网址"),
        ("ftp://pay.example", "不是网址"),
        ("http://pay.example", "未加密"),
        ("https://10.0.0.8/api", "不允许访问"),
        ("https://[fd00::1]/api", "不允许访问"),
        ("https://localhost/api", "不允许访问"),
        ("https://169.254.169.254", "不允许访问"),
        ("https://me:secret@pay.example", "用户名或密码"),
        ("https://pay.example/?merchant=1", "不能带"),
        ("https://pay.example/#x", "不能带"),
        ("https://pay.example:99999", "不是网址"),
        ("https://pay .example", "不是网址"),
    ],
)
def test_addresses_that_we_would_not_call_are_refused_in_words(world: World, keeper: Actor, url: str, why: str) -> None:
    account = plain_account()
    world.app.extensions["paydesk.config"] = world.app.extensions["paydesk.config"].model_copy(
        update={"private_targets": ""}
    )
    with pytest.raises(Flawed) as refused:
        drafted(account, keeper, base_url=url)
    assert list(refused.value.flaws) == ["base_url"] and why in str(refused.value.flaws["base_url"])
    assert of(account) == [(1, "active"), (2, "draft")]


def test_keys_are_parsed_before_they_are_kept_and_never_quoted(world: World, keeper: Actor) -> None:
    account = world.account("egret")
    service.settings.begin(account, actor=keeper)
    private, public = signing.new_rsa_pair()
    for changes, name, why in (
        ({"private_key": public}, "private_key", "不是 PEM 格式的 RSA 私钥"),
        ({"private_key": private[:200]}, "private_key", "不是 PEM 格式的 RSA 私钥"),
        ({"channel_public_key": private}, "channel_public_key", "不是 PEM 格式的 RSA 公钥"),
        ({"private_key": private, "channel_public_key": public}, "channel_public_key", "我们自己的公钥"),
    ):
        with pytest.raises(Flawed) as refused:
            edited(account, keeper, **changes)
        assert list(refused.value.flaws) == [name] and why in str(refused.value.flaws[name])
        assert private.split("\n")[1] not in str(refused.value)
    edited(account, keeper, private_key=private.replace("\n", "\r\n"))
    assert versions.given(account, draft_of(account))["private_key"] == private.strip(), "lines are broken in one way"


def test_a_number_a_choice_and_a_certificate_are_what_they_say(world: World) -> None:
    declared = (
        Setting(name="port", label="port", shape=Shape.NUMBER, default="443"),
        Setting(name="mode", label="mode", shape=Shape.CHOICE, choices=(("a", "A"), ("b", "B"))),
        Setting(name="cert", label="cert", shape=Shape.CERTIFICATE, optional=True),
        Setting(name="line", label="line", optional=True),
    )
    assert set(parameters.malformed(declared, {"port": "4x", "mode": "c", "cert": "-----BEGIN", "line": "a\nb"})) == {
        "port", "mode", "cert", "line",
    }  # fmt: skip
    assert parameters.malformed(declared, {"port": "1", "mode": "a"}) == {}
    assert set(parameters.missing(declared, {})) == {"mode"}, "a default stands in, and what is optional may be missing"
    told = parameters.shown(declared, {"mode": "b"}, fingerprint=lambda text: f"#{text}")
    assert parameters.lines(declared, told, fingerprint=lambda text: f"#{text}")["mode"].text == "B"


def test_an_optional_secret_can_be_taken_away() -> None:
    declared = (Setting(name="token", label="token", secret=True, optional=True),)
    assert parameters.merged(declared, {"token": "x"}, {"token": ""}) == {"token": "x"}
    assert parameters.merged(declared, {"token": "x"}, {"token": ""}, cleared=["token"]) == {}
    assert parameters.merged(declared, {"token": "x"}, {"token": "y"}, cleared=["token"]) == {"token": "y"}


def test_every_adapter_declares_what_the_pages_can_ask() -> None:
    for adapter in ADAPTERS.values():
        names = [setting.name for setting in adapter.settings]
        assert len(set(names)) == len(names) and {"base_url", "merchant_no"} <= set(names)
        (base_url,) = (setting for setting in adapter.settings if setting.name == "base_url")
        assert base_url.shape is Shape.URL, "an address that nobody checks"
        assert all(setting.choices for setting in adapter.settings if setting.shape is Shape.CHOICE)


def test_the_log_tells_who_what_and_why_and_no_secret(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, key="a key nobody may read", base_url=f"{URL}/2")
    activated(account, keeper)
    rows = db.session.scalars(select(AuditRecord).where(AuditRecord.subject == account).order_by(AuditRecord.seq)).all()
    assert [row.action for row in rows] == [
        *("channel.open-account", "setting.draft", "setting.change", "setting.activate"),
    ]
    last = rows[-1]
    assert (last.actor, last.why) == ("keeper", "the yearly change")
    before, after = json.loads(last.before or "{}"), json.loads(last.after or "{}")
    assert (before["version"], after["version"], after["overlap_s"]) == (1, 2, OVERLAP_S)
    assert (before["base_url"], after["base_url"]) == (URL, f"{URL}/2") and before["key"] != after["key"]
    assert "a key nobody may read" not in "".join(f"{row.before}{row.after}{row.why}" for row in rows)
    assert audit.verify() == []


# -- rotation: callbacks ------------------------------------------------------------------------------------------------


@pytest.fixture
def account(world: World) -> str:
    return world.account("spruce")


@pytest.fixture
def number(world: World, account: str) -> str:
    """A withdrawal that is out, and whose channel keeps quiet."""
    number = world.withdrawal("10.17", account=account)
    world.approve(number)
    world.until_state(number, "pending", hurry_s=0)
    return number


def test_the_old_key_proves_callbacks_while_it_overlaps_and_none_after(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    old = Notice(account, number)
    first = versions.active(queries.account(account).id)
    assert first is not None
    rotated(account, keeper)
    assert deliver(world, account, old).status_code == 200
    assert deliver(world, account, Notice(account, "WNEW")).status_code == 200, "and so does the new one"
    assert [(row.outcome, row.setting_id) for row in inbox()] == [
        ("taken", first.id), ("taken", queries.active_setting_id(queries.account(account).id)),
    ]  # fmt: skip
    world.ahead += timedelta(seconds=OVERLAP_S + 1)
    late = Notice(account, number, status="x")
    late.secret = old.secret
    assert deliver(world, account, late).status_code == 400
    assert [(row.outcome, row.message, row.setting_id) for row in inbox()[2:]] == [
        ("bad_signature", "签名用的是已失效的密钥：v1", None)
    ]
    assert world.until_state(number, "paid", hurry_s=0) == "paid", "what was taken in time has its effect"


def test_a_leaked_key_proves_nothing_from_the_moment_it_is_replaced(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    old = Notice(account, number)
    rotated(account, keeper, overlap_s=0)
    assert deliver(world, account, old).status_code == 400
    world.until(lambda: True)
    assert world.state(number) == "pending"
    assert deliver(world, account, Notice(account, number)).status_code == 200
    assert world.until_state(number, "paid", hurry_s=0) == "paid"


def test_a_leak_ends_the_overlap_of_earlier_versions_too(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    """The leaked key may be theirs as well."""
    old = Notice(account, number)
    drafted(account, keeper, api_key="another, with the same secret")
    activated(account, keeper)
    rotated(account, keeper, overlap_s=0)
    assert deliver(world, account, old).status_code == 400
    assert len(versions.counting(queries.account(account).id)) == 1


def test_a_strangers_key_is_not_called_an_old_one_of_ours(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    rotated(account, keeper, overlap_s=0)
    assert deliver(world, account, Notice(account, number), secret="somebody else's").status_code == 400
    assert [row.message for row in inbox()] == ["签名不符"]


def test_a_draft_proves_nothing(world: World, keeper: Actor, account: str, number: str) -> None:
    drafted(account, keeper, api_secret="only drafted")
    assert deliver(world, account, Notice(account, number), secret="only drafted").status_code == 400


def test_what_was_taken_is_read_with_the_version_that_proved_it(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    """However many versions came, and went out of use at once, before its job came to it."""
    assert deliver(world, account, Notice(account, number)).status_code == 200
    for _ in range(3):
        rotated(account, keeper, overlap_s=0)
    assert world.until_state(number, "paid", hurry_s=0) == "paid"


def test_a_row_from_before_versions_were_written_down_is_still_read(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    assert deliver(world, account, Notice(account, number)).status_code == 200
    (row,) = inbox()
    row.setting_id = None
    db.session.commit()
    rotated(account, keeper, overlap_s=0)
    drafted(account, keeper)
    assert world.until_state(number, "paid", hurry_s=0) == "paid"


# -- rotation: calls ----------------------------------------------------------------------------------------------------


class Slow:
    """A Spruce that notes which key each request names and answers when the test says so."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.came, self.go = Event(), Event()
        slow = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                slow.heard.append((self.command + " " + self.path.split("?")[0], self.headers["X-Spruce-Key"]))
                slow.came.set()
                slow.go.wait(30)
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go.set()
    slow.server.shutdown()
    slow.server.server_close()


def test_a_call_in_flight_finishes_with_its_own_version_and_the_next_takes_the_new_one(
    world: World, keeper: Actor, slow: Slow
) -> None:
    account = world.account("spruce")
    number = world.withdrawal("50.00", account=account)
    drafted(account, keeper, base_url=slow.url, api_key="k-old")
    activated(account, keeper)
    jobs.drain(Line.CHANNEL)
    world.approve(number)
    slow.go.clear()
    slow.came.clear()

    def works() -> None:
        with world.app.app_context():
            jobs.drain(Line.CHANNEL)

    worker = Thread(target=works)
    worker.start()
    assert slow.came.wait(60)
    drafted(account, keeper, api_key="k-new")
    activated(account, keeper, overlap_s=0)
    slow.go.set()
    worker.join(60)
    db.session.rollback()
    sent = [call for call in queries.calls_about(number) if call.interface == "submit"]
    assert [versions.by_id(call.setting_id).version for call in sent] == [2]
    assert sent[0].outcome == "unreadable" and world.state(number) == "pending"
    withdrawal_service.ask(number)
    asked = queries.calls_about(number)[-1]
    assert (asked.interface, versions.by_id(asked.setting_id).version) == ("query", 3), "its own keys count no more"
    assert slow.heard[-1][1] == "k-new"


def test_questions_are_signed_as_the_withdrawal_was_while_its_keys_overlap(
    world: World, keeper: Actor, account: str, number: str
) -> None:
    own = withdrawals.by_number(number).setting_id
    rotated(account, keeper)
    withdrawal_service.ask(number)
    assert queries.calls_about(number)[-1].setting_id == own
    world.ahead += timedelta(seconds=OVERLAP_S + 1)
    withdrawal_service.ask(number)
    db.session.rollback()
    assert queries.calls_about(number)[-1].setting_id == queries.active_setting_id(queries.account(account).id) != own


# -- trying out ---------------------------------------------------------------------------------------------------------


def counted(*tables: Any) -> list[int]:
    db.session.rollback()
    return [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.mark.parametrize("manner", ["dolphin", "egret", "spruce"])
def test_a_trial_says_that_all_is_right_and_changes_nothing(world: World, keeper: Actor, manner: str) -> None:
    account = world.account(manner)
    before = counted(DailyFigures, CallbackInbox, ChannelSetting)
    told = queries.latest_figures([queries.account(account).id]).popitem()[1].pulled_at
    call = queries.call(service.settings.try_out(account, 1, actor=keeper))
    assert (call.interface, call.outcome, call.http_status) == ("try", "ok", 200)
    assert "可结算 ¥10,000.00" in str(gateway.rules.told(call.outcome, call.message, call.interface))
    assert call.request and call.reply and call.signed_text
    for name, key in given_of(account).items():
        if name in {it.name for it in ADAPTERS[manner].settings if it.secret}:
            assert max(key.split("\n"), key=len) not in f"{call.request}{call.reply}{call.signed_text}{call.message}"
    assert counted(DailyFigures, CallbackInbox, ChannelSetting) == before
    assert queries.latest_figures([queries.account(account).id]).popitem()[1].pulled_at == told
    assert of(account) == [(1, "active")]


def test_a_trial_is_not_counted_as_the_accounts_health(world: World, keeper: Actor) -> None:
    account = world.account()
    row = queries.account(account)
    service.counting.count()
    before = health.of([row])[row.id].calls
    drafted(account, keeper, key="not the right one")
    service.settings.try_out(account, 2, actor=keeper)
    world.ahead += timedelta(seconds=60)
    service.counting.count()
    after = health.of([row])[row.id].calls
    assert (after.calls, after.answered) == (before.calls, before.answered) and before.calls > 0


def test_a_wrong_key_is_told_as_what_it_is_and_the_draft_may_be_tried_again(world: World, keeper: Actor) -> None:
    account = world.account()
    right = given_of(account)["key"]
    drafted(account, keeper, key="not the right one")
    wrong = queries.call(service.settings.try_out(account, 2, actor=keeper)).outcome
    assert wrong in ("bad_signature", "unreadable")
    edited(account, keeper, key=right)
    assert queries.call(service.settings.try_out(account, 2, actor=keeper)).outcome == "ok", "built anew for each trial"
    assert [call.outcome for call in trial.latest(draft_of(account).id)] == ["ok", wrong]


def test_a_wrong_address_is_told_as_what_it_is(world: World, keeper: Actor) -> None:
    account = world.account()
    drafted(account, keeper, base_url="http://127.0.0.1:1/dolphin")
    call = queries.call(service.settings.try_out(account, 2, actor=keeper))
    assert call.outcome == "not_sent" and call.duration_ms is not None
    edited(account, keeper, base_url=f"{world.third.url}/nowhere")
    assert queries.call(service.settings.try_out(account, 2, actor=keeper)).outcome == "unreadable"


def test_what_is_not_whole_or_is_over_is_not_tried(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, key="the second key")
    activated(account, keeper)
    with pytest.raises(Refused, match="只能试"):
        service.settings.try_out(account, 1, actor=keeper)
    with pytest.raises(NotThere):
        service.settings.try_out(account, 9, actor=keeper)
    empty = service.open_account(channel="dolphin", name="new", merchant_no="M-NEW", actor=keeper, **TERMS)
    with pytest.raises(Flawed, match="没有填"):
        service.settings.try_out(empty, 1, actor=keeper)
    assert counted(ChannelCall)[0] == 0


def test_one_trial_waits_at_a_time_so_that_strangers_hold_up_nobody(world: World, keeper: Actor, slow: Slow) -> None:
    account = world.account("spruce")
    drafted(account, keeper, base_url=slow.url)
    slow.came.clear()

    def tries() -> None:
        with world.app.app_context():
            service.settings.try_out(account, 2, actor=keeper)

    trying = Thread(target=tries)
    trying.start()
    assert slow.came.wait(60)
    with pytest.raises(Refused, match="另一次试用"):
        service.settings.try_out(account, 1, actor=keeper)
    edited(account, keeper, api_key="k-while-it-waits")
    slow.go.set()
    trying.join(60)
    assert [call.outcome for call in trial.latest(draft_of(account).id)] == ["unreadable"]


# -- the house's own set-up --------------------------------------------------------------------------------------------


def test_the_house_itself_puts_parameters_in_force_whatever_somebody_drafts(world: World, keeper: Actor) -> None:
    account = plain_account()
    drafted(account, keeper, key="drafted")
    service.change_settings(account, given_of(account) | {"base_url": f"{URL}/moved"}, actor="demo")
    assert of(account) == [(1, "retired"), (2, "draft"), (3, "active")]
    assert given_of(account)["base_url"] == f"{URL}/moved" and given_of(account)["key"] == "the first key"
    activated(account, keeper)
    assert of(account) == [(1, "retired"), (2, "active"), (3, "retired")] and given_of(account)["key"] == "drafted"


def test_an_enabled_account_without_parameters_is_a_broken_promise(world: World, keeper: Actor) -> None:
    plain_account()
    assert queries.problems() == []
    account = service.open_account(channel="dolphin", name="new", merchant_no="M1", actor=keeper, **TERMS)
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE channel_account SET enabled = :yes WHERE number = :it"), {"yes": True, "it": account}
        )
    db.session.rollback()
    assert queries.problems() == [f"account {account} is enabled and has no parameters in use"]


# -- accounts -----------------------------------------------------------------------------------------------------------


def test_a_new_account_is_of_no_use_until_its_parameters_are_in_force(world: World, keeper: Actor) -> None:
    service.open_channel(code="dolphin", name="D", adapter="dolphin", actor=keeper)
    account = service.open_account(channel="dolphin", name="new", merchant_no="M1", actor=keeper, **TERMS)
    assert of(account) == [(1, "draft")] and not queries.account(account).usable
    with pytest.raises(Refused, match="还没有启用过参数"):
        service.set_enabled(account, enabled=True, actor=keeper)
    with pytest.raises(Refused, match="还没有启用过参数"):
        service.refresh(account, actor=keeper)
    with pytest.raises(Refused, match="没有填"):
        activated(account, keeper)
    edition = draft_of(account).edition
    assert service.settings.save(account, {"base_url": URL}, edition=edition, actor=keeper) == ["key"]
    edited(account, keeper, key="the first key")
    activated(account, keeper, overlap_s=0)
    service.set_enabled(account, enabled=True, actor=keeper)
    assert queries.account(account).usable and given_of(account) == {
        "base_url": URL, "merchant_no": "M1", "key": "the first key",
    }  # fmt: skip


def test_a_merchant_number_is_one_account_and_changes_only_before_it_was_used(world: World, keeper: Actor) -> None:
    used = plain_account()
    service.open_account(channel="dolphin", name="new", merchant_no="M1", actor=keeper, **TERMS)
    with pytest.raises(Refused, match="已有商户号"):
        service.open_account(channel="dolphin", name="again", merchant_no="M1", actor=keeper, **TERMS)
    fresh = service.open_account(channel="dolphin", name="new", merchant_no="M2", actor=keeper, **TERMS)
    more: dict[str, Any] = {"bind_per_s": 5, "send_per_s": 2, "weight": 40, "why": "mistyped", "actor": keeper}
    more |= {"opens": 0, "closes": 1440, "open_days": "1234567", "day_amount": Money(9_00), "day_count": None}
    with pytest.raises(Refused, match="已有商户号"):
        service.change_account(fresh, name="new", merchant_no="M1", **TERMS, **more)
    service.change_account(fresh, name="newer", merchant_no="M3", **TERMS, **more)
    assert queries.account(fresh).merchant_no == "M3"
    assert versions.given(fresh, draft_of(fresh))["merchant_no"] == "M3"
    with pytest.raises(Refused, match="不能再改商户号"):
        service.change_account(used, name="one", merchant_no="M4", **TERMS, **more)
    record = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "channel.change-account")).one()
    assert record.why == "mistyped" and json.loads(record.after or "")["merchant_no"] == "M3"
    assert (queries.account(fresh).weight, json.loads(record.after or "")["weight"]) == (40, "40")
    assert "single_limit" not in json.loads(record.after or ""), "only what differs"
    assert [json.loads(told or "")["day_amount"] for told in (record.before, record.after)] == ["", "9.00"]
    assert "day_count" not in json.loads(record.after or "")


def test_trials_are_found_by_an_index(world: World, keeper: Actor) -> None:
    """The log has millions of rows, and hardly any of them are trials."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    trial.latest(1)
    trial.is_under_way()
    event.remove(db.engine, "before_cursor_execute", note)
    selects = [it for it in asked if it[0].startswith("SELECT")]
    assert len(selects) == 2
    for statement, bound in selects:
        if db.engine.dialect.name == "sqlite":
            plan = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", bound).all()
        else:
            db.session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = db.session.connection().exec_driver_sql(f"EXPLAIN {statement}", bound).all()
        assert "ix_channel_call_interface" in str(plan)
        db.session.rollback()

"""The cache's pages, by what a person sees on them; and the proof that clearing anything loses nothing."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import create_app
from app.auth import service as auth
from app.auth.models import AuditRecord, OperatorChannel
from app.auth.permissions import Role
from app.channels import service as channel_service
from app.config import Config
from app.kernel import clock
from app.runtime import cache, queue
from app.runtime.db import Model, db, transaction
from app.withdrawals import service
from tests.world import CARD, PASSWORD, World

pytestmark = pytest.mark.slow
ONE_ENGINE = True

MANY = 5_000
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
CACHES = ["channels:health:", "channels:trend:", "withdrawals:counts:", "withdrawals:totals:"]
PAGES = ["/", "/channels/", "/channels/{account}", "/withdrawals/", "/withdrawals/?state=paid"]


@pytest.fixture
def config(config: Config, redis_url: str) -> Config:
    """With a real Redis."""
    return config.model_copy(update={"redis_url": redis_url})


@pytest.fixture
def house(app: Flask) -> Iterator[Flask]:
    queue.redis().flushall()
    yield app
    queue.redis().flushall()


class Visitor:
    """Somebody at a browser. Every request gets a context of its own, as in production."""

    def __init__(self, app: Flask, role: Role, language: str = "zh") -> None:
        auth.create_operator(username=f"v-{role}", display_name="Visitor", role=role, password=PASSWORD, actor="test")
        token, self.actor = auth.sign_in(f"v-{role}", PASSWORD, address="127.0.0.1", user_agent="test")
        if language != "zh":
            auth.set_language(self.actor, language)
        self.client: FlaskClient = app.test_client()
        self.client.set_cookie("paydesk_session", token)

    def get(self, path: str) -> TestResponse:
        db.session.rollback()
        return Context().run(self.client.get, path)

    def reads(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return words(answer)

    def does(self, path: str, **form: str) -> TestResponse:
        """Presses a button; follows to the page that tells the result."""
        token = TOKEN.search(self.get("/").text)
        assert token
        db.session.rollback()
        answer = Context().run(self.client.post, path, data={"csrf_token": token[1], **form})
        return self.get(answer.headers["Location"]) if answer.status_code == 303 else answer


def words(page: TestResponse) -> str:
    """What is to be read in the middle of a page, without the markup."""
    main = page.text.partition('<main id="main"')[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


@pytest.fixture
def keeper(house: Flask) -> Visitor:
    """The administrator."""
    return Visitor(house, Role.ADMINISTRATOR)


def put(key: str, value: Any, ago_s: int = 0) -> None:
    at = int(clock.now().timestamp() * 1000) - ago_s * 1000
    queue.redis().set(f"cache:{key}", f'{{"at":{at},"value":{json.dumps(value)}}}', ex=60)


def fill(count: int) -> None:
    pipe = queue.redis().pipeline(transaction=False)
    at = int(clock.now().timestamp() * 1000)
    for place in range(count):
        pipe.set(f"cache:channels:health:C{place:05}", f'{{"at":{at},"value":[1,1,5]}}', ex=60)
    pipe.execute()


def keys_on(page: TestResponse) -> list[str]:
    return re.findall(r'<a class="no" href="[^"]*">([^<]*)</a>', page.text)


def cleared() -> list[tuple[str, str, Any]]:
    """Who cleared what, and how many there were, as the audit tells it."""
    db.session.rollback()
    found = db.session.scalars(select(AuditRecord).where(AuditRecord.action == "cache.clear").order_by(AuditRecord.seq))
    return [(row.actor, row.subject, json.loads(row.after or "null")) for row in found]


# Clearing loses nothing


def everything() -> dict[str, tuple[int, str]]:
    """Every table: how many rows, and a fingerprint of all that is in them."""
    db.session.rollback()
    found = {}
    with db.engine.connect() as connection:
        for table in Model.metadata.sorted_tables:
            rows = sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            found[table.name] = len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


def differs(before: dict[str, tuple[int, str]]) -> set[str]:
    now = everything()
    assert set(now) == set(before) and len(now) > 15
    return {name for name in now if now[name] != before[name]}


@contextmanager
def at_rest() -> Iterator[None]:
    """Time stands still, so that two looks at a page may be compared word by word."""
    now = clock.now()
    with clock.replaced(lambda: now):
        yield


def lived_in(world: World) -> str:
    """A house with something in every table that matters here; its busiest account."""
    account = world.account()
    card = world.card(account)
    paid = world.withdrawal("100.00", account=account, card=card)
    world.approve(paid)
    world.until_state(paid, "paid")
    service.cancel(world.withdrawal("30.00", account=account, card=card), actor=world.maker)
    world.withdrawal("12.50", account=account, card=card)
    return account


def read_all(person: Visitor, account: str) -> dict[str, str]:
    return {path: person.reads(path.format(account=account)) for path in PAGES}


def test_clearing_never_loses_data(house: Flask, world: World) -> None:
    """Every cache filled by using the pages, then cleared: all tables are as before, and every page says the same."""
    account, operator = lived_in(world), Visitor(house, Role.OPERATOR)
    assert {it.prefix for it in cache.declared()} == set(CACHES), "a new cache: use it on one of these pages"
    with at_rest():
        cold = read_all(operator, account)
        assert re.search(r"合计 3 笔 .*¥ 142 \.50", cold["/withdrawals/"])
        assert read_all(operator, account) == cold
        lying = {prefix: len(cache.entries(prefix)) for prefix in CACHES}
        assert all(lying.values()), "every cache was used"
        for cleared_prefix in ("", "channels:", "withdrawals:", *CACHES):
            before = everything()
            there = sum(count for prefix, count in lying.items() if prefix.startswith(cleared_prefix))
            assert cache.clear(cleared_prefix) == there > 0
            assert differs(before) == set()
            assert read_all(operator, account) == cold
            assert {prefix: len(cache.entries(prefix)) for prefix in CACHES} == lying, "it is filled by use again"
    world.all_is_well()


def test_a_person_who_clears_all_leaves_a_line_in_the_audit_and_nothing_else(
    house: Flask, world: World, keeper: Visitor
) -> None:
    account, operator = lived_in(world), Visitor(house, Role.OPERATOR)
    with at_rest():
        pages = read_all(operator, account)
        keeper.reads("/cache/")
        before, there = everything(), len(cache.entries())
        told = keeper.does("/cache/clear")
        assert there and f"已清除 {there} 个键" in told.text
        assert differs(before) == {"audit_record", "audit_head"}
        assert cleared() == [("v-administrator", "all", {"count": there})]
        assert read_all(operator, account) == pages
    world.all_is_well()


def test_clearing_all_leaves_the_rest_of_redis_alone(house: Flask, keeper: Visitor) -> None:
    queue.nudge("channel")
    before = set(queue.redis().keys())
    put("channels:health:C1", [1, 1, 5])
    keeper.does("/cache/clear")
    assert set(queue.redis().keys()) == before != set()


# The list


@pytest.mark.parametrize("count", [0, 1, MANY])
def test_the_list_tells_every_cache_with_count_size_and_age(house: Flask, keeper: Visitor, count: int) -> None:
    fill(count)
    told = keeper.reads("/cache/")
    for it in cache.declared():
        assert it.pattern in told and str(it.title) in told and str(it.owner) in told
    (row,) = re.findall(r'<tr id="cache-channels-health">.*?</tr>', keeper.get("/cache/").text, re.DOTALL)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row))
    size = sum(entry.size for entry in cache.entries("channels:health:"))
    assert f" {count:,} {size:,} 字节 " in said and "20 秒" in said
    assert ("data-age" in row) is bool(count)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("TREND", ["trend"]), ("channels", ["health", "trend"]), ("提现业务", ["counts", "totals"]), ("nothing", [])],
)
def test_the_list_is_searched(house: Flask, keeper: Visitor, text: str, shown: list[str]) -> None:
    page = keeper.get(f"/cache/?q={quote(text)}").text
    assert re.findall(r'<tr id="cache-\w+-(\w+)">', page) == shown
    assert ("没有符合" in page) is not shown


def test_what_an_earlier_version_left_is_told_and_cleared(house: Flask, keeper: Visitor) -> None:
    put("channels:forgotten:C1", 1)
    assert "另有 1 个键" in keeper.reads("/cache/")
    assert "已清除 1 个键" in keeper.does("/cache/clear").text
    assert "另有" not in keeper.reads("/cache/")


# One cache and its keys


@pytest.mark.parametrize("count", [0, 1, MANY])
def test_the_keys_are_turned_page_by_page(house: Flask, keeper: Visitor, count: int) -> None:
    fill(count)
    seen: list[str] = []
    path, pages = "/cache/channels/health", 0
    while path:
        page = keeper.get(path)
        seen += keys_on(page)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path, pages = "/cache/channels/health" + following[1].replace("&amp;", "&") if following else "", pages + 1
        if pages == 3 and path:  # the rest is the same; look at the last page
            back = re.search(r'rel="prev" href="([^"]+)"', page.text)
            assert back and "C00050" in back[1]
            path = f"/cache/channels/health?from=C{count - 50:05}"
    expected = [f"C{place:05}" for place in range(count)]
    assert seen == (expected if count < 150 else expected[:150] + expected[-50:])
    if not count:
        assert "现在没有暂存任何内容" in keeper.reads("/cache/channels/health")
    else:
        assert f"共 {count:,} 条" in keeper.reads("/cache/channels/health")


def test_keys_are_searched_as_text_and_not_as_a_pattern(house: Flask, keeper: Visitor) -> None:
    fill(120)
    assert keys_on(keeper.get("/cache/channels/health?q=c0011")) == [f"C0011{place}" for place in range(10)]
    for text in ("*", "[", "?", "\\", "C0*"):
        assert "没有含" in keeper.reads(f"/cache/channels/health?q={quote(text)}")
    following = re.search(r'rel="next" href="([^"]+)"', keeper.get("/cache/channels/health?q=C").text)
    assert following and "q=c" in following[1], "the search is kept on the next page"


def test_a_value_is_looked_at_in_lines(house: Flask, keeper: Visitor) -> None:
    put("channels:health:C1", [3, 2, 15], ago_s=7)
    told = keeper.get("/cache/channels/health/value?key=C1").text
    assert "[\n  3,\n  2,\n  15\n]" in told and "字节" in told and told.count("data-when") == 2


def test_what_could_be_a_card_or_a_secret_is_masked(house: Flask, keeper: Visitor) -> None:
    grouped = f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}"
    put("channels:health:C1", {"a": CARD, "b": f"to {grouped}", "c": int(CARD), "password": "open sesame"})
    queue.redis().set("cache:channels:health:C2", f"not ours: {CARD}")
    put(f"channels:health:{CARD}", 1)
    for path in ("C1", "C2", CARD):
        told = keeper.get(f"/cache/channels/health/value?key={path}").text
        shown = told.partition("<pre")[2] + told.partition("<h1")[2].partition("</h1>")[0]
        assert CARD not in shown and grouped not in shown and "open sesame" not in shown
        assert path == CARD or "6222 02** **** 5777" in shown
    page = keeper.get("/cache/channels/health")
    assert CARD not in keys_on(page) and "6222 02** **** 5777" in keys_on(page)
    assert "无法识别" in page.text, "C2 is not ours"
    keeper.does("/cache/channels/health/clear-key", key=CARD)
    assert CARD not in str(cleared())


def test_a_key_that_is_gone_says_so(house: Flask, keeper: Visitor) -> None:
    assert "这个键下没有内容" in keeper.reads("/cache/channels/health/value?key=C9")
    assert "这个键下没有内容" in keeper.reads("/cache/channels/health/value")


@pytest.mark.parametrize("path", ["/cache/none/such", "/cache/channels/such", "/cache/none/such/value?key=x"])
def test_a_cache_that_does_not_exist_is_not_there(house: Flask, keeper: Visitor, path: str) -> None:
    assert keeper.get(path).status_code == 404


# Clearing, and who may


def test_a_key_a_cache_and_a_room_are_cleared_apart(house: Flask, keeper: Visitor) -> None:
    for key in ("channels:health:C1", "channels:health:C2", "channels:trend:C1:2026-11-21", "withdrawals:counts:all"):
        put(key, 1)
    told = keeper.does("/cache/channels/health/clear-key", key="C1", next="/cache/channels/health?q=c")
    assert "已清除 1 个键" in told.text and told.request.full_path == "/cache/channels/health?q=c"
    assert len(cache.entries()) == 3
    assert "没有可清除的键" in keeper.does("/cache/channels/health/clear-key", key="C1").text
    assert "已清除 1 个键" in keeper.does("/cache/channels/health/clear").text
    assert "已清除 1 个键" in keeper.does("/cache/channels/clear").text
    assert [entry.key for entry in cache.entries()] == ["withdrawals:counts:all"]
    assert [(subject, after["count"]) for _actor, subject, after in cleared()] == [
        ("channels:health:C1", 1),
        ("channels:health:C1", 0),
        ("channels:health", 1),
        ("channels", 1),
    ]


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/cache/none/clear", {}, 404),
        ("/cache/none/such/clear", {}, 404),
        ("/cache/channels/such/clear-key", {"key": "x"}, 404),
        ("/cache/channels/health/clear-key", {"key": ""}, 200),
        ("/cache/channels/health/clear-key", {"key": "x" * 201}, 200),
        ("/cache/channels/health/clear", {"stranger": "1"}, 400),
    ],
)
def test_nonsense_clears_nothing(house: Flask, keeper: Visitor, path: str, form: dict[str, str], status: int) -> None:
    put("channels:health:C1", 1)
    assert keeper.does(path, **form).status_code == status
    assert len(cache.entries()) == 1 and cleared() == []


def test_no_search_leads_to_another_site(house: Flask, keeper: Visitor) -> None:
    assert keeper.does("/cache/clear", next="https://example.com/").request.path == "/cache/"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_only_who_may_enters(house: Flask, role: Role) -> None:
    put("channels:health:C1", 1)
    visitor = Visitor(house, role)
    for path in ("/cache/", "/cache/channels/health", "/cache/channels/health/value?key=C1"):
        assert visitor.get(path).status_code == 403
    for path in ("/cache/clear", "/cache/channels/clear", "/cache/channels/health/clear"):
        assert visitor.does(path).status_code == 403
    assert visitor.does("/cache/channels/health/clear-key", key="C1").status_code == 403
    assert len(cache.entries()) == 1 and cleared() == []


def test_every_page_is_english_to_who_reads_english(house: Flask) -> None:
    put("channels:health:C1", [1, 1, 5])
    put("channels:forgotten:C1", 1)
    reader = Visitor(house, Role.ADMINISTRATOR, language="en")
    paths = ["", "?q=nothing", "channels/health", "channels/health?q=no", "channels/trend"]
    paths += [f"channels/health/value?key={key}" for key in ("C1", "C9")]
    for path in paths:
        assert re.findall(r"[\u4e00-\u9fff]+", reader.reads(f"/cache/{path}")) == [], path
    told = words(reader.does("/cache/clear"))
    assert "Keys cleared: 2" in told and re.findall(r"[\u4e00-\u9fff]+", told) == []


# Without Redis


@pytest.fixture
def alone(config: Config) -> Iterator[Flask]:
    app = create_app(config.model_copy(update={"redis_url": ""}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_a_redis_that_is_away_is_said_in_words(alone: Flask) -> None:
    keeper = Visitor(alone, Role.ADMINISTRATOR)
    for path in ("/cache/", "/cache/channels/health", "/cache/channels/health/value?key=C1"):
        assert "Redis 没有答复" in keeper.reads(path)
    assert "channels:health:{number}" in keeper.reads("/cache/"), "what is cached is known all the same"
    for path in ("/cache/clear", "/cache/channels/clear", "/cache/channels/health/clear"):
        answer = keeper.does(path)
        assert answer.status_code == 409 and "Redis 没有答复" in answer.text
    assert cleared() == []


# Right within the second


def test_what_is_announced_is_on_the_list_at_once(house: Flask, world: World) -> None:
    """The tabs and the sum are cached, and are right after every change all the same."""
    account, operator = world.account(), Visitor(house, Role.OPERATOR)
    card = world.card(account)

    def tabs() -> dict[str, int]:
        page = operator.get("/withdrawals/").text
        return {name: int(count) for name, count in re.findall(r"<a href=[^>]*>([^<]+)<b>(\d+)</b>", page)}

    assert tabs()["全部"] == tabs()["待审批"] == 0
    number = world.withdrawal("10.00", account=account, card=card)
    assert tabs()["全部"] == tabs()["待审批"] == 1
    assert "合计 1 笔" in operator.reads("/withdrawals/")
    service.cancel(number, actor=world.maker)
    assert (tabs()["待审批"], tabs()["已撤销"]) == (0, 1)
    paid = world.withdrawal("20.00", account=account, card=card)
    assert tabs()["待审批"] == 1
    world.approve(paid)
    assert tabs()["待审批"] == 0
    world.until_state(paid, "paid")
    assert "合计 2 笔" in operator.reads("/withdrawals/")
    assert "合计 1 笔" in operator.reads("/withdrawals/?state=paid")


def test_a_day_that_is_fetched_afterwards_is_in_the_curve_at_once(house: Flask, world: World) -> None:
    account = world.account()
    operator = Visitor(house, Role.OPERATOR)

    def curve() -> list[str]:
        found = re.search(r'class="spark".*?points="([^"]+)"', operator.get("/").text, re.DOTALL)
        return found[1].split() if found else []

    assert curve() == []  # one day is no curve
    yesterday = clock.business_day().fromordinal(clock.business_day().toordinal() - 1)
    channel_service.pull_figures(account, yesterday)
    assert len(curve()) == 2


def limit(person: Visitor, channel: str) -> None:
    """From now on they look after this channel only."""
    with transaction():
        db.session.add(OperatorChannel(operator_id=person.actor.operator_id, channel=channel))


def test_what_is_counted_for_everybody_shows_nobody_more_than_their_own(house: Flask, world: World) -> None:
    """What lies in the cache is of all channels; who is limited to one of them is shown what that channel has."""
    world.withdrawal("10.00", account=world.account("dolphin"))
    world.withdrawal("20.00", account=world.account("egret"))
    world.withdrawal("30.00", account=world.account("egret"))
    everybody, limited = Visitor(house, Role.OPERATOR), Visitor(house, Role.FINANCE)
    limit(limited, "dolphin")
    for _ in range(2):
        assert "合计 3 笔" in everybody.reads("/withdrawals/")
        told = limited.reads("/withdrawals/")
        assert "合计 1 笔" in told and "¥ 10 .00" in told and "60" not in told.partition("合计")[2][:40]
    assert len(cache.entries("withdrawals:")) == 3  # the counts, the sum of all, the sum of the unknown


def test_who_is_limited_to_some_channels_reads_no_keys_and_no_values(house: Flask, keeper: Visitor) -> None:
    put("channels:health:C1", [1, 1, 5])
    limit(keeper, "dolphin")
    assert "channels:health:{number}" in keeper.reads("/cache/")
    for path in ("/cache/channels/health", "/cache/channels/health/value?key=C1"):
        answer = keeper.get(path)
        assert answer.status_code == 409 and "您只负责部分渠道" in answer.text and "C1" not in answer.text

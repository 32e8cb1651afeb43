"""The cache: quick when it can, right when it must, and never in the way."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app import create_app
from app.config import Config
from app.kernel import clock
from app.kernel.errors import Text
from app.runtime import cache, embedded, queue
from app.runtime.cache import Cached
from app.runtime.db import db, transaction
from tests.world import CARD

ONE_ENGINE = True

MANY = 5_000


def _words(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError(told)
    return told


@pytest.fixture
def words() -> Iterator[Cached[str]]:
    """A cache of these tests' own."""
    made: Cached[str] = Cached(
        room="tests",
        name="words",
        key="{number}",
        age_s=60,
        title=Text("词"),
        owner=Text("测试"),
        pack=lambda told: told,
        unpack=_words,
    )
    cache.declare(made)
    yield made
    cache._declared.pop(made.prefix)


@pytest.fixture
def house(config: Config, redis_url: str) -> Iterator[Flask]:
    """With a real Redis, and nothing in its cache."""
    app = create_app(config.model_copy(update={"redis_url": redis_url}))
    with app.app_context():
        queue.redis().flushall()
        yield app
        queue.redis().flushall()
        db.session.remove()
        db.engine.dispose()


class Reading:
    """What would be read from the tables, and how often it was."""

    def __init__(self, value: Any = "first") -> None:
        self.value, self.times = value, 0

    def __call__(self) -> Any:
        self.times += 1
        return self.value


def lies(key: str) -> Any:
    """What lies there, as JSON."""
    raw = queue.redis().get(f"cache:{key}")
    return None if raw is None else json.loads(raw)


def changes(words: Cached[str], key: str) -> None:
    with transaction():
        words.forget(key)


# Hit, miss, age


def test_what_was_read_once_is_not_read_again(house: Flask, words: Cached[str]) -> None:
    reading = Reading()
    assert [words.get("C1", reading) for _ in range(3)] == ["first"] * 3
    assert reading.times == 1
    assert words.get("C2", reading) == "first" and reading.times == 2


def test_it_lies_with_its_time_and_its_age_limit(house: Flask, words: Cached[str]) -> None:
    before = int(clock.now().timestamp() * 1000)
    words.get("C1", Reading())
    told = lies("tests:words:C1")
    assert told["value"] == "first" and before <= told["at"] <= int(clock.now().timestamp() * 1000)
    assert 0 < queue.redis().ttl("cache:tests:words:C1") <= words.age_s


@pytest.mark.parametrize(("later_s", "times"), [(59, 1), (61, 2), (-1, 2)], ids=["young", "too old", "from tomorrow"])
def test_nothing_older_than_its_age_is_shown(house: Flask, words: Cached[str], later_s: int, times: int) -> None:
    reading = Reading()
    words.get("C1", reading)
    then = clock.now() + timedelta(seconds=later_s)
    with clock.replaced(lambda: then):
        assert words.get("C1", reading) == "first" and reading.times == times
        assert words.get("C1", reading) == "first" and reading.times == times, "and the new one is kept"


def test_many_are_asked_for_at_once_and_only_the_missing_are_read(house: Flask, words: Cached[str]) -> None:
    asked: list[Sequence[str]] = []

    def read(keys: Sequence[str]) -> dict[str, str]:
        asked.append(list(keys))
        return {key: key.lower() for key in keys}

    words.get_many(["C1", "C2"], read)
    assert words.get_many(["C1", "C2", "C3"], read) == {"C1": "c1", "C2": "c2", "C3": "c3"}
    assert words.get_many([], read) == {}
    assert asked == [["C1", "C2"], ["C3"]]


def test_a_failure_to_read_is_told_and_nothing_is_kept(house: Flask, words: Cached[str]) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        words.get("C1", broken)
    assert words.get("C1", Reading()) == "first"
    assert cache.entries("tests:") == []


# Changes


def test_what_changed_is_read_anew(house: Flask, words: Cached[str]) -> None:
    reading = Reading()
    words.get("C1", reading)
    reading.value = "second"
    changes(words, "C1")
    assert words.get("C1", reading) == "second"


def test_what_was_rolled_back_changed_nothing(house: Flask, words: Cached[str]) -> None:
    reading = Reading()
    words.get("C1", reading)
    with pytest.raises(ZeroDivisionError), transaction():  # noqa: PT012
        words.forget("C1")
        raise ZeroDivisionError
    words.get("C1", reading)
    assert reading.times == 1


def test_what_was_read_before_a_change_is_not_kept_after_it(house: Flask, words: Cached[str]) -> None:
    """Somebody reads the tables; before they keep what they read, the thing changes."""

    def slow() -> str:
        changes(words, "C1")
        return "of yesterday"

    assert words.get("C1", slow) == "of yesterday"
    assert words.get("C1", Reading("of today")) == "of today"


def test_who_comes_while_somebody_reads_reads_too_and_keeps_nothing(house: Flask, words: Cached[str]) -> None:
    inner = Reading("theirs")

    def slow() -> str:
        assert words.get("C1", inner) == "theirs"
        assert lies_nothing()
        return "mine"

    def lies_nothing() -> bool:
        return cache.entries("tests:") == [] and cache.peek("tests:words:C1") is None

    assert words.get("C1", slow) == "mine"
    assert words.get("C1", Reading("a third")) == "mine"


# In the way of nobody


GARBLED = {
    "no JSON": b"{",
    "empty": b"",
    "not a text": b"\xff\xfe",
    "a number": b"7",
    "a list": b"[]",
    "null": b"null",
    "no time": b'{"value":"x"}',
    "a time in words": b'{"at":"now","value":"x"}',
    "no time at all": b'{"at":null,"value":"x"}',
    "of an older shape": b'{"at":%d,"value":{"text":"x"}}',
    "without a value": b'{"at":%d}',
    "very deep": b'{"at":%d,"value":' + b"[" * 100_000,
}


@pytest.mark.parametrize("raw", GARBLED.values(), ids=GARBLED.keys())
def test_what_nobody_understands_is_read_from_the_tables_and_replaced(
    house: Flask, words: Cached[str], raw: bytes
) -> None:
    queue.redis().set("cache:tests:words:C1", raw.replace(b"%d", b"%d" % int(clock.now().timestamp() * 1000)))
    reading = Reading()
    assert words.get("C1", reading) == words.get("C1", reading) == "first"
    assert reading.times == 1 and lies("tests:words:C1")["value"] == "first"


def test_a_key_of_another_kind_is_replaced_too(house: Flask, words: Cached[str]) -> None:
    queue.redis().rpush("cache:tests:words:C1", "a", "b")
    assert [entry.at for entry in cache.entries("tests:")] == [] and cache.peek("tests:words:C1") is None
    reading = Reading()
    assert words.get("C1", reading) == words.get("C1", reading) == "first"
    assert reading.times == 1


def test_without_redis_everything_is_read_from_the_tables(app: Flask, words: Cached[str]) -> None:
    reading = Reading()
    assert [words.get("C1", reading) for _ in range(3)] == ["first"] * 3
    assert reading.times == 3
    changes(words, "C1")


def test_a_redis_that_hangs_is_waited_for_once(config: Config, words: Cached[str], tmp_path: Path) -> None:
    """It takes the connection and never answers: one page waits for its time-outs, the next ones do not."""
    folder = tmp_path / "hangs"
    folder.mkdir()
    child = embedded.server(folder)
    process = subprocess.Popen(child.argv, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not embedded.answers(folder):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        app = create_app(config.model_copy(update={"redis_url": embedded.url(folder)}))
        with app.app_context():
            reading = Reading()
            words.get("C1", reading)
            os.kill(process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            assert words.get("C1", reading) == "first"
            assert time.monotonic() - begun < 6
            begun = time.monotonic()
            for _ in range(20):
                assert words.get("C1", reading) == "first"
            assert time.monotonic() - begun < 0.5 and reading.times == 22
            os.kill(process.pid, signal.SIGCONT)
            app.extensions["cache.rest"]["until"] = 0.0
            assert words.get("C1", reading) == "first" and reading.times == 22, "and then it is used again"
            db.engine.dispose()
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(
    "secret",
    [
        CARD,
        f"card {CARD[:4]} {CARD[4:8]} {CARD[8:]}",
        int(CARD),
        [CARD],
        {"password": "x"},
        {"of": [{"card_number": 1}]},
    ],
    ids=["card", "card in words", "card as a number", "card in a list", "password", "deep inside"],
)
def test_nothing_secret_and_no_card_is_kept(house: Flask, secret: Any) -> None:
    anything: Cached[Any] = Cached(
        room="tests",
        name="any",
        key="{n}",
        age_s=9,
        title=Text("x"),
        owner=Text("x"),
        pack=lambda it: it,
        unpack=_words,
    )
    assert anything.get("C1", lambda: secret) == secret
    assert cache.entries() == []


@pytest.mark.parametrize("key", [CARD, "", "a:b", "with blanks", "*", "x" * 65, "名"])
def test_a_key_that_does_not_fit_is_read_and_not_kept(house: Flask, words: Cached[str], key: str) -> None:
    reading = Reading()
    assert words.get(key, reading) == words.get(key, reading) == "first"
    assert reading.times == 2 and queue.redis().dbsize() == 0


def test_what_is_too_large_is_not_kept(house: Flask, words: Cached[str]) -> None:
    reading = Reading("字" * cache.LARGEST_BYTES)
    assert len(words.get("C1", reading)) == len(words.get("C1", reading))
    assert reading.times == 2


# The list of what is cached


def test_two_of_one_pattern_stop_the_import(words: Cached[str]) -> None:
    with pytest.raises(AssertionError, match="is declared twice"):
        cache.declare(
            Cached(
                room="tests",
                name="words",
                key="{other}",
                age_s=1,
                title=Text("x"),
                owner=Text("x"),
                pack=str,
                unpack=str,
            )
        )


def test_everything_declared_says_what_it_is_and_whom_to_ask() -> None:
    declared = cache.declared()
    assert {it.pattern for it in declared} == {
        "channels:health:{number}",
        "channels:trend:{number}:{day}",
        "withdrawals:counts:all",
        "withdrawals:totals:{tab}",
    }
    assert all(it.title and it.owner and 0 < it.age_s <= 3600 for it in declared)


def test_what_is_cached_is_declared_and_nobody_else_writes_there() -> None:
    top = Path(cache.__file__).resolve().parents[1]
    for path in top.rglob("*.py"):
        if "sandbox" not in path.parts and path != Path(cache.__file__):
            assert not re.search(r"""["']cache:["'{]""", path.read_text()), path
            made = path.read_text().count("Cached(")
            assert made == path.read_text().count("cache.declare("), path


# Clearing


def fill(count: int) -> None:
    pipe = queue.redis().pipeline(transaction=False)
    for place in range(count):
        pipe.set(f"cache:tests:words:C{place:05}", f'{{"at":{1_790_000_000_000 + place},"value":"x"}}', ex=60)
    pipe.execute()


@pytest.mark.parametrize("count", [0, 1, MANY])
def test_clearing_says_how_many_there_were(house: Flask, count: int) -> None:
    fill(count)
    queue.redis().set("paydesk:nudged:channel", 1)
    queue.redis().set("cachet", 1)
    found = cache.entries("tests:words:")
    assert len(found) == count and [entry.key for entry in found] == sorted(entry.key for entry in found)
    assert cache.clear("other:") == 0
    assert cache.clear("tests:") == count
    assert cache.clear("tests:") == 0
    assert sorted(queue.redis().keys()) == [b"cachet", b"paydesk:nudged:channel"], "nothing else is touched"


def test_ten_thousand_keys_are_told_in_few_questions(house: Flask) -> None:
    fill(10_000)
    house.extensions["redis"].config_resetstat()
    found = cache.entries()
    asked = house.extensions["redis"].info("commandstats")
    assert asked["cmdstat_scan"]["calls"] + asked["cmdstat_eval"]["calls"] < 200
    assert len(found) == 10_000 and min(entry.at for entry in found if entry.at).year == 2026
    assert cache.clear() == 10_000


def test_clearing_while_everybody_reads_and_writes(house: Flask, words: Cached[str]) -> None:
    """No reader is ever told an error, nor anything but what is in the tables."""
    stop, wrong = threading.Event(), []

    def read() -> None:
        with house.app_context():
            while not stop.is_set():
                for place in range(20):
                    if words.get(f"C{place}", lambda place=place: f"v{place}") != f"v{place}":  # type: ignore[misc]
                        wrong.append(place)

    threads = [threading.Thread(target=guarded(read, wrong)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        cache.clear()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def guarded(work: Callable[[], None], wrong: list[Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except Exception as problem:
            wrong.append(problem)

    return run


def test_the_tests_redis_is_real(redis_url: str) -> None:
    assert Redis.from_url(redis_url).info("server")["redis_version"]

"""Two questions a supervisor of machines asks: does the process answer (/healthz), and could work be done now (/readyz)."""

import shutil
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app import create_app
from app.auth import service as auth
from app.auth.permissions import Role
from app.config import Config
from app.kernel import clock
from app.live.queries import ALIVE_WITHIN_S
from app.runtime import jobs
from app.runtime.db import db
from app.runtime.queue import Line
from tests.world import PASSWORD

WELL = {"ready": True, "database": True, "redis": True, "clock": True, "worker:channel": True, "worker:sheets": True}


@pytest.fixture
def house(config: Config, redis_url: str) -> Iterator[Flask]:
    """With a real Redis, and nobody at work yet."""
    app = create_app(config.model_copy(update={"redis_url": redis_url}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def asked(app: Flask, path: str = "/readyz", token: str = "") -> tuple[int, dict[str, object]]:
    """What a probe is told, in a context of its own."""
    client = app.test_client()
    if token:
        client.set_cookie("paydesk_session", token)
    answer = Context().run(client.get, path)
    assert answer.is_json, f"{path} answered {answer.status_code}, and not as a machine reads it: {answer.text[:200]}"
    return answer.status_code, answer.json


def everybody_beats() -> None:
    """As a worker does that was nudged, and the clock at each turn."""
    for line in Line:
        jobs.drain(line)
    jobs.beat("clock")


def missing(told: dict[str, object]) -> set[str]:
    return {name for name, fine in told.items() if not fine} - {"ready"}


def test_a_house_at_work_is_ready(house: Flask) -> None:
    everybody_beats()
    assert asked(house) == (200, WELL)


def test_a_house_without_redis_says_so(app: Flask) -> None:
    everybody_beats()
    assert asked(app) == (503, WELL | {"ready": False, "redis": False})


def test_a_redis_that_went_away_is_missed_at_once(house: Flask, config: Config) -> None:
    """Its socket is there no more: the probe must not hang on it, nor on the answer of yesterday."""
    everybody_beats()
    gone = create_app(config.model_copy(update={"redis_url": f"unix://{config.data_dir / 'no-such.sock'}"}))
    with gone.app_context():
        assert asked(gone) == (503, WELL | {"ready": False, "redis": False})
        db.engine.dispose()


@pytest.mark.parametrize(
    ("beats", "lacks"),
    [
        ([], {"clock", "worker:channel", "worker:sheets"}),
        ([lambda: jobs.beat("clock")], {"worker:channel", "worker:sheets"}),
        ([lambda: jobs.drain(Line.CHANNEL)], {"clock", "worker:sheets"}),
    ],
    ids=["nobody", "no worker", "no clock"],
)
def test_whoever_never_gave_a_sign_of_life_is_named(
    house: Flask, beats: list[Callable[[], None]], lacks: set[str]
) -> None:
    for beat in beats:
        beat()
    status, told = asked(house)
    assert (status, told["ready"], missing(told)) == (503, False, lacks)


@pytest.mark.parametrize(
    ("late", "ago_s", "lacks"),
    [
        ("clock", ALIVE_WITHIN_S - 1, set()),
        ("clock", ALIVE_WITHIN_S + 1, {"clock"}),
        ("worker:channel", ALIVE_WITHIN_S - 1, set()),
        ("worker:channel", ALIVE_WITHIN_S + 1, {"worker:channel"}),
        ("worker:channel", 86_400, {"worker:channel"}),
    ],
)
def test_a_beat_of_long_ago_is_none(house: Flask, late: str, ago_s: int, lacks: set[str]) -> None:
    now = clock.now()
    with clock.replaced(lambda: now):
        everybody_beats()
        with clock.replaced(lambda: now - timedelta(seconds=ago_s)):
            jobs.beat(late)
        status, told = asked(house)
        assert missing(told) == lacks
        assert status == (503 if lacks else 200)
        jobs.beat(late)
        assert asked(house) == (200, WELL), "back at the first beat"


def test_a_beat_from_the_future_proves_no_life(house: Flask) -> None:
    """The clock was set back by two hours (I-15): who died before that must not be called alive until it is that late."""
    now = clock.now()
    with clock.replaced(lambda: now):
        everybody_beats()
        with clock.replaced(lambda: now + timedelta(hours=2)):
            jobs.beat("worker:channel")
        status, told = asked(house)
        assert (status, missing(told)) == (503, {"worker:channel"})


# A database that dies


def vanish(app: Flask) -> None:
    """SQLite: something else lies where the file was. PostgreSQL: the database is dropped under our connections."""
    url = make_url(app.extensions["paydesk.config"].sqlalchemy_url)
    db.session.remove()
    if url.get_backend_name() == "sqlite":
        assert url.database
        db.engine.dispose()
        shutil.move(url.database, f"{url.database}.away")
        (app.extensions["paydesk.config"].data_dir / "paydesk.db").mkdir()
        return
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
    admin.dispose()


def test_a_dead_database_is_told_not_stumbled_over(house: Flask) -> None:
    everybody_beats()
    assert asked(house)[0] == 200
    vanish(house)
    for _ in range(3):
        status, told = asked(house)
        assert (status, told["ready"], missing(told)) == (
            503,
            False,
            {"database", "clock", "worker:channel", "worker:sheets"},
        )
        assert told["redis"] is True
    assert asked(house, "/healthz") == (200, {"status": "ok"}), (
        "the process itself answers: restarting it would not help"
    )


def test_a_dead_database_is_told_to_a_signed_in_browser_too(house: Flask) -> None:
    """The probe's answer does not depend on who asks, so it must not look who it is."""
    auth.create_operator(username="keeper", display_name="K", role=Role.ADMINISTRATOR, password=PASSWORD, actor="test")
    token, _actor = auth.sign_in("keeper", PASSWORD, address="", user_agent="")
    everybody_beats()
    assert asked(house, token=token)[0] == 200
    vanish(house)
    assert asked(house, token=token)[0] == 503
    assert asked(house, "/healthz", token)[0] == 200


@pytest.mark.slow
def test_a_person_is_told_in_words_that_the_database_is_dead(house: Flask) -> None:
    """SECURITY 17. The error page asks who is there; that question must not break it once more."""
    auth.create_operator(username="keeper", display_name="K", role=Role.ADMINISTRATOR, password=PASSWORD, actor="test")
    token, _actor = auth.sign_in("keeper", PASSWORD, address="", user_agent="")
    vanish(house)
    client = house.test_client()
    client.set_cookie("paydesk_session", token)
    answer = Context().run(client.get, "/")
    assert answer.status_code in (500, 503)
    assert "程序出了问题" in answer.text or "请稍后再试" in answer.text


def test_a_file_that_is_no_database_is_a_dead_one(house: Flask) -> None:
    """A disk that wrote rubbish."""
    url = make_url(house.extensions["paydesk.config"].sqlalchemy_url)
    if url.get_backend_name() != "sqlite":
        pytest.skip("a server looks after its files by itself")
    db.session.remove()
    db.engine.dispose()
    (house.extensions["paydesk.config"].data_dir / "paydesk.db").write_bytes(b"rubbish " * 1000)
    status, told = asked(house)
    assert (status, told["database"]) == (503, False)

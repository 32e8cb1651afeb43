"""How often something may be done: counted before it is done, for all processes, and not for ever."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel import clock
from app.kernel.limit import Limit
from app.runtime import throttle
from app.runtime.db import db, transaction
from app.runtime.throttle import Shut, Throttle

LIMIT = Limit(3, within_s=60, shut_s=600)


class Time:
    ahead = timedelta()


@pytest.fixture
def time(app: Flask):  # type: ignore[no-untyped-def]
    now, time = clock.now(), Time()
    with clock.replaced(lambda: now + time.ahead):
        yield time


def test_so_many_tries_and_then_no_more(time: Time) -> None:
    assert [throttle.take("door", LIMIT) for _ in range(3)] == [False, False, True]
    with pytest.raises(Shut) as shut:
        throttle.take("door", LIMIT)
    assert shut.value.until == clock.now() + timedelta(seconds=600) == throttle.shut_until("door")
    assert throttle.take("another door", LIMIT) is False


def test_it_opens_again_and_counts_anew(time: Time) -> None:
    for _ in range(3):
        throttle.take("door", LIMIT)
    time.ahead = timedelta(seconds=599)
    with pytest.raises(Shut):
        throttle.take("door", LIMIT)
    time.ahead = timedelta(seconds=600)
    assert throttle.shut_until("door") is None
    assert [throttle.take("door", LIMIT) for _ in range(3)] == [False, False, True]


def test_tries_long_apart_do_not_add_up(time: Time) -> None:
    for minute in range(6):
        time.ahead = timedelta(seconds=60 * minute)
        assert throttle.take("door", LIMIT) is False


def test_what_went_well_does_not_count(time: Time) -> None:
    for _ in range(8):
        throttle.take("door", LIMIT)
        with transaction():
            throttle.give_back("door")
    throttle.take("door", LIMIT)
    throttle.take("door", LIMIT)
    with transaction():
        throttle.forget("door")
    assert throttle.take("door", LIMIT) is False


def test_old_counts_are_thrown_away_but_for_what_is_still_shut(time: Time) -> None:
    throttle.take("old", LIMIT)
    for _ in range(3):
        throttle.take("shut for days", Limit(3, within_s=60, shut_s=5 * 86400))
    time.ahead = timedelta(days=1, seconds=1)
    throttle.take("new", LIMIT)
    assert throttle.sweep() == 1
    assert set(db.session.scalars(select(Throttle.name))) == {"shut for days", "new"}


def test_tries_that_meet_a_forgotten_count_are_counted_too(app: Flask) -> None:
    """Two sign-ins of one person at one moment: what the one forgets, the other was about to count on."""
    wide = Limit(10_000, within_s=60, shut_s=600)
    went: list[int] = []

    def tries() -> None:
        with app.app_context():
            for _ in range(60):
                throttle.take("door", wide)
                with transaction():
                    throttle.forget("door")
                went.append(1)

    hands = [threading.Thread(target=tries) for _ in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert len(went) == 4 * 60

"""Things that many threads want written at the same moment: together, and each with its own answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel import clock
from app.runtime import gathering, jobs
from app.runtime.db import db, insert
from app.runtime.gathering import Gathering, Waiting
from tests.sandbox.third_party import until


class Desk:
    """Writes signs of life. The first turn begins when everybody waits."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.is_open = threading.Event()
        self.begun = threading.Event()

    def write(self, some: Sequence[Waiting[str]]) -> dict[Waiting[str], str]:
        self.begun.set()
        assert self.is_open.wait(20)
        self.rounds.append([it.thing for it in some])
        for it in some:
            db.session.execute(insert(jobs.Heartbeat).values(name=it.thing, at=clock.now()))
            if it.thing == "unwritable":
                raise RuntimeError("a disk was pulled")
        return {it: it.thing.upper() for it in some}


def written() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(select(jobs.Heartbeat.name)))


@pytest.mark.parametrize("bad", [[], ["unwritable"]], ids=["all well", "one of them not"])
def test_who_comes_while_one_writes_is_written_with_the_next(app: Flask, bad: list[str]) -> None:
    desk, things = Desk(), ["first", "second", *bad, "third", "fourth"]
    gathering = Gathering(desk.write)

    def ask(thing: str) -> str | Exception:
        with app.app_context():
            try:
                return gathering.written(thing)
            except RuntimeError as problem:
                return problem

    with ThreadPoolExecutor(len(things)) as pool:
        answers = {things[0]: pool.submit(ask, things[0])}
        assert desk.begun.wait(20)
        answers |= {thing: pool.submit(ask, thing) for thing in things[1:]}
        until(lambda: len(gathering._line) == len(things) - 1, "they wait")
        desk.is_open.set()
        told = {thing: answer.result() for thing, answer in answers.items()}
    assert [sorted(some) for some in desk.rounds[:2]] == [["first"], sorted(things[1:])]
    assert len(desk.rounds) == (2 if not bad else 2 + len(things) - 1), (
        "each alone where they cannot be written together"
    )
    good = [thing for thing in things if thing not in bad]
    assert {thing: told[thing] for thing in good} == {thing: thing.upper() for thing in good}
    assert all(isinstance(told[thing], RuntimeError) for thing in bad)
    assert written() == set(good), "committed before anybody was answered"


def test_who_comes_while_the_first_looks_up_is_written_with_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, come = Desk(), ["second", "third"]
    desk.is_open.set()
    line = Gathering(desk.write)

    def ask(thing: str) -> str:
        with app.app_context():
            return line.written(thing)

    with ThreadPoolExecutor(2) as pool:

        def look_up(_seconds: float) -> None:
            if come:
                waiting = len(line._line)
                pool.submit(ask, come.pop(0))
                until(lambda: len(line._line) > waiting, "it waits")

        monkeypatch.setattr(gathering, "time", SimpleNamespace(sleep=look_up))
        assert ask("first") == "FIRST"
        monkeypatch.undo()
    assert desk.rounds == [["first", "second", "third"]]


def test_who_is_ended_while_it_looks_up_keeps_nobody_waiting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.is_open.set()
    line = Gathering(desk.write)

    def end(_seconds: float) -> None:
        raise InterruptedError("time is up")

    with monkeypatch.context() as patched:
        patched.setattr(gathering, "time", SimpleNamespace(sleep=end))
        with pytest.raises(InterruptedError):
            line.written("first")
    assert line.written("second") == "SECOND"

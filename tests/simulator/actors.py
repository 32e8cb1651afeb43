"""Workers, web processes and people as coroutines that can stop, be killed, and wake up much later.

An actor pauses before and after each commit and around each send. Where it stops, it may be killed as `kill -9` would kill
it: nothing of its own is written any more, not even by a `finally`.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask
from greenlet import getcurrent, greenlet
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.kernel.errors import Refused
from app.runtime.db import db
from app.runtime.jobs import Claimed

FOR_EVER = 10**9


class Killed(BaseException):
    """Not an Exception: nobody in the house may catch it and go on."""


class Actor(greenlet):
    """One step of one process: a job row, a request, a person's click."""

    def __init__(self, app: Flask, name: str, deed: Callable[[], Any]) -> None:
        super().__init__()
        self._app, self._deed, self.name = app, deed, name
        self._left, self.is_killed, self.where = FOR_EVER, False, "the beginning"
        self.leases: dict[Claimed, float] = {}
        """The rows it holds, and until when."""
        self.result: Any = None
        self.refused = ""

    def run(self) -> None:
        with self._app.app_context():
            try:
                self.result = self._deed()
            except Refused as refusal:
                self.refused = refusal.text
            except Killed:
                pass

    def go(self, pauses: int = FOR_EVER) -> None:
        """Work until so many pauses later, or to the end."""
        self._left = pauses
        self.switch()

    def kill(self) -> None:
        """Where it stands. An actor that has not begun never will."""
        self.is_killed = True
        if self:
            self.switch()
        assert self.dead or not self, f"{self.name} survived"

    @property
    def is_over(self) -> bool:
        return self.dead or self.is_killed

    def stand(self, where: str, *, holds_lock: bool) -> None:
        """A place to stop. With the write lock in its hand an actor is killed instead: everybody else would wait for ever."""
        if self.is_killed:
            raise Killed
        self.where = where
        self._left -= 1
        if self._left > 0:
            return
        self.is_killed = holds_lock
        if not self.is_killed:
            assert self.parent is not None
            self.parent.switch()
        if self.is_killed:
            raise Killed


def pause(where: str, *, holds_lock: bool = False) -> None:
    """Whoever is on stage may stop here. The stage manager itself never does."""
    current = getcurrent()
    if isinstance(current, Actor):
        current.stand(where, holds_lock=holds_lock)


def watch_transactions() -> None:
    """Make every commit of the application at hand a place to stop: before it begins, before it is made, after it."""
    event.listen(db.engine, "checkout", _checkout)
    event.listen(db.session, "before_commit", _commit)


def _checkout(*_arguments: Any) -> None:
    """A connection is taken: its transaction, of reading or of writing, has not begun."""
    pause("before a transaction")


def _commit(session: Session) -> None:
    waiting = session.info.get("after_commit")
    if waiting is not None and isinstance(getcurrent(), Actor):
        pause("before a commit", holds_lock=True)
        waiting.insert(0, (pause, ("after a commit",)))  # before all that a process does when its change is written

"""Many threads want the same kind of thing written at the same moment: who comes while one writes is written with the next."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from flask import current_app

from app.runtime.db import Afterwards, do_afterwards
from app.runtime.work import all_or_each

T = TypeVar("T")
R = TypeVar("R")
LOOK_UP_S = 0.00005
"""So long who finds nobody writing looks up before it writes, a twentieth of what a commit takes."""


class Waiting(Generic[T]):
    """Somebody with a thing to be written."""

    def __init__(self, thing: T) -> None:
        self.thing = thing


class _Place(Generic[T, R]):
    """Somebody's place in the line."""

    def __init__(self, thing: T) -> None:
        self.waiting = Waiting(thing)
        self.thread = threading.get_ident()
        self.called = threading.Lock()
        """Closed until its answer is there, or it is its own thread's turn to write."""
        self.called.acquire()
        self.answer: R | BaseException
        self.is_answered = False

    def hand(self, answer: R | BaseException) -> None:
        self.answer, self.is_answered = answer, True


class Gathering(Generic[T, R]):
    """`write` gets what waits, and runs in one transaction for all of it; where that fails, in one for each."""

    def __init__(self, write: Callable[[Sequence[Waiting[T]]], Mapping[Waiting[T], R]]) -> None:
        self._write = write
        self._guard = threading.Lock()
        self._line: list[_Place[T, R]] = []
        self._writer: int | None = None
        """The thread that writes at this moment."""

    def written(self, thing: T) -> R:
        """What became of it, once it is committed; raises what went wrong with it."""
        mine: _Place[T, R] = _Place(thing)
        with self._guard:
            is_free, is_within = self._writer is None, self._writer == mine.thread
            if is_free:
                self._writer = mine.thread
            elif not is_within:
                self._line.append(mine)
        if is_within:  # one thread for all actors (the simulator): it has nobody to wait for
            do_afterwards(self._write_down([mine]))
        else:
            self._take_turns(mine, is_free)
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        return mine.answer

    def _take_turns(self, mine: _Place[T, R], is_free: bool) -> None:
        if not is_free:
            mine.called.acquire()
            if mine.is_answered:
                return
        together = [mine]
        try:
            if is_free:
                self._look_up()
            with self._guard:
                together += self._line
                self._line = []
            left = self._write_down(together)
        finally:
            self._go_on(together[1:])
        do_afterwards(left)  # it may wait for Redis, while the next ones write

    def _look_up(self) -> None:
        """Who comes first of a crowd would write alone, and keep the crowd waiting. While somebody comes, somebody may come."""
        seen = -1
        while len(self._line) > seen:
            seen = len(self._line)
            time.sleep(LOOK_UP_S)

    def _write_down(self, together: Sequence[_Place[T, R]]) -> Afterwards:
        left: Afterwards = []
        try:
            answers = all_or_each([it.waiting for it in together], self._write, left_for=left)
        except BaseException as problem:  # the thread is told to end: nobody else may wait for it
            for it in together:
                it.hand(InterruptedError(f"{type(problem).__name__} while it was written"))
            raise
        for it in together:
            it.hand(answers[it.waiting])
        return left

    def _go_on(self, answered: Sequence[_Place[T, R]]) -> None:
        """Who waits longest writes next, and everybody is woken once: a crowd at one lock wakes each other for nothing. The
        next writer last: those with their answers bring their next things meanwhile, and these are written with its own.
        """
        with self._guard:
            following = self._line.pop(0) if self._line else None
            self._writer = following.thread if following else None
        for it in [*answered, following] if following else answered:
            it.called.release()


def gathered(write: Callable[[Sequence[Waiting[T]]], Mapping[Waiting[T], R]]) -> Gathering[T, R]:
    """The one of this process and house that writes so."""
    extensions, name = current_app.extensions, f"gathering.{write.__module__}"
    found: Gathering[T, R] = extensions.get(name) or extensions.setdefault(name, Gathering(write))
    return found

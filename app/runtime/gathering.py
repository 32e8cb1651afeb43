"""Many threads want the same kind of thing written at the same moment: who comes while one writes is written with the next."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from flask import current_app

from app.runtime.work import all_or_each

T = TypeVar("T")
R = TypeVar("R")


class Waiting(Generic[T]):
    """Somebody with a thing to be written."""

    def __init__(self, thing: T) -> None:
        self.thing = thing


class Gathering(Generic[T, R]):
    """`write` gets what waits, and runs in one transaction for all of it; where that fails, in one for each."""

    def __init__(self, write: Callable[[Sequence[Waiting[T]]], Mapping[Waiting[T], R]]) -> None:
        self._write = write
        self._waiting: deque[Waiting[T]] = deque()
        self._results: dict[Waiting[T], R | Exception] = {}
        # One writes at a time, except for what its own thread does meanwhile: the simulator's actors share one.
        self._turn = threading.RLock()

    def written(self, thing: T) -> R:
        """What became of it, once it is committed; raises what went wrong with it."""
        mine = Waiting(thing)
        self._waiting.append(mine)
        with self._turn:
            if mine not in self._results:  # nobody took it along
                self._results |= all_or_each({mine: None} | dict.fromkeys(self._all_that_wait()), self._write)
        result = self._results.pop(mine)
        if isinstance(result, Exception):
            raise result
        return result

    def _all_that_wait(self) -> list[Waiting[T]]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def gathered(write: Callable[[Sequence[Waiting[T]]], Mapping[Waiting[T], R]]) -> Gathering[T, R]:
    """The one of this process and house that writes so."""
    found: Gathering[T, R] = current_app.extensions.setdefault(f"gathering.{write.__module__}", Gathering(write))
    return found

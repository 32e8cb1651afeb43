"""A life is a table. This file reads the table; it knows no particular life."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

from app.kernel.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One edge: from any of `sources` the `verb` leads to `target`."""

    verb: str
    sources: tuple[str, ...]
    target: str


M = TypeVar("M", bound=Move)


class Machine(Generic[M]):
    """Holds the table, and refuses at import time to hold a broken one. `words`: how people call its states and verbs."""

    def __init__(
        self, *, name: str, initial: str, moves: tuple[M, ...], words: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.name, self.initial, self.moves, self.words = name, initial, moves, words
        self._table = {(source, move.verb): move for move in moves for source in move.sources}
        assert len(self._table) == sum(len(move.sources) for move in moves), f"{name}: a move is written twice"
        reached = {initial}
        while more := {move.target for move in moves if reached & set(move.sources)} - reached:
            reached |= more
        assert self.states == reached, f"{name}: nothing leads to {self.states - reached}"

    @property
    def states(self) -> set[str]:
        return {self.initial} | {state for move in self.moves for state in (*move.sources, move.target)}

    @property
    def final(self) -> set[str]:
        return self.states - {source for source, _ in self._table}

    def verbs(self, state: str) -> list[str]:
        """What may happen next, in the order of the table."""
        return [verb for source, verb in self._table if source == state]

    def move(self, state: str, verb: str) -> M:
        """The edge, or Refused in the user's words."""
        try:
            return self._table[state, verb]
        except KeyError:
            raise Refused(
                "%(thing)s现在是“%(state)s”，不能“%(verb)s”",
                thing=self.name,
                state=self.words.get(state, str(state)),
                verb=self.words.get(verb, verb),
            ) from None

    def as_mermaid(self) -> str:
        lines = [f"    {source} --> {move.target}: {verb}" for (source, verb), move in self._table.items()]
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.initial}", *lines])

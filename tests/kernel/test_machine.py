"""A life is a table, and a broken table is refused before anybody lives by it."""

import pytest

from app.kernel.errors import Refused
from app.kernel.machine import Machine, Move

DOOR = Machine(
    name="门",
    initial="open",
    moves=(
        Move(verb="close", sources=("open",), target="closed"),
        Move(verb="open", sources=("closed",), target="open"),
        Move(verb="lock", sources=("closed",), target="locked"),
        Move(verb="burn", sources=("open", "closed", "locked"), target="ashes"),
    ),
)


def test_the_table_answers() -> None:
    assert DOOR.states == {"open", "closed", "locked", "ashes"}
    assert DOOR.final == {"ashes"}
    assert DOOR.verbs("closed") == ["open", "lock", "burn"]
    assert DOOR.verbs("ashes") == [] == DOOR.verbs("nowhere")
    assert DOOR.move("closed", "lock").target == "locked"


@pytest.mark.parametrize(
    ("state", "verb"), [("open", "lock"), ("ashes", "burn"), ("locked", "open"), ("open", "fly"), ("x", "close")]
)
def test_what_the_table_does_not_say_is_refused_in_words(state: str, verb: str) -> None:
    with pytest.raises(Refused, match=f"门现在是“{state}”，不能“{verb}”") as refused:
        DOOR.move(state, verb)
    assert refused.value.text.values == {"thing": "门", "state": state, "verb": verb}


def test_the_picture_shows_every_edge() -> None:
    picture = DOOR.as_mermaid().splitlines()
    assert picture[:2] == ["stateDiagram-v2", "    [*] --> open"]
    assert "    locked --> ashes: burn" in picture and len(picture) == 2 + 6


BROKEN = {
    "the same move twice": [("go", ("a",), "b"), ("go", ("a",), "c")],
    "the same move twice to the same place": [("go", ("a",), "b"), ("go", ("a",), "b")],
    "a source twice in one move": [("go", ("a", "a"), "b")],
    "a state that nothing leads to": [("go", ("a",), "b"), ("come", ("c",), "b")],
    "a state that only itself leads to": [("go", ("a",), "b"), ("stay", ("c",), "c")],
    "an island": [("go", ("a",), "b"), ("to", ("c",), "d"), ("fro", ("d",), "c")],
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_table_is_refused_when_it_is_written(broken: str) -> None:
    moves = tuple(Move(verb=verb, sources=sources, target=target) for verb, sources, target in BROKEN[broken])
    with pytest.raises(AssertionError, match="thing"):
        Machine(name="thing", initial="a", moves=moves)


def test_a_way_back_to_the_beginning_is_no_fault() -> None:
    around = (Move(verb="go", sources=("a",), target="b"), Move(verb="back", sources=("b",), target="a"))
    assert Machine(name="thing", initial="a", moves=around).final == set()

"""The life of a withdrawal, drawn: everything of the table is there, and nothing lies on anything else."""

from itertools import combinations, pairwise

import pytest

from app.kernel.machine import Machine, Move
from app.withdrawals.rules import drawing
from app.withdrawals.rules.drawing import Box, Drawing
from app.withdrawals.states import LABELS, WITHDRAWAL, State

TABLE = drawing.drawn(WITHDRAWAL)
WIDER = drawing.drawn(
    Machine(
        name="one with more moves",
        initial=WITHDRAWAL.initial,
        words=WITHDRAWAL.words,
        moves=(
            *WITHDRAWAL.moves,
            *(Move(verb=f"again{it}", sources=("returned", "paid"), target="queued") for it in range(3)),
            Move(verb="undo", sources=("cancelled",), target="review"),
        ),
    )
)


def overlap(a: Box, b: Box, free: int = 0) -> bool:
    apart = a.x + a.width + free <= b.x or b.x + b.width + free <= a.x
    return not (apart or a.y + a.height + free <= b.y or b.y + b.height + free <= a.y)


def pieces(drawn: Drawing) -> list[tuple[int, Box]]:
    """Every straight piece of every line, with its arrow's place."""
    return [
        (place, Box(min(x, u), min(y, v), abs(x - u), abs(y - v)))
        for place, arrow in enumerate(drawn.arrows)
        for line in arrow.lines
        for (x, y), (u, v) in pairwise(line)
    ]


@pytest.mark.parametrize("drawn", [TABLE, WIDER], ids=["the table", "a table with more moves"])
def test_nothing_lies_on_anything_else(drawn: Drawing) -> None:
    boxes, labels = [it.box for it in drawn.nodes], [it.label for it in drawn.arrows]
    for a, b in combinations([*boxes, *labels], 2):
        assert not overlap(a, b, free=2), (a, b)
    for place, piece in pieces(drawn):
        assert not any(overlap(piece, box) for box in boxes), "a line runs behind a box"
        others = [label for at, label in enumerate(labels) if at != place]
        assert not any(overlap(piece, label) for label in others), "a line runs through the label of another"


@pytest.mark.parametrize("drawn", [TABLE, WIDER], ids=["the table", "a table with more moves"])
def test_lines_of_two_arrows_cross_and_never_run_along_each_other(drawn: Drawing) -> None:
    for (at, a), (other, b) in combinations(pieces(drawn), 2):
        if at != other and (a.width == 0) == (b.width == 0):
            assert not overlap(Box(a.x, a.y, a.width + 1, a.height + 1), Box(b.x, b.y, b.width + 1, b.height + 1))


@pytest.mark.parametrize("drawn", [TABLE, WIDER], ids=["the table", "a table with more moves"])
def test_all_of_it_lies_within_the_picture(drawn: Drawing) -> None:
    there = [it.box for it in drawn.nodes] + [it.label for it in drawn.arrows] + [piece for _at, piece in pieces(drawn)]
    for it in there:
        assert it.x >= 0 and it.y >= 0 and it.x + it.width <= drawn.width and it.y + it.height <= drawn.height


def test_every_move_leads_from_each_of_its_states_to_its_target() -> None:
    assert [it.state for it in TABLE.nodes] == list(LABELS)

    def touches(point: tuple[int, int]) -> str:
        x, y = point
        return next(it.state for it in TABLE.nodes if overlap(it.box, Box(x - 1, y - 1, 2, 2)))

    drawn = {
        (number, touches(line[0]), touches(arrow.lines[0][-1]))
        for arrow in TABLE.arrows
        for line in arrow.lines
        for number in arrow.numbers
    }
    moves = enumerate(WITHDRAWAL.moves, 1)
    assert drawn == {(number, source, move.target) for number, move in moves for source in move.sources}


def test_every_state_has_its_meaning_and_every_move_its_number() -> None:
    assert {it.state for it in TABLE.nodes} == WITHDRAWAL.states == set(drawing.MEANING) == set(State)
    numbers = [number for arrow in TABLE.arrows for number in arrow.numbers]
    assert set(numbers) == set(range(1, len(WITHDRAWAL.moves) + 1))


def test_the_main_path_stands_straight_and_what_ends_otherwise_is_set_in() -> None:
    left = min(it.box.x for it in TABLE.nodes)
    assert [it.state for it in TABLE.nodes if it.box.x == left] == ["review", "queued", "sending", "pending", "paid"]


def test_it_fits_a_telephone() -> None:
    assert TABLE.width <= 334

"""The life of a withdrawal as a drawing, laid out from its table: a move that is added there is drawn without a word here.

The boxes stand one under the other in the order of `State`. A move to the neighbour is a straight arrow between the two.
Any other runs beside the boxes on a track of its own: down on the right, back up on the left. Moves that lead from the
same states to the same state share one line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.kernel.errors import Text, gettext_noop
from app.kernel.machine import Machine
from app.withdrawals.states import State

MEANING: dict[State, Text] = {
    State.REVIEW: gettext_noop("已创建，金额和手续费已冻结，等另一个人审批；只有审批规则写明免审的小额不必等。"),
    State.QUEUED: gettext_noop("已审批，排队等系统发送给渠道。"),
    State.SENDING: gettext_noop(
        "发送的意图已经写下，请求正在路上或刚到渠道。这时出任何故障，都先去查询，不会再发一次。"
    ),
    State.PENDING: gettext_noop("渠道已收到，还没有结果。系统按渠道的节奏查询，也接收它的回调。"),
    State.PAID: gettext_noop("款已付出，资金已结清：渠道有签名地确认，或两人凭证据认定。银行之后仍可能退票。"),
    State.FAILED: gettext_noop("款没有付出，冻结的资金已退回可用余额：渠道有签名地确认，或两人凭证据认定。"),
    State.REJECTED: gettext_noop("审批人驳回，从未发送，冻结的资金已退回。"),
    State.CANCELLED: gettext_noop(
        "创建人在发送之前撤销，或让位给数据库恢复后补录的同一笔；从未发送，冻结的资金已退回。"
    ),
    State.RETURNED: gettext_noop("付款成功之后被银行退回，金额回到账上；手续费退不退，按渠道的约定。"),
}
"""Each state in a sentence."""

WIDTH, HEIGHT, INDENT, EDGE = 120, 44, 28, 14
PITCH = 26
"""From track to track: more than a label is wide."""
LABEL, LINE, ROOM = 20, 15, 20
"""How wide a number's label is, how high each of its numbers, and how much of the gap stays free of it."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


@dataclass(frozen=True, slots=True)
class Node:
    """A state, and its box."""

    state: str
    box: Box


@dataclass(frozen=True, slots=True)
class Arrow:
    """The numbers (from 1) of the moves that share a line: the line to the target first, then what joins it, at a dot."""

    numbers: tuple[int, ...]
    lines: tuple[tuple[Point, ...], ...]
    label: Box


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    nodes: list[Node]
    arrows: list[Arrow]


@dataclass(frozen=True, slots=True)
class Way:
    """What leads from some rows to another."""

    numbers: tuple[int, ...]
    sources: tuple[int, ...]
    target: int

    @property
    def down(self) -> bool:
        return self.target > self.sources[0]

    @property
    def rows(self) -> range:
        """The rows it runs along, both ends counted."""
        ends = (*self.sources, self.target)
        return range(min(ends), max(ends) + 1)


def drawn(machine: Machine[Any]) -> Drawing:
    """The table as boxes and lines."""
    states = [str(state) for state in State if state in machine.states]
    row = {state: place for place, state in enumerate(states)}
    near, far = _ways(machine, row)
    main = _main(len(states), near)
    gap = LINE * max(len(way.numbers) for way in (*near, *far)) + ROOM
    tracks = _tracks(far)
    left = EDGE + PITCH * _many(tracks, down=False)
    right = left + WIDTH + INDENT
    boxes = [
        Box(left + (0 if place <= main else INDENT), EDGE + place * (HEIGHT + gap), WIDTH, HEIGHT)
        for place in range(len(states))
    ]
    xs = {way: right + PITCH * track if way.down else left - PITCH * track for way, track in tracks.items()}
    return Drawing(
        width=right + PITCH * _many(tracks, down=True) + EDGE,
        height=boxes[-1].y + HEIGHT + EDGE,
        nodes=[Node(state, box) for state, box in zip(states, boxes, strict=True)],
        arrows=[_straight(way, boxes) for way in near] + _beside(xs, boxes, gap),
    )


def _ways(machine: Machine[Any], row: dict[str, int]) -> tuple[list[Way], list[Way]]:
    """Those between neighbours, and all others."""
    near: dict[tuple[int, int], list[int]] = {}
    far: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for number, move in enumerate(machine.moves, 1):
        target, sources = row[move.target], sorted(row[source] for source in move.sources)
        for source in sources:
            if abs(source - target) == 1:
                near.setdefault((source, target), []).append(number)
        for side in ([it for it in sources if it < target - 1], [it for it in sources if it > target + 1]):
            if side:
                far.setdefault((tuple(side), target), []).append(number)
    return (
        [Way(tuple(numbers), (source,), target) for (source, target), numbers in near.items()],
        [Way(tuple(numbers), sources, target) for (sources, target), numbers in far.items()],
    )


def _main(count: int, near: Sequence[Way]) -> int:
    """The last row of the main path: as far as one comes from each state to the next. What follows is set in."""
    steps = {way.sources[0] for way in near if way.down}
    return next(place for place in range(count) if place not in steps)


def _tracks(ways: Iterable[Way]) -> dict[Way, int]:
    """A track for each, counted from the boxes: the shortest are nearest, and none shares its rows with another's."""
    found: dict[Way, int] = {}
    for way in sorted(ways, key=lambda it: (len(it.rows), it.rows.start, it.numbers)):
        beside = {found[it] for it in found if it.down == way.down and set(it.rows) & set(way.rows)}
        found[way] = next(track for track in range(1, len(found) + 2) if track not in beside)
    return found


def _many(tracks: dict[Way, int], *, down: bool) -> int:
    return max((track for way, track in tracks.items() if way.down == down), default=0)


def _straight(way: Way, boxes: Sequence[Box]) -> Arrow:
    """Down on the left of the middle, back up on the right of it; the label stands outside."""
    a, b = boxes[way.sources[0]], boxes[way.target]
    middle = (a.middle + b.middle) // 2
    width = LABEL * len(way.numbers)
    x, label = (middle - 6, middle - 11 - width) if way.down else (middle + 6, middle + 11)
    start, end = (a.y + HEIGHT, b.y) if way.down else (a.y, b.y + HEIGHT)
    return Arrow(way.numbers, (((x, start), (x, end)),), Box(label, (start + end - LABEL) // 2, width, LABEL))


def _beside(xs: dict[Way, int], boxes: Sequence[Box], gap: int) -> list[Arrow]:
    """Every line that runs on a track, each touching its boxes at a height of its own."""
    heights = _heights(xs, boxes)
    return [_track(way, x, boxes, heights, gap) for way, x in xs.items()]


def _heights(xs: dict[Way, int], boxes: Sequence[Box]) -> dict[tuple[Way, int], int]:
    """Where each line leaves or enters a box: what comes from above over what goes on below, so that few lines cross."""
    found: dict[tuple[Way, int], int] = {}
    for place, box in enumerate(boxes):
        for down in (True, False):
            here = [way for way in xs if way.down == down and place in (*way.sources, way.target)]
            here.sort(key=lambda way: _order(way, place, abs(xs[way] - boxes[0].x)))
            for index, way in enumerate(here):
                found[way, place] = box.y + HEIGHT * (index + 1) // (len(here) + 1)
    return found


def _order(way: Way, place: int, distance: int) -> tuple[int, int]:
    if place == way.rows[-1]:
        return 0, distance  # all of it lies above: the nearest track first
    return (2, -distance) if place == way.rows[0] else (1, distance)


def _track(way: Way, x: int, boxes: Sequence[Box], heights: dict[tuple[Way, int], int], gap: int) -> Arrow:
    """From the farthest source along the track to the target; the others join on the way."""

    def edge(place: int) -> int:
        return boxes[place].x + (WIDTH if way.down else 0)

    first, *others = way.sources if way.down else tuple(reversed(way.sources))
    start, end = heights[way, first], heights[way, way.target]
    lines: list[tuple[Point, ...]] = [((edge(first), start), (x, start), (x, end), (edge(way.target), end))]
    lines += [((edge(place), heights[way, place]), (x, heights[way, place])) for place in others]
    height = LINE * len(way.numbers) + LABEL - LINE
    target = boxes[way.target]
    y = target.y - (gap + height) // 2 if way.down else target.y + HEIGHT + (gap - height) // 2
    return Arrow(way.numbers, tuple(lines), Box(x - LABEL // 2, y, LABEL, height))

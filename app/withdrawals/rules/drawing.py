"""The life of a withdrawal as a drawing, laid out from its table: a move that is added there is drawn without a word here."""

from dataclasses import dataclass
from typing import Any

from app.kernel.errors import Text, gettext_noop
from app.kernel.machine import Machine
from app.withdrawals.states import State

MEANING: dict[State, Text] = {
    State.REVIEW: gettext_noop("已创建，金额和手续费已冻结，等另一个人审批。没有人审批就一分钱也不会付出去。"),
    State.QUEUED: gettext_noop("已审批，排队等系统发送给渠道。"),
    State.SENDING: gettext_noop(
        "发送的意图已经写下，请求正在路上或刚到渠道。这时出任何故障，都先去查询，不会再发一次。"
    ),
    State.PENDING: gettext_noop("渠道已收到，还没有结果。系统按渠道的节奏查询，也接收它的回调。"),
    State.PAID: gettext_noop("渠道签名确认已付款，冻结的资金已结算。银行之后仍可能退票。"),
    State.FAILED: gettext_noop("渠道签名确认没有付款，冻结的资金已退回可用余额。"),
    State.REJECTED: gettext_noop("审批人驳回，从未发送，冻结的资金已退回。"),
    State.CANCELLED: gettext_noop("创建人在审批前撤销，从未发送，冻结的资金已退回。"),
    State.RETURNED: gettext_noop("付款成功之后被银行退回，资金回到账上，手续费不退。"),
}
"""Each state in a sentence."""

WIDTH, HEIGHT, ACROSS, DOWN, EDGE, TOP = 112, 40, 172, 92, 12, 84


@dataclass(frozen=True, slots=True)
class Node:
    """A state, and where its box stands."""

    state: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one state to another: the path of its line, and where the numbers (from 1) of its moves stand."""

    numbers: tuple[int, ...]
    path: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    nodes: list[Node]
    arrows: list[Arrow]


def ranks(machine: Machine[Any]) -> dict[str, int]:
    """How many steps a state is from the beginning at most, ways back not counted."""
    found: dict[str, int] = {}

    def visit(state: str, rank: int, way: tuple[str, ...]) -> None:
        if found.get(state, -1) >= rank:
            return
        found[state] = rank
        for move in machine.moves:
            if state in move.sources and move.target not in (*way, state):
                visit(move.target, rank + 1, (*way, state))

    visit(machine.initial, 0, ())
    return found


def drawn(machine: Machine[Any]) -> Drawing:
    """States in columns by their rank, those that most moves lead to on the first line."""
    column = ranks(machine)
    ways = {state: sum(len(move.sources) for move in machine.moves if move.target == state) for state in column}
    leads_on = {state: any(state in move.sources for move in machine.moves) for state in column}
    nodes: dict[str, Node] = {}
    for rank in sorted(set(column.values())):
        here = [str(state) for state in State if column.get(state) == rank]
        here.sort(key=lambda state: (not leads_on[state], -ways[state]))
        for line, state in enumerate(here):
            nodes[state] = Node(state, EDGE + rank * ACROSS, TOP + line * DOWN)
    ways_of: dict[tuple[str, str], list[int]] = {}
    for number, move in enumerate(machine.moves, 1):
        for source in move.sources:
            ways_of.setdefault((str(source), str(move.target)), []).append(number)
    arrows = [_arrow(tuple(numbers), nodes[source], nodes[target]) for (source, target), numbers in ways_of.items()]
    return Drawing(
        width=max(node.x for node in nodes.values()) + WIDTH + EDGE,
        height=max(node.y for node in nodes.values()) + HEIGHT + EDGE,
        nodes=list(nodes.values()),
        arrows=arrows,
    )


def _arrow(numbers: tuple[int, ...], a: Node, b: Node) -> Arrow:
    steps = round((b.x - a.x) / ACROSS)
    middle = (a.x + b.x + WIDTH) // 2
    if steps < 0:  # a way back: below the line
        low = a.y + HEIGHT + 14 * (1 - steps)
        left, right = b.x + WIDTH // 2 + 16 * -steps, a.x + WIDTH // 2 - 16
        path = f"M{right} {a.y + HEIGHT}C{right} {low} {left} {low} {left} {b.y + HEIGHT}"
        return Arrow(numbers, path, (left + right) // 2, (a.y + HEIGHT + 3 * low) // 4)
    if steps == 1:
        start, end = (a.x + WIDTH, a.y + HEIGHT // 2), (b.x, b.y + HEIGHT // 2)
        half = (start[0] + end[0]) // 2
        path = f"M{start[0]} {start[1]}C{half} {start[1]} {half} {end[1]} {end[0]} {end[1]}"
        return Arrow(numbers, path, half, (start[1] + end[1]) // 2)
    if a.y == b.y:  # over the heads of those in between
        high = a.y - 26 * steps
        left, right = a.x + WIDTH // 2 + 8, b.x + WIDTH // 2 - 8 * steps
        path = f"M{left} {a.y}C{left} {high} {right} {high} {right} {b.y}"
        return Arrow(numbers, path, middle, (a.y + 3 * high) // 4)
    right, low, end_y = a.x + WIDTH, a.y + HEIGHT - 8, b.y + HEIGHT // 2 + 9 * (steps - 2)
    path = f"M{right} {low}C{right + 44} {low} {right + 4} {end_y} {right + 70} {end_y}L{b.x} {end_y}"
    return Arrow(numbers, path, right + 84, end_y)

"""Every action that the code records has words, in the table that the audit log reads (RELIABILITY I-10)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from app.auth.audit.fields import FIELDS
from app.auth.audit.words import DEEDS
from app.cards.states import CARD
from app.kernel.errors import Text
from app.withdrawals.states import ORDERS

TOP = Path(__file__).resolve().parents[2]
FILLED_IN = {"card": {"verb": {move.verb for move in CARD.moves}}, "sheet": {"verb": set(ORDERS)}}
"""What a name stands for inside an action that is put together."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="audit"), attr="record")):
                yield node


def actions(node: ast.expr, thing: str = "") -> set[str]:
    """Everything that this expression can be."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=first, orelse=second):
            return actions(first, thing) | actions(second, thing)
        case ast.FormattedValue(value=value):
            return actions(value, thing)
        case ast.Name(id=name):
            return FILLED_IN[thing][name]
        case ast.JoinedStr(values=[ast.Constant(value=str(before)), rest]):
            return {before + text for text in actions(rest, before.partition(".")[0])}
    raise AssertionError(f"nobody can see which action this is: {ast.unparse(node)}")


def recorded() -> list[tuple[str, ast.Call]]:
    found = [
        (str(path.relative_to(TOP)), call)
        for path in sorted((TOP / "app").rglob("*.py"))
        for call in calls(ast.parse(path.read_bytes()))
    ]
    assert len(found) > 40
    return found


def test_every_action_has_words() -> None:
    known = {action for group in DEEDS.values() for action in group}
    assert [
        f"{path}:{call.lineno}: {action}"
        for path, call in recorded()
        for action in sorted(actions(call.args[1]))
        if action not in known
    ] == []


def test_every_word_of_what_changed_has_words() -> None:
    """As far as they are written down where they are recorded."""
    assert [
        f"{path}:{call.lineno}: {key.value}"
        for path, call in recorded()
        for argument in call.keywords
        if argument.arg in ("before", "after") and isinstance(argument.value, ast.Dict)
        for key in argument.value.keys
        if isinstance(key, ast.Constant) and key.value not in FIELDS
    ] == []


def test_no_two_actions_are_called_the_same() -> None:
    words = [word for group in DEEDS.values() for word in group.values()]
    assert sorted({word for word in words if words.count(word) > 1}) == []
    assert all(isinstance(word, Text) for word in words)


def test_an_action_nobody_can_see_is_seen() -> None:
    (call,) = calls(ast.parse("audit.record(actor, f\"claim.{'finish' if done else 'release'}\", number)"))
    assert actions(call.args[1]) == {"claim.finish", "claim.release"}
    (hidden,) = calls(ast.parse("audit.record(actor, action, number)"))
    try:
        actions(hidden.args[1])
    except KeyError:
        return
    raise AssertionError("it was not seen")

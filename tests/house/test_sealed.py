"""The list of sealed columns (`app/sealed.py`) is whole: a seal that rotation forgets is lost with its key."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runtime.db import Model
from app.sealed import SEALED

TOP = Path(__file__).resolve().parents[2]
KNOWN = {sealed.place for sealed in SEALED}
PLACE = ("table", "column")
VERBS = ("seal", "unseal", "sealed", "opened")  # the last two: a DataKey's own


def places(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What the code says where a seal belongs: by name, or as a dict that is handed over whole."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=verb) | ast.Name(id=verb), keywords=named) if verb in VERBS:
                said = {it.arg: it.value for it in named if it.arg}
            case ast.Dict(keys=keys, values=values):
                said = {
                    key.value: value for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)
                }
            case _:
                continue
        table, column = (said.get(name) for name in PLACE)
        if isinstance(table, ast.Constant) and isinstance(column, ast.Constant):
            yield str(table.value), str(column.value)


def unreadable(tree: ast.AST) -> list[int]:
    """Calls that say their place in a way that nobody can check here."""
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="vault"), attr="seal" | "unseal"), keywords=named):
                said = {it.arg: isinstance(it.value, ast.Constant) for it in named}
                if None not in said and not all(said.get(name) for name in PLACE):
                    lines.append(node.lineno)
    return lines


def sealed_in_the_code() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for path in (TOP / "app").rglob("*.py"):
        if path.name not in ("vault.py", "rotation.py"):
            tree = ast.parse(path.read_text())
            found |= set(places(tree))
            assert unreadable(tree) == [], path
    return found


def test_whatever_the_code_seals_is_on_the_list() -> None:
    assert sealed_in_the_code() == KNOWN


def test_whatever_is_called_sealed_is_on_the_list() -> None:
    named = {
        (table.name, column.name)
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if column.name == "sealed" or column.name.endswith("_sealed")
    }
    assert named == KNOWN
    assert len(SEALED) == len(KNOWN)


@pytest.mark.parametrize(
    "code",
    [
        'vault.seal(text, table="merchant", column="key_sealed", row=number)',
        'place = {"table": "merchant", "column": "key_sealed", "row": number}\nvault.seal(text, **place)',
        'from app.runtime.vault import seal\nseal(text, row=number, table="merchant", column="key_sealed")',
    ],
)
def test_a_new_seal_is_seen(code: str) -> None:
    assert list(places(ast.parse(code))) == [("merchant", "key_sealed")]


def test_a_seal_without_a_plain_place_is_seen() -> None:
    assert unreadable(ast.parse("vault.seal(text, table=name, column='key', row=number)")) == [1]

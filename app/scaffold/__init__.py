"""`paydesk channel new`: an adapter to begin with, its samples and its suite, written into a checkout.

What it writes passes the linters and its own suite, but for one test, which lists every TODO: what only the channel's
document can say.
"""

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.channels import contract
from app.scaffold.samples import samples

TOP = Path(__file__).resolve().parents[2]
REGISTRY = Path("app/channels/adapters/__init__.py")

_CODE = re.compile("[a-z][a-z0-9_]{1,18}[a-z0-9]", re.ASCII)
_TITLE = re.compile(r'[^"\\%{}\x00-\x1f]{1,20}')
_IMPORT = re.compile(r"^from app\.channels\.adapters\.(\w+) import \w+$", re.MULTILINE)
_LAST_WORD = re.compile(r"(?<=,\n)(?=    \)\n\}\n)")
_DIGITS = re.compile("([0-9]+)")


@dataclass(frozen=True, slots=True)
class Ability:
    """What an option brings: words of the contract into the adapter, and suites and pens of its tests."""

    base: str
    values: frozenset[str]
    suite: str
    pen: str = ""
    needs: str = ""


ABILITIES: Mapping[str, Ability] = {
    "binds": Ability(
        "BindsCards", frozenset({"BindObservation", "BindSeen", "CardToBind"}), "BindsCardsContract", "TakesCards"
    ),
    "lists": Ability(
        "ListsCards", frozenset({"CardPage", "ListedCard"}), "ListsCardsContract", "KeepsCards", needs="binds"
    ),
    "unbinds": Ability(
        "UnbindsCards",
        frozenset({"CardToUnbind", "UnbindObservation", "UnbindSeen"}),
        "UnbindsCardsContract",
        "LetsCardsGo",
        needs="binds",
    ),
    "settles": Ability("Settles", frozenset(), "SettlesContract"),
    "figures": Ability("ReadsFigures", frozenset({"Figures"}), "ReadsFiguresContract", "TellsFigures"),
    "balance": Ability("ReadsBalance", frozenset(), "ReadsBalanceContract", "TellsBalance"),
    "statements": Ability(
        "ReadsStatements", frozenset({"StatementLine", "StatementPage"}), "ReadsStatementsContract", "TellsStatements"
    ),
}
_BOTH = {"BadSignature", "Order", "RawCallback", "Reply", "Request", "Seen", "Unreadable"}
_ADAPTER = {"Adapter", "KickedOut", "Observation", "Setting", "Shape"}
_SUITE = {"BindSeen", "CardToUnbind", "Figures", "StatementLine", "UnbindSeen"}
"""Of what an ability brings, what its tests name too."""


class Unfit(Exception):
    """It cannot be written, and nothing was. The words are for the terminal."""


def new_channel(code: str, *, title: str, abilities: frozenset[str], top: Path = TOP) -> list[Path]:
    """Write everything, or nothing. The paths, as seen from the checkout; the registry is the first of them."""
    _require_fit(code, title, abilities, top)
    files = dict(_files(code, title, abilities))
    registry = _registered((top / REGISTRY).read_text(), code)
    if there := [path for path in files if (top / path).exists()]:
        raise Unfit(f"{there[0]} is there already and was left as it is: choose another code, or move it away first")
    for path, content in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    (top / REGISTRY).write_text(registry)
    return [REGISTRY, *files]


def _require_fit(code: str, title: str, abilities: frozenset[str], top: Path) -> None:
    if not (top / REGISTRY).is_file() or not (top / "tests/channels/contract.py").is_file():
        raise Unfit("this writes code and tests: run it in a checkout of Paydesk, whose tests/channels is beside app/")
    if not _CODE.fullmatch(code) or keyword.iskeyword(code):
        raise Unfit(f"{code!r} is no code: 3 to 20 lower-case letters, digits and _, a letter first, no word of Python")
    if _class_name(code) in contract.__all__:
        raise Unfit(f"the contract has a word {_class_name(code)} of its own: choose another code")
    if not _TITLE.fullmatch(title):
        raise Unfit("the title is the channel's name as pages show it: 1 to 20 characters without quotes, %, { or }")
    if {"figures", "balance"} <= abilities:
        raise Unfit("--figures tells totals and balance, --balance the balance alone: choose one")


def _files(code: str, title: str, abilities: frozenset[str]) -> Iterator[tuple[Path, bytes]]:
    chosen = {*abilities, *(ABILITIES[it].needs for it in abilities if ABILITIES[it].needs)}
    has = {name: it for name, it in ABILITIES.items() if name in chosen}
    made, values = list(samples(code, frozenset(has))), set[str]().union(*(it.values for it in has.values()))
    pens = list(dict.fromkeys(it.pen for it in has.values() if it.pen))
    bases, suites = [it.base for it in has.values()], [it.suite for it in has.values()]
    known = {name: name in has for name in ABILITIES} | {
        "code": code,
        "host": code.replace("_", "-"),
        "name": _class_name(code),
        "title": title,
        "samples": [one for one in made if one.promised],
        "bases": _listed(["Adapter", *bases]),
        "contract": sorted(_BOTH | _ADAPTER | values | {*bases}, key=str.lower),
        "pens": _listed(["Them", *pens]),
        "test_bases": _listed([*suites, "ChannelContract"]),
        "suites": [
            *(["DAY"] if "statements" in has else []),
            *sorted({"ChannelContract", "Message", "Them", *pens, *suites}, key=str.lower),
        ],
        "suite_contract": sorted(_BOTH | (values & _SUITE), key=str.lower),
    }
    folder = Path("tests/channels/samples") / code
    yield Path(f"app/channels/adapters/{code}.py"), _written("adapter", known)
    yield Path(f"tests/channels/test_{code}.py"), _written("suite", known)
    yield folder / "README.md", _written("README", known)
    for one in made:
        yield folder / f"{one.name}.http", one.written()


def _written(template: str, known: Mapping[str, object]) -> bytes:
    pages = Environment(  # noqa: S701, it writes Python and Markdown
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return pages.get_template(f"{template}.jinja").render(known).encode()


def _registered(registry: str, code: str) -> str:
    """One more import, in its place, and one more word."""
    lines = [*(found[0] for found in _IMPORT.finditer(registry))]
    first, last = registry.find(lines[0]) if lines else -1, _LAST_WORD.search(registry)
    if first < 0 or last is None:
        raise Unfit(f"{REGISTRY} does not look as it used to: add the adapter there by hand, or mend the file")
    ours = f"from app.channels.adapters.{code} import {_class_name(code)}"
    imports = "\n".join(sorted([*lines, ours], key=_as_isort))
    worded = registry[: last.start()] + f"        {_class_name(code)},\n" + registry[last.start() :]
    return worded.replace("\n".join(lines), imports, 1)


def _as_isort(line: str) -> list[tuple[int, str]]:
    """Digits count as numbers."""
    return [(int(it), "") if it.isdigit() else (0, it) for it in _DIGITS.split(line.partition(" import ")[0])]


def _listed(names: list[str]) -> str:
    """As the formatter would have them: in one line while they are few."""
    return ", ".join(names) if len(names) < 4 else "".join(f"\n    {name}," for name in names) + "\n"


def _class_name(code: str) -> str:
    return "".join(part.capitalize() for part in code.split("_"))
